"""Effective sizes of rows that come in clusters: visits of one patient, loans of one household.

Rows of a cluster resemble each other, so that they tell less than as many people would. The variance of a mean is taken
over the totals of clusters (linearization), and the effective size is the number of independent rows of equal weight that
would have that variance. Korn and Graubard shrink it further where there are few clusters, by the ratio of the quantiles of
Student's t: a variance that rests on few clusters is itself uncertain.

Source: Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts estimated from
survey data, Survey Methodology 24, 1998; Kish, Survey Sampling, 1965 (design effect).
"""

import functools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LEVEL = 0.975  # at which the quantiles are compared


def clustered_size(values: Floats, weight: Floats | None, cluster: npt.NDArray[np.int64]) -> float:
    """The effective number of rows behind the mean of values.

    It lies between that of clusters whose rows are all alike and Kish's, that of independent rows; where all values are
    equal nothing shows how alike the rows of a cluster are, and it is the smaller of the two.

    Args:
        values: (rows,), at least one.
        weight: sampling weights (rows,), or None.
        cluster: the cluster of every row (rows,), any numbers.
    """
    w = np.ones(len(values)) if weight is None else weight
    mean = float(np.average(values, weights=w))
    of = np.unique(cluster, return_inverse=True)[1]
    return size_from_moments(
        total=float(w.sum()),
        independent=float(np.sum(w**2 * (values - mean) ** 2)),
        clustered=float(np.sum(np.bincount(of, weights=w * (values - mean)) ** 2)),
        squares=float(np.sum(w**2)),
        cluster_squares=float(np.sum(np.bincount(of, weights=w) ** 2)),
        clusters=int(of.max()) + 1,
        rows=len(values),
    )


def size_from_moments(
    *,
    total: float,
    independent: float,
    clustered: float,
    squares: float,
    cluster_squares: float,
    clusters: int,
    rows: int,
) -> float:
    """``clustered_size`` from sums.

    Args:
        total: of the weights.
        independent: squares of the rows' weighted distances from the mean, summed.
        clustered: squares of the clusters' summed weighted distances from the mean, summed.
        squares: of the rows' weights, summed.
        cluster_squares: of the clusters' summed weights, summed.
        clusters: number of clusters.
        rows: number of rows.
    """
    kish, alike = total**2 / squares, total**2 / cluster_squares
    if clusters < 2:
        return alike
    size = alike
    if independent > 0 and clustered > 0:
        design_effect = clustered * clusters / (clusters - 1) / (independent * rows / max(rows - 1, 1))
        size = min(max(kish / design_effect, alike), kish)
    return max(size * few_clusters(clusters, rows), 1.0)


def clustered_variance(influence: Floats, cluster: npt.NDArray[np.int64]) -> float:
    """The variance of a sum of influences (rows,) over clusters, widened where there are few."""
    of = np.unique(cluster, return_inverse=True)[1]
    clusters = int(of.max()) + 1
    sums = np.bincount(of, weights=influence)
    if clusters < 2:
        return float(np.sum(np.abs(influence)) ** 2)
    return float(np.sum(sums**2)) * clusters / (clusters - 1) / few_clusters(clusters, len(influence))


@functools.cache
def few_clusters(clusters: int, rows: int) -> float:
    """The square of the ratio of t quantiles with rows - 1 and clusters - 1 degrees of freedom: 1 for many clusters."""
    from scipy.stats import t

    many, few = (float(t.ppf(LEVEL, max(number - 1, 1))) for number in (max(rows, clusters), clusters))
    return (many / few) ** 2
