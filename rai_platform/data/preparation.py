"""From a table as it was read to samples: which column means what, in which type, and to whom a row belongs."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import MISSING_GROUP, Sample
from rai_platform.data.sources import fingerprint, read_table
from rai_platform.data.splitting import split_rows
from rai_platform.errors import InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.spec.data import Cell, DataSpec, SensitiveFeature, Source
from rai_platform.spec.model import ModelSpec

NOT_IN_BINS = "(other)"
LARGEST_LISTED = 10
POINTS_IN_TIME = ("date", "datetime", "datetime64", "period", "time", "timedelta", "timedelta64")  # pandas' names


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedData:
    """What a model learns from and what it is judged on.

    Attributes:
        training: None where predictions come alone: nobody knows what the vendor's model learned from.
        test: every row of the data where predictions come alone.
        training_table: the source table that ``training.row_key`` counts through.
        test_table: the source table that ``test.row_key`` counts through; the same unless the test data have their own file.
    """

    training: Sample | None
    test: Sample
    training_table: pd.DataFrame
    test_table: pd.DataFrame


def prepare_data(spec: ModelSpec) -> PreparedData:
    """Reads, types and splits the data of a model; equal sources and specs give equal samples.

    Raises:
        BadInput: the source cannot be read, a column is not there, or nothing can be learned from it.
    """
    table = read_table(spec.data.table, missing=spec.data.missing)
    names = feature_names(spec, table)
    if (test_source := spec.split.test_table) is not None and not spec.predictions:
        test_table = like(read_table(test_source, missing=spec.data.missing), table, where=test_source.path)
        telling = telling_columns(table, test_table)
        training = to_sample(table, spec, names=names, telling=telling, source=spec.data.table)
        test = to_sample(test_table, spec, names=names, telling=telling, source=test_source)
        return PreparedData(training=training, test=test, training_table=table, test_table=test_table)
    whole = to_sample(table, spec, names=names, telling=telling_columns(table), source=spec.data.table)
    if spec.predictions:
        return PreparedData(training=None, test=whole, training_table=table, test_table=table)
    training_rows, test_rows = split_rows(spec.split, table, whole.y_true)
    training = whole.take(training_rows)
    if len(set(training.y_true.tolist())) < 2:
        raise UnsuitableData("the training rows hold only one of the two labels; split differently", where="split")
    return PreparedData(training=training, test=whole.take(test_rows), training_table=table, test_table=table)


def feature_names(spec: ModelSpec, table: pd.DataFrame) -> tuple[str, ...]:
    """The columns the model sees.

    Raises:
        UnknownColumn: a column that the spec names is not in the table.
        InvalidSpec: no feature is left.
    """
    data = spec.data
    named = {
        "data.target": [data.target],
        "data.weight": [data.weight] if data.weight else [],
        "data.features": data.features or (),
        "data.exclude": data.exclude,
        "sensitive_features": [feature.source_column for feature in spec.sensitive_features],
        "split.time_column": [spec.split.time_column] if spec.split.time_column else [],
        "split.group_column": [spec.split.group_column] if spec.split.group_column else [],
    }
    for where, columns in named.items():
        for column in columns:
            if column not in table.columns:
                raise UnknownColumn(column, table.columns, where=where)
    aside = {data.target, data.weight, *data.exclude, spec.split.group_column}
    chosen = tuple(column for column in data.features or table.columns if column not in aside)
    if not chosen and not spec.predictions:
        raise InvalidSpec("no column is left for the model to see", where="data.features")
    return () if spec.predictions else chosen


def to_sample(
    table: pd.DataFrame, spec: ModelSpec, *, names: tuple[str, ...], telling: tuple[str, ...], source: Source
) -> Sample:
    """All rows of a table as a sample.

    Args:
        table: as it was read.
        spec: what its columns mean.
        names: columns the model sees.
        telling: columns by which the same person is found twice.
        source: where the table came from.

    Raises:
        UnsuitableData: the target has not two values, a column is empty, infinite or of an unknown type, a weight is
            not positive.
    """
    groups = {feature.name: group_of_rows(table, feature) for feature in spec.sensitive_features}
    typed = {name: typed_column(table[name], where=f"data.features, column {name!r}") for name in names}
    return Sample(
        features=pd.DataFrame(typed, index=table.index),
        y_true=labels(table[spec.data.target], spec.data),
        sensitive_features=pd.DataFrame(groups, index=table.index),
        weight=None if spec.data.weight is None else weights(table[spec.data.weight]),
        row_key=np.arange(len(table), dtype="int64"),
        record=record_hashes(table, telling),
        source=source.path if source.scheme else source.path.rsplit("/", 1)[-1],
        fingerprint=fingerprint(source),
    )


def labels(target: pd.Series, data: DataSpec) -> npt.NDArray[np.int8]:
    """1 where the target has the positive label, else 0 (rows,).

    Raises:
        UnsuitableData: missing labels, other than two values, or a positive label that does not occur.
    """
    where = f"data.target, column {data.target!r}"
    if (missing := int(target.isna().sum())) > 0:
        raise UnsuitableData(
            f"{missing} of {len(target)} rows have no label; leave them out of the file, or fill them in", where=where
        )
    texts = target.map(cell_text)
    values = sorted(texts.unique())
    shown = ", ".join(repr(value) for value in values[:LARGEST_LISTED])
    if len(values) == 1:
        raise UnsuitableData(f"expected two labels, got only {shown}: there is nothing to tell apart", where=where)
    if len(values) > 2:
        raise UnsuitableData(
            f"expected two labels, got {len(values)}: {shown}; merge them with `source: {{replace: …}}`", where=where
        )
    positive = cell_text(data.positive_label)
    if positive not in values:
        raise UnsuitableData(
            f"the positive label {positive!r} does not occur; labels: {shown}", where="data.positive_label"
        )
    result: npt.NDArray[np.int8] = (texts == positive).to_numpy().astype("int8")
    return result


def weights(column: pd.Series) -> npt.NDArray[np.float64]:
    """Sampling weights (rows,).

    Raises:
        UnsuitableData: a weight is missing, not a number, or not above 0.
    """
    values = pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)
    if not np.isfinite(values).all() or (values <= 0).any():
        raise UnsuitableData(
            "expected numbers above 0, none missing; "
            f"got {int((~np.isfinite(values)).sum())} that are no numbers, {int((values < 0).sum())} negative and "
            f"{int((values == 0).sum())} that are 0; leave rows that stand for nobody out of the file",
            where=f"data.weight, column {column.name!r}",
        )
    return values


def typed_column(column: pd.Series, *, where: str) -> pd.Series:
    """The column as int64, float64, or text with None for missing.

    Raises:
        UnsuitableData: nothing but missing values, an infinite value, dates, or lists.
    """
    if column.isna().all():
        raise UnsuitableData("every value is missing; put it under `data.exclude`", where=where)
    if pd.api.types.is_bool_dtype(column):
        return column.astype("float64" if column.isna().any() else "int64")
    if pd.api.types.is_numeric_dtype(column):
        if np.isinf(column.to_numpy("float64", na_value=np.nan)).any():
            raise UnsuitableData("holds infinite values; replace them or exclude the column", where=where)
        whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
        return column.astype("int64" if whole else "float64")
    kind = pd.api.types.infer_dtype(column)
    if kind in POINTS_IN_TIME:
        raise UnsuitableData(
            "holds dates, which no model here can use as they are; turn it into numbers or exclude it", where=where
        )
    if _is_nested(column):
        raise UnsuitableData(
            f"holds values such as {column.dropna().iloc[0]!r}; spread them over several columns, or exclude it",
            where=where,
        )
    return column.astype("float64") if kind == "decimal" else _as_text(column)


def group_of_rows(table: pd.DataFrame, feature: SensitiveFeature) -> pd.Series:
    """The group of every row as text; ``(missing)`` where the attribute is not known (rows,).

    Raises:
        UnsuitableData: no row has a value, or bins are edges and the column is not a number.
    """
    column = table[feature.source_column]
    where = f"sensitive_features, {feature.name}"
    if column.isna().all():
        raise UnsuitableData("every value is missing: nobody's group is known", where=where)
    if isinstance(feature.bins, tuple):
        return _binned(column, feature.bins, where=where)
    texts = _as_text(column)
    if feature.bins is not None:
        group_of = {cell_text(value): group for group, values in feature.bins.items() for value in values}
        texts = texts.map(lambda text: None if text is None else group_of.get(text, NOT_IN_BINS))
    return texts.where(texts.notna(), MISSING_GROUP).astype(object)


def like(table: pd.DataFrame, training: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """The table with its columns in the types that the training table has them.

    Raises:
        UnknownColumn: the training table has a column that this one lacks.
        UnsuitableData: a column of numbers holds something else here.
    """
    for column in training.columns:
        if column not in table.columns:
            raise UnknownColumn(column, table.columns, where=where)
        is_number, was_number = (pd.api.types.is_numeric_dtype(each[column]) for each in (table, training))
        if is_number and not was_number:
            table = table.assign(**{column: _as_text(table[column])})
        if was_number and not is_number:
            numbers = pd.to_numeric(table[column], errors="coerce")
            if (bad := table[column][numbers.isna() & table[column].notna()]).size:
                raise UnsuitableData(
                    f"column {column!r} holds numbers in the training data, got {bad.iloc[0]!r} here", where=where
                )
            table = table.assign(**{column: numbers})
    return table[list(training.columns)]


def telling_columns(*tables: pd.DataFrame) -> tuple[str, ...]:
    """The columns by which the same person is found twice: all but lists, and those that number the rows of every table."""
    return tuple(
        column
        for column in tables[0].columns
        if not any(_is_nested(table[column]) for table in tables)
        and not all(_numbers_the_rows(table[column]) for table in tables)
    )


def record_hashes(table: pd.DataFrame, telling: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """A hash of every row over the telling columns (rows,); equal rows have equal hashes."""
    normal = pd.DataFrame(
        {
            column: table[column].astype("float64")
            if pd.api.types.is_numeric_dtype(table[column])
            else _as_text(table[column])
            for column in telling
        },
        index=table.index,
    )
    if normal.empty:
        return np.arange(len(table), dtype="uint64")
    hashes: npt.NDArray[np.uint64] = pd.util.hash_pandas_object(normal, index=False).to_numpy().astype("uint64")
    return hashes


def cell_text(value: Cell) -> str:
    """One text for a value however it was written: 1, 1.0 and true are ``1``."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _as_text(column: pd.Series) -> pd.Series:
    present = column.notna()
    values = column.astype(object)
    text = pd.Series([None] * len(column), index=column.index, dtype=object, name=column.name)
    codes, uniques = pd.factorize(values[present])
    text[present] = np.array([cell_text(value) for value in uniques], dtype=object)[codes]
    return text


def _binned(column: pd.Series, edges: tuple[float, ...], *, where: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column):
        raise UnsuitableData(f"`bins` are edges of numbers, but the column holds {column.dtype} values", where=where)
    values = column.to_numpy("float64", na_value=np.nan)
    said = [cell_text(edge) for edge in edges]
    names = [
        f"under {said[0]}",
        *(f"{low} to under {high}" for low, high in itertools.pairwise(said)),
        f"{said[-1]} and over",
    ]
    named = np.array([*names, MISSING_GROUP], dtype=object)
    position = np.where(np.isnan(values), len(names), np.digitize(values, edges))
    return pd.Series(named[position], index=column.index, dtype=object)


def _is_nested(column: pd.Series) -> bool:
    return pd.api.types.infer_dtype(column) == "mixed" and not column.map(pd.api.types.is_hashable).all()


def _numbers_the_rows(column: pd.Series) -> bool:
    is_key = pd.api.types.is_integer_dtype(column) or column.dtype == object
    return bool(is_key and len(column) > 1 and column.is_unique)
