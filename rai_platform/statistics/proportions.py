"""Intervals for one proportion, and for the difference and the ratio of two, by inverting score tests.

Counts may be fractional: a weighted sample enters with its effective sample size.
"""

import numpy as np
import numpy.typing as npt

from rai_platform.statistics.roots import bisected_roots

Floats = npt.NDArray[np.float64]

LARGEST_LOG_RATIO = 20.0  # ratios are sought between e^-20 and e^20


def wilson_bounds(successes: npt.ArrayLike, trials: npt.ArrayLike, *, z: float) -> tuple[Floats, Floats]:
    """Lower and upper bound of a proportion by Wilson's score interval, each (cells,).

    Args:
        successes: counts (cells,), 0 <= successes <= trials.
        trials: counts (cells,), all positive.
        z: standard normal quantile; 1.96 gives 95 % between the bounds.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927.
    """
    x, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    rate = x / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return np.where(x <= 0, 0.0, np.maximum(centre - half, 0.0)), np.where(x >= n, 1.0, np.minimum(centre + half, 1.0))


def difference_bounds(x1: Floats, n1: Floats, x2: Floats, n2: Floats, *, z: float) -> tuple[Floats, Floats]:
    """Lower and upper bound of p1 - p2, from -1 to 1, each (pairs,), by Miettinen and Nurminen's score interval.

    Args:
        x1: successes of the first of each pair (pairs,).
        n1: trials of the first (pairs,), positive.
        x2: successes of the second (pairs,).
        n2: trials of the second (pairs,), positive.
        z: standard normal quantile.

    Source: Miettinen and Nurminen, Comparative analysis of two rates, Statistics in Medicine 4, 1985.
    """
    observed = x1 / n1 - x2 / n2

    def statistic(delta: Floats) -> Floats:
        return difference_statistic(delta, x1, n1, x2, n2)

    lower = bisected_roots(statistic, np.full_like(observed, -1.0), observed, target=z)
    upper = bisected_roots(statistic, observed, np.full_like(observed, 1.0), target=-z)
    return lower, upper


def difference_statistic(delta: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> Floats:
    """How many standard errors the observed difference lies above ``delta`` (pairs,); falls as ``delta`` rises.

    The error is that of the likeliest rates whose difference is ``delta``. Arguments as in ``difference_bounds``.
    """
    p1, p2 = _likeliest_with_difference(delta, x1, n1, x2, n2)
    return _standardized(x1 / n1 - x2 / n2 - delta, p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2, n1 + n2)


def ratio_bounds(x1: Floats, n1: Floats, x2: Floats, n2: Floats, *, z: float) -> tuple[Floats, Floats]:
    """Lower and upper bound of p1 / p2, from 0 to infinity, each (pairs,), by Miettinen and Nurminen's score interval.

    Where ``x1`` is 0 the lower bound is 0, where ``x2`` is 0 the upper bound is infinite. Arguments as in
    ``difference_bounds``.
    """

    def statistic(log_ratio: Floats) -> Floats:
        return ratio_statistic(log_ratio, x1, n1, x2, n2)

    least, most = np.full_like(x1, -LARGEST_LOG_RATIO), np.full_like(x1, LARGEST_LOG_RATIO)
    lower = np.exp(bisected_roots(statistic, least, most, target=z))
    upper = np.exp(bisected_roots(statistic, least, most, target=-z))
    return np.where(x1 <= 0, 0.0, lower), np.where(x2 <= 0, np.inf, upper)


def ratio_statistic(log_ratio: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> Floats:
    """How many standard errors the observed rates lie above a ratio (pairs,); falls as the ratio rises.

    Args:
        log_ratio: natural logarithm of the ratio (pairs,).
        x1: and the others as in ``difference_bounds``.
        n1: trials of the first (pairs,).
        x2: successes of the second (pairs,).
        n2: trials of the second (pairs,).
    """
    ratio = np.exp(log_ratio)
    p1, p2 = _likeliest_with_ratio(ratio, x1, n1, x2, n2)
    return _standardized(x1 / n1 - ratio * (x2 / n2), p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2, n1 + n2)


def _standardized(distance: Floats, variance: Floats, total: Floats) -> Floats:
    corrected = np.maximum(variance, 0.0) * total / np.maximum(total - 1, 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = distance / np.sqrt(corrected)
    # Where the variance vanishes the hypothesis is either exactly met or impossible.
    impossible = np.where(distance > 0, np.inf, -np.inf)
    return np.where(distance == 0, 0.0, np.where(corrected > 0, value, impossible))


def approximate_difference(z: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> Floats:
    """About where ``difference_statistic`` is ``z`` (pairs,).

    Source: Agresti and Caffo, Simple and effective confidence intervals for proportions, American Statistician 54, 2000.
    """
    p1, p2 = (x1 + 1) / (n1 + 2), (x2 + 1) / (n2 + 2)
    found: Floats = p1 - p2 - z * np.sqrt(p1 * (1 - p1) / (n1 + 2) + p2 * (1 - p2) / (n2 + 2))
    return found


def approximate_log_ratio(z: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> Floats:
    """About where ``ratio_statistic`` is ``z`` (pairs,).

    Source: Walter, The distribution of Levins' measure of attributable risk, Biometrika 62, 1975.
    """
    a, m, b, n = (count + 0.5 for count in (x1, n1, x2, n2))
    found: Floats = np.log(a / m * n / b) - z * np.sqrt(1 / a - 1 / m + 1 / b - 1 / n)
    return found


def _likeliest_with_ratio(ratio: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> tuple[Floats, Floats]:
    """The most likely pair of rates with p1 = ratio * p2: the root of a quadratic."""
    a = (n1 + n2) * ratio
    b = -(n1 * ratio + x1 + n2 + x2 * ratio)
    c = x1 + x2
    p2 = (-b - np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))) / (2 * a)
    p2 = np.clip(p2, 0.0, np.minimum(1.0, 1.0 / ratio))
    return np.minimum(ratio * p2, 1.0), p2


def _likeliest_with_difference(delta: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> tuple[Floats, Floats]:
    """The most likely pair of rates with p1 = p2 + delta: the root of a cubic that lies between 0 and 1."""
    n, x = n1 + n2, x1 + x2
    l2 = (n1 + 2 * n2) * delta - n - x
    l1 = (n2 * delta - n - 2 * x2) * delta + x
    l0 = x2 * delta * (1 - delta)
    q = l2**3 / (3 * n) ** 3 - l1 * l2 / (6 * n**2) + l0 / (2 * n)
    p = np.where(q < 0, -1.0, 1.0) * np.sqrt(np.maximum(l2**2 / (3 * n) ** 2 - l1 / (3 * n), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(p == 0, 0.0, q / np.where(p == 0, 1.0, p**3))
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3
    p2 = 2 * p * np.cos(angle) - l2 / (3 * n)
    p2 = np.clip(p2, np.maximum(0.0, -delta), np.minimum(1.0, 1.0 - delta))
    return np.clip(p2 + delta, 0.0, 1.0), p2
