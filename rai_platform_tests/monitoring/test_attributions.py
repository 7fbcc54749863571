"""What moves the score: shares of attribution watched as shares of rows are, and the order of features beside the released one."""

import math
from dataclasses import replace
from datetime import timedelta
from itertools import product

import numpy as np
import polars as pl
import pytest

from rai_platform.explanations.report import ExplainedRow, Explanations, Importance
from rai_platform.monitoring.attributions import Attributed, ndcg, released_attributions, row_shares
from rai_platform.monitoring.report import MonitoringReport
from rai_platform.monitoring.watching import Acknowledged, watch
from rai_platform.spec.monitoring import Monitoring
from rai_platform.spec.subject import Subject
from rai_platform.statistics.e_values import log_e_value_above
from rai_platform_tests.monitoring.test_alarms import REFERENCE, as_predicted, people
from rai_platform_tests.monitoring.test_watching import BEGIN, DAY, WATCHED

NAMES = ("income", "housing")


def values(n: int, *, income: float, seed: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Attributions of rows of which income has about such a share (rows, features)."""
    rng = np.random.default_rng(seed)
    shares = rng.beta(8 * income, 8 * (1 - income), size=n)
    sizes = rng.exponential(size=n)
    return np.column_stack([shares * sizes, (shares - 1) * sizes])


def test_of_each_row_a_feature_has_a_share_of_the_absolute_values_and_of_a_row_that_nothing_moves_none() -> None:
    np.testing.assert_allclose(
        row_shares(np.array([[3.0, -1.0], [0.0, 0.0], [-2.0, 0.0]])), [[0.75, 0.25], [0, 0], [1, 0]]
    )


def test_the_order_of_features_is_compared_as_clarify_does() -> None:
    before = {"a": 3.0, "b": 2.0, "c": 1.0}
    assert ndcg(before, {"a": 30.0, "b": 20.0, "c": 1.0}) == pytest.approx(1)
    reversed_order = (1 + 2 / math.log2(3) + 3 / 2) / (3 + 2 / math.log2(3) + 1 / 2)
    assert ndcg(before, {"a": 0.1, "b": 0.2, "c": 0.3}) == pytest.approx(reversed_order)
    assert ndcg({"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.0}) is None


def test_windows_together_are_their_rows_together() -> None:
    one, other = values(30, income=0.3, seed=1), values(70, income=0.6, seed=2)
    found = Attributed.of(NAMES, one) + Attributed.of(NAMES, other)
    whole = Attributed.of(NAMES, np.concatenate([one, other]))
    assert found.n == whole.n == 100
    for name in NAMES:
        assert found.sizes[name] == pytest.approx(whole.sizes[name])
        assert found.shares[name].value == pytest.approx(whole.shares[name].value)
        assert found.shares[name].trials == 100


@pytest.mark.parametrize("low", [0.0, 0.1, 0.45])
@pytest.mark.parametrize("high", [0.5, 0.9, 1.0])
@pytest.mark.parametrize("chance", [0.05, 0.5, 0.9])
def test_evidence_from_shares_of_single_rows_is_at_most_1_on_average(low: float, high: float, chance: float) -> None:
    drawn = list(product([(low, 1 - chance), (high, chance)], repeat=6))
    weights = [math.prod(weight for _, weight in rows) for rows in drawn]
    sums = [sum(value for value, _ in rows) for rows in drawn]
    for bound in (low * (1 - chance) + high * chance, min(low * (1 - chance) + high * chance + 0.05, 1.0)):
        evidence = log_e_value_above(np.minimum(sums, 6), [6] * len(sums), [bound] * len(sums))
        assert sum(weight * math.exp(each) for weight, each in zip(weights, evidence, strict=True)) <= 1 + 1e-9


def released(rows: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Attributed:
    return released_attributions(
        Explanations(
            subject=Subject(model_digest="m" * 64, data_digest="d" * 64),
            not_possible=None,
            method="linear",
            output="log odds",
            features=NAMES,
            base_value=0.0,
            n=1000,
            importance=tuple(
                Importance(feature=name, mean_absolute=float(size), lower=0.0, upper=1.0)
                for name, size in zip(NAMES, np.abs(rows).mean(axis=0), strict=True)
            ),
            replicates=(),
            by_group={},
            additivity_error=0.0,
            rows=tuple(
                ExplainedRow(row_key=at, output=0.0, attributions=tuple(row.tolist()), values=("", ""))
                for at, row in enumerate(rows)
            ),
            code_version="1",
        )
    )


def test_the_released_shares_are_as_sure_as_their_standard_errors() -> None:
    rows = values(300, income=0.6, seed=3)
    shares = row_shares(rows)[:, 0]
    found = released(rows).shares["income"]
    assert found.value == pytest.approx(shares.mean())
    half = (found.bounds().upper - found.bounds().lower) / 2
    assert half == pytest.approx(1.96 * shares.std(ddof=1) / math.sqrt(300), rel=0.05)
    one = released(np.array([[1.0, 0.0], [2.0, 0.0]])).shares
    assert (one["income"].value, one["housing"].value) == (1, 0)


def watched(
    days: int, *, changed_from: int, income: float = 0.3, acknowledged: tuple[Acknowledged, ...] = ()
) -> MonitoringReport:
    """Days on which data and predictions stay as they are, and income comes to have another share of what moves the score."""
    usual = released(values(300, income=0.6, seed=3))
    reference = replace(REFERENCE, window=replace(REFERENCE.window, attributed=usual))
    rows = pl.concat([people(400, seed=50 + day) for day in range(days)])
    times = [BEGIN + day * DAY + second * timedelta(seconds=80) for day in range(days) for second in range(400)]

    def explain(_: str, rows: pl.Series) -> Attributed | str:
        day = int(rows[0]) // 400
        if day == 1:
            return "what moves the score in this window is not known: the model refuses"
        share = income if day >= changed_from else 0.6
        return Attributed.of(NAMES, values(len(rows), income=share, seed=day))

    return watch(
        as_predicted(rows),
        pl.Series(times, dtype=pl.Datetime("us", "UTC")),
        pl.Series(["3"] * len(times)),
        reference,
        Monitoring(),
        watched=WATCHED,
        now=BEGIN + days * DAY,
        acknowledged=acknowledged,
        explain=explain,
    )


def test_a_model_that_comes_to_lean_on_another_feature_raises_an_alert_that_names_it() -> None:
    report = watched(8, changed_from=5)
    (alert,) = report.alerts
    assert (alert.about, alert.opened) == ("data and predictions", "2026-03-07")
    assert {(each.look.monitor.family, each.look.monitor.metric) for each in alert.findings} == {
        ("attribution", "income"),
        ("attribution", "housing"),
    }
    assert {each.look.monitor.metric for each in report.findings("attribution", "2026-03-07")} == set(NAMES)
    before, after = report.windows[4].attributions, report.windows[5].attributions
    assert before is not None
    assert after is not None
    assert (before.n, before.distance) == (400, pytest.approx(0))
    assert after.distance is not None
    assert after.distance > 0.05
    assert after.shares["income"].now.value == pytest.approx(0.3, abs=0.05)


def test_where_a_window_cannot_be_explained_that_is_said_and_the_rest_is_watched() -> None:
    report = watched(3, changed_from=9)
    assert [window.attributions is None for window in report.windows] == [False, True, False]
    assert report.windows[1].notes == ("what moves the score in this window is not known: the model refuses",)
    assert report.windows[1].drift


def test_where_the_shares_stay_within_their_tolerance_nobody_is_woken_in_a_hundred_looks() -> None:
    assert watched(100, changed_from=0, income=0.56).alerts == ()


def test_what_was_acknowledged_is_the_new_normal() -> None:
    (alert,) = watched(12, changed_from=4).alerts
    said = Acknowledged(about=alert.about, opened=alert.opened, until="2026-03-09")
    report = watched(12, changed_from=4, acknowledged=(said,))
    (ended,) = report.alerts
    assert ended.ending == "acknowledged"
    last = report.windows[-1].attributions
    assert last is not None
    assert last.shares["income"].before.value == pytest.approx(0.3, abs=0.05)
