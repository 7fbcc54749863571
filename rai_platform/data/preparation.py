"""From a table as it was read to samples: which column means what, in which type, and to whom a row belongs."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.columns import (
    as_text,
    class_names,
    class_numbers,
    group_of_rows,
    is_nested,
    label_text,
    labels,
    must_be_comparable,
    typed_column,
    weights,
    whole_column,
)
from rai_platform.data.images import as_images, fingerprints, is_packed
from rai_platform.data.sample import Sample, crossed
from rai_platform.data.sources import fingerprint, read_data, read_table
from rai_platform.data.splitting import split_rows
from rai_platform.errors import InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.spec.data import INTERSECTION, Source
from rai_platform.spec.model import ModelSpec

NAMELESS = re.compile(r"Unnamed: \d+")  # pandas' name for a column without one


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
    table = read_data(spec.data)
    names = feature_names(spec, table)
    _pack_images(table, spec)
    classes = class_names(table[spec.data.target], spec.data)
    if (test_source := spec.split.test_table) is not None and spec.learns:
        test_table = read_table(test_source, missing=spec.data.missing, texts=_texts(table, spec))
        _pack_images(test_table, spec)
        test_table = like(test_table, table, needed=needed_columns(spec, names), where=test_source.path)
        _must_have_the_labels(test_table[spec.data.target], table[spec.data.target], where=test_source.path)
        telling = telling_columns(table, test_table, free=spec.data.free_columns)
        training = to_sample(table, spec, names=names, telling=telling, source=spec.data.table, classes=classes)
        test = to_sample(test_table, spec, names=names, telling=telling, source=test_source, classes=classes)
        _must_hold_every_label(training, classes)
        return PreparedData(training=training, test=test, training_table=table, test_table=test_table)
    telling = telling_columns(table, free=spec.data.free_columns)
    whole = to_sample(table, spec, names=names, telling=telling, source=spec.data.table, classes=classes)
    if not spec.learns:
        return PreparedData(training=None, test=whole, training_table=table, test_table=table)
    training_rows, test_rows = split_rows(spec.split, table, whole.y_true)
    training = whole.take(training_rows)
    _must_hold_every_label(training, classes)
    return PreparedData(training=training, test=whole.take(test_rows), training_table=table, test_table=table)


def _pack_images(table: pd.DataFrame, spec: ModelSpec) -> None:
    """The column of images as the platform keeps them, in place."""
    if (name := spec.data.image) is not None and name in table:
        table[name] = as_images(table[name], where=f"data.image, column {name!r}")


def _must_hold_every_label(training: Sample, classes: tuple[str, ...]) -> None:
    held = set(training.y_true.tolist())
    if not classes and len(held) < 2:
        raise UnsuitableData("the training rows hold only one of the two labels; split differently", where="split")
    if absent := [name for place, name in enumerate(classes) if place not in held]:
        raise UnsuitableData(
            f"no training row has the label {absent[0]!r}, so that it cannot be learned; split differently, or merge it "
            "with another",
            where="split",
        )


def feature_names(spec: ModelSpec, table: pd.DataFrame) -> tuple[str, ...]:
    """The columns the model sees.

    Raises:
        UnknownColumn: a column that the spec names is not in the table.
        InvalidSpec: no feature is left.
    """
    data, split = spec.data, spec.split
    named = {
        "data.target": [data.target],
        "data.weight": [data.weight] if data.weight else [],
        "data.features": data.features or (),
        "data.text": [data.text] if data.text else [],
        "data.image": [data.image] if data.image else [],
        "data.exclude": data.exclude,
        "data.categories": data.categories,
        "sensitive_features": [feature.source_column for feature in spec.sensitive_features],
        "legitimate_factors": spec.legitimate_factors,
        "split.time_column": [split.time_column] if split.time_column else [],
        "split.group_column": [split.group_column] if split.group_column else [],
    }
    for where, columns in named.items():
        for column in columns:
            if column not in table.columns:
                raise UnknownColumn(column, table.columns, where=where)
    if spec.predictions:
        return ()
    aside = {data.target, data.weight, *data.exclude, split.group_column}
    if data.free_columns:
        chosen = tuple(dict.fromkeys((*data.free_columns, *(data.features or ()))))
    elif data.features is None:
        chosen = tuple(column for column in table.columns if column not in {*aside, split.time_column})
        _must_be_meant(chosen, aside, table)
    else:
        chosen = tuple(dict.fromkeys(column for column in data.features if column not in aside))
    if not chosen:
        raise InvalidSpec("no column is left for the model to see", where="data.features")
    return chosen


def _must_be_meant(chosen: tuple[str, ...], aside: set[str | None], table: pd.DataFrame) -> None:
    """Refuses features that nobody chose: a second column of a name that was kept from the model, or the rows' numbers."""
    for column in chosen:
        name, dot, number = column.rpartition(".")
        if dot and number.isdigit() and name in aside:  # as pandas names the second column of a name
            raise InvalidSpec(
                f"there are two columns {name!r}, and the second, read as {column!r}, would be a feature; put it under "
                "`data.exclude` as well, or list the `data.features`",
                where="data.features",
            )
        if NAMELESS.fullmatch(column) and pd.api.types.is_integer_dtype(table[column]) and table[column].is_unique:
            raise InvalidSpec(
                f"the column {column!r} has no name in the file and a number of its own for every row; put it under "
                "`data.exclude`, or list the `data.features`",
                where="data.features",
            )


def needed_columns(spec: ModelSpec, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that a table must have to be judged on."""
    weight = (spec.data.weight,) if spec.data.weight else ()
    groups = (feature.source_column for feature in spec.sensitive_features)
    return (spec.data.target, *weight, *names, *groups, *spec.legitimate_factors)


def _texts(training: pd.DataFrame, spec: ModelSpec) -> tuple[str, ...]:
    """The columns of texts, which would be numbers or truth values in another file that happens to hold no others."""
    texts = [str(column) for column in training if pd.api.types.infer_dtype(training[column], skipna=True) == "string"]
    return (*spec.data.categories, *texts)


def _must_have_the_labels(test: pd.Series, training: pd.Series, *, where: str) -> None:
    if is_nested(training) or is_nested(test):
        return  # told where the labels are read
    known = set(as_text(training.dropna()))
    if unknown := sorted(set(as_text(test.dropna())) - known):
        raise UnsuitableData(
            f"column {test.name!r} holds the label {unknown[0]!r} here, and in the training data only "
            f"{', '.join(repr(label) for label in sorted(known)[:10])}; write them alike with `replace`",
            where=where,
        )


def to_sample(
    table: pd.DataFrame,
    spec: ModelSpec,
    *,
    names: tuple[str, ...],
    telling: tuple[str, ...],
    source: Source,
    classes: tuple[str, ...] = (),
) -> Sample:
    """All rows of a table as a sample.

    Args:
        table: as it was read.
        spec: what its columns mean.
        names: columns the model sees.
        telling: columns by which the same person is found twice.
        source: where the table came from.
        classes: the labels, where there are several.

    Raises:
        UnsuitableData: the target has not two values, a column is empty, infinite or of an unknown type, a weight is
            not positive.
    """
    groups = pd.DataFrame(
        {feature.name: group_of_rows(table, feature) for feature in spec.sensitive_features}, index=table.index
    )
    for names_crossed in spec.intersections:
        name = INTERSECTION.join(names_crossed)
        must_be_comparable(crossed(groups, name).nunique(), where=f"intersections, {name}")
    categories, group = spec.data.categories, spec.split.group_column
    typed, factors = (
        {
            name: whole_column(table[name], is_image=name == spec.data.image, where=f"{where}, column {name!r}")
            if name in spec.data.free_columns
            else typed_column(table[name], where=f"{where}, column {name!r}", is_category=name in categories)
            for name in of
        }
        for where, of in (("data.features", names), ("legitimate_factors", spec.legitimate_factors))
    )
    target = table[spec.data.target]
    y_true = class_numbers(target, spec.data, classes) if classes else labels(target, spec.data)
    return Sample(
        features=pd.DataFrame(typed, index=table.index),
        y_true=y_true,
        sensitive_features=groups,
        weight=None if spec.data.weight is None else weights(table[spec.data.weight]),
        row_key=np.arange(len(table), dtype="int64"),
        record=record_hashes(table, telling),
        source=source.path if source.scheme else source.path.rsplit("/", 1)[-1],
        fingerprint=fingerprint(source),
        cluster=None if group is None else pd.factorize(table[group], use_na_sentinel=False)[0].astype("int64"),
        factors=pd.DataFrame(factors, index=table.index) if factors else None,
        free=spec.data.free_columns,
        classes=classes,
        positive=_positive(target, spec, classes),
        negative_label=None if classes else _negative(target, y_true),
    )


def _negative(target: pd.Series, y_true: npt.NDArray[np.int8]) -> str:
    """How the data write the label that is not selected."""
    return str(as_text(target[y_true == 0].head(1)).iloc[0])


def _positive(target: pd.Series, spec: ModelSpec, classes: tuple[str, ...]) -> int | None:
    """The number of the label that is selected; None where none of several classes is."""
    if not classes:
        return 1
    label = spec.data.positive_label
    return None if label is None else classes.index(label_text(label, target))


def like(
    table: pd.DataFrame, training: pd.DataFrame, *, needed: tuple[str, ...] | None = None, where: str
) -> pd.DataFrame:
    """The table with its columns in the types that the training table has them.

    Args:
        table: as it was read.
        training: the table that was learned from.
        needed: the columns that must be there; all of the training table's where None.
        where: what a message is about.

    Raises:
        UnknownColumn: the table lacks a column that is needed.
        UnsuitableData: a column of numbers holds something else here.
    """
    for column in training.columns if needed is None else needed:
        if column not in table.columns:
            raise UnknownColumn(column, table.columns, where=where)
    shared = [column for column in training.columns if column in table.columns]
    table = table[shared].copy()
    for column in shared:
        is_number, was_number = (pd.api.types.is_numeric_dtype(each[column]) for each in (table, training))
        if is_number and not was_number:
            table[column] = as_text(table[column])
        if was_number and not is_number:
            numbers = pd.to_numeric(table[column], errors="coerce")
            if (bad := table[column][numbers.isna() & table[column].notna()]).size:
                raise UnsuitableData(
                    f"column {column!r} holds numbers in the training data, got {bad.iloc[0]!r} here", where=where
                )
            table[column] = numbers
    return table


def telling_columns(*tables: pd.DataFrame, free: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The columns by which the same person is found twice.

    They are those that every table has, but lists, and those that number the rows of every table; a text or an image, one of
    ``free``, is no number even where no two are alike.
    """
    return tuple(
        column
        for column in tables[0].columns
        if all(column in table.columns for table in tables)
        and not any(is_nested(table[column]) for table in tables)
        and (column in free or not all(_numbers_the_rows(table[column]) for table in tables))
    )


def normal_form(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The columns as numbers or texts, so that equal values are equal however a file held them (rows, columns)."""
    return pd.DataFrame(
        {
            column: table[column].astype("float64")
            if pd.api.types.is_numeric_dtype(table[column])
            else fingerprints(table[column])
            if is_packed(table[column])
            else as_text(table[column])
            for column in columns
        },
        index=table.index,
    )


def record_hashes(table: pd.DataFrame, telling: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """A hash of every row over the telling columns (rows,); equal rows have equal hashes."""
    normal = normal_form(table, telling)
    if normal.empty:
        return np.arange(len(table), dtype="uint64")
    hashes: npt.NDArray[np.uint64] = pd.util.hash_pandas_object(normal, index=False).to_numpy().astype("uint64")
    return hashes


def _numbers_the_rows(column: pd.Series) -> bool:
    is_key = pd.api.types.is_integer_dtype(column) or column.dtype == object
    return bool(is_key and len(column) > 1 and column.is_unique)
