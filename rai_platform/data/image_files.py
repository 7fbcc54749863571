"""Image data sets from arrays (NPZ), IDX files and folders of pictures, as tables of an ``image`` and a ``label`` column."""

import gzip
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.images import arrays_as_column, decoded, pack
from rai_platform.errors import UnreadableData
from rai_platform.spec.data import Source

IMAGE, LABEL = "image", "label"
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_npz(source: Source) -> pd.DataFrame:
    """Every array of a NumPy archive as a column: those of three or four dimensions are images, those of one are values.

    Raises:
        UnreadableData: it is no such archive, holds Python objects, or its arrays differ in length.
    """
    try:
        with Path(source.path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UnreadableData("no such file", where=source.path) from None
    except (
        OSError,
        ValueError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
        AttributeError,
        EOFError,
        KeyError,
    ) as error:
        raise UnreadableData(f"not a NumPy archive of plain arrays: {error}", where=source.path) from None
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items()) or "no arrays"
        raise UnreadableData(f"expected arrays of one length, got {told}", where=source.path)
    return pd.DataFrame({name: _column(array, name, source) for name, array in arrays.items()})


def _column(array: npt.NDArray[Any], name: str, source: Source) -> Any:
    if array.ndim == 1:
        return _texts(array, name, source) if array.dtype.kind in "US" else array
    if array.ndim in (3, 4):
        return pd.Series(arrays_as_column(array, where=f"{source.path}, {name}"), dtype=object)
    raise UnreadableData(
        f"the array {name!r} has {array.ndim} dimensions; expected 1 (a column), 3 or 4 (images)", where=source.path
    )


def _texts(array: npt.NDArray[Any], name: str, source: Source) -> npt.NDArray[np.object_]:
    try:
        return np.char.decode(array, "utf-8").astype(object) if array.dtype.kind == "S" else array.astype(object)
    except UnicodeDecodeError as error:
        raise UnreadableData(
            f"the array {name!r} holds bytes that are no UTF-8 text ({error.reason}); keep it as an array of str",
            where=source.path,
        ) from None


def read_idx(source: Source) -> pd.DataFrame:
    """Images and their labels from two IDX files, as MNIST is published.

    Raises:
        UnreadableData: a file is missing or no IDX, or they differ in length.
    """
    if source.labels is None:
        raise UnreadableData(
            "IDX files hold images alone: name the file of labels, `source: {path: …, labels: …}`", where=source.path
        )
    images, labels = read_idx_array(source.path), read_idx_array(source.labels)
    if len(images) != len(labels) or labels.ndim != 1:
        raise UnreadableData(
            f"expected as many labels as images, got images {images.shape} and labels {labels.shape}", where=source.path
        )
    return pd.DataFrame(
        {IMAGE: pd.Series(arrays_as_column(images, where=source.path), dtype=object), LABEL: labels.astype("int64")}
    )


def read_idx_array(path: str) -> npt.NDArray[Any]:
    """The array in an IDX file, compressed or not.

    Source: LeCun, Cortes and Burges, the MNIST database (the format's description).

    Raises:
        UnreadableData: it is missing or no IDX.
    """
    try:
        content = Path(path).read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except FileNotFoundError:
        raise UnreadableData("no such file", where=path) from None
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableData(f"cannot be read: {error}", where=path) from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise UnreadableData("not an IDX file: it does not begin as one", where=path)
    dimensions, kind = content[3], np.dtype(IDX_TYPES[content[2]])
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise UnreadableData("not an IDX file: it ends before its sizes", where=path)
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    expected = int(np.prod(shape, dtype="int64")) * kind.itemsize
    if len(content) - start != expected:
        raise UnreadableData(
            f"cut short: its sizes {shape} ask for {expected} bytes, got {len(content) - start}", where=path
        )
    return np.frombuffer(content, dtype=kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


def read_folder(source: Source) -> pd.DataFrame:
    """Pictures in one folder for each label, ``cats/1.png``; rows in the order of the names.

    Raises:
        UnreadableData: there is no such folder, or no picture in a folder of a label.
    """
    folder = Path(source.path)
    if not folder.is_dir():
        raise UnreadableData("no such folder", where=source.path)
    files = sorted(
        file
        for label in folder.iterdir()
        if label.is_dir() and not label.name.startswith(".")
        for file in label.iterdir()
        if file.suffix.lower() in PICTURES
    )
    if not files:
        raise UnreadableData(
            "expected a folder of pictures for each label, such as cats/1.png; got none", where=source.path
        )
    return pd.DataFrame(
        {
            IMAGE: pd.Series([pack(decoded(file.read_bytes(), where=str(file))) for file in files], dtype=object),
            LABEL: [file.parent.name for file in files],
            "file": [f"{file.parent.name}/{file.name}" for file in files],
        }
    )
