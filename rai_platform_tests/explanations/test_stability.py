"""Whether features come in the same order again: what it is for orders that are clear, for ties, and for none at all."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from rai_platform.data.sample import Sample
from rai_platform.explanations.examination import Repetitions
from rai_platform.explanations.ranks import (
    ONE_FEATURE,
    kendall_tau_b,
    mean_over_pairs,
    overlap_of_the_top,
    sizes_without_noise,
)
from rai_platform.explanations.stability import LEAST_ROWS, REPETITIONS, apart, measure_stability
from rai_platform.statistics.estimates import NormalEstimate
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.examined import FALLING, attributions_of, numbers, repeated, weighing
from rai_platform_tests.explanations.small import fitted, people
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import LOGISTIC, sample_of

TREE, BAYES = path_of("DecisionTreeClassifier"), path_of("GaussianNB")


def stability(model: TrainedModel, sample: Sample, seed: int = 0) -> tuple[NormalEstimate, Repetitions] | str:
    found = attributions_of(model, sample)
    return measure_stability(model, found, sample, sample, rng=np.random.default_rng(seed))


def test_an_order_that_is_clear_is_the_same_again() -> None:
    sample = numbers(1000, 5)
    found = stability(weighing(sample, FALLING), sample)
    assert not isinstance(found, str)
    estimate, repetitions = found
    assert (estimate.value, estimate.standard_error) == (1.0, 0.0)
    assert (repetitions.count, repetitions.rows, repetitions.background) == (REPETITIONS, 200, 1000)
    assert (repetitions.seeds, repetitions.top, repetitions.overlap.value) == (False, 3, 1.0)


def test_features_that_matter_equally_have_no_order_to_be_found_again() -> None:
    taus = []
    for seed in range(8):
        sample = numbers(1000, 6, seed)
        found = stability(weighing(sample, (1.0,) * 6), sample, seed)
        assert not isinstance(found, str)
        taus.append(found[0].value)
        assert found[0].bounds().lower < 0.3
        assert found[1].overlap.value < 0.9
    assert abs(np.mean(taus)) < 0.2, "on people apart, agreement by chance is none at all"


@pytest.mark.parametrize(
    ("path", "rows", "background", "seeds"), [(LOGISTIC, 12, 60, False), (TREE, 12, 0, False), (BAYES, 12, 20, True)]
)
def test_what_is_drawn_again_depends_on_the_method(path: str, rows: int, background: int, seeds: bool) -> None:
    sample = people(60)
    found = stability(fitted(people(200), path), sample)
    assert not isinstance(found, str)
    assert (found[1].rows, found[1].background, found[1].seeds) == (rows, background, seeds)
    assert 0.3 < found[0].value <= 1


def test_nobody_is_in_two_repetitions_and_clusters_stay_whole() -> None:
    sample = repeated(people(60), 5)
    assert sample.cluster is not None
    parts = apart(sample, 1000, np.random.default_rng(0))
    assert parts is not None
    assert sorted(np.concatenate(parts)) == list(range(300))
    clusters = [set(sample.cluster[part]) for part in parts]
    assert sum(map(len, clusters)) == len(set().union(*clusters)) == 60
    assert apart(repeated(people(REPETITIONS * LEAST_ROWS - 1), 5), 10, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("weights", "why"),
    [((0.0, 0.0, 0.0), ONE_FEATURE), ((0.0, 2.0, 0.0), ONE_FEATURE), ((2.0,), "the model has fewer than two features")],
)
def test_where_there_is_no_order_nothing_is_measured(weights: tuple[float, ...], why: str) -> None:
    sample = numbers(200, len(weights))
    assert stability(weighing(sample, weights), sample) == why


def test_a_handful_of_people_is_too_few() -> None:
    sample = numbers(24, 3)
    assert stability(weighing(sample, (3.0, 2.0, 1.0)), sample) == "fewer than 25 people can be explained"


def test_rows_count_by_their_weight_in_every_repetition() -> None:
    """Two features move the score, each of one half of the people; who counts decides which one comes first."""
    sample = numbers(400, 2)
    first = np.arange(400) < 200
    features = sample.features.assign(
        x0=np.where(first, sample.features["x0"], 0), x1=np.where(first, 0, sample.features["x1"])
    )
    plain = sample_of(features, sample.y_true)
    model = weighing(plain, (1.0, 1.0))
    unsure = stability(model, plain)
    sure = stability(model, dataclasses.replace(plain, weight=np.where(first, 1000.0, 1.0)))
    assert not isinstance(unsure, str)
    assert not isinstance(sure, str)
    assert sure[0].value == 1
    assert unsure[0].value < 1


# --- agreement of two orders -----------------------------------------------------------------------------------------

SIZES = st.lists(st.integers(0, 4), min_size=2, max_size=8)


@given(SIZES, st.randoms())
@settings(deadline=None)
def test_agreement_is_kendalls_tau_b_as_scipy_has_it(first: list[int], random: object) -> None:
    second = list(first)
    random.shuffle(second)
    one, other = np.array(first, dtype="float64"), np.array(second, dtype="float64")
    expected = kendalltau(one, other, variant="b").statistic
    assert kendall_tau_b(one, other) == pytest.approx(0.0 if np.isnan(expected) else expected)
    assert kendall_tau_b(one, -other) == pytest.approx(-kendall_tau_b(one, other))


def test_rounding_makes_no_order() -> None:
    assert sizes_without_noise(np.array([3.0, 1e-12, -2e-12, 0.1])).tolist() == [3.0, 0.0, 0.0, 0.1]
    assert sizes_without_noise(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_the_strongest_are_counted_whatever_their_order() -> None:
    sizes = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert overlap_of_the_top(sizes, np.array([3.0, 4.0, 5.0, 1.0, 2.0]), 3) == 1
    assert overlap_of_the_top(sizes, sizes[::-1], 3) == pytest.approx(1 / 3)
    assert overlap_of_the_top(np.array([5.0, 4.0, 0, 0]), np.array([0, 0, 5.0, 4.0]), 2) == 0


def test_the_interval_of_a_mean_over_few_repetitions_holds_the_truth() -> None:
    """Orders that agree by half: the same order with noise, whose mean agreement is known from many draws."""
    rng = np.random.default_rng(0)
    truth, width = np.arange(6.0), 6

    def orders(count: int) -> np.ndarray:
        return truth + rng.normal(0, 2.5, (count, width))

    pairs = [kendall_tau_b(*orders(2)) for _ in range(4000)]
    held = 0
    for _ in range(400):
        drawn = orders(REPETITIONS)
        between = np.array([[kendall_tau_b(one, other) for other in drawn] for one in drawn])
        bounds = mean_over_pairs(between, 100, least=-1.0).bounds()
        held += bounds.lower <= np.mean(pairs) <= bounds.upper
    assert held / 400 > 0.92
