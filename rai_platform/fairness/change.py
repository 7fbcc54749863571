"""Two models on the same people: what changes in accuracy and in every disparity when one takes the other's place.

The two models' decisions on a person are not independent, so their disparities are not compared interval by interval. The
people are counted by group, label and both decisions; drawing those counts again keeps each person's two decisions
together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rai_platform.fairness.metrics import DISPARITIES, Disparity
from rai_platform.fairness.rates import Rate
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.comparisons import mcnemar_test
from rai_platform.statistics.estimates import (
    REPORTED_ALPHA,
    PairedDifference,
    Replicates,
    effective_size,
    paired_difference,
)
from rai_platform.statistics.resampling import redrawn_clusters, replicated

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionChange:
    """A candidate beside the model it would replace, on the same rows.

    Attributes:
        n: rows.
        changed: share of people whose decision changes.
        accuracy: the candidate's accuracy minus the other's.
        accuracy_p_value: of their being right equally often, by McNemar's exact test.
        disparities: the candidate's disparity minus the other's, by disparity and feature; for a difference below 0 is
            better, for a ratio above 0. None where either has no value.
    """

    n: int
    changed: float
    accuracy: PairedDifference
    accuracy_p_value: float
    disparities: dict[str, dict[str, Replicates | None]]


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


def bounds_of_change(change: Replicates, alpha: float = REPORTED_ALPHA) -> Interval:
    """Bounds of the change in a disparity that hold also where one of the models treats its groups equally.

    A largest gap is never below 0: where the truth is 0, it and everything drawn from it lie above, and the percentiles of the
    bootstrap with them (they cover a change to equality 77 to 87 times in 100). Reflected at the estimate, they lie on the other
    side. The hull of both covers 95 times in 100 with two groups, and 84 to 91 with four that are all equal; what it then
    misses is a change that is larger than it says.

    Args:
        change: from ``compare_decisions``.
        alpha: on either side.

    Source: Davison and Hinkley, Bootstrap methods and their application, 1997, section 5.2 (percentile and basic intervals).
    """
    found = change.bounds(alpha, alpha)
    return Interval(
        lower=min(found.lower, 2 * change.value - found.upper), upper=max(found.upper, 2 * change.value - found.lower)
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
) -> Replicates | None:
    known, place = np.unique(groups.astype(str), return_inverse=True)
    if len(known) < 2:
        return None
    position = ((place * 2 + y_true) * 2 + before) * 2 + after
    shape = (len(known), 2, 2, 2)  # group, label, before, after

    def difference(drawn: Floats) -> Floats:
        return _disparity(disparity, drawn.sum(axis=-2)) - _disparity(disparity, drawn.sum(axis=-1))

    if cluster is not None:
        weights = np.ones(len(y_true)) if weight is None else weight
        return _drawn_by_cluster(difference, position, weights, cluster, shape=shape, seed=seed)
    effective = None if weight is None else weight * effective_size(weight) / weight.sum()
    counts = np.bincount(position, weights=effective, minlength=8 * len(known))
    return replicated(difference, counts.reshape(shape), n=len(y_true), seed=seed)


def _drawn_by_cluster(
    difference: Callable[[Floats], Floats],
    position: npt.NDArray[np.int64],
    weight: Floats,
    cluster: npt.NDArray[np.int64],
    *,
    shape: tuple[int, ...],
    seed: int,
) -> Replicates | None:
    """As ``replicated``, with whole clusters drawn again."""
    cells = int(np.prod(shape))
    of = np.unique(cluster, return_inverse=True)[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(
            difference(np.bincount(position, weights=weight, minlength=cells).astype("float64").reshape(1, *shape))[0]
        )
        drawn = difference(redrawn_clusters(position, of, weight, cells=cells, seed=seed).reshape(-1, *shape))
    if not np.isfinite(value):
        return None
    known = drawn[np.isfinite(drawn)]
    return Replicates(value=value, replicates=tuple(np.sort(known).tolist()) or (value,), n=len(position))


def _disparity(disparity: Disparity, counts: Floats) -> Floats:
    """A disparity of counts (..., groups, label, decision), giving (...,); NaN where a group lacks the rate."""
    cells = counts.reshape(*counts.shape[:-2], 4)
    apart = []
    for rate in disparity.rates:
        rates = _rates(rate, cells)
        lowest, highest = rates.min(axis=-1), rates.max(axis=-1)
        apart.append(highest - lowest if disparity.kind == "difference" else lowest / highest)
    if disparity.over_rates == "mean":
        mean: Floats = np.mean(apart, axis=0)
        return mean
    worst: Floats = (np.max if disparity.kind == "difference" else np.min)(apart, axis=0)
    return worst


def _rates(rate: Rate, cells: Floats) -> Floats:
    of: Floats = cells[..., list(rate.of)].sum(axis=-1) / cells[..., list(rate.among)].sum(axis=-1)
    return of
