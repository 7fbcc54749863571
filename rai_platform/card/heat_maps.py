"""Pictures of where in an image the output comes from: image by image, and on average by class."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure as Canvas

from rai_platform.card.drawing import INK, MAIN, MUTED, WARM, Format, label_of, new_canvas, written
from rai_platform.explanations.report import Explanations
from rai_platform.explanations.shown import ALL, ExplainedImage, HeatMap, from_png

EXAMPLES = 4  # of wrong decisions, and of right ones
CLASSES = 11  # with the average of all images three rows of four
PER_ROW = 4
LONGEST_NAME = 16
FULL_COLOUR = 0.97  # cells beyond this quantile have the full colour
TOWARD = LinearSegmentedColormap.from_list("toward", [MAIN, "#ffffff", WARM])


def draw_heat_maps(report: Explanations, *, kind: Format) -> bytes | None:
    """Images beside what speaks in them for and against; None where no image was explained."""
    if report.images is None or not report.images.examples:
        return None
    most = EXAMPLES if kind == "svg" else EXAMPLES // 2  # a picture on Dagster's page is small
    wrong = [each for each in report.images.examples if not each.is_right][:most]
    right = [each for each in report.images.examples if each.is_right][: 2 * most - len(wrong)]
    shown = [*wrong, *right]
    rows = -(-2 * len(shown) // PER_ROW)
    with new_canvas(5.4, 1.5 * rows + 0.65, rows=rows, columns=PER_ROW) as (canvas, axes):
        for axis in axes:
            axis.set_axis_off()
        for at, example in enumerate(shown):
            _draw_example(axes[2 * at], axes[2 * at + 1], example)
        _legend(canvas, axes, "speaks against", "speaks for")
        return written(canvas, kind)


def draw_average_maps(report: Explanations, *, kind: Format) -> bytes | None:
    """Average attributions over the average image, of all images and by class; None where no image was explained."""
    if report.images is None:
        return None
    averages = sorted(report.images.averages[1:], key=lambda each: -each.n)[:CLASSES]
    shown = [report.images.averages[0], *[each for each in report.images.averages[1:] if each in averages]]
    rows = -(-len(shown) // PER_ROW)
    with new_canvas(5.4, 1.55 * rows + 0.65, rows=rows, columns=PER_ROW) as (canvas, axes):
        for axis in axes:
            axis.set_axis_off()
        for axis, average in zip(axes, shown, strict=False):
            _overlay(axis, from_png(average.png), average.heat)
            name = "all, up or down" if average.name == ALL else label_of(average.name, most=LONGEST_NAME)
            axis.set_title(f"{name}\n{average.n:,} images", fontsize=8, fontweight="normal", color=INK)
        _legend(canvas, axes, "speaks against", "speaks for")
        return written(canvas, kind)


def _draw_example(original: Axes, overlay: Axes, example: ExplainedImage) -> None:
    original.imshow(from_png(example.png), cmap="gray", interpolation="nearest")
    _overlay(overlay, from_png(example.png), example.heat)
    label, decided = (label_of(name, most=LONGEST_NAME) for name in (example.label, example.decided))
    original.set_title(f"is {label}", fontsize=8, fontweight="normal", color=INK)
    verdict, colour = ("right", INK) if example.is_right else ("wrong", WARM)
    overlay.set_title(f"{verdict}: {decided}", fontsize=8, fontweight="normal", color=colour)


def _overlay(axis: Axes, pixels: npt.NDArray[np.uint8], heat: HeatMap) -> None:
    grey = pixels if pixels.ndim == 2 else pixels[:, :, :3].mean(axis=2)
    height, width = grey.shape
    # A single cell that stands out would leave all others pale.
    full = float(np.quantile(np.abs(heat.values), FULL_COLOUR)) or heat.largest or 1.0
    axis.imshow(
        heat.values,
        cmap=TOWARD,
        vmin=-full,
        vmax=full,
        interpolation="nearest",
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
    axis.imshow(grey, cmap="gray", interpolation="nearest", alpha=0.16, vmin=0, vmax=255)


def _legend(canvas: Canvas, axes: Sequence[Axes], low: str, high: str) -> None:
    scale = ScalarMappable(norm=Normalize(-1, 1), cmap=TOWARD)
    bar = canvas.colorbar(scale, ax=list(axes), orientation="horizontal", fraction=0.04, aspect=40, pad=0.02)
    bar.set_ticks([-1, 0, 1], labels=[low, "nothing", high], fontsize=8, color=INK)
    bar.outline.set_edgecolor(MUTED)
