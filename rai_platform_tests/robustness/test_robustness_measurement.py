"""How often a model is right on a changed table: against decisions made anew, arithmetic, and models that refuse."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from scipy.stats import norm

from rai_platform.data.preparation import PreparedData
from rai_platform.data.sample import Sample
from rai_platform.robustness.perturbations import PERTURB, STRENGTHS, stream, touched_columns
from rai_platform.robustness.report import (
    RobustnessScores,
    nothing_to_perturb,
)
from rai_platform.training.model import TrainedModel
from rai_platform_tests.robustness.measuring import SCORES, SUBJECT, fitted, measured, of
from rai_platform_tests.training.lending import sample_of

TREE = "sklearn.tree.DecisionTreeClassifier"


def normal_sample(rows: int = 40_000) -> Sample:
    """One number, standard normal, and the label is its sign."""
    x = np.random.default_rng(0).standard_normal(rows)
    return sample_of(pd.DataFrame({"x": x}), x > 0)


@pytest.fixture(scope="module")
def model(lending: PreparedData) -> TrainedModel:
    assert lending.training is not None
    return fitted(lending.training)


# --- figures that recompute ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_every_figure_is_counted_from_decisions_on_the_changed_table(
    model: TrainedModel, lending: PreparedData, weighted: bool
) -> None:
    test = lending.test
    weight = np.random.default_rng(0).lognormal(0, 1, test.n) if weighted else None
    test = dataclasses.replace(test, weight=weight)
    report = measured(model, test, seed=5, left_alone=("age",))
    assert (report.n, report.left_alone, report.code_version) == (test.n, ("age",), "7")
    assert (report.not_possible, report.not_estimable, len(report.scores)) == (None, {}, SCORES)
    w = np.ones(test.n) if weight is None else weight
    before = model.decide(test.features)
    assert report.untouched is not None
    assert report.untouched.value == pytest.approx(np.average(before == test.y_true, weights=w))
    effective = w.sum() ** 2 / (w**2).sum()
    for score in report.scores:
        columns = touched_columns(score.perturbation, test.features, ("age",))
        table = PERTURB[score.perturbation](
            test.features, columns, score.strength, stream(5, score.perturbation, score.strength)
        )
        after = model.decide(table)
        right = after == test.y_true
        assert score.accuracy.value == pytest.approx(np.average(right, weights=w))
        assert score.accuracy.trials == pytest.approx(effective)
        assert score.flipped.value == pytest.approx(np.average(before != after, weights=w))
        assert score.drop.value == pytest.approx(report.untouched.value - score.accuracy.value, abs=1e-12)
        assert score.drop.trials == pytest.approx(effective)
        assert (score.accuracy.n, score.drop.n, score.flipped.n) == (test.n,) * 3
        assert set(score.by_group) == {"sex", "age_group"}
        for feature, groups in score.by_group.items():
            told = test.sensitive_features[feature].to_numpy()
            assert sorted(groups) == sorted(set(told))
            for group, rate in groups.items():
                assert rate.value == pytest.approx(np.average(right[told == group], weights=w[told == group]))
                assert rate.n == (told == group).sum()


def test_the_usual_strengths_are_tried_and_a_shift_goes_both_ways(model: TrainedModel, lending: PreparedData) -> None:
    report = measured(model, lending.test)
    for perturbation, strengths in STRENGTHS.items():
        for strength in strengths:
            found = report.at(perturbation, strength)
            assert [score.strength for score in found] == (
                [strength, -strength] if perturbation == "shift" else [strength]
            )
    assert report.at("shift", 0.1) != report.at("shift", 0.25)
    assert report.at("noise", 0.07) == ()


def test_stronger_changes_flip_more_decisions(model: TrainedModel, lending: PreparedData) -> None:
    report = measured(model, lending.test)
    for perturbation in STRENGTHS:
        flipped = [score.flipped.value for score in report.scores if score.perturbation == perturbation]
        if perturbation != "shift":
            assert flipped == sorted(flipped)
        assert flipped[-1] > 0.01, perturbation


# --- figures that are known ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", STRENGTHS["noise"])
def test_noise_flips_the_share_of_decisions_that_arithmetic_says(strength: float) -> None:
    """Of a decision by the sign of a standard normal number, arctan(strength) / pi of them change sides."""
    sample = normal_sample()
    report = measured(fitted(sample, TREE, {"max_depth": 1}), sample)
    (score,) = report.at("noise", strength)
    expected = math.atan(strength) / math.pi
    assert score.flipped.value == pytest.approx(expected, abs=4 * math.sqrt(expected / sample.n))
    assert score.drop.value == pytest.approx(score.flipped.value), "it was right about everybody before"


def test_a_shift_flips_those_between_the_threshold_and_the_strength() -> None:
    sample = normal_sample()
    report = measured(fitted(sample, TREE, {"max_depth": 1}), sample)
    for strength in STRENGTHS["shift"]:
        for score in report.at("shift", strength):
            expected = norm.cdf(strength) - 0.5
            assert score.flipped.value == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("strength", STRENGTHS["category_swaps"])
def test_swaps_flip_as_many_decisions_as_categories_where_the_category_decides(strength: float) -> None:
    c = np.random.default_rng(0).choice(["x", "y"], 20_000, p=[0.9, 0.1])
    sample = sample_of(pd.DataFrame({"c": pd.Series(c, dtype=object)}), c == "x")
    (score,) = measured(fitted(sample, TREE), sample).at("category_swaps", strength)
    assert score.flipped.value == pytest.approx(strength, abs=4 * math.sqrt(strength / sample.n))
    assert score.drop.value == pytest.approx(score.flipped.value)


@pytest.mark.parametrize("strength", STRENGTHS["missing_values"])
def test_blanks_cost_what_the_imputed_value_gets_wrong(strength: float) -> None:
    """The blank number is taken for the median, which is on the side of half of the people."""
    sample = normal_sample()
    (score,) = measured(fitted(sample, TREE, {"max_depth": 1}), sample).at("missing_values", strength)
    assert score.drop.value == pytest.approx(strength / 2, abs=4 * math.sqrt(strength / sample.n))


def test_a_model_that_ignores_its_input_loses_nothing() -> None:
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"x": rng.normal(size=200), "c": pd.Series(rng.choice(["a", "b"], 200), dtype=object)})
    sample = sample_of(features, rng.random(200) < 0.7)
    report = measured(fitted(sample, "sklearn.dummy.DummyClassifier"), sample)
    assert {score.flipped.value for score in report.scores} == {0.0}
    assert len(report.scores) == SCORES


# --- seeds and other strengths ---------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_reports_and_other_seeds_others(model: TrainedModel, lending: PreparedData) -> None:
    first = measured(model, lending.test, seed=1)
    np.random.seed(7)
    assert measured(model, lending.test, seed=1) == first
    other = measured(model, lending.test, seed=2)
    assert other.untouched == first.untouched
    assert [score.flipped for score in other.scores] != [score.flipped for score in first.scores]


def test_a_strength_that_the_policy_asks_for_changes_nothing_about_the_others(
    model: TrainedModel, lending: PreparedData
) -> None:
    plain = measured(model, lending.test)
    asked = measured(model, lending.test, extra_strengths={"noise": {0.07, 0.1}, "shift": {0.33}})
    more = [score for score in asked.scores if score not in plain.scores]
    assert [(score.perturbation, score.strength) for score in more] == [
        ("noise", 0.07),
        ("shift", 0.33),
        ("shift", -0.33),
    ]
    assert [score for score in asked.scores if score in plain.scores] == list(plain.scores)


def test_a_perturbation_is_the_same_whatever_else_can_be_tried() -> None:
    rng = np.random.default_rng(0)
    number = pd.DataFrame({"x": rng.normal(size=300)})
    with_text = number.assign(c=pd.Series(rng.choice(["a", "b"], 300), dtype=object))
    label = number["x"] > 0.1
    one, other = (
        measured(fitted(sample_of(features, label), TREE, {"max_depth": 1}), sample_of(features, label))
        for features in (number, with_text)
    )
    for perturbation in ("noise", "shift"):
        assert of(one, perturbation) == of(other, perturbation)
        assert any(score.flipped.value for score in of(one, perturbation))


# --- models that need more than features -----------------------------------------------------------------------------


def test_thresholds_by_group_stay_with_the_group(lending: PreparedData) -> None:
    assert lending.training is not None
    by_group = fitted(lending.training, mitigation={"method": "threshold_optimizer"})
    report = measured(by_group, lending.test)
    assert len(report.scores) == SCORES
    before = by_group.decide(lending.test.features, lending.test.sensitive_features)
    assert report.untouched is not None
    assert report.untouched.value == pytest.approx((before == lending.test.y_true).mean())


def test_decisions_that_are_drawn_are_drawn_anew_for_a_changed_person(lending: PreparedData) -> None:
    assert lending.training is not None
    drawn = fitted(lending.training, mitigation={"method": "exponentiated_gradient", "params": {"max_iter": 8}})
    report = measured(drawn, lending.test)
    assert measured(drawn, lending.test) == report
    assert all(score.flipped.value > 0 for score in report.scores)


def test_a_report_comes_back_from_json_as_it_was(model: TrainedModel, lending: PreparedData) -> None:
    kind = TypeAdapter(RobustnessScores)
    nothing = nothing_to_perturb(SUBJECT, 12, "only scores were given", code_version="7")
    for report in (measured(model, lending.test, left_alone=("age",)), nothing):
        assert kind.validate_json(kind.dump_json(report)) == report
    assert (nothing.n, nothing.not_possible, nothing.scores) == (12, "only scores were given", ())
