"""CSV, Parquet and JSON, in files and behind URLs."""

import io
import json
import lzma
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd

from rai_platform.errors import UnreadableData, in_a_line, message_of
from rai_platform.spec.data import Source
from rai_platform.spec.digests import digest_of

# What pandas, pyarrow and the decompressors raise on bytes that are not what the source says.
NOT_AS_CLAIMED = (pd.errors.ParserError, ValueError, LookupError, OSError, EOFError, zlib.error, lzma.LZMAError)
COMPRESSIONS = {"gz": "gzip", "bz2": "bz2", "xz": "xz", "zst": "zstd", "zip": "zip"}
ENDINGS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npz": "npz",
    "idx3-ubyte": "idx",
}
NAMES = {"parquet": "Parquet", "json": "a JSON list of records", "jsonl": "JSON with one record a line"}
OTHER_SEPARATORS = (";", "\t", "|", ",")
LOOKED_AT_BYTES = 65_536
WEB = ("http://", "https://")
SECONDS_TO_CONNECT, SECONDS_TO_ANSWER = 15, 30  # of a web server; the whole of a large file may take longer
BEGINNINGS = {  # of files that are no CSV, however they are called
    b"PAR1": "this is Parquet: say `source: {path: …, format: parquet}`",
    b"PK\x03\x04": "this is an Excel or zip file: save its table as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "this is an Excel file: save its table as CSV or Parquet",
    b"\x1f\x8b": "this is compressed: give it the ending .gz",
}


def read_file(source: Source, *, missing: tuple[str, ...], texts: Collection[str]) -> pd.DataFrame:
    """The table as it is in the file; arguments and errors are those of ``read_table``."""
    filesystem, path = _filesystem(source)
    try:
        with filesystem.open(path, "rb", compression=COMPRESSIONS.get(path.rsplit(".", 1)[-1].lower())) as file:
            if (kind := format_of(source)) == "parquet":
                return _read_parquet(file)
            return _read_csv(file, source, missing, texts) if kind == "csv" else _read_json(file, source, kind)
    except UnreadableData:
        raise
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
    except TimeoutError:
        raise UnreadableData("cannot be fetched: the server does not answer", where=source.path) from None
    except NOT_AS_CLAIMED as error:
        kind = NAMES.get(format_of(source), f"CSV with {source.separator!r} between the columns")
        raise UnreadableData(f"not {kind}: {message_of(error)}", where=source.path) from None
    except Exception as error:
        if not _is_far(source):
            raise
        raise UnreadableData(f"cannot be fetched: {in_a_line(error)}", where=source.path) from None


def fingerprint_of_file(source: Source) -> str:
    """A text that changes when the file changes: its size and time, for an object its ETag.

    Raises:
        UnreadableData: nothing is there.
    """
    filesystem, path = _filesystem(source)
    try:
        if source.path.startswith(WEB):  # fsspec holds what is on the web for unchanging
            told = filesystem.info(path)
            return digest_of([told.get(name) for name in ("ETag", "Content-MD5", "Digest", "Last-Modified", "size")])
        return str(filesystem.ukey(path))
    except OSError as error:
        raise UnreadableData(_no_such(error), where=source.path) from None
    except Exception as error:
        if not _is_far(source):
            raise
        raise UnreadableData(f"cannot be fetched: {in_a_line(error)}", where=source.path) from None


def fingerprint_of_folder(source: Source) -> str:
    """A text that changes when a file of the folder, or of a folder in it, changes: names, sizes and times.

    Raises:
        UnreadableData: there is no such folder.
    """
    folder = Path(source.path)
    if not folder.is_dir():
        raise UnreadableData("no such folder", where=source.path)
    files = sorted(file for file in folder.glob("*/*") if file.is_file())
    told = [(file.relative_to(folder).as_posix(), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return digest_of(told)


def format_of(source: Source) -> str:
    """The file's format, as far as its name or the spec tells; CSV where nothing does."""
    if source.format:
        return source.format
    name = source.path.lower()
    for compressed in COMPRESSIONS:
        name = name.removesuffix(f".{compressed}")
    return next((kind for ending, kind in ENDINGS.items() if name.endswith(ending)), "csv")


def _filesystem(source: Source) -> tuple[Any, str]:
    options: dict[str, Any] = {}
    if source.path.startswith(WEB):
        import aiohttp

        waits = aiohttp.ClientTimeout(total=None, sock_connect=SECONDS_TO_CONNECT, sock_read=SECONDS_TO_ANSWER)
        options = {"client_kwargs": {"timeout": waits}}
    try:
        filesystem, path = fsspec.core.url_to_fs(source.path, **options)
    except ImportError as error:
        raise UnreadableData(f"reading it needs a package that is not installed: {error}", where=source.path) from None
    except (ValueError, OSError) as error:
        raise UnreadableData(f"no way to read such a URL: {message_of(error)}", where=source.path) from None
    return filesystem, path


def _read_csv(file: Any, source: Source, missing: tuple[str, ...], texts: Collection[str]) -> pd.DataFrame:
    beginning = file.read(LOOKED_AT_BYTES)
    _must_be_text(beginning, source)
    frame = pd.read_csv(
        io.BufferedReader(_Continued(beginning, file)),
        sep=source.separator,
        names=list(source.columns) if source.columns else None,
        header=None if source.columns else 0,
        skiprows=source.skip_rows,
        encoding=source.encoding,
        skipinitialspace=source.separator != " ",  # between two such separators lies an empty value
        na_values=list(missing),
        decimal=source.decimal,
        thousands=source.thousands,
        dtype=dict.fromkeys(texts, str),
        low_memory=False,
        engine="c",
    )
    if not isinstance(frame.index, pd.RangeIndex):  # pandas makes row labels of the values that are too many
        raise UnreadableData(
            f"the rows hold more values than the {frame.shape[1]} columns that have a name; name every column",
            where=source.path,
        )
    if frame.shape[1] == 1 and (
        found := next((sign for sign in OTHER_SEPARATORS if sign in str(frame.columns[0])), "")
    ):
        raise UnreadableData(
            f"one column, called {frame.columns[0]!r}; if {found!r} separates the columns, say "
            f"`source: {{path: …, separator: {json.dumps(found)}}}`",
            where=source.path,
        )
    return frame


class _Continued(io.RawIOBase):
    """A stream whose beginning was read already; one from the web cannot be wound back."""

    def __init__(self, beginning: bytes, rest: Any) -> None:
        super().__init__()
        self._beginning, self._rest = beginning, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._beginning[: len(buffer)] or self._rest.read(len(buffer))
        self._beginning = self._beginning[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _must_be_text(beginning: bytes, source: Source) -> None:
    for signature, what in BEGINNINGS.items():
        if beginning.startswith(signature):
            raise UnreadableData(f"not CSV: {what}", where=source.path)
    if b"\0" in beginning and not source.encoding.lower().startswith(("utf-16", "utf_16", "utf-32", "utf_32")):
        # pandas would end a value at such a byte, and say nothing
        raise UnreadableData(
            "not text: there are zero bytes in it; if it is UTF-16, say `source: {path: …, encoding: utf-16}`",
            where=source.path,
        )


def _read_parquet(file: Any) -> pd.DataFrame:
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.ParquetFile(file).read().to_pandas()
    named = [name for name in frame.index.names if name is not None]
    return frame.reset_index(named) if named else frame  # an index with a name is a column


def _read_json(file: Any, source: Source, kind: str) -> pd.DataFrame:
    text = file.read().decode(source.encoding).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    lines = [line for line in text.split("\n") if line.strip()]  # other ends of lines may stand within a text
    try:
        records = [json.loads(line) for line in lines] if kind == "jsonl" else json.loads(text)
    except RecursionError:
        raise ValueError("lists or records within one another, too deep to be read") from None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError('expected a list of records, such as [{"text": "…", "label": 1}]')
    return pd.DataFrame.from_records(records)


def _no_such(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "expected a file, got a folder"
    if isinstance(error, PermissionError):
        return "permission denied"
    return "no such file" if error.__cause__ is None else f"cannot be fetched: {error.__cause__}"


def _is_far(source: Source) -> bool:
    """Whether a foreign file system answers, which may raise anything; nearer, that is a fault of our own."""
    return "://" in source.path
