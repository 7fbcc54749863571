"""Tables from files, URLs, scikit-learn, OpenML and the embedded generators."""

import inspect
import lzma
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import fsspec
import pandas as pd

from rai_platform.data.generators import GENERATORS
from rai_platform.errors import UnknownColumn, UnreadableData, did_you_mean
from rai_platform.spec.data import Cell, Source
from rai_platform.spec.digests import digest_of

# What pandas, pyarrow and the decompressors raise on bytes that are not what the source says.
NOT_AS_CLAIMED = (pd.errors.ParserError, ValueError, LookupError, OSError, EOFError, zlib.error, lzma.LZMAError)


def read_table(source: Source, *, missing: tuple[str, ...] = ()) -> pd.DataFrame:
    """The whole table, with the texts in ``missing`` read as missing values and ``source.replace`` applied.

    Raises:
        UnreadableData: nothing is there, it is empty, or it is not in the format it claims.
        UnknownColumn: a column under ``source.replace`` is not in the table.
    """
    reader = {"sklearn": _read_sklearn, "openml": _read_openml, "generator": _read_generator}.get(source.scheme)
    frame = reader(source) if reader else _read_file(source, missing)
    if frame.empty:
        raise UnreadableData("expected rows, got none", where=source.path)
    frame.columns = frame.columns.map(str)
    if missing and (reader or _is_parquet(source)):
        frame = frame.apply(lambda column: column.mask(column.isin(missing)))
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
    filesystem, path = _filesystem(source)
    try:
        return str(filesystem.ukey(path))
    except (FileNotFoundError, OSError) as error:
        raise UnreadableData(_no_such(error), where=source.path) from None


def _filesystem(source: Source) -> tuple[Any, str]:
    try:
        filesystem, path = fsspec.core.url_to_fs(source.path)
    except ImportError as error:
        raise UnreadableData(f"reading it needs a package that is not installed: {error}", where=source.path) from None
    except ValueError as error:
        raise UnreadableData(f"no way to read such a URL: {error}", where=source.path) from None
    return filesystem, path


def _read_file(source: Source, missing: tuple[str, ...]) -> pd.DataFrame:
    filesystem, path = _filesystem(source)
    try:
        with filesystem.open(path, "rb", compression=_compression(path)) as file:
            return _read_parquet(file) if _is_parquet(source) else _read_csv(file, source, missing)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UnreadableData(_no_such(error), where=source.path) from None
    except UnicodeDecodeError as error:
        raise UnreadableData(
            f"not {source.encoding} text ({error.reason} at byte {error.start}); "
            "name the file's encoding, for instance `source: {path: …, encoding: latin-1}`",
            where=source.path,
        ) from None
    except pd.errors.EmptyDataError:
        raise UnreadableData("expected a table, got an empty file", where=source.path) from None
    except NOT_AS_CLAIMED as error:
        kind = "Parquet" if _is_parquet(source) else f"CSV with {source.separator!r} between the columns"
        raise UnreadableData(f"not {kind}: {' '.join(str(error).split())}", where=source.path) from None


def _read_csv(file: Any, source: Source, missing: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.read_csv(
        file,
        sep=source.separator,
        names=list(source.columns) if source.columns else None,
        header=None if source.columns else 0,
        skiprows=source.skip_rows,
        encoding=source.encoding,
        skipinitialspace=source.separator != " ",  # between two such separators lies an empty value
        na_values=list(missing),
        low_memory=False,
        engine="c",
    )
    if not isinstance(frame.index, pd.RangeIndex):  # pandas makes row labels of the values that are too many
        raise UnreadableData(
            f"the rows hold more values than the {frame.shape[1]} columns that have a name; name every column",
            where=source.path,
        )
    return frame


def _read_parquet(file: Any) -> pd.DataFrame:
    return pd.read_parquet(file)


def _replaced(column: pd.Series, replacements: dict[Cell, Cell]) -> pd.Series:
    return column.astype(object).map(lambda value: replacements.get(value, value))


def _is_parquet(source: Source) -> bool:
    return source.format == "parquet" if source.format else source.path.endswith((".parquet", ".pq"))


def _compression(path: str) -> str | None:
    return {"gz": "gzip", "bz2": "bz2", "xz": "xz", "zst": "zstd"}.get(path.rsplit(".", 1)[-1])


def _no_such(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "expected a file, got a folder"
    return "permission denied" if isinstance(error, PermissionError) else "no such file"


def _name_and_options(source: Source) -> tuple[str, dict[str, str]]:
    name, _, query = source.path.partition(":")[2].partition("?")
    return name, dict(parse_qsl(query, keep_blank_values=True))


def _read_sklearn(source: Source) -> pd.DataFrame:
    import sklearn.datasets

    name, _ = _name_and_options(source)
    loaders: dict[str, Callable[..., Any]] = {
        function.split("_", 1)[1]: getattr(sklearn.datasets, function)
        for function in ("fetch_california_housing", "fetch_covtype", "load_breast_cancer", "load_iris", "load_wine")
    }
    if name not in loaders:
        raise UnreadableData(
            f"no dataset {name!r}{did_you_mean(name, loaders)}; datasets: {', '.join(sorted(loaders))}",
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
        raise UnreadableData(f"OpenML did not give it: {' '.join(str(error).split())}", where=source.path) from None
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
    except (TypeError, ValueError) as error:
        raise UnreadableData(f"the generator does not take these options: {error}", where=source.path) from None
