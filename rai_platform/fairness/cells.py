"""The table of counts that every group metric is a function of: group x y_true x y_pred."""

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE = range(4)
Row = tuple[float, float, float, float]
NOBODY: Row = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """How many people of every group were right or wrong to be selected or passed over.

    Each row holds the true negatives, false positives, false negatives and true positives of a group. Counts may be
    fractional: expected counts from probabilities. Cells of shards or windows add up; a window is the difference of two
    running totals.

    Attributes:
        groups: names (groups,).
        counts: rows of the data (groups, 4).
        weights: sums of sampling weights (groups, 4); equal to the counts where rows are not weighted.
        squares: sums of squared weights (groups, 4), from which effective sample sizes follow.
        moments: where rows come in clusters, sums over clusters of the products of their weights in every two cells
            (groups, 16): all that the variance of any rate needs. They are counted at once: a cluster may be on both
            sides of any division into shards.
        clusters: number of clusters (groups,); None where rows are independent.
    """

    groups: tuple[str, ...]
    counts: tuple[Row, ...]
    weights: tuple[Row, ...]
    squares: tuple[Row, ...]
    moments: tuple[tuple[float, ...], ...] | None = None
    clusters: tuple[int, ...] | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of every group (groups,)."""
        return tuple(round(sum(row)) for row in self.counts)

    @property
    def n(self) -> int:
        """Rows of all groups."""
        return sum(self.sizes)

    @property
    def weighted(self) -> bool:
        """Whether rows count differently."""
        return self.weights != self.counts

    def only(self, groups: Iterable[str]) -> Self:
        """The cells of some groups, in the order of these cells."""
        wanted = set(groups)
        return self._at([index for index, group in enumerate(self.groups) if group in wanted])

    @property
    def overall(self) -> Self:
        """All groups as one, named ``(all)``."""
        return type(self)(
            groups=("(all)",),
            counts=(_total(self.counts),),
            weights=(_total(self.weights),),
            squares=(_total(self.squares),),
            moments=None if self.moments is None else (tuple(map(sum, zip(*self.moments, strict=True))),),
            clusters=None if self.clusters is None else (sum(self.clusters),),
        )

    def __add__(self, other: Self) -> Self:
        """The cells of two disjoint sets of rows together."""
        return self._combined(other, 1.0)

    def __sub__(self, other: Self) -> Self:
        """The cells without those of a part of the rows; groups of which nobody is left stay, with zeros.

        Raises:
            ValueError: the other cells hold somebody whom these do not.
        """
        left = self._combined(other, -1.0)
        if min((count for row in left.counts for count in row), default=0.0) < -1e-9:
            raise ValueError("expected the cells of a part of these rows, got people who are not among them")
        return left

    def _combined(self, other: Self, sign: float) -> Self:
        """The sum or difference.

        Raises:
            ValueError: rows come in clusters: nobody knows which clusters are on both sides.
        """
        from rai_platform.data.sample import in_order

        if self.clusters is not None or other.clusters is not None:
            raise ValueError("expected cells of independent rows: those of clusters are counted at once")
        groups = tuple(in_order((*self.groups, *other.groups)))
        mine, theirs = (dict(zip(cells.groups, range(len(cells.groups)), strict=True)) for cells in (self, other))

        def table(ours: tuple[Row, ...], added: tuple[Row, ...]) -> tuple[Row, ...]:
            rows = (
                (ours[mine[group]] if group in mine else NOBODY, added[theirs[group]] if group in theirs else NOBODY)
                for group in groups
            )
            return tuple(
                (a[0] + sign * b[0], a[1] + sign * b[1], a[2] + sign * b[2], a[3] + sign * b[3]) for a, b in rows
            )

        return type(self)(
            groups=groups,
            counts=table(self.counts, other.counts),
            weights=table(self.weights, other.weights),
            squares=table(self.squares, other.squares),
        )

    def _at(self, positions: list[int]) -> Self:
        return type(self)(
            groups=tuple(self.groups[at] for at in positions),
            counts=tuple(self.counts[at] for at in positions),
            weights=tuple(self.weights[at] for at in positions),
            squares=tuple(self.squares[at] for at in positions),
            moments=None if self.moments is None else tuple(self.moments[at] for at in positions),
            clusters=None if self.clusters is None else tuple(self.clusters[at] for at in positions),
        )


def merge(shards: Iterable[Cells]) -> Cells:
    """The cells of disjoint shards together; no cells at all where there is no shard."""
    return functools.reduce(lambda one, other: one + other, shards, Cells(groups=(), counts=(), weights=(), squares=()))


def count_cells(
    groups: "npt.NDArray[np.object_]",
    y_true: "npt.NDArray[np.int8]",
    y_pred: "npt.NDArray[np.int8]",
    weight: "npt.NDArray[np.float64] | None" = None,
) -> Cells:
    """Counts people by group, label and decision, in one pass.

    Args:
        groups: the group of every row (rows,).
        y_true: labels, 0 or 1 (rows,).
        y_pred: decisions, 0 or 1 (rows,).
        weight: sampling weights (rows,), or None.
    """
    import polars as pl

    from rai_platform.fairness.tabulation import Columns, tabulate

    frame = {"group": pl.Series(groups.tolist(), dtype=pl.String), "y_true": y_true, "y_pred": y_pred}
    weighed = {} if weight is None else {"weight": weight}
    columns = Columns(groups=("group",), weight=None if weight is None else "weight")
    return tabulate(pl.DataFrame({**frame, **weighed}), columns).cells("group")


def with_clusters(
    cells: Cells,
    groups: "npt.NDArray[np.object_]",
    cell: "npt.NDArray[np.int64]",
    weight: "npt.NDArray[np.float64] | None",
    cluster: "npt.NDArray[np.int64]",
) -> Cells:
    """The cells, knowing which rows belong together.

    Args:
        cells: the counts of these rows.
        groups: the group of every row (rows,).
        cell: 2 y_true + y_pred of every row (rows,).
        weight: sampling weights (rows,), or None.
        cluster: the cluster of every row (rows,).
    """
    import numpy as np

    place = {group: index for index, group in enumerate(cells.groups)}
    of_group = np.array([place[group] for group in groups], dtype="int64")
    cluster = np.unique(cluster, return_inverse=True)[1]
    pairs, of_pair = np.unique(of_group * (int(cluster.max()) + 1) + cluster, return_inverse=True)
    sums = np.bincount(of_pair * 4 + cell, weights=weight, minlength=4 * len(pairs)).reshape(-1, 4).astype("float64")
    group_of_pair = pairs // (int(cluster.max()) + 1)
    mine = [sums[group_of_pair == index] for index in range(len(cells.groups))]
    return dataclasses.replace(
        cells,
        moments=tuple(tuple((part.T @ part).ravel().tolist()) for part in mine),
        clusters=tuple(len(part) for part in mine),
    )


def _total(rows: tuple[Row, ...]) -> Row:
    if not rows:
        return NOBODY
    a, b, c, d = (sum(column) for column in zip(*rows, strict=True))
    return float(a), float(b), float(c), float(d)
