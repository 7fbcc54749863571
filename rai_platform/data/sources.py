"""Tables from files, URLs, scikit-learn, OpenML and the embedded generators."""

import decimal
import inspect
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd

from rai_platform.data.columns import cell_text
from rai_platform.data.files import fingerprint_of_file, fingerprint_of_folder, format_of, read_file
from rai_platform.data.generators import GENERATORS
from rai_platform.data.image_files import read_folder, read_idx, read_npz
from rai_platform.data.images import pack_all
from rai_platform.errors import UnknownColumn, UnreadableData, did_you_mean, message_of
from rai_platform.spec.data import Cell, DataSpec, Source
from rai_platform.spec.digests import digest_of

LIGHTEST_DIGIT = 16  # of the grey levels in scikit-learn's digits
WRITABLE = (str, bool, int, float, decimal.Decimal, np.generic)  # what a replacement may stand for


def read_data(data: DataSpec) -> pd.DataFrame:
    """The table of a model's data; raises as ``read_table`` does."""
    return read_table(data.table, missing=data.missing, texts=data.categories)


def read_table(source: Source, *, missing: tuple[str, ...] = (), texts: Collection[str] = ()) -> pd.DataFrame:
    """The whole table, with the texts in ``missing`` read as missing values and ``source.replace`` applied.

    Args:
        source: where it is.
        missing: what stands for a missing value.
        texts: columns of a CSV that are read as they are written, so that 01 does not become 1.

    Raises:
        UnreadableData: nothing is there, it is empty, or it is not in the format it claims.
        UnknownColumn: a column under ``source.replace`` is not in the table.
    """
    named = {"sklearn": _read_sklearn, "openml": _read_openml, "generator": _read_generator}.get(source.scheme)
    reader = named or {"npz": read_npz, "idx": read_idx, "folder": read_folder}.get(format_of(source))
    frame = reader(source) if reader else read_file(source, missing=missing, texts=texts)
    if frame.empty:
        raise UnreadableData("expected rows, got none", where=source.path)
    frame.columns = frame.columns.map(str)
    if not frame.columns.is_unique:
        doubled = frame.columns[frame.columns.duplicated()][0]
        raise UnreadableData(f"two columns are called {doubled!r}; give each a name of its own", where=source.path)
    if missing and (reader or format_of(source) != "csv"):
        frame = frame.apply(_without, missing=missing)
    for column, replacements in source.replace.items():
        if column not in frame.columns:
            raise UnknownColumn(column, frame.columns, where=f"{source.path}, replace")
        frame[column] = _replaced(frame[column], replacements)
    return frame.reset_index(drop=True)


def fingerprint(source: Source) -> str:
    """A text that changes when the source changes: for a file its size and time, for an object its ETag.

    Raises:
        UnreadableData: nothing is there.
    """
    if source.scheme:
        return digest_of(source.path)
    if format_of(source) == "folder":
        return fingerprint_of_folder(source)
    if source.labels is not None:
        return digest_of([fingerprint_of_file(source), fingerprint_of_file(Source(path=source.labels))])
    return fingerprint_of_file(source)


def _without(column: pd.Series, *, missing: tuple[str, ...]) -> pd.Series:
    """The column without what stands for a missing value; numbers again where only that kept it from being some."""
    if pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(pd.Series(missing, dtype=object), errors="coerce").dropna()
        return column.mask(column.isin(numbers))
    is_missing = column.isin(missing)
    left = column.mask(is_missing)
    if not is_missing.any() or pd.api.types.infer_dtype(left) != "string":
        return left
    numbers = pd.to_numeric(left, errors="coerce")
    return numbers if numbers.notna().equals(left.notna()) and left.notna().any() else left


def _replaced(column: pd.Series, replacements: dict[Cell, Cell]) -> pd.Series:
    """The column with some values written differently, whatever type they were read in: ``"1"`` is 1 here as well."""
    by_text = {cell_text(old): new for old, new in replacements.items()}

    def written(value: Any) -> Any:
        is_there = isinstance(value, WRITABLE) and value == value  # what is missing equals nothing, not even itself
        return by_text.get(cell_text(value), value) if is_there else value

    return column.astype(object).map(written)


def _name_and_options(source: Source) -> tuple[str, dict[str, str]]:
    name, _, query = source.path.partition(":")[2].partition("?")
    return name, dict(parse_qsl(query, keep_blank_values=True))


def _read_sklearn(source: Source) -> pd.DataFrame:
    import sklearn.datasets

    name, options = _name_and_options(source)
    if name == "digits" and not options:
        digits = sklearn.datasets.load_digits()
        pixels = np.round(digits.images * (255 / LIGHTEST_DIGIT)).astype("uint8")[:, :, :, None]
        return pd.DataFrame({"image": pd.Series(pack_all(pixels), dtype=object), "label": digits.target})
    if options:
        raise UnreadableData(f"scikit-learn's datasets take no options, got {', '.join(options)}", where=source.path)
    loaders: dict[str, Callable[..., Any]] = {
        function.split("_", 1)[1]: getattr(sklearn.datasets, function)
        for function in ("fetch_california_housing", "fetch_covtype", "load_breast_cancer", "load_iris", "load_wine")
    }
    if name not in loaders:
        raise UnreadableData(
            f"no dataset {name!r}{did_you_mean(name, [*loaders, 'digits'])}; datasets: {', '.join(sorted([*loaders, 'digits']))}",
            where=source.path,
        )
    try:
        frame: pd.DataFrame = loaders[name](as_frame=True).frame
    except OSError as error:
        raise UnreadableData(f"scikit-learn could not fetch it: {error}", where=source.path) from None
    return frame


def _read_openml(source: Source) -> pd.DataFrame:
    from sklearn.datasets import fetch_openml

    name, options = _name_and_options(source)
    try:
        version = int(options.get("version", "1"))
        asked = {"data_id": int(name)} if name.isdigit() else {"name": name, "version": version}
        bunch = fetch_openml(**asked, as_frame=True, parser="auto")
    except (OSError, ValueError) as error:
        raise UnreadableData(f"OpenML did not give it: {message_of(error)}", where=source.path) from None
    frame: pd.DataFrame = bunch.frame
    return frame


def _read_generator(source: Source) -> pd.DataFrame:
    name, options = _name_and_options(source)
    if name not in GENERATORS:
        raise UnreadableData(
            f"no generator {name!r}{did_you_mean(name, GENERATORS)}; generators: {', '.join(GENERATORS)}",
            where=source.path,
        )
    known = list(inspect.signature(GENERATORS[name]).parameters)
    for option in options:
        if option not in known:
            raise UnreadableData(
                f"the generator has no option {option!r}{did_you_mean(option, known)}; options: {', '.join(known)}",
                where=source.path,
            )
    try:
        return GENERATORS[name](**{key: float(value) if "." in value else int(value) for key, value in options.items()})
    except (TypeError, ValueError, MemoryError) as error:
        raise UnreadableData(f"the generator does not take these options: {error}", where=source.path) from None
