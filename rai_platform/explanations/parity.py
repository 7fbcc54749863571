"""How differently features matter to groups: the share of a group's attributions that falls on each feature."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from rai_platform.data.sample import Sample, in_order
from rai_platform.explanations.examination import GroupShares
from rai_platform.explanations.mixing import Floats
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.clusters import clustered_variance

LEAST_PEOPLE = 30  # explained people of a group, below which the error of a share is not known well enough


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestDifference:
    """The feature whose share of the attributions differs most between two groups.

    Attributes:
        feature: its place among the report's features.
        high: the group in which it has the larger share.
        low: the other one.
        value: the difference of the shares, from 0 to 1.
        bounds: of the largest difference over all features and pairs of groups.
    """

    feature: int
    high: GroupShares
    low: GroupShares
    value: float
    bounds: Interval


def shares_by_feature(
    size: Floats, explained: Sample, group_features: Sequence[str]
) -> dict[str, tuple[GroupShares, ...]]:
    """``group_shares`` by sensitive feature and intersection.

    Args:
        size: absolute attributions (rows, features).
        explained: the rows they are of.
        group_features: sensitive features and intersections to compare groups by.
    """
    weight = np.ones(explained.n) if explained.weight is None else explained.weight
    return {
        feature: group_shares(size, explained.groups(feature).to_numpy(object), weight, explained.cluster)
        for feature in group_features
    }


def group_shares(
    size: Floats, groups: npt.NDArray[np.object_], weight: Floats, cluster: npt.NDArray[np.int64] | None
) -> tuple[GroupShares, ...]:
    """The share of every feature in the attributions of each group, with the error of a ratio of means (linearized).

    Args:
        size: absolute attributions (rows, features).
        groups: (rows,).
        weight: (rows,).
        cluster: (rows,), or None where rows are independent.
    """
    found = []
    for group in in_order(sorted({str(each) for each in groups})):
        member = groups.astype(str) == group
        of = None if cluster is None else cluster[member]
        found.append(_shares(group, size[member], weight[member], of))
    return tuple(found)


def _shares(group: str, size: Floats, weight: Floats, cluster: npt.NDArray[np.int64] | None) -> GroupShares:
    n, people = len(size), len(size) if cluster is None else len(np.unique(cluster))
    total = float(weight @ size.sum(axis=1))
    if total <= 0:
        return GroupShares(group=group, n=n, people=people, shares=(), standard_errors=())
    shares = weight @ size / total
    influence = weight[:, None] * (size - shares * size.sum(axis=1, keepdims=True)) / total
    variance = np.sum(influence**2, axis=0) * n / max(n - 1, 1)
    if cluster is not None:
        variance = np.maximum(variance, [clustered_variance(each, cluster) for each in influence.T])
    return GroupShares(
        group=group,
        n=n,
        people=people,
        shares=tuple(shares.tolist()),
        standard_errors=tuple(np.sqrt(variance).tolist()),
    )


def too_small(groups: Sequence[GroupShares]) -> dict[str, str]:
    """Why a group is compared with no other, by group."""
    why = {
        each.group: f"too small: {each.people} explained people, {LEAST_PEOPLE} needed"
        for each in groups
        if each.people < LEAST_PEOPLE
    }
    nothing = {each.group: "nothing moves the score of anybody explained" for each in groups if not each.shares}
    return nothing | why


def largest_difference(
    groups: Sequence[GroupShares], *, lower_alpha: float = 0.025, upper_alpha: float = 0.025
) -> LargestDifference | None:
    """The largest difference in the share of a feature over all pairs of groups; None where fewer than two can be compared.

    The lower bound holds for all features and pairs at once (Bonferroni), since the largest of many differences is large by
    chance. The upper bound needs no correction: the difference that is truly the largest has its own bound, and the largest
    of all bounds is no smaller. Quantiles are Student's, with the degrees of freedom of the smaller group.

    Args:
        groups: of one sensitive feature.
        lower_alpha: probability that the lower bound is wrong, at most.
        upper_alpha: probability that the upper bound is wrong, at most.
    """
    left_out = too_small(groups)
    large = [each for each in groups if each.group not in left_out]
    if len(large) < 2:
        return None
    pairs = list(itertools.permutations(large, 2))
    differences = np.array([np.subtract(one.shares, other.shares) for one, other in pairs])
    errors = np.array([np.hypot(one.standard_errors, other.standard_errors) for one, other in pairs])
    freedom = np.array([min(one.people, other.people) - 1 for one, other in pairs])[:, None]
    compared = max(1, int((errors > 0).sum()))
    lower = (differences - t.isf(lower_alpha / compared, freedom) * errors).max()
    upper = (differences + t.isf(upper_alpha, freedom) * errors).max()
    pair, feature = np.unravel_index(int(differences.argmax()), differences.shape)
    value = float(differences[pair, feature])
    return LargestDifference(
        feature=int(feature),
        high=pairs[int(pair)][0],
        low=pairs[int(pair)][1],
        value=value,
        bounds=Interval(lower=max(0.0, min(float(lower), value)), upper=min(1.0, max(float(upper), value))),
    )
