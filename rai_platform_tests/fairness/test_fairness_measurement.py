"""The report: counts, scores, indices and subgroups of one model on one set of data."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from rai_platform.errors import UnsuitableData
from rai_platform.fairness.indices import INDICES
from rai_platform.fairness.measurement import measure_fairness
from rai_platform.fairness.report import FairnessReport
from rai_platform_tests.fairness.people import a_sample, predictions_for


def measured(sample, *, features=("sex",), **predicted):
    return measure_fairness(predictions_for(sample, **predicted), sample, features=features, seed=0, code_version="7")


@pytest.fixture(scope="module")
def unequal():
    """People of whom women over sixty are passed over, whatever they deserve."""
    rng = np.random.default_rng(0)
    sex, age = rng.choice(["female", "male"], 4000).astype(object), rng.choice(["young", "old"], 4000).astype(object)
    y_true = rng.integers(0, 2, 4000)
    y_score = np.clip(0.25 + 0.5 * y_true + 0.2 * rng.standard_normal(4000), 0, 1)
    y_score[(sex == "female") & (age == "old")] *= 0.2
    return a_sample(y_true, sex=sex, age=age), y_score


def test_a_subgroup_that_nobody_declared_is_found(unequal):
    sample, y_score = unequal
    report = measured(sample, y_score=y_score)
    assert set(report.cells) == {"sex"}, "age was not to be looked at by itself"
    by_rate = {each.rate: each for each in report.discoveries}
    assert set(by_rate) == {"selection_rate", "error_rate"}
    for found in by_rate.values():
        assert set(found.confirmed[0].conditions) == {("sex", "female"), ("age", "old")}
    assert by_rate["selection_rate"].confirmed[0].difference < -0.3


def test_indices_are_functions_of_the_counts(unequal):
    sample, y_score = unequal
    report = measured(sample, y_score=y_score)
    counts = np.asarray(report.cells["sex"].counts)[None]
    for name, index in INDICES.items():
        estimate = report.between_groups["sex"] if index.between_groups else report.measured[name]
        assert estimate.value == pytest.approx(index.of(counts)[0])
        interval = estimate.bounds()
        assert interval.lower <= estimate.value <= interval.upper
    # Benefit: 0 for who is wrongly passed over, 2 for who is wrongly selected.
    benefit = (y_score >= 0.5).astype(float) - sample.y_true + 1
    mean = benefit.mean()
    assert report.measured["generalized_entropy_index"].value == pytest.approx(((benefit / mean) ** 2 - 1).mean() / 2)
    assert report.measured["coefficient_of_variation"].value == pytest.approx(benefit.std() / mean)


def test_where_nobody_has_any_benefit_there_is_no_index():
    report = measured(a_sample([1] * 8, sex=["a", "b"] * 4), y_pred=[0] * 8)
    assert report.measured == {}
    assert set(report.not_estimable) == {name for name, index in INDICES.items() if not index.between_groups}
    assert report.between_groups == {"sex": None}


def test_scores_are_kept_where_they_are_probabilities(unequal):
    sample, y_score = unequal
    assert (
        measured(sample, y_score=y_score).scores["sex"].at_threshold(0.5)
        == measured(sample, y_score=y_score).cells["sex"]
    )
    assert measured(sample, y_score=y_score, probability=False).scores == {}


def test_intersections_are_counted_with_the_features(unequal):
    sample, y_score = unequal
    report = measured(sample, y_score=y_score, features=("sex", "age", "sex_x_age"))
    assert report.cells["sex_x_age"].groups == ("female & old", "female & young", "male & old", "male & young")
    assert {each.n for each in report.cells.values()} == {sample.n}


def test_a_report_comes_back_as_it_was_and_equal_seeds_give_equal_reports(unequal):
    sample, y_score = unequal
    report = measured(sample, y_score=y_score)
    adapter = TypeAdapter(FairnessReport)
    assert adapter.validate_json(adapter.dump_json(report)) == report == measured(sample, y_score=y_score)


def test_five_thousand_groups_are_more_than_anybody_can_compare():
    rows = 5_000
    sample = a_sample(np.arange(rows) % 2, sex=[f"person {at}" for at in range(rows)])
    with pytest.raises(UnsuitableData, match="5,000 groups are more than anybody can compare"):
        measured(sample, y_pred=np.arange(rows) % 2)
