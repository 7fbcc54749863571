"""Whether attributions name what a model uses: right ones, wrong ones, and models about which nobody can tell."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.sample import Sample
from rai_platform.errors import UnscorableRows
from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.examination import FAITHFULNESS, SECOND_OPINION, STABILITY, Curves
from rai_platform.explanations.examining import examine
from rai_platform.explanations.faithfulness import measure_faithfulness
from rai_platform.statistics.estimates import Replicates
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.examined import FALLING, attributions_of, numbers, repeated, weighing
from rai_platform_tests.explanations.small import fitted, people
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import LOGISTIC, sample_of

TREE, BAYES = path_of("DecisionTreeClassifier"), path_of("GaussianNB")


def faithfulness(
    model: TrainedModel, found: Attributions, sample: Sample, seed: int = 0
) -> tuple[Replicates, Curves] | str:
    return measure_faithfulness(model, found, sample, sample, rng=np.random.default_rng(seed))


def measured(model: TrainedModel, found: Attributions, sample: Sample, seed: int = 0) -> Replicates:
    told = faithfulness(model, found, sample, seed)
    assert not isinstance(told, str), told
    return told[0]


# --- right and wrong attributions ------------------------------------------------------------------------------------


def test_the_area_of_a_linear_model_is_what_its_weights_say() -> None:
    """By another route: where others are drawn apart, what is lost on average is the sum of the attributions replaced."""
    sample = numbers(2000, 5)
    model = weighing(sample, FALLING)
    found = attributions_of(model, sample)
    pushes = np.sort(found.values * np.sign(found.outputs - found.base_value)[:, None], axis=1)[:, ::-1]
    lost = np.concatenate([np.zeros((2000, 1)), np.cumsum(pushes, axis=1)], axis=1)
    straight = lost[:, -1:] * np.linspace(0, 1, 6)
    expected = np.trapezoid(lost - straight, dx=0.2, axis=1).mean() / np.abs(found.outputs - found.base_value).mean()
    estimates = [measured(model, found, sample, seed) for seed in range(6)]
    assert np.mean([each.value for each in estimates]) == pytest.approx(expected, rel=0.06)
    assert all(each.bounds().lower < expected * 1.1 and each.bounds().upper > expected * 0.9 for each in estimates)
    assert all(each.bounds().lower > 0.5 * expected for each in estimates)


@pytest.mark.parametrize("path", [LOGISTIC, TREE, BAYES])
def test_attributions_are_better_than_chance_and_their_reverse_is_worse(path: str) -> None:
    sample = people(70)
    model = fitted(people(200), path)
    found = attributions_of(model, sample, sample.take(np.arange(20)))
    assert measured(model, found, sample).bounds().lower > 0.1
    reversed_ = dataclasses.replace(found, values=-found.values)
    assert measured(model, reversed_, sample).bounds().upper < -0.1


def test_attributions_that_are_dealt_out_at_random_say_nothing() -> None:
    sample = numbers(400, 5)
    model = weighing(sample, FALLING)
    found = attributions_of(model, sample)
    values = []
    for seed in range(10):
        dealt = np.random.default_rng(seed).permuted(found.values, axis=1)
        values.append(measured(model, dataclasses.replace(found, values=dealt), sample, seed).value)
    assert abs(np.mean(values)) < 0.06
    assert min(values) < 0.05


def test_attributions_to_the_wrong_feature_are_found_out() -> None:
    """All that the largest weight does is said to be done by a feature that does nothing."""
    sample = numbers(400, 4)
    model = weighing(sample, (0.0, 3.0, 1.0, 1.0))
    found = attributions_of(model, sample)
    wrong = found.values[:, [1, 0, 2, 3]]
    right = measured(model, found, sample)
    misled = measured(model, dataclasses.replace(found, values=wrong), sample)
    assert misled.bounds().lower < 0, "no better than chance"
    assert misled.bounds().upper < right.bounds().lower


def test_features_that_cancel_each_other_are_no_reason_to_call_a_right_attribution_wrong() -> None:
    sample = numbers(400, 1)
    alike = sample.features["x0"] + np.random.default_rng(1).normal(0, 0.05, 400)
    features = sample.features.assign(x1=alike, x2=np.random.default_rng(2).normal(size=400))
    twins = sample_of(features, sample.y_true)
    model = weighing(twins, (5.0, -4.9, 1.0))
    assert measured(model, attributions_of(model, twins), twins).bounds().lower > 0


def test_one_feature_that_does_everything_is_named_at_once() -> None:
    sample = numbers(400, 4)
    model = weighing(sample, (0.0, 0.0, 2.0, 0.0))
    told = faithfulness(model, attributions_of(model, sample), sample)
    assert not isinstance(told, str)
    estimate, curves = told
    assert curves.deletion[1:] == pytest.approx([curves.deletion[-1]] * 4)
    assert curves.random_deletion == pytest.approx(np.linspace(0, 1, 5) * curves.deletion[-1], abs=0.1)
    assert estimate.value == pytest.approx(0.375 * curves.deletion[-1], abs=0.06), "half of three quarters"


# --- curves ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "steps"), [(2, 3), (3, 4), (5, 6), (10, 11), (13, 12), (60, 11)])
def test_curves_go_from_nothing_to_the_other_person_in_a_few_steps(width: int, steps: int) -> None:
    sample = numbers(60, width)
    model = weighing(sample, tuple(np.linspace(1, 3, width)))
    told = faithfulness(model, attributions_of(model, sample), sample)
    assert not isinstance(told, str)
    curves = told[1]
    drawn = [curves.deletion, curves.insertion, curves.random_deletion, curves.random_insertion]
    assert len(curves.replaced) <= steps
    assert (curves.replaced[0], curves.replaced[-1]) == (0, 1)
    assert all(len(each) == len(curves.replaced) and each[0] == pytest.approx(0) for each in drawn)
    ends = [each[-1] for each in drawn]
    assert ends == pytest.approx([ends[0]] * 4), "when everything is replaced, the order is forgotten"
    area = np.mean([np.trapezoid(np.subtract(*pair), curves.replaced) for pair in (drawn[0::2], drawn[1::2])])
    assert told[0].value == pytest.approx(area), "the estimate is the area that is seen"


def test_features_are_ordered_for_each_person_by_where_that_person_is_bound_to_go() -> None:
    """Two people whose reasons are each other's opposite: the same order in opposite directions."""
    features = pd.DataFrame({"a": [2.0, -2.0] * 30, "b": [-1.0, 1.0] * 30})
    sample = sample_of(features, [1, 0] * 30)
    model = weighing(sample, (2.0, 1.0))
    told = faithfulness(model, attributions_of(model, sample), sample)
    assert not isinstance(told, str)
    assert told[1].deletion[1] > 1, (
        "the feature that pushes away from the base value goes first, and with it more than all"
    )


# --- intervals -------------------------------------------------------------------------------------------------------


def test_the_interval_is_of_drawing_people_again() -> None:
    sample = numbers(3000, 4)
    model = weighing(sample, (3.0, 2.0, 1.0, 0.5))
    found = attributions_of(model, sample)
    values, widths = [], []
    for seed in range(25):
        estimate = measured(model, found, sample, seed)
        values.append(estimate.value)
        widths.append(estimate.bounds().upper - estimate.bounds().lower)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values, ddof=1), rel=0.45)


def test_visits_of_one_person_are_drawn_together() -> None:
    few = numbers(40, 4)
    model = weighing(few, (3.0, 2.0, 1.0, 0.5))
    often = repeated(few, 5)
    together = measured(model, attributions_of(model, often), often)
    apart_ = dataclasses.replace(often, cluster=None)
    alone = measured(model, attributions_of(model, apart_), apart_)
    widths = [each.bounds().upper - each.bounds().lower for each in (together, alone)]
    assert widths[0] > 1.25 * widths[1]


def test_people_count_by_their_weight() -> None:
    """Half of the people are attributed wrongly; whoever counts decides."""
    sample = numbers(200, 4)
    model = weighing(sample, FALLING[:4])
    found = attributions_of(model, sample)
    half = np.arange(200) < 100
    wrong = dataclasses.replace(found, values=np.where(half[:, None], found.values, -found.values))
    for weight, sign in ((np.where(half, 50.0, 1.0), 1), (np.where(half, 1.0, 50.0), -1)):
        assert sign * measured(model, wrong, dataclasses.replace(sample, weight=weight)).value > 0.1


# --- nothing to tell -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "weights", "why"),
    [
        (100, (2.0,), "the model has fewer than two features, which have no order"),
        (100, (0.0, 0.0), "everybody gets the same score"),
        (19, (2.0, 1.0), "fewer than 20 people were explained"),
    ],
)
def test_where_there_is_nothing_to_compare_nothing_is_measured(rows: int, weights: tuple[float, ...], why: str) -> None:
    sample = numbers(rows, len(weights))
    model = weighing(sample, weights)
    assert faithfulness(model, attributions_of(model, sample), sample) == why


def test_visits_of_few_people_are_too_few() -> None:
    sample = repeated(numbers(19, 2), 10)
    model = weighing(sample, (2.0, 1.0))
    assert faithfulness(model, attributions_of(model, sample), sample) == "fewer than 20 people were explained"


def test_a_model_that_refuses_mixed_people_is_examined_as_far_as_it_goes() -> None:
    rng = np.random.default_rng(0)
    at = np.repeat(np.arange(20), 5)
    features = pd.DataFrame({"x": at + rng.normal(0, 0.01, 100), "y": at + rng.normal(0, 0.01, 100)})
    sample = sample_of(features, at % 2, pd.DataFrame({"sex": ["f", "m"] * 50}, dtype=object))
    model = fitted(sample, path_of("RadiusNeighborsClassifier"), {"radius": 0.1})
    found = Attributions(
        features=("x", "y"),
        values=rng.normal(size=(100, 2)),
        outputs=model.score(features),
        base_value=0.5,
        method="permutation",
        output="probability",
    )
    with pytest.raises(UnscorableRows):
        faithfulness(model, found, sample)
    order = np.array([0, 1])
    told = examine(model, found, sample, sample, order=order, group_features=("sex",), training=None, seed=0)
    assert told.measured == {}
    refused = {STABILITY, FAITHFULNESS, SECOND_OPINION}
    assert set(told.not_estimable) == {*refused, "lime_agreement"}
    said = [told.not_estimable[name] for name in refused]
    assert all("put together from several people, and the model refuses" in why for why in said)
    assert [each.group for each in told.parity["sex"]] == ["f", "m"]
