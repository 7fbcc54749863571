"""The largest disparity over groups, with bounds that are right when all groups are equal.

A largest difference over K groups is never negative, so the bootstrap of it is biased upwards and misses 0 when the
groups are equal. Here every pair of groups gets a score interval, and the two ends of the result ask two questions:

- *How large may the disparity be?* It is the disparity of some pair. Whichever pair that is, its own interval covers
  it, so the worst end over all pairs, each at the full level, is a valid bound: an intersection-union test, which
  needs no correction (Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, 1982).
- *How large is it at least?* Here the pair was picked because it looked worst, so all pairs are bounded at once, with
  the studentized range in place of the normal quantile (Tukey and Kramer). With equal groups the bound passes the
  truth with at most the stated probability, however many groups there are.
"""

import functools
import math

import numpy as np
import numpy.typing as npt
from scipy.stats import studentized_range

from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import normal_quantile
from rai_platform.statistics.proportions import difference_bounds, ratio_bounds


def largest_difference(
    successes: npt.ArrayLike, trials: npt.ArrayLike, *, outer_alpha: float, inner_alpha: float
) -> tuple[float, Interval]:
    """Largest minus smallest rate over groups, from 0 (all equal) to 1, and bounds for it.

    Args:
        successes: counts (groups,), may be fractional.
        trials: counts (groups,), positive; at least two groups.
        outer_alpha: probability at which the true difference may exceed the upper bound.
        inner_alpha: probability at which it may fall short of the lower bound, over all pairs together.
    """
    x1, n1, x2, n2 = _ordered_pairs(successes, trials)
    _, upper = difference_bounds(x1, n1, x2, n2, z=normal_quantile(outer_alpha))
    lower, _ = difference_bounds(x1, n1, x2, n2, z=simultaneous_quantile(len(np.asarray(trials)), inner_alpha))
    estimate = float(np.max(x1 / n1 - x2 / n2))
    return estimate, Interval(
        lower=min(max(0.0, float(lower.max())), estimate), upper=max(float(upper.max()), estimate)
    )


def smallest_ratio(
    successes: npt.ArrayLike, trials: npt.ArrayLike, *, outer_alpha: float, inner_alpha: float
) -> tuple[float | None, Interval]:
    """Smallest divided by largest rate over groups, from 0 to 1 (all equal), and bounds for it.

    Args:
        successes: counts (groups,), may be fractional.
        trials: counts (groups,), positive; at least two groups.
        outer_alpha: probability at which the true ratio may fall short of the lower bound.
        inner_alpha: probability at which it may exceed the upper bound, over all pairs together.

    Returns:
        The ratio, None where every rate is zero, and its bounds.
    """
    x1, n1, x2, n2 = _ordered_pairs(successes, trials)
    rates = np.asarray(successes, dtype=float) / np.asarray(trials, dtype=float)
    estimate = float(rates.min() / rates.max()) if rates.max() > 0 else None
    lower, _ = ratio_bounds(x1, n1, x2, n2, z=normal_quantile(outer_alpha))
    _, upper = ratio_bounds(x1, n1, x2, n2, z=simultaneous_quantile(len(rates), inner_alpha))
    low, high = min(1.0, float(lower.min())), min(1.0, float(upper.min()))
    if estimate is not None:
        low, high = min(low, estimate), max(high, estimate)
    return estimate, Interval(lower=low, upper=high)


@functools.lru_cache(maxsize=512)
def simultaneous_quantile(groups: int, alpha: float) -> float:
    """The quantile that bounds all differences between ``groups`` independent estimates at once, in normal units.

    Equal to the two-sided normal quantile for two groups; grows with their number.
    """
    if groups == 2:
        return normal_quantile(alpha / 2)
    return float(studentized_range.isf(alpha, groups, math.inf)) / math.sqrt(2)


def _ordered_pairs(
    successes: npt.ArrayLike, trials: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    x, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    first, second = np.where(~np.eye(len(x), dtype=bool))
    return x[first], n[first], x[second], n[second]
