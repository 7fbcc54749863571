"""Balanced accuracy, of two labels or several."""

import math

import numpy as np
import numpy.typing as npt

from rai_platform.statistics.clusters import clustered_variance
from rai_platform.statistics.estimates import NormalEstimate, weighted_proportion

Floats = npt.NDArray[np.float64]


def balanced_accuracy(
    right: npt.NDArray[np.bool_],
    y_true: npt.NDArray[np.int8],
    weight: Floats | None,
    cluster: npt.NDArray[np.int64] | None = None,
) -> NormalEstimate:
    """The mean over the labels in ``y_true`` of the share of their rows that is decided rightly: their mean recall.

    Its error is that of a mean of independent proportions; where rows are clustered, so that one cluster may hold rows of
    several labels, the larger of that and the linearized one over clusters.

    Args:
        right: whether the decision is right (rows,).
        y_true: the labels (rows,).
        weight: sampling weights (rows,), or None.
        cluster: the cluster of every row (rows,), or None where rows are independent.
    """
    rows_of = [y_true == label for label in np.unique(y_true)]
    rates = [
        weighted_proportion(
            right[mine], None if weight is None else weight[mine], None if cluster is None else cluster[mine]
        )
        for mine in rows_of
    ]
    variance = sum(
        # One success and one failure more keep the error above 0 where a rate is 0 or 1 (Agresti and Coull, 1998).
        (rate.successes + 1) * (rate.trials - rate.successes + 1) / (rate.trials + 2) ** 3
        for rate in rates
    )
    variance /= len(rates) ** 2
    if cluster is not None:
        w, influence = np.ones(len(right)) if weight is None else weight, np.empty(len(right))
        for mine, rate in zip(rows_of, rates, strict=True):
            influence[mine] = w[mine] * (right[mine] - rate.value) / w[mine].sum() / len(rates)
        variance = max(variance, clustered_variance(influence, cluster))
    return NormalEstimate(
        value=sum(rate.value for rate in rates) / len(rates),
        standard_error=math.sqrt(variance),
        n=len(right),
        most=1.0,
    )
