"""The largest disparity over groups, with bounds that are right when all groups are equal.

A largest difference over K groups is never negative, so the bootstrap of it is biased upwards and misses 0 when the
groups are equal. Here every pair of groups gets a score interval, and the two ends of the result ask two questions:

- *How large may the disparity be?* It is the disparity of some pair. Whichever pair that is, its own interval covers
  it, so the worst end over all pairs, each at the full level, is a valid bound: an intersection-union test, which
  needs no correction (Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, 1982).
- *How large is it at least?* Here the pair was picked because it looked worst, so all pairs are bounded at once, with
  the studentized range in place of the normal quantile (Tukey and Kramer). With equal groups the bound passes the
  truth with at most the stated probability, however many groups there are.

Only the worst end over all pairs is sought, for many comparisons at once: the likeliest pair is solved, and hardly any other
is left that could lie beyond it.
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
from rai_platform.statistics.proportions import (
    LARGEST_LOG_RATIO,
    approximate_difference,
    approximate_log_ratio,
    difference_statistic,
    ratio_statistic,
)
from rai_platform.statistics.roots import roots_near

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
OfPairs = Callable[[Floats, Floats, Floats, Floats, Floats], Floats]
NEGLIGIBLE = 1e-9  # standard errors: a pair that lies no further beyond the last one is not sought
ALMOST_ALL = 1 - 1e-12  # of the largest value possible: nothing lies beyond it


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
    x1, n1, x2, n2 = pairs.counts
    estimates = pairs.largest(x1 / n1 - x2 / n2)
    upper, lower = pairs.largest_roots(DIFFERENCE, _quantiles(comparisons))
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
    x1, n1, x2, n2 = pairs.counts
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = pairs.largest(np.where(x1 > 0, x2 / n2 / (x1 / n1), np.inf * x2))
    # The smallest ratio is one over the largest of the ratios turned round; every pair is there both ways.
    outer, inner = np.exp(-pairs.largest_roots(LOG_RATIO, _quantiles(comparisons)))
    nobody = pairs.largest((x2 <= 0).astype(float)) > 0  # the lower bound of a ratio whose numerator is 0 is 0
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


def _quantiles(comparisons: Sequence[Comparison]) -> Floats:
    """Where the statistics of the outer and of the inner bounds are sought (2, comparisons)."""
    return np.array(
        [[-each.outer_quantile for each in comparisons], [each.inner_quantile for each in comparisons]], dtype=float
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """A score test of two rates.

    Attributes:
        statistic: of a hypothesis and the counts of pairs; falls as the hypothesis rises.
        approximate_root: where it about equals a target.
        within: the root lies between this and its negative.
    """

    statistic: OfPairs
    approximate_root: OfPairs
    within: float

    def roots(self, targets: Floats, counts: Floats) -> Floats:
        """Where each pair's statistic equals its target (pairs,)."""
        near, beside = (self.approximate_root(targets + shift, *counts) for shift in (0.0, 0.1))
        return roots_near(self.statistic, counts, target=targets, guesses=(near, beside), within=self.within)


DIFFERENCE = _Test(statistic=difference_statistic, approximate_root=approximate_difference, within=1.0)
LOG_RATIO = _Test(statistic=ratio_statistic, approximate_root=approximate_log_ratio, within=LARGEST_LOG_RATIO)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """All ordered pairs of groups of all comparisons, those of one comparison in a row.

    Attributes:
        counts: successes and trials of the first and of the second of each pair (4, pairs).
        of_pair: the comparison that a pair belongs to (pairs,).
        starts: where the pairs of each comparison begin (comparisons,).
    """

    counts: Floats
    of_pair: Places
    starts: Places

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "_Pairs":
        parts = [_ordered_pairs(each) for each in comparisons]
        sizes = np.array([part.shape[1] for part in parts])
        return cls(
            counts=np.concatenate(parts, axis=1),
            of_pair=np.repeat(np.arange(len(parts)), sizes),
            starts=np.cumsum(sizes) - sizes,
        )

    def largest(self, values: Floats) -> Floats:
        """The largest value of each comparison's pairs (comparisons,); NaN where every value is NaN."""
        found: Floats = np.fmax.reduceat(values, self.starts)
        return found

    def largest_roots(self, test: _Test, targets: Floats) -> Floats:
        """Where the last of each comparison's falling statistics reaches its target (levels, comparisons).

        The pair that a normal approximation puts last is solved first; the others that are still above their target there
        are what is left. Among them the highest is the next to be solved, until none is left.

        Args:
            test: the statistic, and what is known of it.
            targets: of every comparison at several levels (levels, comparisons).
        """
        levels, comparisons = targets.shape
        wanted, counts = targets.ravel(), np.tile(self.counts, levels)
        of = np.concatenate([self.of_pair + level * comparisons for level in range(levels)])
        rank = test.approximate_root(wanted[of], *counts)
        last = np.full(levels * comparisons, -test.within)
        while len(of):
            chosen = _highest(rank, of)
            solved = of[chosen]
            last[solved] = np.maximum(last[solved], test.roots(wanted[solved], counts[:, chosen]))
            rank = test.statistic(last[of], *counts) - wanted[of]
            stays = (rank > NEGLIGIBLE) & (last[of] < ALMOST_ALL * test.within)
            stays[chosen] = False
            rank, of, counts = rank[stays], of[stays], counts[:, stays]
        return last.reshape(targets.shape)


def _highest(values: Floats, of: Places) -> Places:
    """The first place of the highest value of each comparison; those of one comparison are in a row (pairs,)."""
    starts = np.flatnonzero(np.append([True], of[1:] != of[:-1]))
    sizes = np.diff(np.append(starts, [len(of)]))
    places = np.flatnonzero(values == np.repeat(np.maximum.reduceat(values, starts), sizes))
    return places[np.unique(of[places], return_index=True)[1]]


def _ordered_pairs(comparison: Comparison) -> Floats:
    x, n = np.asarray(comparison.successes, dtype=float), np.asarray(comparison.trials, dtype=float)
    first, second = _places(len(x), comparison.reference)
    return np.stack([x[first], n[first], x[second], n[second]])


@functools.lru_cache(maxsize=512)
def _places(groups: int, reference: int | None) -> tuple[Places, Places]:
    """Every group with every other, both ways; with the reference alone where there is one."""
    first, second = np.nonzero(~np.eye(groups, dtype=bool))
    if reference is not None:
        with_it = (first == reference) | (second == reference)
        first, second = first[with_it], second[with_it]
    return first, second
