"""Counting: one pass over columns of any size, from memory or from Parquet, into the counts of all groups at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rai_platform.data.columns import bin_names, cell_text
from rai_platform.data.sample import MISSING_GROUP, in_order
from rai_platform.errors import UnknownColumn, UnsuitableData
from rai_platform.fairness.cells import Cells, Row
from rai_platform.fairness.scores import SCORE_BINS, ScoreCells

Table = Any  # of pandas, polars or Arrow, or the path of Parquet files
Y_TRUE, Y_PRED, BIN = "(y_true)", "(y_pred)", "(bin)"
COUNT, WEIGHT, SQUARE, SCORE = "(count)", "(weight)", "(square)", "(score)"
BAD_WEIGHTS, BAD_SCORES = "(bad weights)", "(bad scores)"
EVERYBODY, CROSSED = "(all)", " & "
MOST_GROUPS = 500  # of one attribute: every pair of groups is compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what.

    Attributes:
        groups: attributes by which people are told apart, with a name for each; the name is the column unless
            ``named`` says otherwise.
        y_true: labels, 0 and 1 or false and true.
        y_pred: decisions.
        y_score: scores from 0 to 1; None where there are none.
        weight: sampling weights, at least 0; None where all rows count the same.
        named: the column of an attribute, by name.
        bins: edges of an attribute that is a number, by name.
    """

    groups: tuple[str, ...]
    y_true: str = "y_true"
    y_pred: str = "y_pred"
    y_score: str | None = None
    weight: str | None = None
    named: Mapping[str, str] | None = None
    bins: Mapping[str, tuple[float, ...]] | None = None

    def column(self, group: str) -> str:
        """The column of an attribute."""
        return (self.named or {}).get(group, group)


@dataclass(frozen=True, slots=True)
class Tabulation:
    """Counts of every combination of attributes, label and decision (and score bin) that occurs.

    Attributes:
        attributes: names of the attributes.
        joint: one row a combination.
        scored: whether scores were counted.
    """

    attributes: tuple[str, ...]
    joint: pl.DataFrame
    scored: bool

    @property
    def n(self) -> int:
        """Rows of the data."""
        return int(self.joint[COUNT].sum())

    def cells(self, *attributes: str) -> Cells:
        """Counts by the groups of one attribute, or of several crossed (``female & Black``); of everybody without any."""
        counted, names, place = self._summed(attributes, [Y_TRUE, Y_PRED])
        position = place * 4 + 2 * counted[Y_TRUE].to_numpy().astype("int64") + counted[Y_PRED].to_numpy()

        def table(column: str) -> tuple[Row, ...]:
            values = counted[column].to_numpy()
            sums: npt.NDArray[Any] = np.bincount(position, weights=values, minlength=4 * len(names)).reshape(-1, 4)
            return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in sums)

        return Cells(groups=tuple(names), counts=table(COUNT), weights=table(WEIGHT), squares=table(SQUARE))

    def scores(self, *attributes: str) -> ScoreCells:
        """Binned scores by the groups of one attribute, or of several crossed.

        Raises:
            ValueError: no scores were counted.
        """
        if not self.scored:
            raise ValueError("no scores were counted: name their column")
        counted, names, place = self._summed(attributes, [Y_TRUE, BIN])
        shape = (len(names), 2, SCORE_BINS)
        position = np.ravel_multi_index(
            (place, counted[Y_TRUE].to_numpy().astype("int64"), counted[BIN].to_numpy().astype("int64")), shape
        )

        def table(column: str) -> npt.NDArray[np.float64]:
            values = counted[column].to_numpy()
            summed: npt.NDArray[Any] = np.bincount(position, weights=values, minlength=int(np.prod(shape)))
            return summed.reshape(shape)

        return ScoreCells.from_arrays(names, table(COUNT), table(WEIGHT), table(SQUARE), table(SCORE))

    def where(self, attribute: str, group: str) -> Self:
        """The counts of one group alone, for instance of a control feature."""
        return type(self)(self.attributes, self.joint.filter(pl.col(attribute) == group), self.scored)

    def __add__(self, other: Self) -> Self:
        """The counts of two disjoint sets of rows together."""
        keys = [column for column in self.joint.columns if column not in (COUNT, WEIGHT, SQUARE, SCORE)]
        both = pl.concat([self.joint, other.joint]).group_by(keys).agg(pl.all().sum())
        return type(self)(self.attributes, both, self.scored)

    def _summed(
        self, attributes: tuple[str, ...], keys: list[str]
    ) -> tuple[pl.DataFrame, list[str], npt.NDArray[np.int64]]:
        """Sums by attributes and keys, the names of the groups in order, and the place of every row's group."""
        sums = [column for column in (COUNT, WEIGHT, SQUARE, SCORE) if column in self.joint.columns]
        counted = self.joint.group_by([*attributes, *keys]).agg(pl.col(sums).sum())
        groups: list[str] = [EVERYBODY] * len(counted)
        if attributes:
            groups = counted.select(pl.concat_str(attributes, separator=CROSSED)).to_series().to_list()
        names = in_order(groups)
        place = {name: index for index, name in enumerate(names)}
        return counted, names, np.array([place[group] for group in groups], dtype="int64")


def tabulate(source: Table, columns: Columns) -> Tabulation:
    """Counts all rows by every attribute at once.

    Args:
        source: a table of pandas, polars or Arrow, or the path of Parquet files, which are scanned and never held whole.
        columns: which column holds what.

    Raises:
        UnknownColumn: a column is not there.
        UnsuitableData: labels or decisions other than two, scores that are no numbers from 0 to 1, weights that are
            negative, or more groups than anybody can compare.
    """
    frame = as_lazy(source)
    schema = frame.collect_schema()
    _must_be_there(columns, schema)
    keys = [_attribute(name, columns, schema) for name in columns.groups]
    keys += [_label(columns.y_true).alias(Y_TRUE), _label(columns.y_pred).alias(Y_PRED)]
    score = None if columns.y_score is None else pl.col(columns.y_score).cast(pl.Float64)
    if score is not None:
        keys.append((score.clip(0.0, 1.0) * SCORE_BINS).floor().clip(0, SCORE_BINS - 1).cast(pl.Int16).alias(BIN))
    joint = _summed_up(frame, keys, _sums(columns, score), held=not isinstance(source, str | pl.LazyFrame))
    _must_be_sound(joint, columns)
    texts = [_as_text(joint[name], (columns.bins or {}).get(name)).alias(name) for name in columns.groups]
    return Tabulation(
        columns.groups, joint.with_columns(texts).drop(BAD_WEIGHTS, BAD_SCORES, strict=False), score is not None
    )


def _summed_up(frame: pl.LazyFrame, keys: list[pl.Expr], sums: list[pl.Expr], *, held: bool) -> pl.DataFrame:
    """Sums by keys; of a table that is held in memory the same to the last bit every time, as evidence has to be.

    A table that is scanned is summed up in pieces, as they come: its counts are exact, and its sums of weights and scores
    are rounded to twelve digits.
    """
    if held:
        return frame.group_by(keys, maintain_order=True).agg(*sums).collect(engine="in-memory")
    inexact = pl.col([name for name in (WEIGHT, SQUARE, SCORE) if name in {each.meta.output_name() for each in sums}])
    return frame.group_by(keys).agg(*sums).with_columns(inexact.round_sig_figs(12)).collect(engine="streaming")


def as_lazy(source: Table) -> pl.LazyFrame:
    """The table as polars scans it."""
    if isinstance(source, str):
        return pl.scan_parquet(source)
    if isinstance(source, pl.LazyFrame):
        return source
    if isinstance(source, pl.DataFrame):
        return source.lazy()
    converted: Any = pl.from_arrow(source) if type(source).__module__.startswith("pyarrow") else pl.from_pandas(source)
    lazy: pl.LazyFrame = converted.lazy()
    return lazy


def _must_be_there(columns: Columns, schema: Mapping[str, Any]) -> None:
    named = [columns.y_true, columns.y_pred, *(columns.column(group) for group in columns.groups)]
    for column in (*named, columns.y_score, columns.weight):
        if column is not None and column not in schema:
            raise UnknownColumn(column, schema, where="counting")


def _attribute(name: str, columns: Columns, schema: Mapping[str, Any]) -> pl.Expr:
    column = pl.col(columns.column(name))
    edges = (columns.bins or {}).get(name)
    if edges is None:
        # Text is hashed faster as it is than as categories; numbers are counted as numbers and named afterwards.
        return column.alias(name)
    kind = schema[columns.column(name)]
    if not kind.is_numeric():
        raise UnsuitableData("`bins` are edges of numbers, but the column holds none", where=f"counting, {name}")
    known = column.fill_nan(None) if kind.is_float() else column
    passed = pl.sum_horizontal([(known >= edge).cast(pl.Int16) for edge in edges])
    return pl.when(known.is_not_null()).then(passed).alias(name)


def _label(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int8, strict=False)


def _sums(columns: Columns, score: pl.Expr | None) -> list[pl.Expr]:
    weight = None if columns.weight is None else pl.col(columns.weight).cast(pl.Float64)
    sums = [pl.len().cast(pl.Float64).alias(COUNT)]
    if weight is None:
        sums += [pl.len().cast(pl.Float64).alias(WEIGHT), pl.len().cast(pl.Float64).alias(SQUARE)]
    else:
        sums += [weight.sum().alias(WEIGHT), (weight * weight).sum().alias(SQUARE)]
        good = (weight >= 0) & weight.is_finite()
        sums.append((~good.fill_null(value=False)).sum().alias(BAD_WEIGHTS))
    if score is not None:
        weighed = score if weight is None else score * weight
        sums.append(weighed.sum().alias(SCORE))
        sums.append((~score.is_between(0.0, 1.0).fill_null(value=False)).sum().alias(BAD_SCORES))
    return sums


def _must_be_sound(joint: pl.DataFrame, columns: Columns) -> None:
    if joint.is_empty():
        raise UnsuitableData("expected rows, got none", where="counting")
    for key, column in ((Y_TRUE, columns.y_true), (Y_PRED, columns.y_pred)):
        if not joint[key].is_in([0, 1]).fill_null(value=False).all():
            found = ", ".join(str(value) for value in sorted(joint[key].unique().to_list(), key=str)[:5])
            raise UnsuitableData(
                f"expected 0 and 1, got {found} (None: missing, or no number)", where=f"counting, column {column!r}"
            )
    for key, of, wanted in (
        (BAD_WEIGHTS, columns.weight, "numbers of at least 0"),
        (BAD_SCORES, columns.y_score, "numbers from 0 to 1"),
    ):
        if key in joint.columns and (bad := int(joint[key].sum())):
            raise UnsuitableData(f"expected {wanted}, got {bad} that are none", where=f"counting, column {of!r}")
    for name in columns.groups:
        if (number := joint[name].n_unique()) > MOST_GROUPS:
            raise UnsuitableData(
                f"{number:,} groups are more than anybody can compare ({MOST_GROUPS}): give `bins`, or merge values",
                where=f"counting, {name}",
            )


def _as_text(column: pl.Series, edges: tuple[float, ...] | None) -> pl.Series:
    """The names of groups: one text for 1, 1.0 and true, and ``(missing)`` for no value."""
    if edges is not None:
        names = bin_names(edges)
        said = [MISSING_GROUP if place is None else names[place] for place in column.to_list()]
        return pl.Series(column.name, said, dtype=pl.String)
    if column.dtype.is_float():
        column = column.fill_nan(None)
    if column.dtype in (pl.String, pl.Categorical) or isinstance(column.dtype, pl.Enum):
        return column.cast(pl.String).fill_null(MISSING_GROUP)
    named = [MISSING_GROUP if value is None else cell_text(value) for value in column.to_list()]
    return pl.Series(column.name, named, dtype=pl.String)
