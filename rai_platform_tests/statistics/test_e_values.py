"""Laws of e-values of rates and of detectors that restart."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rai_platform.statistics.e_values import log_e_value_above, log_e_value_outside, log_mean, restarted

RATES = st.floats(0.01, 0.99)


def mean_under(rate: float, trials: int, log_e_values: np.ndarray) -> float:
    """The mean of an e-value of every possible count, when the rate is known."""
    return float(np.exp(stats.binom.logpmf(np.arange(trials + 1), trials, rate) + log_e_values).sum())


@given(bound=RATES, share=st.floats(0, 1), trials=st.integers(0, 300))
def test_whatever_the_rate_under_the_null_the_mean_is_one_at_most(bound: float, share: float, trials: int) -> None:
    evidence = log_e_value_above(np.arange(trials + 1), trials, bound)
    assert mean_under(share * bound, trials, evidence) <= 1 + 1e-9
    assert mean_under(bound, trials, evidence) == pytest.approx(1, abs=1e-6)


@given(lower=RATES, width=st.floats(0, 1), place=st.floats(0, 1), trials=st.integers(0, 300))
def test_the_same_holds_of_a_rate_between_two_bounds(lower: float, width: float, place: float, trials: int) -> None:
    upper = lower + width * (1 - lower)
    evidence = log_e_value_outside(np.arange(trials + 1), trials, lower, upper)
    assert mean_under(lower + place * (upper - lower), trials, evidence) <= 1 + 1e-9


def test_evidence_is_the_mean_likelihood_ratio() -> None:
    """By a sum over a fine grid of alternatives."""
    grid = 0.3 + 0.7 * (np.arange(200_000) + 0.5) / 200_000
    ratio = np.exp(stats.binom.logpmf(40, 100, grid) - stats.binom.logpmf(40, 100, 0.3))
    assert float(log_e_value_above(40, 100, 0.3)) == pytest.approx(math.log(ratio.mean()), abs=1e-6)


def test_evidence_grows_with_what_speaks_against_the_null_and_does_not_overflow() -> None:
    evidence = log_e_value_above(np.arange(0, 1_000_001, 100_000), 1_000_000, 0.05)
    assert (np.diff(evidence[1:]) > 0).all()
    assert evidence[-1] > 1_000_000
    assert evidence[0] < 0


def test_bounds_at_the_ends() -> None:
    assert float(log_e_value_above(1, 5, 0)) == math.inf
    assert float(log_e_value_above(0, 5, 0)) == pytest.approx(-math.log(6))
    assert float(log_e_value_above(5, 5, 1)) == 0
    assert float(log_e_value_outside(0, 0, 0.2, 0.4)) == pytest.approx(0)
    with pytest.raises(ValueError, match="successes"):
        log_e_value_above(6, 5, 0.5)


def test_the_mean_of_evidence_is_a_mean_of_numbers_and_not_of_logarithms() -> None:
    assert log_mean([math.log(3), math.log(1)]) == pytest.approx(math.log(2))
    assert log_mean([]) == 0


def test_a_detector_forgets_what_spoke_for_the_null() -> None:
    level = -math.inf
    for _ in range(50):
        level = float(restarted(level, math.log(0.1)))
    assert level == pytest.approx(math.log(0.1 / 0.9), abs=1e-6)
    assert float(restarted(level, math.log(100))) > math.log(100)


def test_false_alarms_come_no_more_often_than_they_may() -> None:
    """400 streams of 200 looks at the very edge of the null; a level of 2,000 may be passed by one stream in ten."""
    rng, level = np.random.default_rng(0), np.full(400, -math.inf)
    passed = np.zeros(400, dtype=bool)
    for _ in range(200):
        level = restarted(level, log_e_value_above(rng.binomial(500, 0.1, size=400), 500, 0.1))
        passed |= level >= math.log(2000)
    assert passed.mean() <= 0.1


def test_a_rate_that_rises_is_found_soon() -> None:
    rng, level = np.random.default_rng(0), np.full(400, -math.inf)
    for _ in range(4):
        level = restarted(level, log_e_value_above(rng.binomial(500, 0.2, size=400), 500, 0.1))
    assert (level >= math.log(2000)).all()
