"""Two models on the same people: who gains, who loses, and how sure that is."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from rai_platform.comparison.measurement import Champion, compare_with_champion
from rai_platform.comparison.report import ChampionComparison
from rai_platform.comparison.trades import PairedDisparities, paired_accuracies
from rai_platform.errors import EvidenceMismatch
from rai_platform_tests.fairness.by_rule import model_of
from rai_platform_tests.fairness.people import predictions_for
from rai_platform_tests.training.lending import sample_of


def people(rows=1000, seed=0, **changes):
    rng = np.random.default_rng(seed)
    sex = rng.choice(["female", "male"], rows).astype(object)
    income = rng.standard_normal(rows)
    sample = sample_of(pd.DataFrame({"income": income}), income > 0, pd.DataFrame({"sex": sex}))
    return dataclasses.replace(sample, **changes)


def compared(sample, rule, y_pred, *, trained_on="t" * 64, **manifest):
    champion = Champion(
        version="7", entry=12, training_digest="t" * 64, model=model_of(rule, sample.features, **manifest)
    )
    return compare_with_champion(
        champion,
        predictions_for(sample, y_pred=y_pred),
        sample,
        features=("sex",),
        training_digest=trained_on,
        minimum_group_size=20,
        seed=0,
    )


def test_who_gains_and_who_loses_is_counted_by_group():
    """The champion selects above 0.5, the candidate women above 0 and men above 1."""
    sample = people()
    income, women = sample.features["income"], (sample.sensitive_features["sex"] == "female").to_numpy()
    after = np.where(women, income > 0, income > 1).astype("int8")
    found = compared(sample, lambda table: table["income"] > 0.5, after)
    moved = {each.group: (each.n, each.gained, each.lost) for each in found.moved}
    assert moved == {
        "female": (women.sum(), (women & (income > 0) & (income <= 0.5)).sum(), 0),
        "male": ((~women).sum(), 0, (~women & (income > 0.5) & (income <= 1)).sum()),
    }
    gained_or_lost = sum(gained + lost for _, gained, lost in moved.values())
    assert found.changed.value == pytest.approx(gained_or_lost / 1000)
    impact = next(trade for trade in found.trades if trade.metric == "disparate_impact")
    assert impact.change.interval.upper < 0
    assert impact.change.value == pytest.approx(impact.after.value - impact.before.value)
    assert found.accuracy_p_value > 0.5, "about as many are put right as are wronged"
    adapter = TypeAdapter(ChampionComparison)
    assert adapter.validate_json(adapter.dump_json(found)) == found


def test_a_model_beside_one_that_decides_alike_changes_nothing():
    sample = people()
    found = compared(sample, lambda table: table["income"] > 0, (sample.features["income"] > 0).to_numpy())
    assert found.changed.value == 0
    assert found.accuracy_p_value == 1
    assert all(trade.change.value == 0 for trade in found.trades)
    assert 0 < found.changed.bounds().upper < 0.01


@pytest.mark.parametrize(("trained_on", "same"), [("t" * 64, True), ("u" * 64, False), (None, False)])
def test_whether_both_learned_from_the_same_data_is_told(trained_on, same):
    sample = people()
    assert (
        compared(sample, lambda table: table["income"] > 0, sample.y_true, trained_on=trained_on).same_training == same
    )


def test_a_champion_that_refuses_these_people_is_not_asked():
    sample = people()

    def refuses(table):
        raise ValueError(f"no such people among {len(table)}")

    found = compared(sample, refuses, sample.y_true)
    assert "cannot decide about these people" in found.not_possible
    assert "no such people" in found.not_possible
    assert (found.changed, found.trades, found.moved) == (None, (), ())
    needs = compared(
        sample, lambda table: table["income"], sample.y_true, composition="group_thresholds", group_features=("race",)
    )
    assert "needs race to decide" in needs.not_possible


def test_predictions_about_other_people_are_no_evidence():
    sample, other = people(), people(seed=1)
    champion = Champion(version="7", entry=12, training_digest=None, model=model_of(lambda t: t, sample.features))
    with pytest.raises(EvidenceMismatch, match="materialize `predictions` again"):
        compare_with_champion(
            champion,
            predictions_for(other, y_pred=other.y_true),
            sample,
            features=("sex",),
            training_digest=None,
            minimum_group_size=20,
            seed=0,
        )


def test_heavier_people_count_for_more():
    sample = people()
    income = sample.features["income"].to_numpy()
    weight = np.where((income > 0) & (income <= 0.5), 4.0, 1.0)
    heavy = people(weight=weight)
    found = [compared(each, lambda table: table["income"] > 0.5, (income > 0)) for each in (sample, heavy)]
    assert found[1].changed.value == pytest.approx(np.average((income > 0) & (income <= 0.5), weights=weight))
    assert found[1].changed.value > 2 * found[0].changed.value
    assert [each.gained for each in found[0].moved] == [each.gained for each in found[1].moved], "people, not weights"


def test_rows_of_one_person_make_every_interval_wider():
    once = people(200)
    ten = once.take(np.repeat(np.arange(200), 10))
    cluster = np.repeat(np.arange(200), 10)
    income = ten.features["income"].to_numpy()
    before, after = (income > 0.5).astype("int8"), (income > 0.2).astype("int8")
    after[::7] = 1 - after[::7]

    def widths(sample):
        disparities = PairedDisparities(sample, before, after, minimum_group_size=20, seed=0)
        trades = [*paired_accuracies(sample, before, after), disparities.trade("disparate_impact", "sex")]
        sides = [side for trade in trades for side in (trade.before, trade.after, trade.change)]
        return np.array([side.interval.upper - side.interval.lower for side in sides])

    assert (widths(dataclasses.replace(ten, cluster=cluster)) > 1.1 * widths(ten)).all()
