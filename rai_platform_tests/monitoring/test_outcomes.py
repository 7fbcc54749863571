"""The table of decisions: it adds up, and gives what is computed from the rows themselves."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rai_platform.fairness.rates import ACCURACY, SELECTION_RATE, TRUE_POSITIVE_RATE, group_rates
from rai_platform.monitoring.outcomes import Outcomes


def rows(n: int = 4000, *, seed: int = 0, labelled: float = 1.0) -> pl.DataFrame:
    """Scores that say something of the labels, in two groups and a few people of whom nobody knows."""
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 2, size=n).round(2)
    label = (rng.random(n) < score).astype("int64")
    known = rng.random(n) < labelled
    return pl.DataFrame(
        {
            "score": score,
            "bin": (score * 100).astype("int64").clip(0, 99),
            "decision": (score >= 0.5).astype("int64"),
            "label": pl.Series(
                [int(value) if told else None for value, told in zip(label, known, strict=True)], dtype=pl.Int64
            ),
            "sex": pl.Series(rng.choice(["female", "male", ""], size=n, p=[0.5, 0.45, 0.05])).replace("", None),
        }
    )


@settings(max_examples=20, deadline=None)
@given(first=st.integers(1, 200), second=st.integers(1, 200), labelled=st.floats(0, 1))
def test_windows_add_up(first: int, second: int, labelled: float) -> None:
    one, other = rows(first, labelled=labelled), rows(second, seed=1, labelled=labelled)
    for group in (None, "sex"):
        together = Outcomes.count(pl.concat([one, other]), group)
        assert Outcomes.count(one, group) + Outcomes.count(other, group) == together
        assert together.n == first + second


def test_rates_are_those_of_the_rows() -> None:
    table = rows(labelled=0.7)
    outcomes = Outcomes.count(table, "sex")
    known = table.drop_nulls("label")
    assert outcomes.labelled == len(known)
    for group in ("female", "male"):
        mine, all_of_them = (each.filter(pl.col("sex") == group) for each in (known, table))
        rates = {
            rate.name: group_rates(cells, rate)[group]
            for cells, rate in (
                (outcomes.cells(), ACCURACY),
                (outcomes.cells(), TRUE_POSITIVE_RATE),
                (outcomes.decided(), SELECTION_RATE),
            )
        }
        assert rates["accuracy"].value == pytest.approx((mine["label"] == mine["decision"]).mean())
        assert rates["true_positive_rate"].value == pytest.approx(mine.filter(pl.col("label") == 1)["decision"].mean())
        assert rates["selection_rate"].value == pytest.approx(all_of_them["decision"].mean())
    assert "(not known)" in outcomes.groups


def test_the_area_under_the_curve_is_that_of_the_bins_of_the_score() -> None:
    table = rows()
    found = Outcomes.count(table, None).roc_auc()
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(table["label"], table["bin"]), abs=1e-9)


def test_pairs_are_won_as_often_as_the_area_says() -> None:
    outcomes = Outcomes.count(rows(40_000), None)
    won, pairs = outcomes.won_pairs(np.random.default_rng(0))
    area = outcomes.roc_auc()
    assert area is not None
    assert pairs == min(side.sum() for side in outcomes.by_label())
    assert won / pairs == pytest.approx(area.value, abs=4 * np.sqrt(0.25 / pairs))


def test_of_one_label_alone_there_is_no_area_and_no_pair() -> None:
    outcomes = Outcomes.count(rows().filter(pl.col("label") == 1), None)
    assert outcomes.roc_auc() is None
    assert outcomes.won_pairs(np.random.default_rng(0)) == (0, 0)


def test_expected_counts_are_those_that_calibrated_scores_promise() -> None:
    table = rows(40_000, labelled=0.0)
    outcomes = Outcomes.count(table, "sex")
    middle = (np.arange(100) + 0.5) / 100
    expected = group_rates(outcomes.expected(middle), ACCURACY)
    for group in ("female", "male"):
        mine = table.filter(pl.col("sex") == group)
        chance = middle[mine["bin"].to_numpy()]
        right = np.where(mine["decision"].to_numpy() == 1, chance, 1 - chance)
        assert expected[group].value == pytest.approx(right.mean())
    assert outcomes.expected(middle).n == pytest.approx(40_000, abs=3)


def test_the_share_that_is_labelled_is_told_by_decision() -> None:
    table = rows().with_columns(label=pl.when(pl.col("decision") == 1).then(pl.col("label")))
    outcomes = Outcomes.count(table, None)
    assert outcomes.labelled_share(1) == 1
    assert outcomes.labelled_share(0) == 0
    assert Outcomes.count(table.filter(pl.col("decision") == 1), None).labelled_share(0) is None
