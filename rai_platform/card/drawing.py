"""How pictures are drawn: their letters and colours, in SVG for the card and as small PNG for Dagster's pages."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

Format = Literal["svg", "png"]

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
MAIN, SECOND, WARM, PALE = "#2f5d8a", "#5b9a8b", "#c8553d", "#a9b4c0"
LONGEST_LABEL = 44  # letters of a name; the tables beside a picture have the whole of it
PNG_DPI = 100
PNG_COLOURS = 64, 24, 12  # fewer where the file is too large
LARGEST_PNG = 45_000  # bytes
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": GRID,
    "axes.axisbelow": True,
    "svg.hashsalt": "rai_platform",
    "svg.fonttype": "none",  # letters stay letters: they can be read aloud, searched, and drawn in any script
    "legend.frameon": False,
    "text.parse_math": False,  # a group called "$25k to $50k" is no formula
}


# Matplotlib's settings and pyplot's current figure are one for the whole process: two cards at once would mix.
ONE_AT_A_TIME = threading.RLock()


@contextmanager
def in_style() -> Iterator[None]:
    """Our letters and colours, for one thread at a time."""
    with ONE_AT_A_TIME, mpl.rc_context(STYLE), warnings.catch_warnings():
        # A script that DejaVu lacks: whoever looks at the SVG has a font for it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def label_of(name: str, *, most: int = LONGEST_LABEL) -> str:
    """A name as a picture has room for it: on one line, without its middle where it is long."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    end = most // 3 + 1
    return line if len(line) <= most else f"{line[: most - end - 1]}…{line[-end:]}"


@contextmanager
def new_canvas(width: float, height: float, *, rows: int = 1, columns: int = 1) -> Iterator[tuple[Canvas, list[Axes]]]:
    """An empty picture of panels, its size in inches."""
    with in_style():
        canvas = Canvas(figsize=(width, height), layout="constrained")
        yield canvas, list(canvas.subplots(rows, columns, squeeze=False).flat)


def written(canvas: Canvas, kind: Format) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    with in_style():
        if kind == "svg":
            canvas.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
            return buffer.getvalue()
        canvas.savefig(buffer, format="png", dpi=PNG_DPI)
    return _fewer_colours(buffer)


def _fewer_colours(png: io.BytesIO) -> bytes:
    """The same picture in a palette, a third of the size or less: it travels inside the metadata of an event."""
    from PIL import Image

    picture = Image.open(png).convert("RGB")
    for colours in PNG_COLOURS:
        buffer = io.BytesIO()
        picture.quantize(colours, method=Image.Quantize.MAXCOVERAGE).save(buffer, format="png", optimize=True)
        if buffer.tell() <= LARGEST_PNG:
            break
    return buffer.getvalue()


def inline(svg: bytes) -> str:
    """An SVG without its XML declaration, to stand inside HTML."""
    text = svg.decode()
    return text[text.index("<svg") :]
