"""Explained images and texts as a report keeps them: small, and as plain values."""

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEVELS = 127  # of a heat map on either side of 0
LARGEST_SIDE = 96  # pixels of a kept image; larger ones are kept smaller
ALL = "all classes"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Attributions of the cells of an image, in whole levels.

    Attributes:
        rows: of cells.
        columns: of cells.
        largest: the largest absolute attribution, which is 127 levels.
        levels: of the cells row by row, as bytes from -127 to 127 in base64.
    """

    rows: int
    columns: int
    largest: float
    levels: str

    @classmethod
    def of(cls, values: "npt.NDArray[np.float64]") -> Self:
        """The map of attributions (rows, columns)."""
        import numpy as np

        largest = float(np.abs(values).max())
        levels = np.round(values / (largest or 1.0) * LEVELS).astype("int8")
        return cls(
            rows=values.shape[0],
            columns=values.shape[1],
            largest=float(f"{largest:.6g}"),
            levels=base64.b64encode(levels.tobytes()).decode(),
        )

    @property
    def values(self) -> "npt.NDArray[np.float64]":
        """Attributions (rows, columns), each within half a level of what was measured."""
        import numpy as np

        levels = np.frombuffer(base64.b64decode(self.levels), dtype="int8").reshape(self.rows, self.columns)
        found: npt.NDArray[np.float64] = levels * (self.largest / LEVELS)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedInput:
    """One image or text and what the model says of it.

    Attributes:
        row_key: the row's position in its source.
        label: its true class.
        decided: the class that the model decides for.
        output: what the model gave.
        base_value: what it gives where all of the image is hidden, or all words are left out.
    """

    row_key: int
    label: str
    decided: str
    output: float
    base_value: float

    @property
    def is_right(self) -> bool:
        """Whether the model decides for the true class."""
        return self.label == self.decided


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedImage(ExplainedInput):
    """One image and where the output for it comes from.

    Attributes:
        png: the image, a PNG in base64.
        heat: what each cell adds to the output.
    """

    png: str
    heat: HeatMap


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageMap:
    """What the cells add on average.

    Attributes:
        name: the class decided for; ``all classes`` for the mean absolute attribution of all images.
        n: images.
        png: their mean, a PNG in base64.
        heat: mean attributions, signed within a class.
    """

    name: str
    n: int
    png: str
    heat: HeatMap


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageExplanations:
    """Explained images.

    Attributes:
        height: pixels of the model's images.
        width: pixels of the model's images.
        channels: of the model's images; attributions are of all of them together.
        regions: rows and columns of the regions that the report names.
        examples: drawn at random, right and wrong decisions.
        averages: of all images, and of every class decided for.
    """

    height: int
    width: int
    channels: int
    regions: tuple[int, int]
    examples: tuple[ExplainedImage, ...]
    averages: tuple[AverageMap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedText(ExplainedInput):
    """One text and what its words add to the output.

    Attributes:
        words: as they stand in the text, each with what follows it up to the next.
        attributions: of the words.
        left_out: words at the end that are not kept here.
    """

    words: tuple[str, ...]
    attributions: tuple[float, ...]
    left_out: int


def as_png(pixels: "npt.NDArray[np.uint8]") -> str:
    """An image (height, width, channels) as a PNG in base64, made smaller where it is large."""
    from PIL import Image

    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if max(image.size) > LARGEST_SIDE:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def from_png(png: str) -> "npt.NDArray[np.uint8]":
    """The pixels of a kept image (height, width) or (height, width, channels)."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        return np.asarray(image)
