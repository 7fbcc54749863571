"""Bootstrap: on counts where rows are independent and count the same, on rows or whole clusters where they do not.

For independent unweighted rows, drawing the counts again from a multinomial is the same distribution as drawing the rows
again, and costs nothing that grows with the rows.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rai_platform.statistics.estimates import Replicates

Floats = npt.NDArray[np.float64]
REPLICATES = 1000


def redrawn_counts(counts: npt.ArrayLike, *, replicates: int = REPLICATES, seed: int) -> Floats:
    """Counts as they would be had the same number of people been drawn again (replicates, *cells).

    Args:
        counts: (..., cells) of any shape; fractional totals are rounded.
        replicates: how many.
        seed: of the generator.
    """
    table = np.asarray(counts, dtype=float)
    total = table.sum()
    if total <= 0:
        return np.zeros((replicates, *table.shape))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(round(total), table.ravel() / total, size=replicates)
    return drawn.reshape(replicates, *table.shape).astype(float)


def redrawn_clusters(
    cell: npt.NDArray[np.int64],
    cluster: npt.NDArray[np.int64],
    weight: Floats,
    *,
    cells: int,
    replicates: int = REPLICATES,
    seed: int,
) -> Floats:
    """Sums of weights by cell, whole clusters drawn again with replacement (replicates, cells).

    Rows of one cluster (a patient, a household) are drawn together, so what they share adds to the spread. Rows that are
    independent are clusters of one.

    Args:
        cell: the cell of every row (rows,), from 0 to ``cells - 1``.
        cluster: the cluster of every row (rows,), from 0 without gaps.
        weight: sampling weights (rows,).
        cells: number of cells.
        replicates: how many.
        seed: of the generator.

    Source: Rao and Wu, Resampling inference with complex survey data, JASA 83, 1988.
    """
    rng = np.random.default_rng(seed)
    clusters = int(cluster.max()) + 1
    drawn = np.empty((replicates, cells))
    for at in range(replicates):
        times = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
        drawn[at] = np.bincount(cell, weights=weight * times[cluster], minlength=cells)
    return drawn


def replicated(statistic: Callable[[Floats], Floats], counts: npt.ArrayLike, *, n: int, seed: int) -> Replicates | None:
    """A smooth function of counts with its bootstrap distribution; None where the counts do not give it.

    Args:
        statistic: of counts (..., cells), giving (...,).
        counts: (*cells).
        n: rows they stand for.
        seed: of the generator.
    """
    table = np.asarray(counts, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(table[None])[0])
        drawn = statistic(redrawn_counts(table, seed=seed))
    if not np.isfinite(value):
        return None
    known = drawn[np.isfinite(drawn)]
    return Replicates(value=value, replicates=tuple(np.sort(known).tolist()) or (value,), n=n)
