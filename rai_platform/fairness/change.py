"""Two models on the same people: what changes in accuracy and in every disparity when one takes the other's place.

The two models' decisions on a person are not independent, so their disparities are not compared interval by interval. The
people are counted by group, label and both decisions; drawing those counts again keeps each person's two decisions
together.

A largest gap over groups is never below 0 and grows by chance: of groups that are equal one is always drawn lowest. How much
chance adds depends on how many groups may be the lowest and how many the highest, so the draws are read twice: as they are,
and with what chance adds taken off as if all groups that cannot be told from the lowest were as low, and likewise the highest
(the directional derivative of a largest gap at an estimated set of extremes).

Source: Fang and Santos, Inference on directionally differentiable functions, Review of Economic Studies 86, 2019.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rai_platform.fairness.metrics import DISPARITIES, Disparity
from rai_platform.fairness.rates import Rate
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.comparisons import mcnemar_test
from rai_platform.statistics.disparity import simultaneous_quantile
from rai_platform.statistics.estimates import (
    REPORTED_ALPHA,
    PairedDifference,
    Replicates,
    effective_size,
    paired_difference,
)
from rai_platform.statistics.resampling import redrawn_clusters, redrawn_counts

Floats = npt.NDArray[np.float64]
TOLD_APART = 0.05  # the chance, over all groups together, of taking one for less extreme that is not


@dataclass(frozen=True, slots=True, kw_only=True)
class DisparityChange:
    """A disparity of a candidate minus that of the model it would replace; its bounds are ``bounds_of_change``.

    Attributes:
        drawn: the change, and what it was when the people were drawn again.
        corrected: the same draws with what chance adds taken off, in every reading that is possible, each sorted
            (replicates,).
    """

    drawn: Replicates
    corrected: tuple[tuple[float, ...], ...]

    @property
    def value(self) -> float:
        """For a difference below 0 is better, for a ratio above 0."""
        return self.drawn.value


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionChange:
    """A candidate beside the model it would replace, on the same rows.

    Attributes:
        n: rows.
        changed: share of people whose decision changes.
        accuracy: the candidate's accuracy minus the other's.
        accuracy_p_value: of their being right equally often, by McNemar's exact test.
        disparities: the candidate's disparity minus the other's, by disparity and feature; None where either has no value.
    """

    n: int
    changed: float
    accuracy: PairedDifference
    accuracy_p_value: float
    disparities: dict[str, dict[str, DisparityChange | None]]


def compare_decisions(
    groups: dict[str, npt.NDArray[np.object_]],
    y_true: npt.NDArray[np.int8],
    before: npt.NDArray[np.int8],
    after: npt.NDArray[np.int8],
    *,
    names: tuple[str, ...],
    seed: int,
    weight: Floats | None = None,
    cluster: npt.NDArray[np.int64] | None = None,
) -> DecisionChange:
    """What changes when the decisions ``before`` become the decisions ``after``.

    Args:
        groups: the group of every row (rows,), by feature.
        y_true: labels (rows,).
        before: decisions of the model in use (rows,).
        after: decisions of the candidate (rows,).
        names: disparities to compare.
        seed: of the bootstrap.
        weight: sampling weights (rows,); intervals then rest on the effective sample size, and are approximate.
        cluster: the patient or household of every row (rows,), which are then drawn again as a whole.
    """
    accuracy = paired_difference(after == y_true, before == y_true, weight, cluster)
    return DecisionChange(
        n=len(y_true),
        changed=float(np.average(before != after, weights=weight)),
        accuracy=accuracy,
        accuracy_p_value=mcnemar_test(accuracy.first_only, accuracy.second_only),
        disparities={
            name: {
                feature: _change(DISPARITIES[name], member, y_true, before, after, weight, cluster, seed)
                for feature, member in groups.items()
            }
            for name in names
        },
    )


def bounds_of_change(change: DisparityChange, alpha: float = REPORTED_ALPHA) -> Interval:
    """Bounds of the change in a disparity that hold also where one of the models treats its groups equally.

    The hull of the percentiles of the draws (which lie on the wrong side of a change to or from equality), of the same
    reflected at the estimate, and of the draws with what chance adds taken off. Simulated with 2, 4 and 10 groups of 300 and
    1,000, before and after equal, unequal, nearly equal or spread, 95 % bounds hold the change at least 90 times in 100, and nearly
    always where neither model changes much. Of groups of 100 to 200 that are spread no further than chance would spread them,
    nobody can say how many are extreme: a change between that and equality is held 75 to 90 times in 100.

    Args:
        change: from ``compare_decisions``.
        alpha: on either side.

    Source: Davison and Hinkley, Bootstrap methods and their application, 1997, section 5.2 (percentile and basic intervals).
    """
    drawn = change.drawn.bounds(alpha, alpha)
    corrected = [
        Replicates(value=change.value, replicates=reading, n=change.drawn.n).bounds(alpha, alpha)
        for reading in change.corrected
    ]
    return Interval(  # of two values from 0 to 1
        lower=max(-1.0, min(drawn.lower, 2 * change.value - drawn.upper, *(each.lower for each in corrected))),
        upper=min(1.0, max(drawn.upper, 2 * change.value - drawn.lower, *(each.upper for each in corrected))),
    )


def _change(
    disparity: Disparity,
    groups: npt.NDArray[np.object_],
    y_true: npt.NDArray[np.int8],
    before: npt.NDArray[np.int8],
    after: npt.NDArray[np.int8],
    weight: Floats | None,
    cluster: npt.NDArray[np.int64] | None,
    seed: int,
) -> DisparityChange | None:
    known, place = np.unique(groups.astype(str), return_inverse=True)
    if len(known) < 2:
        return None
    position = ((place * 2 + y_true) * 2 + before) * 2 + after
    table, redrawn = _counted_and_redrawn(position, weight, cluster, shape=(len(known), 2, 2, 2), seed=seed)

    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(_disparity(disparity, _after(table)) - _disparity(disparity, _before(table)))
    if not np.isfinite(value):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = _disparity(disparity, _after(redrawn)) - _disparity(disparity, _before(redrawn))
        one, other = (_corrected(disparity, of(table), of(redrawn)) for of in (_before, _after))
    # Of the same extreme groups chance adds the same to both; else it may add to either alone.
    pairs = itertools.product((other.most, other.least), (one.most, one.least))
    readings = [other.most - one.most] if one.extremes == other.extremes else [b - a for b, a in pairs]
    return DisparityChange(
        drawn=Replicates(value=value, replicates=_sorted(drawn) or (value,), n=len(y_true)),
        corrected=tuple(_sorted(reading) or (value,) for reading in readings),
    )


def _counted_and_redrawn(
    position: npt.NDArray[np.int64],
    weight: Floats | None,
    cluster: npt.NDArray[np.int64] | None,
    *,
    shape: tuple[int, ...],
    seed: int,
) -> tuple[Floats, Floats]:
    """Counts by group, label, before and after (*shape), and the same when rows, or whole clusters, are drawn again."""
    cells = int(np.prod(shape))
    if cluster is None:
        effective = None if weight is None else weight * effective_size(weight) / weight.sum()
        table = np.bincount(position, weights=effective, minlength=cells).astype("float64").reshape(shape)
        return table, redrawn_counts(table, seed=seed)
    weights = np.ones(len(position)) if weight is None else weight
    of = np.unique(cluster, return_inverse=True)[1]
    table = np.bincount(position, weights=weights, minlength=cells).astype("float64").reshape(shape)
    return table, redrawn_clusters(position, of, weights, cells=cells, seed=seed).reshape(-1, *shape)


def _before(table: Floats) -> Floats:
    """Counts (..., groups, label, decision) of the model in use."""
    counts: Floats = table.sum(axis=-1)
    return counts


def _after(table: Floats) -> Floats:
    """Counts (..., groups, label, decision) of the candidate."""
    counts: Floats = table.sum(axis=-2)
    return counts


def _sorted(drawn: Floats) -> tuple[float, ...]:
    return tuple(np.sort(drawn[np.isfinite(drawn)]).tolist())


def _disparity(disparity: Disparity, counts: Floats) -> Floats:
    """A disparity of counts (..., groups, label, decision), giving (...,); NaN where a group lacks the rate."""
    gaps = []
    for rate in disparity.rates:
        rates = _rates(rate, counts)
        lowest, highest = rates.min(axis=-1), rates.max(axis=-1)
        gaps.append(highest - lowest if disparity.kind == "difference" else lowest / highest)
    if disparity.over_rates == "mean":
        mean: Floats = np.mean(gaps, axis=0)
        return mean
    worst: Floats = (np.max if disparity.kind == "difference" else np.min)(gaps, axis=0)
    return worst


@dataclass(frozen=True, slots=True, kw_only=True)
class _Corrected:
    """A disparity as it may truly be, by what the draws are off from what they were drawn from.

    Attributes:
        most: as if all groups that cannot be told from the most extreme ones were as extreme (replicates,).
        least: as if they were as extreme as they are found to be (replicates,).
        extremes: which groups cannot be told from the highest and which from the lowest, by rate, and which rates from the worst.
    """

    most: Floats
    least: Floats
    extremes: tuple[tuple[bool, ...], ...]


def _corrected(disparity: Disparity, counts: Floats, redrawn: Floats) -> _Corrected:
    """The disparity of one model, corrected; a ratio on the scale of its logarithm.

    Args:
        disparity: in question.
        counts: (groups, label, decision).
        redrawn: (replicates, groups, label, decision).
    """
    known, drawn, errors, extremes = [], [], [], []
    for rate in disparity.rates:
        if disparity.kind == "difference":
            rates, again = _rates(rate, counts), _rates(rate, redrawn)
        else:  # half a person more on either side, so that nobody's rate is 0
            rates, again = np.log(_rates(rate, counts, 0.5)), np.log(_rates(rate, redrawn, 0.5))
        known.append(rates.max() - rates.min())
        drawn.append(again.max(axis=1) - again.min(axis=1))
        ends = [_among_highest(sign * rates, sign * (again - rates)) for sign in (1, -1)]
        errors.append(
            sum((sign * (again - rates))[:, end].max(axis=1) for sign, end in zip((1, -1), ends, strict=True))
        )
        extremes += ends
    gaps, gaps_drawn, gap_errors = np.array(known), np.stack(drawn, axis=-1), np.stack(errors, axis=-1)
    if disparity.over_rates == "mean":
        most, least = (gaps - gap_errors).mean(axis=1), (2 * gaps - gaps_drawn).mean(axis=1)
    else:
        worst = _among_highest(gaps, gap_errors)
        extremes.append(worst)
        most, least = gaps.max() - gap_errors[:, worst].max(axis=1), 2 * gaps.max() - gaps_drawn.max(axis=1)
    if disparity.kind == "ratio":
        most, least = np.exp(-most), np.exp(-least)
    return _Corrected(most=most, least=least, extremes=tuple(tuple(each.tolist()) for each in extremes))


def _among_highest(values: Floats, errors: Floats) -> npt.NDArray[np.bool_]:
    """Which of values (values,) cannot be told from the highest, by the errors of every draw (replicates, values)."""
    top = int(np.argmax(values))
    spread = np.nanstd(errors - errors[:, [top]], axis=0)
    apart = simultaneous_quantile(len(values), TOLD_APART) if len(values) > 1 else 0.0
    near: npt.NDArray[np.bool_] = values[top] - values <= apart * spread
    return near


def _rates(rate: Rate, counts: Floats, added: float = 0.0) -> Floats:
    """The rate of every group (..., groups), of counts (..., groups, label, decision)."""
    cells = counts.reshape(*counts.shape[:-2], 4)
    of, among = cells[..., list(rate.of)].sum(axis=-1), cells[..., list(rate.among)].sum(axis=-1)
    rates: Floats = (of + added) / (among + 2 * added)
    return rates
