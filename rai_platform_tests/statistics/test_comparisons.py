"""Tests of two proportions, corrections for many, and what a sample could have shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from rai_platform.statistics.comparisons import (
    POWER,
    adjusted_p_values,
    detectable_difference,
    fisher_test,
    mcnemar_test,
    score_test,
    trials_needed,
)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
@settings(max_examples=30, deadline=None)
def test_the_score_test_is_pearsons_chi_square(n1, n2, data):
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    (ours,) = score_test([x1], [n1], [x2], [n2])
    if x1 + x2 in (0, n1 + n2):
        assert ours == 1.0
    else:
        expected = chi2_contingency([[x1, n1 - x1], [x2, n2 - x2]], correction=False).pvalue
        assert ours == pytest.approx(expected, abs=1e-12)


def test_fishers_tea_is_his():
    assert fisher_test(3, 4, 1, 4) == pytest.approx(34 / 70)


def test_holm_and_benjamini_hochberg_are_those_of_their_papers():
    raw = [0.01, 0.04, 0.03, 0.005]
    assert adjusted_p_values(raw, method="holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted_p_values(raw, method="benjamini_hochberg") == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert len(adjusted_p_values([], method="holm")) == 0


def test_two_decisions_that_disagree_as_often_both_ways_are_equally_good():
    assert mcnemar_test(10, 10) == pytest.approx(1.0)
    assert mcnemar_test(20, 2) < 0.001


def seen(rate, other, trials, reference_trials, *, times, seed):
    """How often a two-sided score test at 5 % sees the difference of two rates."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.binomial(trials, other, times), rng.binomial(reference_trials, rate, times)
    return float((score_test(x1, np.full(times, trials), x2, np.full(times, reference_trials)) <= 0.05).mean())


@pytest.mark.parametrize(
    ("rate", "trials", "reference"), [(0.3, 38, 2000), (0.5, 200, 200), (0.1, 500, 5000), (0.9, 150, 900)]
)
def test_a_gap_that_is_called_detectable_is_seen_four_times_in_five(rate, trials, reference):
    gap = detectable_difference(rate, trials, reference)
    towards = 1 if rate < 0.5 else -1
    nearer, farther = rate - towards * gap, rate + towards * gap
    chances = [
        seen(rate, other, trials, reference, times=4000, seed=1) for other in (nearer, farther) if 0 <= other <= 1
    ]
    assert max(chances) == pytest.approx(POWER, abs=0.06)
    half = [seen(rate, rate + sign * gap / 2, trials, reference, times=2000, seed=2) for sign in (-1, 1)]
    assert max(half) < 0.5


def test_more_people_see_a_smaller_gap():
    gaps = [detectable_difference(0.3, trials, 2000) for trials in (20, 38, 100, 1000)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[1] == pytest.approx(0.22, abs=0.03)


def test_one_person_shows_nothing():
    assert detectable_difference(0.5, 1, 10) is None
    assert trials_needed(0.5, 10, gap=0.05) is None, "the reference itself is too small"


@pytest.mark.parametrize("gap", [0.05, 0.1, 0.2])
def test_the_trials_that_are_needed_are_just_enough(gap):
    needed = trials_needed(0.4, 5000, gap=gap)
    assert detectable_difference(0.4, needed, 5000) <= gap
    assert detectable_difference(0.4, needed - 1, 5000) > gap
