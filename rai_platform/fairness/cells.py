"""The table of counts that every group metric is a function of: group x y_true x y_pred."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE = range(4)
Row = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """How many people of every group were right or wrong to be selected or passed over.

    Each row holds the true negatives, false positives, false negatives and true positives of a group.

    Attributes:
        groups: names (groups,).
        counts: rows of the data (groups, 4).
        weights: sums of sampling weights (groups, 4); equal to the counts where rows are not weighted.
        squares: sums of squared weights (groups, 4), from which effective sample sizes follow.
    """

    groups: tuple[str, ...]
    counts: tuple[Row, ...]
    weights: tuple[Row, ...]
    squares: tuple[Row, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of every group (groups,)."""
        return tuple(round(sum(row)) for row in self.counts)

    @property
    def n(self) -> int:
        """Rows of all groups."""
        return sum(self.sizes)

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
        )

    def _at(self, positions: list[int]) -> Self:
        return type(self)(
            groups=tuple(self.groups[at] for at in positions),
            counts=tuple(self.counts[at] for at in positions),
            weights=tuple(self.weights[at] for at in positions),
            squares=tuple(self.squares[at] for at in positions),
        )


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
    import numpy as np

    from rai_platform.data.sample import in_order

    names = in_order(groups)
    position = {name: index for index, name in enumerate(names)}
    import pandas as pd

    codes, uniques = pd.factorize(groups)
    of_row = np.array([position[name] for name in uniques], dtype="int64")[codes]
    cell = of_row * 4 + 2 * y_true.astype("int64") + y_pred

    def table(values: "npt.NDArray[np.float64] | None") -> tuple[Row, ...]:
        counted = np.bincount(cell, weights=values, minlength=4 * len(names)).reshape(-1, 4)
        return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in counted)

    counts = table(None)
    if weight is None:
        return Cells(groups=tuple(names), counts=counts, weights=counts, squares=counts)
    return Cells(groups=tuple(names), counts=counts, weights=table(weight), squares=table(weight**2))


def _total(rows: tuple[Row, ...]) -> Row:
    a, b, c, d = (sum(column) for column in zip(*rows, strict=True))
    return float(a), float(b), float(c), float(d)
