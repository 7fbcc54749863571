"""Pictures of the evidence: as SVG in the card, as small PNG in Dagster's pages.

They are narrow, with their panels below each other where that helps: a phone shows them without shrinking the letters.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rai_platform.card.document import FeatureFairness, Figure
from rai_platform.explanations.report import Explanations
from rai_platform.performance.report import PerformanceReport
from rai_platform.robustness.report import RobustnessScore, RobustnessScores

Format = Literal["svg", "png"]

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
MAIN, SECOND, WARM, PALE = "#2f5d8a", "#5b9a8b", "#c8553d", "#a9b4c0"
SHOWN_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
SHOWN_FEATURES = 12
LONGEST_LABEL = 44  # letters of a name; the tables beside a picture have the whole of it
PNG_DPI = 100
PNG_COLOURS = 64
MANY_GROUPS = 14  # from here on the rows of a picture move together
STRENGTH_OF = {
    "noise": "standard deviations",
    "missing_values": "share of values",
    "category_swaps": "share of categories",
    "shift": "standard deviations",
}
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
def _style() -> Iterator[None]:
    with ONE_AT_A_TIME, mpl.rc_context(STYLE), warnings.catch_warnings():
        # A script that DejaVu lacks: whoever looks at the SVG has a font for it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def _label(name: str) -> str:
    """A name as a picture has room for it: on one line, without its middle where it is long."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 16]}…{line[-15:]}"


@contextmanager
def _canvas(width: float, height: float, *, rows: int = 1, columns: int = 1) -> Iterator[tuple[Canvas, list[Axes]]]:
    with _style():
        canvas = Canvas(figsize=(width, height), layout="constrained")
        yield canvas, list(canvas.subplots(rows, columns, squeeze=False).flat)


def _written(canvas: Canvas, kind: Format) -> bytes:
    buffer = io.BytesIO()
    with _style():
        if kind == "svg":
            canvas.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
            return buffer.getvalue()
        canvas.savefig(buffer, format="png", dpi=PNG_DPI)
    return _fewer_colours(buffer)


def _fewer_colours(png: io.BytesIO) -> bytes:
    """The same picture in a palette, a third of the size: it travels inside the metadata of an event."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(png).convert("RGB").quantize(PNG_COLOURS).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def draw_groups(
    section: FeatureFairness, *, four_fifths: float | None, kind: Format, minimum_group_size: int = 0
) -> bytes:
    """Rates of every group with their intervals; the dashed line is the limit on the selection rate.

    Args:
        section: the groups.
        four_fifths: the smallest ratio of selection rates that the policy allows; None where it has no such limit.
        kind: of picture.
        minimum_group_size: rows below which a rate is not judged: it is drawn pale, and moves no limit.
    """
    names = [f"{_label(row.group)}  (n = {row.n:,})" for row in section.groups]
    width = max(8.6, 5.8 + 0.075 * max(len(name) for name in names))
    height = 0.9 + (0.32 if len(names) < MANY_GROUPS else 0.2) * max(len(names), 2)
    with _canvas(width, height, columns=len(SHOWN_RATES)) as (canvas, axes):
        for axis, rate in zip(axes, SHOWN_RATES, strict=True):
            for place, row in enumerate(section.groups):
                figure = row.rate(rate)
                _draw_rate(axis, place, figure, colour=MAIN if figure.n >= minimum_group_size else PALE)
            axis.set_title(rate.replace("_", " "))
            axis.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5), xticks=(0, 0.25, 0.5, 0.75, 1))
            axis.set_xticklabels(("0", "", "0.5", "", "1"))
            axis.set_yticks(range(len(names)), names if axis is axes[0] else [""] * len(names))
            axis.grid(axis="y", visible=False)
        selected = [row.rate("selection_rate") for row in section.groups]
        known = [each.value for each in selected if each.value is not None and each.n >= minimum_group_size]
        if four_fifths is not None and len(known) > 1:
            axes[0].axvline(four_fifths * max(known), color=WARM, ls="--", lw=1.2)
            axes[0].set_title(f"limit {four_fifths * max(known):.3f}", loc="right", color=WARM, fontweight="normal")
        return _written(canvas, kind)


def _draw_rate(axis: Axes, place: int, figure: Figure, *, colour: str) -> None:
    if figure.value is None or figure.interval is None:
        axis.text(0.02, place, figure.why_not or "", color=MUTED, va="center", fontsize=8)
        return
    axis.plot([figure.interval.lower, figure.interval.upper], [place, place], color=colour, lw=2, alpha=0.45)
    axis.plot(figure.value, place, "o", color=colour, ms=5)


def draw_calibration_and_roc(report: PerformanceReport, *, kind: Format) -> bytes | None:
    """The ROC curve, and score against observed rate; None where there are no scores."""
    panels = [bool(report.roc), bool(report.calibration)]
    if not any(panels):
        return None
    with _canvas(3.7, 3.1 * sum(panels), rows=sum(panels)) as (canvas, axes):
        if report.roc:
            _draw_roc(axes[0], report)
        if report.calibration:
            _draw_calibration(axes[-1], report)
        return _written(canvas, kind)


def _draw_roc(axis: Axes, report: PerformanceReport) -> None:
    axis.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    axis.plot([x for x, _ in report.roc], [y for _, y in report.roc], color=MAIN, lw=2)
    axis.set(title="ROC curve", xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))


def _draw_calibration(axis: Axes, report: PerformanceReport) -> None:
    axis.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    for bin_ in report.calibration:
        bounds = bin_.observed.bounds()
        axis.plot([bin_.mean_score] * 2, [bounds.lower, bounds.upper], color=SECOND, lw=2, alpha=0.5)
    scores, observed = zip(*((bin_.mean_score, bin_.observed.value) for bin_ in report.calibration), strict=True)
    axis.plot(scores, observed, "o-", color=SECOND, ms=4, lw=1)
    axis.set(title="Calibration", xlabel="score", ylabel="share of positives", xlim=(0, 1), ylim=(0, 1.01))


def draw_importance(report: Explanations, *, kind: Format) -> bytes | None:
    """Mean absolute attribution of the strongest features, with intervals; None where nothing was explained."""
    rows = report.importance[:SHOWN_FEATURES]
    if not rows:
        return None
    with _canvas(_width([row.feature for row in rows]), 0.9 + 0.27 * len(rows)) as (canvas, (axis,)):
        places = range(len(rows))
        axis.barh(places, [row.mean_absolute for row in rows], color=MAIN, height=0.62, alpha=0.85)
        for place, row in enumerate(rows):
            axis.plot([row.lower, row.upper], [place, place], color=INK, lw=1.2)
        axis.set_yticks(places, [_label(row.feature) for row in rows])
        axis.set(xlabel=f"mean |SHAP value| ({report.output})", ylim=(len(rows) - 0.4, -0.6))
        axis.grid(axis="y", visible=False)
        return _written(canvas, kind)


def _width(names: list[str]) -> float:
    """Inches for bars beside the longest of some names."""
    return 3.6 + 0.075 * max(len(_label(name)) for name in names)


def draw_beeswarm(report: Explanations, *, kind: Format) -> bytes | None:
    """Every explained row as a dot per feature, coloured by the feature's value, by shap's own plot."""
    if not report.rows:
        return None
    import matplotlib.pyplot as plt
    import numpy as np
    import shap

    def as_number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return float("nan")

    values = np.array([row.attributions for row in report.rows])
    data = np.array([[as_number(value) for value in row.values] for row in report.rows])
    explanation = shap.Explanation(values=values, data=data, feature_names=[_label(name) for name in report.features])
    with _style():
        warnings.simplefilter("ignore", RuntimeWarning)  # a category has no high or low value: its dots are grey
        plt.switch_backend("agg")
        canvas, before = plt.figure(), np.random.get_state()
        try:
            np.random.seed(0)  # shap draws where dots of equal value stand; the same card is the same file every time
            shap.plots.beeswarm(
                explanation,
                show=False,
                max_display=SHOWN_FEATURES,
                order=np.arange(len(report.features)),
                plot_size=(
                    _width(list(report.features[:SHOWN_FEATURES])) + 0.6,
                    0.9 + 0.27 * min(len(report.features), SHOWN_FEATURES),
                ),
            )
            swarm, colours = canvas.axes
            swarm.set_xlabel(f"SHAP value ({report.output})", fontsize=9)
            swarm.tick_params(labelsize=9)
            colours.set_ylabel("value of the feature", fontsize=9, labelpad=-6)
            colours.set_yticks(colours.get_yticks(), ["low", "high"], fontsize=9)
            canvas.tight_layout()
            return _written(canvas, kind)
        finally:
            np.random.set_state(before)
            plt.close(canvas)


def draw_robustness(report: RobustnessScores, *, kind: Format) -> bytes | None:
    """Accuracy over the strength of every perturbation; a shift shows its worse direction. None where nothing was tried."""
    kinds = list(dict.fromkeys(score.perturbation for score in report.scores))
    if not kinds or report.untouched is None:
        return None
    clean = report.untouched.bounds()
    low = min(clean.lower, *(score.accuracy.bounds().lower for score in report.scores))
    high = max(clean.upper, *(score.accuracy.bounds().upper for score in report.scores))
    columns, rows = min(2, len(kinds)), (len(kinds) + 1) // 2
    with _canvas(2.4 * columns, 2.1 * rows, rows=rows, columns=columns) as (canvas, axes):
        for axis, perturbation in zip(axes, kinds, strict=False):
            _draw_perturbation(axis, perturbation, report)
            axis.set_ylim(max(0.0, low - 0.02), min(1.0, high + 0.02))
        for axis in axes[len(kinds) :]:
            axis.set_visible(False)
        for axis in axes[::columns]:
            axis.set_ylabel("accuracy")
        return _written(canvas, kind)


def _draw_perturbation(axis: Axes, perturbation: str, report: RobustnessScores) -> None:
    worst: dict[float, RobustnessScore] = {}
    for score in report.scores:
        strength = abs(score.strength)
        if score.perturbation == perturbation and (
            strength not in worst or score.accuracy.value < worst[strength].accuracy.value
        ):
            worst[strength] = score
    x = [0.0, *sorted(worst)]
    measured = [report.untouched, *(worst[strength].accuracy for strength in sorted(worst))]
    known = [rate for rate in measured if rate is not None]
    bounds = [rate.bounds() for rate in known]
    axis.fill_between(x, [b.lower for b in bounds], [b.upper for b in bounds], color=MAIN, alpha=0.18, lw=0)
    axis.plot(x, [rate.value for rate in known], "o-", color=MAIN, ms=4, lw=1.6)
    axis.axhline(known[0].value, color=MUTED, lw=1, ls=":")
    axis.set(title=perturbation.replace("_", " "), xlabel=STRENGTH_OF[perturbation])


def draw_card(
    performance: PerformanceReport, explanations: Explanations, robustness: RobustnessScores
) -> dict[str, str]:
    """Every picture of a card as SVG text, by the name its template knows."""
    pictures: dict[str, bytes | None] = {
        "performance": draw_calibration_and_roc(performance, kind="svg"),
        "importance": draw_importance(explanations, kind="svg"),
        "beeswarm": draw_beeswarm(explanations, kind="svg"),
        "robustness": draw_robustness(robustness, kind="svg"),
    }
    return {name: _inline(svg) for name, svg in pictures.items() if svg is not None}


def _inline(svg: bytes) -> str:
    """An SVG without its XML declaration, to stand inside HTML."""
    text = svg.decode()
    return text[text.index("<svg") :]
