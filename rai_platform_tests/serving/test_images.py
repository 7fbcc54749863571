"""Images in a request: what is read as which pixels, and what is refused."""

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rai_platform.data.images import unpack
from rai_platform.errors import UnusableRequest
from rai_platform.serving.features import teller
from rai_platform.serving.inputs import FieldRule, InputRules
from rai_platform.settings import read_settings

GREY = np.arange(12, dtype="uint8").reshape(3, 4, 1) * 20
COLOUR = np.arange(36, dtype="uint8").reshape(3, 4, 3) * 7


def rules(shape: tuple[int, int, int]) -> InputRules:
    return InputRules((FieldRule(name="scan", kind="image", may_be_missing=False, shape=shape),))


def file(pixels: np.ndarray, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[2] == 1 else pixels).save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("value", "pixels"),
    [
        (GREY.tolist(), GREY),
        (GREY.squeeze(-1).tolist(), GREY),
        ((GREY / 255).tolist(), GREY),
        (file(GREY), GREY),
        (COLOUR.tolist(), COLOUR),
        (file(COLOUR), COLOUR),
    ],
    ids=["channels of one", "numbers", "shares of full light", "file", "colours", "file of colours"],
)
def test_an_image_is_read_pixel_by_pixel_however_it_is_sent(value: Any, pixels: np.ndarray) -> None:
    rows = rules(pixels.shape).read([{"scan": value}])
    frame = rules(pixels.shape).frame(rows)
    assert np.array_equal(unpack(frame["scan"], where="scan")[0], pixels)


def many_pixels(side: int) -> str:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "got null"),
        (5, "got 5"),
        ({"a": 1}, 'got {"a": 1}'),
        ([], "(it is 0)"),
        ([[0] * 4] * 2, "(it is 2 x 4)"),
        ([[0] * 4, [0] * 3, [0] * 4], "(its rows differ in length)"),
        (COLOUR.tolist(), "(it is 3 x 4 x 3)"),
        ([["x"] * 4] * 3, "(not all of it are numbers"),
        ([[None] * 4] * 3, "(not all of it are numbers"),
        ([[10**30] * 4] * 3, "(not all of it are numbers"),
        ([[256] * 4] * 3, "(expected pixels from 0 to 255"),
        ([[-1] * 4] * 3, "(expected pixels from 0 to 255"),
        ([[float("inf")] * 4] * 3, "one that is not finite"),
        ("no base64!", "(no base64)"),
        (base64.b64encode(b"GIF89a...").decode(), "(no PNG or JPEG file)"),
        (file(COLOUR), "(it is 3 x 4 x 3)"),
        (file(np.zeros((5, 4, 1), "uint8")), "(it has 5 rows of 4 pixels)"),
        (many_pixels(9000), "(it has 9000 rows of 9000 pixels)"),
        (many_pixels(60000), "(no PNG or JPEG file)"),
    ],
)
def test_what_is_no_such_image_is_refused_with_the_field_and_the_reason(value: Any, said: str) -> None:
    with pytest.raises(UnusableRequest) as told:
        rules((3, 4, 1)).read([{"scan": value}])
    assert 'row 0, field "scan": expected an image of 3 rows of 4 pixels, grey' in told.value.message
    assert said in told.value.message
    assert len(told.value.message) < 400


def test_an_image_has_the_column_that_the_training_data_have() -> None:
    frame = rules(GREY.shape).frame(rules(GREY.shape).read([{"scan": GREY.tolist()}] * 2))
    assert isinstance(frame, pd.DataFrame)
    assert frame["scan"].dtype == object
    assert frame["scan"].iloc[0] == frame["scan"].iloc[1]


@pytest.mark.parametrize("how", ["stored", "hashed"])
def test_the_log_tells_an_image_by_a_hash_that_equal_images_share(how: str, tmp_path: Path) -> None:
    tell = teller(read_settings({"RAI_HOME": str(tmp_path), "RAI_LOGGED_FEATURES": how}, working_folder=tmp_path))
    shape = GREY.shape
    one, same, other = rules(shape).read(
        [{"scan": GREY.tolist()}, {"scan": file(GREY)}, {"scan": np.flip(GREY, axis=0).tolist()}]
    )
    assert tell(one) == tell(same) != tell(other)
    assert list(json.loads(tell(one))) == (["scan"] if how == "stored" else ["hmac_sha256"])
    assert len(tell(one)) < 100
