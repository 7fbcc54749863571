"""The pictures of images that are a little different."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rai_platform.card.drawing import INK, MAIN, MUTED, PALE, SECOND, WARM, Format, label_of, new_canvas, written
from rai_platform.robustness.images.report import IN_WORDS, AdversarialImage, ImageRobustness, Norm, Picture
from rai_platform.statistics.estimates import Proportion

LINES = {
    "fgsm": (PALE, "-", "."),
    "pgd": (SECOND, "-", "."),
    "deepfool": (SECOND, ":", "."),
    "apgd_ce": (INK, "-", "."),
    "apgd_dlr": (INK, ":", "."),
    "apgd_t": (INK, "--", "."),
    "square": (WARM, "-", "."),
    "hop_skip_jump": (WARM, ":", "."),
}
NAME_LENGTH = 14


def draw_image_attacks(report: ImageRobustness | None, *, kind: Format) -> bytes | None:
    """Accuracy over distance, of every attack and of all together, a panel for each norm; None where nothing was attacked."""
    if report is None or report.accuracy is None or not report.norms:
        return None
    with new_canvas(3.4 * len(report.norms), 3.1, columns=len(report.norms)) as (canvas, axes):
        for axis, norm in zip(axes, report.norms, strict=True):
            _draw_norm(axis, report, report.accuracy, norm)
        axes[0].set_ylabel("accuracy")
        handles, labels = axes[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
        return written(canvas, kind)


def _draw_norm(axis: Axes, report: ImageRobustness, clean: Proportion, norm: Norm) -> None:
    worst = sorted(report.worst_case(norm), key=lambda point: point.epsilon)
    x = [0.0, *(point.epsilon for point in worst)]
    for attack, (colour, style, marker) in LINES.items():
        points = sorted(
            (point for point in report.curve if (point.norm, point.attack) == (norm, attack)),
            key=lambda point: point.epsilon,
        )
        if points:
            before = points[0].accuracy.value + points[0].drop.value
            values = [before, *(point.accuracy.value for point in points)]
            axis.plot(x, values, color=colour, ls=style, marker=marker, lw=1, label=IN_WORDS[attack])
    rates = [clean, *(point.accuracy for point in worst)]
    bounds = [rate.bounds() for rate in rates]
    axis.fill_between(x, [b.lower for b in bounds], [b.upper for b in bounds], color=MAIN, alpha=0.18, lw=0)
    axis.plot(x, [rate.value for rate in rates], "o-", color=MAIN, ms=4, lw=1.8, label=IN_WORDS["worst_case"])
    axis.axhline(clean.value, color=MUTED, lw=1, ls=":")
    axis.set(title=IN_WORDS[norm], xlabel="distance", ylim=(0, 1.01), xlim=(0, None))


def draw_corruptions(report: ImageRobustness | None, *, kind: Format) -> bytes | None:
    """Accuracy over the severity of every corruption; None where none was tried."""
    if report is None or not report.corruptions:
        return None
    kinds = list(dict.fromkeys(each.corruption for each in report.corruptions))
    columns = min(2, len(kinds))
    rows = -(-len(kinds) // columns)
    with new_canvas(2.4 * columns, 2.0 * rows, rows=rows, columns=columns) as (canvas, axes):
        for axis, corruption in zip(axes, kinds, strict=False):
            found = [each for each in report.corruptions if each.corruption == corruption]
            x, bounds = [each.severity for each in found], [each.accuracy.bounds() for each in found]
            axis.fill_between(x, [b.lower for b in bounds], [b.upper for b in bounds], color=MAIN, alpha=0.18, lw=0)
            axis.plot(x, [each.accuracy.value for each in found], "o-", color=MAIN, ms=4, lw=1.6)
            axis.axhline(found[0].accuracy.value + found[0].drop.value, color=MUTED, lw=1, ls=":")
            axis.set(title=corruption.replace("_", " "), xlabel="severity", ylim=(0, 1.01), xticks=x)
        for axis in axes[len(kinds) :]:
            axis.set_visible(False)
        for axis in axes[::columns]:
            axis.set_ylabel("accuracy")
        return written(canvas, kind)


def draw_adversarial_images(report: ImageRobustness | None, *, kind: Format) -> bytes | None:
    """A column for each example: the image, what was added to it, and what it became; None where there is no example."""
    if report is None or not report.examples:
        return None
    columns = len(report.examples)
    with new_canvas(1.15 * columns + 0.4, 4.2, rows=3, columns=columns) as (canvas, axes):
        for column, example in enumerate(report.examples):
            _draw_example(axes[column::columns], example)
        for axis, told in zip(axes[::columns], ("original", "added", "became"), strict=True):
            axis.set_ylabel(told, color=MUTED)
        return written(canvas, kind)


def _draw_example(axes: list[Axes], example: AdversarialImage) -> None:
    original, adversarial = example.original.pixels(), example.adversarial.pixels()
    added = adversarial - original
    largest = max(float(np.abs(added).max()), 1e-6)
    told = (example.label, f"{IN_WORDS[example.norm]} {example.distance:.2g}", example.taken_for)
    for axis, image, title in zip(axes, (original, 0.5 + added / (2 * largest), adversarial), told, strict=True):
        axis.imshow(_shown(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(label_of(title, most=NAME_LENGTH), fontsize=8, loc="center", fontweight="normal")
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)


def _shown(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """An image (channels, height, width) as it is drawn: (height, width) in grey, (height, width, 3) in colour."""
    return np.moveaxis(image, 0, -1) if len(image) == Picture.COLOURS else image.mean(axis=0)
