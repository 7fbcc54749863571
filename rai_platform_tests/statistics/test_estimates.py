"""Measured values that know how sure they are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from rai_platform.statistics.estimates import (
    Estimate,
    Exact,
    NormalEstimate,
    PairedDifference,
    Proportion,
    Replicates,
    effective_size,
    normal_quantile,
    paired_difference,
    weighted_mean,
    weighted_proportion,
)

ESTIMATES = [
    Proportion(successes=12.0, trials=40.0, n=40),
    Proportion(successes=0.0, trials=7.5, n=9),
    PairedDifference(first_only=3.0, second_only=11.0, trials=200.0, n=200),
    NormalEstimate(value=0.83, standard_error=0.02, n=500, scale="logit", most=1.0),
    NormalEstimate(value=0.4, standard_error=0.1, n=50),
    Exact(value=0.125, n=16),
    Replicates(value=0.31, replicates=(0.28, 0.3, 0.31, 0.33, 0.4), n=80),
]


@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.025, 1e-4, 1e-12, 1e-20])
def test_the_normal_quantile_keeps_its_digits_however_small_the_level(alpha):
    assert normal_quantile(alpha) == pytest.approx(norm.isf(alpha), rel=1e-9, abs=1e-12)


def test_a_proportion_has_wilsons_bounds_at_a_level_of_its_own_for_each_side():
    interval = Proportion(successes=12, trials=40, n=40).bounds(0.1, 0.01)
    assert interval.lower == pytest.approx(proportion_confint(12, 40, alpha=0.2, method="wilson")[0])
    assert interval.upper == pytest.approx(proportion_confint(12, 40, alpha=0.02, method="wilson")[1])


def test_a_report_shows_95_percent_between_its_bounds():
    interval = Proportion(successes=12, trials=40, n=40).bounds()
    assert (interval.lower, interval.upper) == pytest.approx(proportion_confint(12, 40, alpha=0.05, method="wilson"))


def test_a_paired_difference_has_bonett_and_prices_bounds():
    # By hand: one imaginary row more in each kind of disagreement, two more in all.
    first, second = 31 / 102, 11 / 102
    error = 1.959964 * math.sqrt((first + second - (first - second) ** 2) / 102)
    estimate = PairedDifference(first_only=30, second_only=10, trials=100, n=100)
    assert estimate.value == pytest.approx(0.2)
    interval = estimate.bounds()
    assert interval.lower == pytest.approx(first - second - error, abs=1e-7)
    assert interval.upper == pytest.approx(first - second + error, abs=1e-7)


def test_a_paired_difference_without_any_disagreement_is_still_uncertain():
    interval = PairedDifference(first_only=0, second_only=0, trials=50, n=50).bounds()
    assert interval.lower == pytest.approx(-interval.upper)
    assert 0.02 < interval.upper < 0.1


def test_the_bounds_of_a_paired_difference_cover_the_truth():
    rng = np.random.default_rng(3)
    covered = 0
    for first_only, second_only, _ in rng.multinomial(120, [0.08, 0.03, 0.89], size=2000):
        interval = PairedDifference(
            first_only=float(first_only), second_only=float(second_only), trials=120, n=120
        ).bounds()
        covered += interval.lower <= 0.05 <= interval.upper
    assert 0.94 <= covered / 2000 <= 0.98


def test_pairing_uses_only_the_rows_on_which_the_two_disagree():
    first = np.array([1, 1, 1, 0, 0, 1], dtype=bool)
    second = np.array([1, 0, 0, 1, 0, 1], dtype=bool)
    found = paired_difference(first, second, None)
    assert (found.first_only, found.second_only, found.trials, found.n) == (2, 1, 6, 6)
    assert found.value == pytest.approx(first.mean() - second.mean())


def test_a_weighted_pair_differs_by_the_weighted_rates():
    rng = np.random.default_rng(0)
    first, second, weight = rng.random(80) < 0.6, rng.random(80) < 0.5, rng.uniform(0.2, 5, 80)
    found = paired_difference(first, second, weight)
    assert found.value == pytest.approx(np.average(first, weights=weight) - np.average(second, weights=weight))
    assert found.trials == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert found.n == 80


def test_a_normal_estimate_lies_a_quantile_of_standard_errors_from_its_bounds():
    interval = NormalEstimate(value=2.0, standard_error=0.5, n=10).bounds(0.05, 0.001)
    assert interval.lower == pytest.approx(2.0 - 0.5 * norm.isf(0.05))
    assert interval.upper == pytest.approx(2.0 + 0.5 * norm.isf(0.001))


def test_a_normal_estimate_does_not_leave_its_range():
    interval = NormalEstimate(value=0.02, standard_error=0.6, n=10, most=1.0).bounds()
    assert (interval.lower, interval.upper) == (0.0, 1.0)
    assert NormalEstimate(value=0.02, standard_error=0.5, n=10, least=-1.0).bounds().lower < 0


def test_on_the_scale_of_the_log_odds_the_bounds_stay_between_0_and_1_without_being_cut():
    interval = NormalEstimate(value=0.98, standard_error=0.015, n=100, scale="logit", most=1.0).bounds()
    centre, error = math.log(0.98 / 0.02), 0.015 / (0.98 * 0.02)
    expected = [1 / (1 + math.exp(-(centre + sign * 1.959964 * error))) for sign in (-1, 1)]
    assert [interval.lower, interval.upper] == pytest.approx(expected, abs=1e-7)
    assert interval.upper < 1


def test_at_the_end_of_the_scale_the_log_odds_give_way_to_the_plain_error():
    interval = NormalEstimate(value=1.0, standard_error=0.05, n=20, scale="logit", most=1.0).bounds()
    assert interval.upper == 1.0
    assert interval.lower == pytest.approx(1 - 0.05 * norm.isf(0.025))


def test_replicates_give_percentiles_rounded_outwards():
    values = tuple(float(value) for value in range(101))
    interval = Replicates(value=50.0, replicates=values, n=9).bounds(0.025, 0.1)
    assert (interval.lower, interval.upper) == (2.0, 90.0)
    between = Replicates(value=50.0, replicates=values, n=9).bounds(0.025, 0.025)
    assert (between.lower, between.upper) == (2.0, 98.0)


def test_a_level_that_the_replicates_cannot_resolve_gives_the_extreme_one():
    interval = Replicates(value=0.3, replicates=(0.1, 0.3, 0.9), n=9).bounds(1e-6, 1e-6)
    assert (interval.lower, interval.upper) == (0.1, 0.9)


def test_replicates_that_all_lie_on_one_side_still_leave_the_estimate_inside():
    interval = Replicates(value=0.05, replicates=(0.1, 0.11, 0.12), n=9).bounds()
    assert (interval.lower, interval.upper) == (0.05, 0.12)


def test_an_exact_value_has_nothing_around_it():
    interval = Exact(value=0.25, n=8).bounds(0.01, 0.5)
    assert (interval.lower, interval.upper) == (0.25, 0.25)


@pytest.mark.parametrize("estimate", ESTIMATES, ids=lambda estimate: estimate.kind)
def test_an_estimate_comes_back_from_json_as_it_was(estimate):
    adapter = TypeAdapter(Estimate)
    assert adapter.validate_json(adapter.dump_json(estimate)) == estimate
    assert adapter.validate_python(adapter.dump_python(estimate)) == estimate


def test_an_estimate_of_an_unknown_kind_is_refused():
    with pytest.raises(ValidationError, match="kind"):
        TypeAdapter(Estimate).validate_python({"kind": "guess", "value": 0.5, "n": 1})


@pytest.mark.parametrize("estimate", ESTIMATES, ids=lambda estimate: estimate.kind)
@given(st.floats(0.001, 0.5), st.floats(0.001, 0.5), st.floats(0.01, 1), st.floats(0.01, 1))
@settings(max_examples=20, deadline=None)
def test_the_bounds_contain_the_value_and_widen_with_confidence(estimate, lower_alpha, upper_alpha, less, lesser):
    inner = estimate.bounds(lower_alpha, upper_alpha)
    outer = estimate.bounds(lower_alpha * less, upper_alpha * lesser)
    assert outer.lower <= inner.lower <= estimate.value <= inner.upper <= outer.upper


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.01, 1e6))
@settings(max_examples=40, deadline=None)
def test_equal_weights_change_nothing(succeeded, weight):
    succeeded = np.array(succeeded)
    weights = np.full(len(succeeded), weight)
    plain, weighted = weighted_proportion(succeeded, None), weighted_proportion(succeeded, weights)
    assert (weighted.successes, weighted.trials) == pytest.approx((plain.successes, plain.trials), rel=1e-9)
    assert weighted.n == plain.n == len(succeeded)
    values = succeeded * 0.7 + 0.1
    one, other = weighted_mean(values, None), weighted_mean(values, weights)
    assert (one.value, one.standard_error) == pytest.approx((other.value, other.standard_error), rel=1e-9, abs=1e-12)
    pair, weighted_pair = (paired_difference(succeeded, ~succeeded, each) for each in (None, weights))
    assert pair.value == pytest.approx(weighted_pair.value, rel=1e-9)
    assert pair.trials == pytest.approx(weighted_pair.trials, rel=1e-9)


def test_unequal_weights_tell_as_much_as_kish_says():
    assert effective_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)
    found = weighted_proportion(np.array([True, False, False]), np.array([1.0, 1.0, 2.0]))
    assert found.value == pytest.approx(0.25)
    assert (found.trials, found.n) == (pytest.approx(16 / 6), 3)


def test_unequal_weights_widen_the_interval():
    succeeded = np.arange(200) % 4 == 0
    weight = np.tile([0.1, 1.0, 3.0, 0.5, 9.0], 40)
    weighted = weighted_proportion(succeeded, weight)
    assert weighted.value == pytest.approx(np.average(succeeded, weights=weight))
    assert weighted.trials < 100
    interval = weighted.bounds()
    plain = Proportion(successes=weighted.value * 200, trials=200, n=200).bounds()
    assert interval.lower < plain.lower
    assert plain.upper < interval.upper


@given(st.integers(2, 80), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_kish_s_size_lies_between_one_row_and_all_of_them(rows, seed):
    weight = np.random.default_rng(seed).lognormal(0, 2, rows)
    assert 1 - 1e-9 <= effective_size(weight) <= rows + 1e-9


def test_the_error_of_an_unweighted_mean_is_the_textbooks():
    values = np.random.default_rng(1).exponential(size=57)
    found = weighted_mean(values, None)
    assert (found.value, found.standard_error) == pytest.approx((values.mean(), values.std(ddof=1) / math.sqrt(57)))


def test_the_error_of_a_weighted_mean_is_what_drawing_again_finds():
    rng = np.random.default_rng(5)
    values, weight = rng.exponential(size=400), rng.lognormal(0, 0.7, 400)
    found = weighted_mean(values, weight)
    assert found.value == pytest.approx(DescrStatsW(values, weight).mean)
    drawn = rng.integers(0, 400, size=(4000, 400))
    means = (values * weight)[drawn].sum(axis=1) / weight[drawn].sum(axis=1)
    assert found.standard_error == pytest.approx(means.std(), rel=0.06)
