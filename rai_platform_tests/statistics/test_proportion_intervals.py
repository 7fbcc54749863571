"""Intervals of one proportion and of two, against published figures, statsmodels and a search for the likeliest rates."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from rai_platform.statistics.proportions import difference_bounds, ratio_bounds, wilson_bounds

Z95 = float(norm.isf(0.025))
BOUNDS = {"difference": difference_bounds, "ratio": ratio_bounds}

PAIRS = [  # successes and trials of the first group, then of the second
    (56, 70, 48, 80),
    (10, 100, 20, 100),
    (1, 10, 9, 10),
    (3, 7, 3, 700),
    (120, 1000, 340, 2000),
    (2.5, 17.25, 8.75, 31.5),
]
EDGES = [
    (0, 10, 0, 10),
    (10, 10, 10, 10),
    (0, 10, 10, 10),
    (10, 10, 0, 10),
    (0, 30, 5, 20),
    (5, 20, 0, 30),
    (20, 20, 5, 20),
    (5, 20, 20, 20),
    (1, 1, 0, 1),
    (0, 1, 1, 1),
    (0, 1, 0, 100_000),
    (100_000, 100_000, 1, 1),
]


def one_pair(kind, counts, z=Z95):
    lower, upper = BOUNDS[kind](*(np.array([float(count)]) for count in counts), z=z)
    return float(lower[0]), float(upper[0])


def score(kind, value, x1, n1, x2, n2):
    """The score statistic at a difference or ratio, the likeliest rates found by search."""

    def unlikelihood(p2):
        p1 = np.clip(p2 + value if kind == "difference" else p2 * value, 1e-300, 1.0)
        terms = ((x1, p1), (n1 - x1, 1 - p1), (x2, p2), (n2 - x2, 1 - p2))
        return -sum(count * np.log(max(rate, 1e-300)) for count, rate in terms if count > 0)

    if kind == "difference":
        least, most = max(0.0, -value), min(1.0, 1.0 - value)
    else:
        least, most = 0.0, min(1.0, 1.0 / value)
    p2 = minimize_scalar(unlikelihood, bounds=(least, most), method="bounded", options={"xatol": 1e-13}).x
    p1, slope = (p2 + value, 1.0) if kind == "difference" else (p2 * value, value)
    variance = (p1 * (1 - p1) / n1 + slope**2 * p2 * (1 - p2) / n2) * (n1 + n2) / (n1 + n2 - 1)
    return (x1 / n1 - slope * x2 / n2 - (value if kind == "difference" else 0.0)) / np.sqrt(variance)


@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.05, 0.001])
def test_wilson_bounds_equal_those_of_statsmodels_from_no_success_to_all(alpha):
    for trials in (1, 2, 5, 10, 37, 250, 10_000):
        successes = np.unique(np.linspace(0, trials, 60).round())
        expected = proportion_confint(successes, trials, alpha=alpha, method="wilson")
        found = wilson_bounds(successes, np.full_like(successes, trials), z=float(norm.isf(alpha / 2)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_wilson_bounds_end_exactly_at_0_and_1():
    lower, upper = wilson_bounds([0.0, 7.3], [9.0, 7.3], z=3.0)
    assert lower[0] == 0.0
    assert upper[1] == 1.0


def test_the_difference_of_56_in_70_and_48_in_80_has_the_published_bounds():
    # Newcombe, Statistics in Medicine 17, 1998, 873-890, table II, example (a): Miettinen and Nurminen's method.
    assert one_pair("difference", (56, 70, 48, 80)) == pytest.approx((0.0528, 0.3382), abs=5e-5)


@pytest.mark.parametrize("counts", PAIRS)
def test_ratio_bounds_equal_those_of_statsmodels(counts):
    x1, n1, x2, n2 = counts
    expected = confint_proportions_2indep(x1, n1, x2, n2, method="score", compare="ratio", alpha=0.05)
    assert one_pair("ratio", counts) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["difference", "ratio"])
@pytest.mark.parametrize("counts", [*PAIRS, (0, 30, 5, 20), (20, 20, 5, 20), (5, 20, 20, 20), (1, 40, 39, 40)])
@pytest.mark.parametrize("z", [1.0, Z95, 3.5])
def test_at_each_bound_the_score_of_the_likeliest_rates_is_the_quantile(kind, counts, z):
    edges = (-1.0, 1.0) if kind == "difference" else (0.0, np.inf)
    for bound, target in zip(one_pair(kind, counts, z), (z, -z), strict=True):
        if bound not in edges:
            assert score(kind, bound, *counts) == pytest.approx(target, abs=2e-4)


@pytest.mark.parametrize("kind", ["difference", "ratio"])
def test_between_the_bounds_no_value_is_rejected_and_outside_all_are(kind):
    counts = (12, 40, 33, 90)
    lower, upper = one_pair(kind, counts)
    for value in np.linspace(lower, upper, 9)[1:-1]:
        assert abs(score(kind, value, *counts)) < Z95
    for value in (lower - 0.05, lower - 0.01, upper + 0.01, upper + 0.3):
        assert abs(score(kind, value, *counts)) > Z95


@pytest.mark.parametrize("counts", EDGES)
def test_a_difference_at_the_edge_has_ordered_bounds_between_minus_one_and_one(counts):
    x1, n1, x2, n2 = counts
    lower, upper = one_pair("difference", counts)
    assert -1 <= lower <= x1 / n1 - x2 / n2 <= upper <= 1
    assert lower < upper


@pytest.mark.parametrize("counts", EDGES)
def test_a_ratio_at_the_edge_is_open_where_nobody_succeeded_and_bounded_elsewhere(counts):
    x1, _, x2, _ = counts
    lower, upper = one_pair("ratio", counts)
    assert 0 <= lower < upper
    assert (lower == 0) == (x1 == 0)
    assert np.isinf(upper) == (x2 == 0)


def test_bounds_of_many_pairs_at_once_are_those_of_each_pair_alone():
    columns = [np.array(column, dtype=float) for column in zip(*PAIRS, strict=True)]
    for kind, bounds in BOUNDS.items():
        lower, upper = bounds(*columns, z=Z95)
        assert list(zip(lower, upper, strict=True)) == [one_pair(kind, counts) for counts in PAIRS]


@st.composite
def pairs(draw):
    counts = []
    for _ in range(2):
        trials = draw(st.integers(1, 2000))
        counts += [draw(st.integers(0, trials)), trials]
    return tuple(counts)


@given(pairs(), st.floats(0.2, 5))
@settings(max_examples=25, deadline=None)
def test_the_bounds_contain_the_estimate(counts, z):
    x1, n1, x2, n2 = counts
    lower, upper = one_pair("difference", counts, z)
    assert lower <= x1 / n1 - x2 / n2 <= upper
    low, high = one_pair("ratio", counts, z)
    if x2 > 0:
        assert low <= x1 / n1 / (x2 / n2) * (1 + 1e-12)
        assert high >= x1 / n1 / (x2 / n2) * (1 - 1e-12)
    for x, n in ((x1, n1), (x2, n2)):
        below, above = wilson_bounds(x, n, z=z)
        assert below <= x / n <= above


@given(pairs(), st.integers(2, 50))
@settings(max_examples=25, deadline=None)
def test_the_bounds_tighten_with_more_rows_at_the_same_rates(counts, times):
    more = tuple(times * count for count in counts)
    for kind in BOUNDS:
        (low, high), (tighter_low, tighter_high) = one_pair(kind, counts), one_pair(kind, more)
        assert low - 1e-9 <= tighter_low
        assert tighter_high <= high * (1 + 1e-9) + 1e-9
    wide, tight = (np.ravel(wilson_bounds(*c[:2], z=Z95)) for c in (counts, more))
    assert wide[0] <= tight[0] <= tight[1] <= wide[1]


@given(pairs(), st.floats(0.3, 4), st.floats(0.01, 2))
@settings(max_examples=25, deadline=None)
def test_the_bounds_widen_with_confidence(counts, z, more):
    for kind in BOUNDS:
        (low, high), (wider_low, wider_high) = one_pair(kind, counts, z), one_pair(kind, counts, z + more)
        assert wider_low <= low
        assert high <= wider_high


@given(pairs())
@settings(max_examples=25, deadline=None)
def test_swapping_the_groups_mirrors_the_bounds(counts):
    swapped = (*counts[2:], *counts[:2])
    lower, upper = one_pair("difference", counts)
    assert one_pair("difference", swapped) == pytest.approx((-upper, -lower), abs=1e-9)
    low, high = one_pair("ratio", counts)
    mirrored_low, mirrored_high = one_pair("ratio", swapped)
    assert mirrored_low == pytest.approx(0 if np.isinf(high) else 1 / high, rel=1e-6)
    assert mirrored_high == pytest.approx(np.inf if low == 0 else 1 / low, rel=1e-6)


@given(pairs())
@settings(max_examples=25, deadline=None)
def test_counting_failures_instead_of_successes_mirrors_the_difference(counts):
    x1, n1, x2, n2 = counts
    lower, upper = one_pair("difference", counts)
    assert one_pair("difference", (n1 - x1, n1, n2 - x2, n2)) == pytest.approx((-upper, -lower), abs=1e-9)


def test_miettinen_and_nurminens_interval_covers_the_true_difference_and_ratio():
    rng = np.random.default_rng(7)
    for (p1, n1), (p2, n2) in itertools.combinations([(0.1, 60), (0.5, 40), (0.9, 200), (0.1, 2000)], 2):
        x1, x2 = (rng.binomial(n, p, 3000).astype(float) for p, n in ((p1, n1), (p2, n2)))
        trials1, trials2 = np.full_like(x1, n1), np.full_like(x2, n2)
        for kind, truth in (("difference", p1 - p2), ("ratio", p1 / p2)):
            lower, upper = BOUNDS[kind](x1, trials1, x2, trials2, z=Z95)
            assert 0.935 <= np.mean((lower <= truth) & (truth <= upper)) <= 0.97
