"""Images as values of a table: one byte string each, with its size in front, equal where the pixels are equal.

A column of such values can be hashed, compared, split and written to Parquet like any other, and says its own shape.
"""

import hashlib
import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.errors import UnsuitableData

MAGIC = b"\x93IMG"
HEADER = struct.Struct("<4sHHH")  # magic, height, width, channels
CHANNELS = (1, 3, 4)
LARGEST_SIDE = 4096
TO_8_BITS = 257  # by which numbers of 16 bits are divided, so that the largest becomes the largest
Pixels = npt.NDArray[np.uint8]


def pack(pixels: Pixels) -> bytes:
    """One image (height, width, channels) as a value of a table."""
    return HEADER.pack(MAGIC, *pixels.shape) + np.ascontiguousarray(pixels).tobytes()


def pack_all(pixels: Pixels) -> list[bytes]:
    """Images (n, height, width, channels) as values of a table."""
    head, flat = HEADER.pack(MAGIC, *pixels.shape[1:]), np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    return [head + row.tobytes() for row in flat]


def unpack(column: "pd.Series[Any]", *, where: str) -> Pixels:
    """All images of a column (n, height, width, channels).

    Raises:
        UnsuitableData: a value is no image, or the images differ in size.
    """
    values = column.to_list()
    if not is_packed(column):
        raise UnsuitableData("expected an image in every row, as the platform keeps them", where=where)
    shapes = {value[: HEADER.size] for value in values}
    if len(shapes) != 1:
        sizes = sorted({"x".join(map(str, HEADER.unpack(each)[1:])) for each in shapes})
        raise UnsuitableData(
            f"expected images of one size (height x width x channels), got {', '.join(sizes[:5])}; resize them first",
            where=where,
        )
    _, height, width, channels = HEADER.unpack(values[0][: HEADER.size])
    joined = b"".join(value[HEADER.size :] for value in values)
    if len(joined) != len(values) * height * width * channels:
        raise UnsuitableData("an image holds fewer or more pixels than its size says", where=where)
    return np.frombuffer(joined, dtype="uint8").reshape(len(values), height, width, channels)


def is_packed(column: "pd.Series[Any]") -> bool:
    """Whether every value is an image as this module keeps them."""
    return (
        column.dtype == object
        and len(column) > 0
        and all(isinstance(value, bytes) and value[:4] == MAGIC and len(value) > HEADER.size for value in column)
    )


def shape_of(image: bytes) -> tuple[int, int, int]:
    """Height, width and channels of an image as this module keeps them."""
    _, height, width, channels = HEADER.unpack(image[: HEADER.size])
    return height, width, channels


def fingerprints(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A short text for every image, equal where the pixels are equal (rows,)."""
    return column.map(lambda value: hashlib.blake2b(value, digest_size=16).hexdigest())


def as_images(column: "pd.Series[Any]", *, where: str) -> "pd.Series[Any]":
    """The column with every value packed: from encoded files (PNG, JPEG), from arrays or nested lists, or packed already.

    Raises:
        UnsuitableData: a value is missing or no image.
    """
    if column.isna().any():
        raise UnsuitableData(f"{int(column.isna().sum())} rows have no image; leave them out of the file", where=where)
    if is_packed(column):
        return column
    return pd.Series(
        [_packed(value, where=f"{where}, row {row}") for row, value in enumerate(column)],
        index=column.index,
        name=column.name,
        dtype=object,
    )


def _packed(value: Any, *, where: str) -> bytes:
    if isinstance(value, dict):  # as the Hugging Face datasets write them: {bytes: …, path: …}
        value = value.get("bytes")
    if isinstance(value, bytes | bytearray):
        return pack(decoded(bytes(value), where=where))
    if isinstance(value, np.ndarray | list | tuple):
        try:
            array = np.asarray(_nested(value))
        except ValueError:
            raise UnsuitableData("expected pixels in rows of one length, got rows of several", where=where) from None
        return pack(pixels_of(array, where=where))
    raise UnsuitableData(
        f"expected an image (the bytes of a PNG or JPEG file, or an array of pixels), got {type(value).__name__}",
        where=where,
    )


def _nested(value: Any) -> Any:
    """Nested arrays, as Parquet gives lists of lists, as plain lists."""
    return [_nested(each) for each in value] if isinstance(value, np.ndarray | list | tuple) else value


def decoded(content: bytes, *, where: str) -> Pixels:
    """The pixels of an encoded image (height, width, channels); grey or RGB.

    Grey of 16 bits is scaled to 8, so that 65535 is 255; numbers of 32 bits are taken as ``pixels_of`` takes an array.

    Raises:
        UnsuitableData: it cannot be read, or its numbers do not say what is white.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.mode.startswith("I;16"):
                pixels = np.round(np.asarray(image) / TO_8_BITS).astype("uint8")
            elif image.mode in ("I", "F"):
                pixels = np.asarray(image)
            else:
                pixels = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    except Exception as error:  # of a decoder, which raises anything about a damaged file
        raise UnsuitableData(f"not an image that can be read: {error}", where=where) from None
    return pixels_of(pixels, where=where)


def pixels_of(array: npt.NDArray[Any], *, where: str) -> Pixels:
    """One image as bytes from 0 to 255 (height, width, channels): numbers up to 1 are taken for shares of full light.

    Raises:
        UnsuitableData: it has other than two or three dimensions, or numbers outside the range.
    """
    return as_bytes(_with_channels(array, before=(), where=where), where=where)


def _with_channels(array: npt.NDArray[Any], *, before: tuple[str, ...], where: str) -> npt.NDArray[Any]:
    """The array (*before, height, width, channels), its channels named where it has one and does not say so."""
    full = len(before) + 3
    told = array[..., None] if array.ndim == full - 1 else array
    if (
        told.ndim != full
        or not told.size
        or told.shape[-1] not in CHANNELS
        or not all(side <= LARGEST_SIDE for side in told.shape[-3:-1])
    ):
        size = ", ".join([*before, "height", "width"])
        raise UnsuitableData(
            f"expected pixels as ({size}) or ({size}, 1, 3 or 4 channels) with sides of 1 to {LARGEST_SIDE}, got {array.shape}",
            where=where,
        )
    return told


def as_bytes(array: npt.NDArray[Any], *, where: str) -> Pixels:
    """Pixels in whole numbers from 0 to 255; floats are shares of full light, from 0 to 1.

    Raises:
        UnsuitableData: a number lies outside, or is none.
    """
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype("uint8") * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise UnsuitableData(f"expected numbers as pixels, got {array.dtype}", where=where)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UnsuitableData("expected numbers as pixels, got one that is not finite", where=where)
    low, high = float(array.min()), float(array.max())
    is_share = array.dtype.kind == "f" and high <= 1
    if low < 0 or high > 255:
        raise UnsuitableData(
            f"expected pixels from 0 to 255, or floats from 0 to 1, got {low:g} to {high:g}; scale them first",
            where=where,
        )
    return np.round(array * (255.0 if is_share else 1.0)).astype("uint8")


def arrays_as_column(array: npt.NDArray[Any], *, where: str) -> list[bytes]:
    """Images (n, height, width[, channels]) as values of a table; raises as ``pixels_of`` does."""
    return pack_all(as_bytes(_with_channels(array, before=("images",), where=where), where=where))
