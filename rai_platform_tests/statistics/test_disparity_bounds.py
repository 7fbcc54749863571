"""The largest disparity over groups: its bounds are right when all groups are equal, and decide when they are not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm, studentized_range

from rai_platform.statistics.disparity import (
    Comparison,
    largest_difference,
    largest_differences,
    simultaneous_quantile,
    smallest_ratio,
    smallest_ratios,
)
from rai_platform.statistics.proportions import difference_bounds, ratio_bounds

LEVELS = {"outer_alpha": 0.025, "inner_alpha": 0.025}


def pair_bounds(bounds, x, n, z):
    lower, upper = bounds(*(np.array([float(v)]) for v in (x[0], n[0], x[1], n[1])), z=z)
    return float(lower[0]), float(upper[0])


@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.025, 0.001, 1e-6])
def test_the_simultaneous_quantile_of_two_groups_is_the_two_sided_normal_quantile(alpha):
    assert simultaneous_quantile(2, alpha) == pytest.approx(norm.isf(alpha / 2), rel=1e-12)
    assert simultaneous_quantile(2, alpha) == pytest.approx(studentized_range.isf(alpha, 2, math.inf) / math.sqrt(2))


@pytest.mark.parametrize("groups", [3, 5, 10, 40])
@pytest.mark.parametrize("alpha", [0.1, 0.025, 0.0005])
def test_the_simultaneous_quantile_of_more_groups_is_that_of_the_studentized_range(groups, alpha):
    quantile = simultaneous_quantile(groups, alpha)
    assert quantile == pytest.approx(studentized_range.isf(alpha, groups, math.inf) / math.sqrt(2))
    # The chance that the range of that many standard normal variables exceeds it, by integration.
    spread = math.sqrt(2) * quantile
    within = quad(lambda z: norm.pdf(z) * (norm.cdf(z) - norm.cdf(z - spread)) ** (groups - 1), -12, 12)[0]
    assert 1 - groups * within == pytest.approx(alpha, rel=1e-4)


def test_the_simultaneous_quantile_grows_with_the_number_of_groups():
    quantiles = [simultaneous_quantile(groups, 0.025) for groups in (2, 3, 4, 8, 20)]
    assert quantiles == sorted(quantiles)
    assert quantiles[0] < quantiles[-1]


def test_of_two_groups_the_outer_bound_is_one_sided_and_the_inner_one_two_sided():
    x, n = (60, 30), (100, 90)
    estimate, interval = largest_difference(x, n, outer_alpha=0.05, inner_alpha=0.02)
    assert estimate == pytest.approx(60 / 100 - 30 / 90)
    assert interval.upper == pytest.approx(pair_bounds(difference_bounds, x, n, norm.isf(0.05))[1])
    assert interval.lower == pytest.approx(pair_bounds(difference_bounds, x, n, norm.isf(0.01))[0])
    ratio, around = smallest_ratio(x, n, outer_alpha=0.05, inner_alpha=0.02)
    assert ratio == pytest.approx((30 / 90) / (60 / 100))
    assert around.lower == pytest.approx(pair_bounds(ratio_bounds, x[::-1], n[::-1], norm.isf(0.05))[0])
    assert around.upper == pytest.approx(pair_bounds(ratio_bounds, x[::-1], n[::-1], norm.isf(0.01))[1])


def test_a_small_group_widens_the_outer_bound_although_it_is_not_the_worst():
    x, n = [500, 400, 9], [1000, 1000, 20]
    _, with_it = largest_difference(x, n, **LEVELS)
    _, without = largest_difference(x[:2], n[:2], **LEVELS)
    assert with_it.upper > without.upper + 0.05
    _, ratio_with_it = smallest_ratio(x, n, **LEVELS)
    _, ratio_without = smallest_ratio(x[:2], n[:2], **LEVELS)
    assert ratio_with_it.lower < ratio_without.lower - 0.05


def test_the_inner_bound_is_that_of_the_clearest_pair_not_of_the_farthest():
    # The tiny group is the farthest, but only the two large ones are known to differ.
    x, n = [500, 400, 0], [1000, 1000, 2]
    estimate, interval = largest_difference(x, n, **LEVELS)
    assert estimate == 0.5
    z = simultaneous_quantile(3, 0.025)
    assert interval.lower == pytest.approx(pair_bounds(difference_bounds, x[:2], n[:2], z)[0])
    assert interval.lower > 0


def test_where_nobody_succeeds_there_is_no_ratio_and_anything_is_possible():
    assert smallest_ratio([0, 0, 0], [50, 60, 70], **LEVELS)[0] is None
    _, interval = smallest_ratio([0, 0, 0], [50, 60, 70], **LEVELS)
    assert (interval.lower, interval.upper) == (0.0, 1.0)


def test_where_everybody_succeeds_the_groups_may_be_equal_and_the_bound_says_how_unequal():
    ratio, interval = smallest_ratio([50, 60], [50, 60], **LEVELS)
    assert (ratio, interval.upper) == (1.0, 1.0)
    assert 0.9 < interval.lower < 1
    difference, around = largest_difference([50, 60], [50, 60], **LEVELS)
    assert (difference, around.lower) == (0.0, 0.0)
    assert 0 < around.upper < 0.1


def test_one_group_without_success_makes_the_ratio_0_and_says_how_large_it_may_be():
    ratio, interval = smallest_ratio([0, 40], [30, 80], **LEVELS)
    assert (ratio, interval.lower) == (0.0, 0.0)
    assert 0 < interval.upper < 0.5


@st.composite
def groups(draw):
    trials = draw(st.lists(st.integers(1, 3000), min_size=2, max_size=6))
    return [draw(st.integers(0, n)) for n in trials], trials


@given(groups())
@settings(max_examples=15, deadline=None)
def test_the_interval_contains_the_estimate_and_stays_between_0_and_1(counts):
    difference, around = largest_difference(*counts, **LEVELS)
    assert 0 <= around.lower <= difference <= around.upper <= 1
    ratio, interval = smallest_ratio(*counts, **LEVELS)
    assert 0 <= interval.lower <= interval.upper <= 1
    if any(counts[0]):
        assert interval.lower <= ratio <= interval.upper


@given(st.lists(groups(), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_the_bounds_are_the_worst_over_all_pairs_bounded_one_by_one(drawn):
    """Of several comparisons at once, each with pairs that have no successes, or nothing else, among them."""
    asked = [Comparison(successes=x, trials=n, **LEVELS) for x, n in drawn]
    for many, bounds in ((largest_differences, difference_bounds), (smallest_ratios, ratio_bounds)):
        for (x, n), (_, found) in zip(drawn, many(asked), strict=True):
            first, second = np.nonzero(~np.eye(len(x), dtype=bool))
            columns = (np.array(column, dtype=float)[of] for of in (first, second) for column in (x, n))
            counts = list(columns)
            inner, outer = simultaneous_quantile(len(x), 0.025), norm.isf(0.025)
            if many is largest_differences:
                expected = max(0.0, bounds(*counts, z=inner)[0].max()), bounds(*counts, z=outer)[1].max()
            else:
                expected = bounds(*counts, z=outer)[0].min(), min(1.0, bounds(*counts, z=inner)[1].min())
            assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-8)


@given(groups(), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_groups_does_not_matter(counts, random):
    order = list(range(len(counts[0])))
    random.shuffle(order)
    shuffled = [[column[at] for at in order] for column in counts]
    for measure in (largest_difference, smallest_ratio):
        (one, around), (other, same) = measure(*counts, **LEVELS), measure(*shuffled, **LEVELS)
        assert one == other
        assert (around.lower, around.upper) == pytest.approx((same.lower, same.upper), abs=1e-12)


@given(groups())
@settings(max_examples=10, deadline=None)
def test_more_confidence_never_narrows_the_interval(counts):
    for measure in (largest_difference, smallest_ratio):
        _, narrow = measure(*counts, outer_alpha=0.1, inner_alpha=0.1)
        _, wide = measure(*counts, outer_alpha=0.01, inner_alpha=0.001)
        assert wide.lower <= narrow.lower
        assert narrow.upper <= wide.upper
