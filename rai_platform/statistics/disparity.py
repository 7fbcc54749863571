"""The largest disparity over groups, with bounds that are right when all groups are equal.

A largest difference over K groups is never negative, so the bootstrap of it is biased upwards and misses 0 when the
groups are equal. Here every pair of groups gets a score interval, and the two ends of the result ask two questions:

- *How large may the disparity be?* It is the disparity of some pair. Whichever pair that is, its own interval covers
  it, so the worst end over all pairs, each at the full level, is a valid bound: an intersection-union test, which
  needs no correction (Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, 1982).
- *How large is it at least?* Here the pair was picked because it looked worst, so all pairs are bounded at once, with
  the studentized range in place of the normal quantile (Tukey and Kramer). With equal groups the bound passes the
  truth with at most the stated probability, however many groups there are.

Only the worst end over all pairs is sought, for many comparisons at once: a pair that cannot hold it is dropped on the way.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import studentized_range

from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import normal_quantile
from rai_platform.statistics.proportions import BISECTIONS, LARGEST_LOG_RATIO, difference_statistic, ratio_statistic

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats, Floats, Floats, Floats, Floats], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Groups whose rates are compared, and how sure the bounds have to be.

    Attributes:
        successes: counts (groups,), may be fractional.
        trials: counts (groups,), positive; at least two groups.
        outer_alpha: probability at which the truth may be further apart than the outer bound.
        inner_alpha: probability at which it may be closer together than the inner bound, over all pairs together.
        reference: the group that every other is compared with; None compares every group with every other.
    """

    successes: Sequence[float]
    trials: Sequence[float]
    outer_alpha: float
    inner_alpha: float
    reference: int | None = None

    @property
    def outer_quantile(self) -> float:
        """Of one pair, in normal units."""
        return normal_quantile(self.outer_alpha)

    @property
    def inner_quantile(self) -> float:
        """Of all pairs at once, in normal units."""
        return simultaneous_quantile(len(self.trials), self.inner_alpha, with_reference=self.reference is not None)


def largest_differences(comparisons: Sequence[Comparison]) -> list[tuple[float, Interval]]:
    """For every comparison the largest difference of two groups' rates, from 0 (all equal) to 1, and bounds for it."""
    pairs = _Pairs.of(comparisons)
    estimates = pairs.largest(pairs.x1 / pairs.n1 - pairs.x2 / pairs.n2)
    upper = pairs.largest_root(difference_statistic, [-each.outer_quantile for each in comparisons], within=1.0)
    lower = pairs.largest_root(difference_statistic, [each.inner_quantile for each in comparisons], within=1.0)
    return [
        (float(value), Interval(lower=float(min(max(0.0, low), value)), upper=float(max(high, value))))
        for value, low, high in zip(estimates, lower, upper, strict=True)
    ]


def smallest_ratios(comparisons: Sequence[Comparison]) -> list[tuple[float | None, Interval]]:
    """For every comparison the smallest ratio of two groups' rates, the lower over the higher, and bounds for it.

    Returns:
        The ratio, from 0 to 1 (all equal), None where every rate is zero, and its bounds.
    """
    pairs = _Pairs.of(comparisons)
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = pairs.largest(np.where(pairs.x1 > 0, pairs.x2 / pairs.n2 / (pairs.x1 / pairs.n1), np.inf * pairs.x2))
    # The smallest ratio is one over the largest of the ratios turned round; every pair is there both ways.
    outer = np.exp(
        -pairs.largest_root(ratio_statistic, [-each.outer_quantile for each in comparisons], LARGEST_LOG_RATIO)
    )
    inner = np.exp(
        -pairs.largest_root(ratio_statistic, [each.inner_quantile for each in comparisons], LARGEST_LOG_RATIO)
    )
    nobody = pairs.largest((pairs.x2 <= 0).astype(float)) > 0  # the lower bound of a ratio whose numerator is 0 is 0
    found: list[tuple[float | None, Interval]] = []
    for largest, low, high, reaches_0 in zip(turned, outer, inner, nobody, strict=True):
        value = None if np.isnan(largest) else 1 / float(largest)
        lower, upper = 0.0 if reaches_0 else min(1.0, float(low)), min(1.0, float(high))
        if value is not None:
            lower, upper = min(lower, value), max(upper, value)
        found.append((value, Interval(lower=lower, upper=upper)))
    return found


def largest_difference(
    successes: Sequence[float],
    trials: Sequence[float],
    *,
    outer_alpha: float,
    inner_alpha: float,
    reference: int | None = None,
) -> tuple[float, Interval]:
    """``largest_differences`` of one comparison."""
    asked = Comparison(
        successes=successes, trials=trials, outer_alpha=outer_alpha, inner_alpha=inner_alpha, reference=reference
    )
    return largest_differences([asked])[0]


def smallest_ratio(
    successes: Sequence[float],
    trials: Sequence[float],
    *,
    outer_alpha: float,
    inner_alpha: float,
    reference: int | None = None,
) -> tuple[float | None, Interval]:
    """``smallest_ratios`` of one comparison."""
    asked = Comparison(
        successes=successes, trials=trials, outer_alpha=outer_alpha, inner_alpha=inner_alpha, reference=reference
    )
    return smallest_ratios([asked])[0]


@functools.lru_cache(maxsize=512)
def simultaneous_quantile(groups: int, alpha: float, *, with_reference: bool = False) -> float:
    """The quantile that bounds all differences between ``groups`` independent estimates at once, in normal units.

    Equal to the two-sided normal quantile for two groups; grows with their number. Where every group is compared with one
    reference alone there are fewer differences: Bonferroni's quantile over them, where it is the smaller one.
    """
    if groups == 2:
        return normal_quantile(alpha / 2)
    among_all = float(studentized_range.isf(alpha, groups, math.inf)) / math.sqrt(2)
    return min(among_all, normal_quantile(alpha / 2 / (groups - 1))) if with_reference else among_all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """All ordered pairs of groups of all comparisons; ``of_pair`` says which comparison a pair belongs to."""

    x1: Floats
    n1: Floats
    x2: Floats
    n2: Floats
    of_pair: npt.NDArray[np.int64]
    comparisons: int

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "_Pairs":
        parts = [_ordered_pairs(each) for each in comparisons]
        x1, n1, x2, n2 = (np.concatenate(column) for column in zip(*parts, strict=True))
        of_pair = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
        return cls(x1=x1, n1=n1, x2=x2, n2=n2, of_pair=of_pair, comparisons=len(parts))

    def largest(self, values: Floats) -> Floats:
        """The largest value of each comparison's pairs (comparisons,); NaN where every value is NaN."""
        known = ~np.isnan(values)
        found = np.full(self.comparisons, -np.inf)
        np.maximum.at(found, self.of_pair[known], values[known])
        return np.where(np.isneginf(found), np.nan, found)

    def largest_root(self, statistic: Statistic, target: Sequence[float], within: float) -> Floats:
        """Where the last of each comparison's falling statistics reaches its target (comparisons,), by bisection."""
        low, high = np.full(self.comparisons, -within), np.full(self.comparisons, within)
        wanted = np.asarray(target)
        x1, n1, x2, n2, of_pair = self.x1, self.n1, self.x2, self.n2, self.of_pair
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            above = statistic(middle[of_pair], x1, n1, x2, n2) > wanted[of_pair]
            reached = np.zeros(self.comparisons, dtype=bool)
            reached[of_pair[above]] = True
            low, high = np.where(reached, middle, low), np.where(reached, high, middle)
            # Where some pair lies above, those that do not cannot be the last.
            if not (stays := above | ~reached[of_pair]).all():
                x1, n1, x2, n2 = (column[stays] for column in (x1, n1, x2, n2))
                of_pair = of_pair[stays]
        roots: Floats = (low + high) / 2
        return roots


def _ordered_pairs(comparison: Comparison) -> tuple[Floats, Floats, Floats, Floats]:
    x, n = np.asarray(comparison.successes, dtype=float), np.asarray(comparison.trials, dtype=float)
    paired = ~np.eye(len(x), dtype=bool)
    if (reference := comparison.reference) is not None:
        with_it = np.zeros_like(paired)
        with_it[reference, :] = with_it[:, reference] = True
        paired &= with_it
    first, second = np.where(paired)
    return x[first], n[first], x[second], n[second]
