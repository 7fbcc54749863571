"""What a column says: which label, which group, how heavy a row, which number or category."""

import decimal
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.images import as_images, is_packed
from rai_platform.data.misread import misread
from rai_platform.data.sample import MISSING_GROUP
from rai_platform.errors import UnsuitableData, did_you_mean
from rai_platform.spec.data import Cell, DataSpec, SensitiveFeature

NOT_IN_BINS = "(other)"
MOST_CLASSES = 100
MOST_GROUPS = 500  # every two of them are compared: a hundred thousand comparisons
LARGEST_LISTED = 10
LARGEST_NUMBER = 1e150  # the square of a larger one is infinite, and so is every variance it goes into
LIGHTEST, HEAVIEST = 1e-12, 1e12  # further apart, sums of squared weights overflow or vanish
POINTS_IN_TIME = ("date", "datetime", "datetime64", "period", "time", "timedelta", "timedelta64")  # pandas' names


def class_names(target: pd.Series, data: DataSpec) -> tuple[str, ...]:
    """The labels that a model of several classes tells apart, in order; empty where there are two, one of them positive.

    Raises:
        UnsuitableData: a label is missing or occurs no more, there are too many, or the positive one is none of them.
    """
    if data.classes is None:
        return ()
    where = f"data.target, column {data.target!r}"
    must_be_flat(target, where=where)
    found = as_text(target).dropna().unique()
    numeric = pd.to_numeric(pd.Series(found), errors="coerce").notna().all()
    if data.classes == "all":
        names = tuple(sorted(found, key=float if numeric else str))
    else:
        names = tuple(label_text(label, target) for label in data.classes)
        if unknown := sorted(set(names) - set(found)):
            raise UnsuitableData(
                f"the class {unknown[0]!r} does not occur{did_you_mean(unknown[0], found)}", where="data.classes"
            )
    if not 2 <= len(names) <= MOST_CLASSES:
        raise UnsuitableData(f"expected from 2 to {MOST_CLASSES} classes, got {len(names)}", where=where)
    if data.positive_label is not None and label_text(data.positive_label, target) not in names:
        raise UnsuitableData(
            f"the positive label {data.positive_label!r} is none of the classes: {', '.join(names[:LARGEST_LISTED])}",
            where="data.positive_label",
        )
    return names


def class_numbers(target: pd.Series, data: DataSpec, classes: tuple[str, ...]) -> npt.NDArray[np.int8]:
    """The place of every row's label among the classes (rows,).

    Raises:
        UnsuitableData: a label is missing, or none of the classes.
    """
    where = f"data.target, column {data.target!r}"
    must_be_flat(target, where=where)
    if (missing := int(target.isna().sum())) > 0:
        raise UnsuitableData(
            f"{missing} of {len(target)} rows have no label; leave them out of the file, or fill them in", where=where
        )
    places = as_text(target).map({name: place for place, name in enumerate(classes)})
    if places.isna().any():
        unknown = as_text(target)[places.isna()].iloc[0]
        raise UnsuitableData(
            f"the label {unknown!r} is none of the classes {', '.join(classes[:LARGEST_LISTED])}; add it to `data.classes`, or "
            "write it differently with `replace`",
            where=where,
        )
    return np.asarray(places.to_numpy("int8"), dtype="int8")


def labels(target: pd.Series, data: DataSpec) -> npt.NDArray[np.int8]:
    """1 where the target has the positive label, else 0 (rows,).

    Raises:
        UnsuitableData: missing labels, other than two values, or a positive label that does not occur.
    """
    where = f"data.target, column {data.target!r}"
    must_be_flat(target, where=where)
    if (missing := int(target.isna().sum())) > 0:
        raise UnsuitableData(
            f"{missing} of {len(target)} rows have no label; leave them out of the file, or fill them in", where=where
        )
    texts = as_text(target)
    values = sorted(texts.unique())
    names = ["false", "true"] if pd.api.types.is_bool_dtype(target) and len(values) == 2 else values
    shown = ", ".join(repr(value) for value in names[:LARGEST_LISTED])
    if len(values) == 1:
        raise UnsuitableData(f"expected two labels, got only {shown}: there is nothing to tell apart", where=where)
    if len(values) > 2:
        raise UnsuitableData(
            f"expected two labels, got {len(values)}: {shown}; merge them with `source: {{replace: …}}`, or tell them all apart "
            "with `data: {classes: all}`",
            where=where,
        )
    positive = label_text(1 if data.selected_label is None else data.selected_label, target)
    if positive not in values:
        raise UnsuitableData(
            f"the positive label {positive!r} does not occur{did_you_mean(positive, names)}; labels: {shown}",
            where="data.positive_label",
        )
    result: npt.NDArray[np.int8] = (texts == positive).to_numpy().astype("int8")
    return result


def selected_label(data: DataSpec) -> str:
    """The label that is selected, as ``cell_text`` says it; empty where none of several classes is."""
    return "" if data.selected_label is None else cell_text(data.selected_label)


def label_text(label: Cell, column: pd.Series) -> str:
    """The label as the column's texts have it: where the column holds truth values, the word ``true`` is one of them."""
    if isinstance(label, str) and label.lower() in ("true", "false") and pd.api.types.is_bool_dtype(column):
        return cell_text(label.lower() == "true")
    return cell_text(label)


def whole_column(column: pd.Series, *, is_image: bool, where: str) -> pd.Series:
    """A column of texts or images that a model reads as a whole.

    Raises:
        UnsuitableData: a value is missing, or is no text or image.
    """
    if is_image:
        return as_images(column, where=where)
    if (missing := int(column.isna().sum())) > 0:
        raise UnsuitableData(f"{missing} of {len(column)} rows have no text; leave them out of the file", where=where)
    must_be_flat(column, where=where)
    return as_text(column)


def weights(column: pd.Series) -> npt.NDArray[np.float64]:
    """Sampling weights (rows,).

    Raises:
        UnsuitableData: a weight is missing, not a number, not above 0, or too far from 1 to be summed with others.
    """
    values = pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)
    where = f"data.weight, column {column.name!r}"
    if not np.isfinite(values).all() or (values <= 0).any():
        raise UnsuitableData(
            "expected numbers above 0, none missing; "
            f"got {int((~np.isfinite(values)).sum())} that are no numbers, {int((values < 0).sum())} negative and "
            f"{int((values == 0).sum())} that are 0; leave rows that stand for nobody out of the file",
            where=where,
        )
    if values.min() < LIGHTEST or values.max() > HEAVIEST:
        raise UnsuitableData(
            f"expected weights from {LIGHTEST:g} to {HEAVIEST:g}, got {values.min():g} to {values.max():g}; divide them "
            "all by one number, which changes no rate",
            where=where,
        )
    return values


def typed_column(column: pd.Series, *, where: str, is_category: bool = False) -> pd.Series:
    """The column as int64, float64, or text with None for missing.

    Args:
        column: as it was read.
        where: what a message is about.
        is_category: whether its values are names, whatever they look like.

    Raises:
        UnsuitableData: nothing but missing values, an infinite or boundless number, dates, lists, or texts that are
            numbers or dates in another notation.
    """
    if column.isna().all():
        raise UnsuitableData("every value is missing; put it under `data.exclude`", where=where)
    if pd.api.types.is_numeric_dtype(column) and not is_category:
        return _number(column, where=where)
    kind = pd.api.types.infer_dtype(column)
    if kind in POINTS_IN_TIME:
        raise UnsuitableData(
            "holds dates, which no model here can use as they are; turn it into numbers or exclude it", where=where
        )
    must_be_flat(column, where=where)
    if kind == "decimal" and not is_category:
        return _number(column.astype("float64"), where=where)
    texts = as_text(column)
    if not is_category and (told := misread(texts)) is not None:
        raise UnsuitableData(told, where=where)
    return texts


def _number(column: pd.Series, *, where: str) -> pd.Series:
    if pd.api.types.is_bool_dtype(column):
        return column.astype("float64" if column.isna().any() else "int64")
    values = np.abs(column.to_numpy("float64", na_value=np.nan))
    if np.isinf(values).any():
        raise UnsuitableData("holds infinite values; replace them or exclude the column", where=where)
    if (largest := float(np.nanmax(values))) > LARGEST_NUMBER:
        raise UnsuitableData(
            f"holds numbers as large as {largest:g}, and their squares would be infinite; write it in another unit",
            where=where,
        )
    whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
    fits = whole and int(column.max()) < 2**63  # an unsigned number may not
    return column.astype("int64" if fits else "float64")


def group_of_rows(table: pd.DataFrame, feature: SensitiveFeature) -> pd.Series:
    """The group of every row as text; ``(missing)`` where the attribute is not known (rows,).

    Raises:
        UnsuitableData: no row has a value, bins are edges and the column is not a number, no value is in any bin, or
            there are more groups than can be compared.
    """
    column = table[feature.source_column]
    where = f"sensitive_features, {feature.name}"
    must_be_flat(column, where=where)
    if column.isna().all():
        raise UnsuitableData("every value is missing: nobody's group is known", where=where)
    if pd.api.types.infer_dtype(column) == "decimal":
        column = column.astype("float64")
    if isinstance(feature.bins, tuple):
        return _binned(column, feature.bins, where=where)
    texts = as_text(column)
    if feature.bins is not None:
        group_of = {cell_text(value): group for group, values in feature.bins.items() for value in values}
        known = texts.dropna()
        if not known.isin(list(group_of)).any():
            shown = ", ".join(repr(value) for value in sorted(known.unique())[:LARGEST_LISTED])
            raise UnsuitableData(f"no value is in any of the `bins`; values: {shown}", where=where)
        texts = texts.map(lambda text: None if text is None else group_of.get(text, NOT_IN_BINS))
    must_be_comparable(texts.nunique(), where=where)
    return texts.where(texts.notna(), MISSING_GROUP).astype(object)


def declared_groups(feature: SensitiveFeature) -> tuple[str, ...]:
    """The groups that the ``bins`` of a feature name, whether or not anybody is in them; none where there are no bins."""
    if isinstance(feature.bins, tuple):
        return tuple(bin_names(feature.bins))
    return tuple(feature.bins or ())


def must_be_comparable(groups: int, *, where: str) -> None:
    """Refuses so many groups that nobody is served by comparing every two of them, an identifier for instance.

    Raises:
        UnsuitableData: there are too many.
    """
    if groups > MOST_GROUPS:
        raise UnsuitableData(
            f"expected up to {MOST_GROUPS} groups, got {groups}; take values together with `bins`, or name another column",
            where=where,
        )


def cell_text(value: Cell | decimal.Decimal) -> str:
    """One text for a value however it was written: 1, 1.0 and true are ``1``."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating | decimal.Decimal) and np.isfinite(float(value)) and value == int(value):
        return str(int(value))
    return str(value)


def bin_names(edges: Sequence[float]) -> list[str]:
    """Names of the bins between edges: ``under 30``, ``30 to under 50``, ``50 and over``."""
    said = [cell_text(edge) for edge in edges]
    between = [f"{low} to under {high}" for low, high in itertools.pairwise(said)]
    return [f"under {said[0]}", *between, f"{said[-1]} and over"]


def as_text(column: pd.Series) -> pd.Series:
    """Every value as ``cell_text`` says it, None where it is missing (rows,)."""
    present = column.notna()
    values = column.astype(object)
    text = pd.Series([None] * len(column), index=column.index, dtype=object, name=column.name)
    codes, uniques = pd.factorize(values[present])
    text[present] = np.array([cell_text(value) for value in uniques], dtype=object)[codes]
    return text


def is_nested(column: pd.Series) -> bool:
    """Whether its values are lists, mappings or bytes."""
    kind = pd.api.types.infer_dtype(column)
    if kind == "bytes":
        return not is_packed(column)
    return kind == "mixed" and not column.map(pd.api.types.is_hashable).all()


def must_be_flat(column: pd.Series, *, where: str) -> None:
    """Refuses lists, mappings and bytes.

    Raises:
        UnsuitableData: it holds some.
    """
    if is_nested(column):
        raise UnsuitableData(
            f"holds values such as {column.dropna().iloc[0]!r}; spread them over several columns, or exclude it",
            where=where,
        )


def _binned(column: pd.Series, edges: tuple[float, ...], *, where: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column):
        raise UnsuitableData(f"`bins` are edges of numbers, but the column holds {column.dtype} values", where=where)
    values = column.to_numpy("float64", na_value=np.nan)
    names = bin_names(edges)
    named = np.array([*names, MISSING_GROUP], dtype=object)
    position = np.where(np.isnan(values), len(names), np.digitize(values, edges))
    return pd.Series(named[position], index=column.index, dtype=object)
