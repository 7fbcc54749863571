"""How often the bounds of a disparity are right, and the verdicts that follow from them, on simulated groups of people.

Every seed is fixed. The short form runs with the other tests; the long one has more draws and more scenes.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from rai_platform.release.judgement import outcome_of
from rai_platform.spec.verdict import Interval, Limit
from rai_platform.statistics.disparity import Comparison, largest_differences, smallest_ratios
from rai_platform.statistics.estimates import normal_quantile
from rai_platform.statistics.proportions import difference_bounds, ratio_bounds

REPORTED = {"outer_alpha": 0.025, "inner_alpha": 0.025}  # 95 % between the bounds
ALPHA = 0.05
RATES = (0.1, 0.3, 0.5)
NUMBERS = (2, 3, 5, 10)
RATIOS = (0.6, 0.7, 0.8, 0.9, 0.95)
SIZES = (100, 500, 2000)
COVERED = 0.93
WIDER_THAN_BONFERRONI = 1.2
FOUR_FIFTHS = Limit(minimum=0.8, rule="interval")
KINDS = {"difference": largest_differences, "ratio": smallest_ratios}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """True selection rates and sizes of groups, each (groups,); sizes may be drawn anew, then (draws, groups)."""

    rates: np.ndarray
    sizes: np.ndarray

    def truth(self, kind):
        highest, lowest = self.rates.max(), self.rates.min()
        return highest - lowest if kind == "difference" else lowest / highest

    def people(self, draws, seed):
        """Selected and all people of every group, each (draws, groups)."""
        sizes = np.broadcast_to(self.sizes, (draws, len(self.rates)))
        return np.random.default_rng(seed).binomial(sizes, self.rates), sizes


def equal(number, rate, size):
    return Scene(rates=np.full(number, rate), sizes=np.full(number, size))


def of_mixed_sizes(number, rate, draws):
    sizes = np.random.default_rng(number).choice([100, 200, 500, 1000, 2000], size=(draws, number))
    return Scene(rates=np.full(number, rate), sizes=sizes)


def unequal(number, rate, size, ratio, shape):
    """One group below all others, or rates spread evenly; the lowest is ``ratio`` times the highest."""
    rates = np.full(number, rate) if shape == "one low" else np.linspace(rate * ratio, rate, number)
    rates[0] = rate * ratio
    return Scene(rates=rates, sizes=np.full(number, size))


def measured(scene, kind, *, draws, seed=0, levels=REPORTED):
    """Estimate and interval of every draw."""
    return KINDS[kind](
        [
            Comparison(successes=selected.tolist(), trials=sizes.tolist(), **levels)
            for selected, sizes in zip(*scene.people(draws, seed), strict=True)
        ]
    )


def coverage(scene, kind, *, draws, seed=0):
    truth = scene.truth(kind)
    return np.mean(
        [
            interval.lower <= truth + 1e-12 and truth - 1e-12 <= interval.upper
            for _, interval in measured(scene, kind, draws=draws, seed=seed)
        ]
    )


def median_width(intervals):
    return np.median([interval.upper - interval.lower for interval in intervals])


def bonferroni(scene, kind, *, draws, seed=0):
    """Two-sided 95 % bounds of the largest disparity from the same score intervals, corrected for the number of pairs."""
    selected, sizes = scene.people(draws, seed)
    one, other = np.triu_indices(len(scene.rates), 1)
    columns = (selected[:, one], sizes[:, one], selected[:, other], sizes[:, other])
    bounds = difference_bounds if kind == "difference" else ratio_bounds
    lower, upper = (
        end.reshape(draws, len(one))
        for end in bounds(*(column.astype(float).ravel() for column in columns), z=normal_quantile(0.025 / len(one)))
    )
    if kind == "difference":
        least = np.maximum(np.maximum(lower, -upper), 0).max(axis=1)
        most = np.maximum(abs(lower), abs(upper)).max(axis=1)
    else:
        with np.errstate(divide="ignore"):
            least = np.minimum(lower, 1 / upper).min(axis=1)
            most = np.minimum(np.minimum(upper, 1 / lower), 1).min(axis=1)
    return [Interval(lower=low, upper=high) for low, high in zip(least.tolist(), most.tolist(), strict=True)]


def test_the_bonferroni_bounds_of_two_groups_are_those_of_the_pair():
    scene = Scene(rates=np.array([0.2, 0.4]), sizes=np.array([300, 300]))
    selected, sizes = (column[0].astype(float) for column in scene.people(1, 0))
    for kind, bounds in (("difference", difference_bounds), ("ratio", ratio_bounds)):
        first, second = (1, 0) if kind == "difference" else (0, 1)
        expected = bounds(
            *(np.array([v]) for v in (selected[first], sizes[first], selected[second], sizes[second])), z=1.96
        )
        [found] = bonferroni(scene, kind, draws=1)
        assert (found.lower, found.upper) == pytest.approx([float(end[0]) for end in expected], abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", RATES)
def test_equal_groups_are_covered_however_many_they_are(kind, rate):
    for number in NUMBERS:
        assert coverage(of_mixed_sizes(number, rate, draws=200), kind, draws=200) >= COVERED


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("number", NUMBERS)
def test_equal_groups_are_covered_in_a_long_simulation(kind, rate, number):
    assert coverage(of_mixed_sizes(number, rate, draws=2000), kind, draws=2000, seed=1) >= COVERED
    for size in SIZES:
        assert coverage(equal(number, rate, size), kind, draws=1000, seed=size) >= COVERED


def check_unequal(kind, scene, *, draws, seed=0):
    assert coverage(scene, kind, draws=draws, seed=seed) >= COVERED, scene
    ours = [interval for _, interval in measured(scene, kind, draws=draws, seed=seed)]
    assert median_width(ours) <= WIDER_THAN_BONFERRONI * median_width(bonferroni(scene, kind, draws=draws, seed=seed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ratio", RATIOS)
def test_unequal_groups_are_covered_by_intervals_hardly_wider_than_those_of_bonferroni(kind, ratio):
    for rate in RATES:
        for number, shape in ((2, "one low"), (3, "spread"), (5, "one low")):
            check_unequal(kind, unequal(number, rate, 500, ratio, shape), draws=200)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("number", NUMBERS)
def test_unequal_groups_are_covered_in_a_long_simulation(kind, ratio, number):
    for rate in RATES:
        for size in SIZES:
            for shape in ("one low", "spread"):
                check_unequal(kind, unequal(number, rate, size, ratio, shape), draws=600, seed=size)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("minority", [100, 500])
def test_a_minority_that_is_worse_off_is_covered_in_a_long_simulation(kind, ratio, minority):
    for rate in RATES:
        scene = Scene(rates=np.array([rate * ratio, rate, rate]), sizes=np.array([minority, 2000, 1000]))
        check_unequal(kind, scene, draws=600, seed=minority)


def verdicts(scene, *, draws, requirements=1, seed=0):
    """The verdict on a ratio of at least four fifths for every draw, one of so many requirements of its policy."""
    levels = {"outer_alpha": ALPHA, "inner_alpha": ALPHA / requirements}
    found = measured(scene, "ratio", draws=draws, seed=seed, levels=levels)
    return np.array([outcome_of(FOUR_FIFTHS, ratio, interval, {}, "refuse") for ratio, interval in found])


def share(outcome, scene, *, draws):
    return (verdicts(scene, draws=draws, seed=7) == outcome).mean()


def check_errors_and_power(draws):
    for rate in RATES:
        assert share("FAIL", equal(10, rate, 200), draws=draws) <= ALPHA
        for minority in (30, 100, 300):
            worse_off = Scene(rates=np.array([rate, 0.7 * rate]), sizes=np.array([2000, minority]))
            assert share("PASS", worse_off, draws=draws) <= ALPHA
    for number in (2, 10):
        assert share("PASS", equal(number, 0.3, 2000), draws=draws) >= 0.8
    assert share("FAIL", Scene(rates=np.array([0.3, 0.15]), sizes=np.array([1000, 1000])), draws=draws) >= 0.8


def test_equal_groups_rarely_fail_unequal_ones_rarely_pass_and_enough_people_decide():
    check_errors_and_power(draws=300)


@pytest.mark.slow
def test_equal_groups_rarely_fail_and_unequal_ones_rarely_pass_in_a_long_simulation():
    check_errors_and_power(draws=2000)


def check_many_requirements(draws):
    """Six requirements of one policy, each about a feature of its own with three groups."""
    kept = Scene(rates=np.array([0.24, 0.3, 0.3]), sizes=np.array([800, 800, 800]))  # just as unequal as is allowed
    broken = Scene(rates=np.array([0.23, 0.3, 0.3]), sizes=np.array([800, 800, 800]))
    equally = equal(3, 0.3, 20_000)
    on_the_limit = np.array([verdicts(kept, draws=draws, requirements=6, seed=each) for each in range(6)])
    assert (on_the_limit == "FAIL").any(axis=0).mean() <= ALPHA
    all_but_one = [equally] * 5 + [broken]
    judged = np.array([verdicts(scene, draws=draws, requirements=6, seed=at) for at, scene in enumerate(all_but_one)])
    assert (judged[:5] == "PASS").mean() >= 0.99  # the one that is broken decides
    assert (judged == "PASS").all(axis=0).mean() <= ALPHA


def test_of_many_requirements_none_fails_a_model_that_keeps_all_and_one_broken_keeps_it_back():
    check_many_requirements(draws=200)


@pytest.mark.slow
def test_many_requirements_keep_their_error_in_a_long_simulation():
    check_many_requirements(draws=2000)
