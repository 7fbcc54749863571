"""Tests of two proportions, corrections for many tests, and what a sample of a given size could have shown."""

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import brentq

from rai_platform.statistics.estimates import normal_quantile

Floats = npt.NDArray[np.float64]
POWER = 0.8  # the chance of seeing a gap that is called detectable
LEAST_GAP = 1e-15  # smaller ones are not told apart


def score_test(x1: npt.ArrayLike, n1: npt.ArrayLike, x2: npt.ArrayLike, n2: npt.ArrayLike) -> Floats:
    """Two-sided p-values of equal proportions by Pearson's score test (pairs,), 1 where nothing differs.

    Args:
        x1: successes of the first of each pair (pairs,).
        n1: trials of the first (pairs,), positive.
        x2: successes of the second (pairs,).
        n2: trials of the second (pairs,), positive.
    """
    a, m, b, n = (np.asarray(values, dtype=float) for values in (x1, n1, x2, n2))
    pooled = (a + b) / (m + n)
    variance = pooled * (1 - pooled) * (1 / m + 1 / n)
    distance = np.abs(a / m - b / n)
    z = np.divide(distance, np.sqrt(variance), out=np.zeros_like(distance), where=variance > 0)
    p_values: Floats = 2 * stats.norm.sf(z)
    return np.minimum(p_values, 1.0)


def fisher_test(x1: float, n1: float, x2: float, n2: float) -> float:
    """The two-sided p-value of equal proportions by Fisher's exact test; counts are rounded."""
    table = np.array([[round(x1), round(n1 - x1)], [round(x2), round(n2 - x2)]])
    return float(stats.fisher_exact(table).pvalue)


def adjusted_p_values(p_values: npt.ArrayLike, *, method: Literal["holm", "benjamini_hochberg"]) -> Floats:
    """P-values corrected for their number (tests,).

    Args:
        p_values: (tests,).
        method: ``holm`` holds the chance of any false rejection, ``benjamini_hochberg`` the share of false ones.
    """
    from statsmodels.stats.multitest import multipletests

    raw = np.asarray(p_values, dtype=float)
    if not len(raw):
        return raw
    corrected: Floats = multipletests(raw, method={"holm": "holm", "benjamini_hochberg": "fdr_bh"}[method])[1]
    return corrected


def mcnemar_test(first_only: float, second_only: float) -> float:
    """The two-sided p-value that two decisions on the same rows succeed equally often, by McNemar's exact test.

    Args:
        first_only: rows on which only the first succeeded.
        second_only: rows on which only the second did.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    return float(mcnemar([[0, round(first_only)], [round(second_only), 0]], exact=True).pvalue)


def detectable_difference(
    rate: float, trials: float, reference_trials: float, *, alpha: float = 0.05, power: float = POWER
) -> float | None:
    """The smallest gap below or above the reference's rate that a two-sided score test would have seen.

    Args:
        rate: of the reference, from 0 to 1.
        trials: of the group, positive.
        reference_trials: of the reference, positive.
        alpha: of the test.
        power: the chance of seeing it.

    Returns:
        A difference of rates over 0, the smaller of the one below and the one above; None where not even the largest
        possible one would have been seen.

    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 2003, section 4.2.
    """
    gaps = [
        gap
        for most, sign in ((rate, -1.0), (1 - rate, 1.0))
        if (gap := _smallest_gap(rate, sign, most, trials, reference_trials, alpha, power)) is not None
    ]
    return min(gaps, default=None)


def _smallest_gap(
    rate: float, sign: float, most: float, trials: float, reference_trials: float, alpha: float, power: float
) -> float | None:
    z_test, z_power = normal_quantile(alpha / 2), normal_quantile(1 - power)
    apart, known = 1 / trials + 1 / reference_trials, rate * (1 - rate) / reference_trials

    def excess(gap: float) -> float:
        """Of the gap over what would have been seen: below 0, then above it, since it is convex."""
        other = rate + sign * gap
        pooled = (rate * reference_trials + other * trials) / (reference_trials + trials)
        null = math.sqrt(max(pooled * (1 - pooled), 0.0) * apart)
        return gap - z_test * null - z_power * math.sqrt(max(known + other * (1 - other) / trials, 0.0))

    if most <= 0 or excess(most) < 0:
        return None
    least = most * LEAST_GAP
    return float(brentq(excess, least, most, xtol=LEAST_GAP)) if excess(least) < 0 else least


def trials_needed(
    rate: float, reference_trials: float, *, gap: float, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Trials of a group with which a gap would have been seen, as ``detectable_difference`` counts it.

    Returns:
        A whole number; None where no number is enough, because the reference itself is too small.
    """
    low, high = 1, 2**40
    if (best := detectable_difference(rate, high, reference_trials, alpha=alpha, power=power)) is None or best > gap:
        return None
    while low < high:
        middle = (low + high) // 2
        found = detectable_difference(rate, middle, reference_trials, alpha=alpha, power=power)
        low, high = (low, middle) if found is not None and found <= gap else (middle + 1, high)
    return low


def trials_to_pass(
    rate: float,
    reference_trials: float,
    *,
    kind: Literal["difference", "ratio"],
    limit: float,
    alpha: float,
    power: float = POWER,
) -> int | None:
    """Trials of a group with which two equal groups would have been found to keep a limit.

    Args:
        rate: of both groups, over 0 and under 1.
        reference_trials: of the other group, positive.
        kind: whether the limit is the largest difference or the smallest ratio allowed.
        limit: between 0 and 1, both excluded.
        alpha: of the one-sided bound that has to keep it.
        power: the chance that it does.

    Returns:
        A whole number; None where no number is enough, because the other group is too small.
    """
    if not (0 < rate < 1 and 0 < limit < 1):
        return None
    spread = rate * (1 - rate) if kind == "difference" else (1 - rate) / rate  # of one trial, on the scale of the limit
    room = limit if kind == "difference" else -np.log(limit)
    left = room**2 / ((normal_quantile(alpha) + normal_quantile(1 - power)) ** 2 * spread) - 1 / reference_trials
    return int(np.ceil(1 / left)) if left > 0 else None
