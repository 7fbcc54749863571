"""What people could change about themselves, as points that an attack can move and a model can be asked about.

A point has one coordinate for everything that can change: the number itself, or the position of a category among its values.
A cell that is missing is NaN, and stays so: nobody knows what it would be changed from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.spec.relations import Following, Relation

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
SLACK = 1e-9  # of sums in floating point


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberAxis:
    """A number that can change.

    Attributes:
        column: its column.
        low: the smallest value that it can be changed to.
        high: the largest one.
        sign: 1 where it can only grow, -1 where it can only fall, 0 where it can do both.
        whole: whether it stays whole.
        levels: the values it can be changed to, ascending; empty where all between ``low`` and ``high``.
        rate: what one unit costs.
    """

    column: str
    low: float
    high: float
    sign: int
    whole: bool
    levels: tuple[float, ...]
    rate: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return (self.column,)

    def landing(self, origin: Floats, target: Floats) -> Floats:
        """The nearest value it can have on the way from origin to target (rows,); the target itself where all are."""
        if self.levels:
            levels = np.array(self.levels)
            up = np.searchsorted(levels, target + SLACK, side="right") - 1
            down = np.searchsorted(levels, target - SLACK, side="left")
            landed = levels[np.clip(np.where(target >= origin, up, down), 0, len(levels) - 1)]
            beyond = np.where(target >= origin, landed < origin, landed > origin)
            return np.where(beyond | np.isnan(target), origin, landed)
        if not self.whole:
            return target
        return np.where(target >= origin, np.floor(target + SLACK), np.ceil(target - SLACK))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceAxis:
    """A category that can change, or columns of 0 and 1 of which one is 1.

    Attributes:
        columns: the column of the category, or those of which one is 1.
        values: what a position stands for: a category, or the column that is 1.
        allowed: the positions that it can be changed to.
        cost: of a change.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    allowed: tuple[int, ...]
    cost: float


Axis = NumberAxis | ChoiceAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class FeasibleSet:
    """All that the people of a table could change.

    Attributes:
        features: the people as they are (rows, features).
        axes: what can change.
        relations: what must not be broken between columns.
        following: columns that follow from others.
        origin: the people as points (rows, axes).
        immutable: why, by column that nobody can change.
    """

    features: pd.DataFrame
    axes: tuple[Axis, ...]
    relations: tuple[Relation, ...]
    following: tuple[Following, ...]
    origin: Floats
    immutable: Mapping[str, str]

    def of(self, rows: Indices) -> "FeasibleSet":
        """The same for some of the people."""
        return replace(self, features=self.features.iloc[rows].reset_index(drop=True), origin=self.origin[rows])

    def costs(self, rows: Indices, points: Floats) -> Floats:
        """What every coordinate of points (points, axes) costs the people of some rows (points,)."""
        moved = np.nan_to_num(np.abs(points - self.origin[rows]))
        for at, axis in enumerate(self.axes):
            moved[:, at] = moved[:, at] * axis.rate if isinstance(axis, NumberAxis) else (moved[:, at] > 0) * axis.cost
        return moved

    def bounds(self, at: int, axis: NumberAxis, rows: Indices) -> tuple[Floats, Floats]:
        """The smallest and the largest value that a number can have if no relation stands against it, two times (people,)."""
        start = self.origin[rows, at]
        low = start if axis.sign > 0 else np.minimum(start, axis.low)
        high = start if axis.sign < 0 else np.maximum(start, axis.high)
        return low.copy(), high.copy()

    def reach(self, at: int, axis: NumberAxis, rows: Indices, points: Floats) -> tuple[Floats, Floats]:
        """The smallest and the largest value that a number can have beside the other coordinates of points, two times (points,)."""
        start = self.origin[rows, at]
        low, high = self.bounds(at, axis, rows)
        for relation in self.relations:
            coefficient = dict(relation.coefficients).get(axis.column)
            if coefficient is None:
                continue
            edge = points[:, at] - self.excess(relation, rows, points) / coefficient
            edge -= np.sign(coefficient) * (SLACK * np.maximum(1.0, np.abs(edge)) if relation.strict else 0.0)
            edge = np.where(
                np.isnan(edge), start, edge
            )  # a cell is missing, and nobody knows whether the relation holds
            if coefficient > 0:
                high = np.minimum(high, edge)
            else:
                low = np.maximum(low, edge)
        return low, high

    def excess(self, relation: Relation, rows: Indices, points: Floats) -> Floats:
        """By how much a relation is broken (points,); up to 0 where it holds, NaN where a cell is missing."""
        axis_of = {axis.column: at for at, axis in enumerate(self.axes) if isinstance(axis, NumberAxis)}
        total = np.full(len(rows), relation.constant)
        for column, coefficient in relation.coefficients:
            values = (
                points[:, axis_of[column]]
                if column in axis_of
                else self.features[column].to_numpy("float64", na_value=np.nan)[rows]
            )
            total += coefficient * values
        return total

    def allows(self, rows: Indices, points: Floats) -> Mask:
        """Whether the people of some rows could become points (points,): within bounds, one way, and in relation."""
        start, moved = self.origin[rows], self.costs(rows, points)
        fine = np.ones(len(rows), dtype=bool)
        for at, axis in enumerate(self.axes):
            here, there = start[:, at], points[:, at]
            same = (here == there) | (np.isnan(here) & np.isnan(there))
            if isinstance(axis, ChoiceAxis):
                fine &= same | (np.isin(there, axis.allowed) & ~np.isnan(here))
                continue
            within = (there >= axis.low - SLACK) & (there <= axis.high + SLACK) & ((there - here) * axis.sign >= 0)
            if axis.levels:
                within &= np.isin(there, axis.levels)
            elif axis.whole:
                within &= there == np.round(there)
            fine &= same | within
        for relation in self.relations:
            about = [at for at, axis in enumerate(self.axes) if set(axis.columns) & set(relation.columns)]
            touched = ~(moved[:, about] == 0).all(axis=1)
            excess = self.excess(relation, rows, points)
            fine &= ~touched | (excess < 0 if relation.strict else excess <= SLACK)
        return fine

    def table(self, rows: Indices, points: Floats) -> pd.DataFrame:
        """The people of some rows as points say they are (points, features)."""
        table = self.features.iloc[rows].reset_index(drop=True)
        start = self.origin[rows]
        for at, axis in enumerate(self.axes):
            changed = points[:, at] != start[:, at]
            changed &= ~np.isnan(points[:, at])
            if not changed.any():
                continue
            there = points[changed, at]
            if isinstance(axis, NumberAxis):
                table[axis.column] = _numbers(table[axis.column], changed, there, whole=axis.whole)
                continue
            positions = there.astype("intp")
            if len(axis.columns) == 1:
                cells = table[axis.columns[0]].to_numpy(object, copy=True)
                cells[changed] = np.array(axis.values, dtype=object)[positions]
                table[axis.columns[0]] = pd.Series(cells, dtype=object)
                continue
            for position, column in enumerate(axis.columns):
                table[column] = _numbers(table[column], changed, (positions == position).astype("float64"), whole=True)
        for each in self.following:
            moved = np.zeros(len(rows))
            for column, coefficient in each.coefficients:
                here = self.features[column].to_numpy("float64", na_value=np.nan)[rows]
                moved += coefficient * np.nan_to_num(table[column].to_numpy("float64", na_value=np.nan) - here)
            there = table[each.column].to_numpy("float64", na_value=np.nan) + moved
            changed = (moved != 0) & ~np.isnan(there)
            whole = bool((there[changed] % 1 == 0).all())
            table[each.column] = _numbers(table[each.column], changed, there[changed], whole=whole)
        return table


def _numbers(column: pd.Series, changed: Mask, values: Floats, *, whole: bool) -> pd.Series:
    """A column with some of its numbers replaced, in its own type where that holds them."""
    in_floats = column.dtype.kind == "f" or not whole
    cells = column.to_numpy("float64" if in_floats else "int64", copy=True)
    cells[changed] = values if in_floats else values.astype("int64")
    return pd.Series(cells)
