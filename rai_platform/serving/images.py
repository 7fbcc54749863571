"""Images in a request: lists of numbers, or a PNG or JPEG file in base64, read into what the platform keeps of an image."""

import base64
import binascii
import hashlib
import io

import numpy as np

from rai_platform.data.images import as_bytes, decoded, pack
from rai_platform.errors import UnsuitableData

FORMATS = ("PNG", "JPEG")
COLOURS = {1: "grey", 3: "red, green and blue", 4: "red, green, blue and opacity"}
Shape = tuple[int, int, int]


def expected_image(shape: Shape) -> str:
    """What is expected of an image (height, width, channels), in words."""
    height, width, channels = shape
    return (
        f"an image of {height} rows of {width} pixels, {COLOURS.get(channels, f'{channels} channels')}: lists of numbers from 0 to "
        "255 or of decimals from 0 to 1, or a PNG or JPEG file in base64"
    )


def read_image(value: object, shape: Shape) -> bytes:
    """One image of a request, as a value of the platform's tables.

    Args:
        value: of JSON: rows of pixels, each a number or a list of one for every channel; or a file as text.
        shape: of the model's images (height, width, channels).

    Raises:
        ValueError: it is no such image; with the end of a sentence that says why.
    """
    try:
        if isinstance(value, str):
            return pack(_of_this_size(_file(value, shape), shape))
        if isinstance(value, list):
            return pack(as_bytes(_of_this_size(_array(value), shape), where="pixels"))
    except UnsuitableData as error:
        raise ValueError(f" ({error.message})") from None
    raise ValueError


def told_image(image: bytes) -> str:
    """What the log says of an image: a hash by which an equal one is found again."""
    return f"sha256:{hashlib.sha256(image).hexdigest()}"


def _array(value: list[object]) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(" (its rows differ in length)") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(" (not all of it are numbers, or its rows differ in length)")
    return array


def _file(text: str, shape: Shape) -> np.ndarray:
    from PIL import Image

    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(" (no base64)") from None
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            size = image.size
    except Exception:  # of a decoder, which raises anything about a damaged file
        raise ValueError(" (no PNG or JPEG file)") from None
    if size != (shape[1], shape[0]):  # told before the pixels are unpacked: a small file may hold very many
        raise ValueError(f" (it has {size[1]} rows of {size[0]} pixels)")
    return decoded(content, where="the file")


def _of_this_size(array: np.ndarray, shape: Shape) -> np.ndarray:
    """The pixels (height, width, channels)."""
    told = array[..., None] if array.ndim == 2 else array
    if told.shape != shape:
        raise ValueError(f" (it is {' x '.join(map(str, array.shape))})")
    return told
