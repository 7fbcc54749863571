"""Windows of exported predictions: one pass over Parquet files of any size, which are never held whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from rai_platform.data.sample import in_order
from rai_platform.errors import UnknownColumn, UnsuitableData
from rai_platform.fairness.cells import Cells, Row
from rai_platform.monitoring.outcomes import NOBODY_KNOWS, UNKNOWN

DAY, GROUP, LABEL, DECISION, ROWS = "(day)", "(group)", "(label)", "(decision)", "(rows)"
SHOWN = 5  # values in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCells:
    """The predictions of one day (UTC), by group.

    Attributes:
        day: on which they were recorded.
        known: those whose label is known.
        decided: all of them by decision alone, as if nobody had a label of 1: of rates, only the selection rate has a meaning.
    """

    day: date
    known: Cells
    decided: Cells


def days_from_parquet(
    path: str, *, group: str, time: str = "recorded_at", label: str = "label", decision: str = "decision"
) -> list[DayCells]:
    """Exact counts of every day that has predictions, in the order of time.

    Args:
        path: of a file, a folder, or a pattern; columns as ``rai log export`` writes them.
        group: the column by which people are told apart; whose value is null is in the group ``(not known)``.
        time: the column of times; those without a zone are UTC.
        label: the column of labels, 1, 0 or null.
        decision: the column of decisions, 1 or 0.

    Raises:
        UnknownColumn: a column is not there.
        UnsuitableData: there are no rows, a time is missing or none, or labels or decisions are other than these.
    """
    frame = pl.scan_parquet(path)
    schema = frame.collect_schema()
    for name in (time, group, label, decision):
        if name not in schema:
            raise UnknownColumn(name, schema, where="windows")
    # Values are counted as they are: what they mean is looked at once per combination, and not once per row.
    keys = [
        _day(time, schema),
        pl.col(group).alias(GROUP),
        pl.col(label).alias(LABEL),
        pl.col(decision).alias(DECISION),
    ]
    counted = frame.group_by(keys).agg(pl.len().cast(pl.Int64).alias(ROWS)).collect(engine="streaming")
    _must_be_sound(counted, time=time, label=label, decision=decision)
    readable = counted.select(
        DAY,
        pl.col(GROUP).cast(pl.String).fill_null(NOBODY_KNOWS),
        pl.col(LABEL).cast(pl.Float64).fill_nan(None).fill_null(UNKNOWN).cast(pl.Int64),
        pl.col(DECISION).cast(pl.Int64),
        ROWS,
    )
    return [_day_cells(day, rows) for (day,), rows in readable.sort(DAY).group_by(DAY, maintain_order=True)]


def _day(time: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    kind = schema[time]
    if not isinstance(kind, pl.Datetime):
        raise UnsuitableData(f"expected times, got values of the type {kind}", where=f"windows, column {time!r}")
    column = pl.col(time)
    if kind.time_zone not in (None, "UTC"):
        column = column.dt.convert_time_zone("UTC")
    return column.dt.date().alias(DAY)


def _must_be_sound(counted: pl.DataFrame, *, time: str, label: str, decision: str) -> None:
    if counted.is_empty():
        raise UnsuitableData("expected predictions, got none", where="windows")
    if counted[DAY].null_count():
        raise UnsuitableData("expected a time in every row, got none in some", where=f"windows, column {time!r}")
    for key, name, wanted, allowed in (
        (LABEL, label, "0, 1 or null", (0, 1, None)),
        (DECISION, decision, "0 and 1", (0, 1)),
    ):
        values = {None if value != value else value for value in counted[key].unique().to_list()}
        if other := [value for value in values if isinstance(value, str) or value not in allowed]:
            found = ", ".join(sorted(map(repr, other))[:SHOWN])
            raise UnsuitableData(f"expected {wanted}, got {found}", where=f"windows, column {name!r}")


def _day_cells(day: Any, rows: pl.DataFrame) -> DayCells:
    groups = in_order(rows[GROUP].unique().to_list())
    index = {name: at for at, name in enumerate(groups)}
    shape = (len(groups), UNKNOWN + 1, 2)
    table = np.zeros(shape, dtype="int64")
    who = np.array([index[name] for name in rows[GROUP]])
    place = np.ravel_multi_index((who, rows[LABEL].to_numpy(), rows[DECISION].to_numpy()), shape)
    np.add.at(table.reshape(-1), place, rows[ROWS].to_numpy())  # labels of null and NaN are two rows of one place
    decided = table.sum(axis=1)
    return DayCells(
        day=day,
        known=_cells(tuple(groups), table[:, :UNKNOWN].reshape(len(groups), 4)),
        decided=_cells(tuple(groups), np.concatenate([decided, np.zeros_like(decided)], axis=1)),
    )


def _cells(groups: tuple[str, ...], table: Any) -> Cells:
    rows: tuple[Row, ...] = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in table)
    return Cells(groups=groups, counts=rows, weights=rows, squares=rows)
