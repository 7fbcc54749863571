"""The pictures of a card: the same in the card, as SVG, and in Dagster's pages, as small PNG."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rai_platform.card.document import FeatureFairness, ModelCard
from rai_platform.card.figures import fairness_sections, group_rows
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.cells import Cells
from rai_platform.fairness.report import FairnessReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.robustness.report import RobustnessScores

Format = Literal["svg", "png"]

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
MAIN, SECOND, WARM = "#2f5d8a", "#5b9a8b", "#c8553d"
SHOWN_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
SHOWN_FEATURES = 12
PNG_DPI = 80
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
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
    "legend.frameon": False,
    "text.parse_math": False,  # a group called "$25k to $50k" is no formula
}


@contextmanager
def _canvas(width: float, height: float, columns: int = 1) -> Iterator[tuple[Canvas, list[Axes]]]:
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(width, height), layout="constrained")
        yield canvas, list(canvas.subplots(1, columns, squeeze=False)[0])


def _written(canvas: Canvas, kind: Format) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        if kind == "svg":
            canvas.savefig(buffer, format="svg", metadata={"Date": None})
        else:
            canvas.savefig(buffer, format="png", dpi=PNG_DPI)
    return buffer.getvalue()


def draw_groups(section: FeatureFairness, *, four_fifths: float | None, kind: Format) -> bytes:
    """Rates of every group with their intervals; the dashed line is the limit on the selection rate.

    Args:
        section: the groups.
        four_fifths: the smallest ratio of selection rates that the policy allows; None where it has no such limit.
        kind: of picture.
    """
    names = [f"{row.group}  (n = {row.n:,})" for row in section.groups]
    with _canvas(8.6, 1.1 + 0.32 * max(len(names), 2), columns=len(SHOWN_RATES)) as (canvas, axes):
        for axis, rate in zip(axes, SHOWN_RATES, strict=True):
            figures = [next(figure for figure in row.rates if figure.name == rate) for row in section.groups]
            for place, figure in enumerate(figures):
                if figure.value is not None and figure.interval is not None:
                    axis.plot(
                        [figure.interval.lower, figure.interval.upper], [place, place], color=MAIN, lw=2, alpha=0.45
                    )
                    axis.plot(figure.value, place, "o", color=MAIN, ms=5)
                else:
                    axis.text(0.02, place, figure.why_not or "", color=MUTED, va="center", fontsize=8)
            known = [figure.value for figure in figures if figure.value is not None]
            if rate == "selection_rate" and four_fifths is not None and known:
                axis.axvline(four_fifths * max(known), color=WARM, ls="--", lw=1.2)
            axis.set(title=rate.replace("_", " "), xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5))
            axis.set_yticks(range(len(names)), names if axis is axes[0] else [""] * len(names))
            axis.grid(axis="y", visible=False)
        return _written(canvas, kind)


def draw_calibration_and_roc(report: PerformanceReport, *, kind: Format) -> bytes | None:
    """The ROC curve, and score against observed rate; None where there are no scores."""
    panels = [bool(report.roc), bool(report.calibration)]
    if not any(panels):
        return None
    with _canvas(3.6 * sum(panels), 3.1, columns=sum(panels)) as (canvas, axes):
        remaining = iter(axes)
        if report.roc:
            axis = next(remaining)
            axis.plot([x for x, _ in report.roc], [y for _, y in report.roc], color=MAIN, lw=2)
            axis.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
            axis.set(
                title="ROC curve",
                xlabel="false positive rate",
                ylabel="true positive rate",
                xlim=(0, 1),
                ylim=(0, 1.01),
            )
        if report.calibration:
            axis = next(remaining)
            axis.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
            for bin_ in report.calibration:
                bounds = bin_.observed.bounds()
                axis.plot([bin_.mean_score] * 2, [bounds.lower, bounds.upper], color=SECOND, lw=2, alpha=0.5)
            axis.plot(
                [b.mean_score for b in report.calibration],
                [b.observed.value for b in report.calibration],
                "o-",
                color=SECOND,
                ms=4,
                lw=1,
            )
            axis.set(title="Calibration", xlabel="score", ylabel="observed rate", xlim=(0, 1), ylim=(0, 1.01))
        return _written(canvas, kind)


def draw_importance(report: Explanations, *, kind: Format) -> bytes | None:
    """Mean absolute attribution of the strongest features, with intervals; None where nothing was explained."""
    rows = report.importance[:SHOWN_FEATURES]
    if not rows:
        return None
    with _canvas(6.4, 0.9 + 0.27 * len(rows)) as (canvas, (axis,)):
        places = range(len(rows))
        axis.barh(places, [row.mean_absolute for row in rows], color=MAIN, height=0.62, alpha=0.85)
        for place, row in enumerate(rows):
            axis.plot([row.lower, row.upper], [place, place], color=INK, lw=1.2)
        axis.set_yticks(places, [row.feature for row in rows])
        axis.set(xlabel=f"mean |SHAP value|, {report.output}", ylim=(len(rows) - 0.4, -0.6))
        axis.grid(axis="y", visible=False)
        return _written(canvas, kind)


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
    explanation = shap.Explanation(values=values, data=data, feature_names=list(report.features))
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a category has no high or low value: its dots are grey
        plt.switch_backend("agg")
        try:
            shap.plots.beeswarm(
                explanation,
                show=False,
                max_display=SHOWN_FEATURES,
                order=np.arange(len(report.features)),
                plot_size=(6.4, 0.9 + 0.3 * min(len(report.features), SHOWN_FEATURES)),
            )
            axis = plt.gca()
            axis.set_xlabel(f"SHAP value, {report.output}", fontsize=9)
            axis.tick_params(labelsize=9)
            canvas = plt.gcf()
            canvas.tight_layout()
            return _written(canvas, kind)
        finally:
            plt.close("all")


def draw_robustness(report: RobustnessScores, *, kind: Format) -> bytes | None:
    """Accuracy over the strength of every perturbation; a shift shows its worse direction. None where nothing was tried."""
    kinds = list(dict.fromkeys(score.perturbation for score in report.scores))
    if not kinds or report.untouched is None:
        return None
    clean = report.untouched
    with _canvas(2.35 * len(kinds), 2.5, columns=len(kinds)) as (canvas, axes):
        for axis, perturbation in zip(axes, kinds, strict=True):
            worst: dict[float, Any] = {}
            for score in report.scores:
                strength = abs(score.strength)
                if score.perturbation == perturbation and (
                    strength not in worst or score.accuracy.value < worst[strength].accuracy.value
                ):
                    worst[strength] = score
            x = [0.0, *sorted(worst)]
            measured = [clean, *(worst[strength].accuracy for strength in sorted(worst))]
            bounds = [rate.bounds() for rate in measured]
            axis.fill_between(x, [b.lower for b in bounds], [b.upper for b in bounds], color=MAIN, alpha=0.18, lw=0)
            axis.plot(x, [rate.value for rate in measured], "o-", color=MAIN, ms=4, lw=1.6)
            axis.set(title=perturbation.replace("_", " "), xlabel="strength")
        low = min(score.accuracy.bounds().lower for score in report.scores)
        for axis in axes:
            axis.set_ylim(min(low, clean.bounds().lower) - 0.03, min(1.0, clean.bounds().upper + 0.03))
        axes[0].set_ylabel("accuracy")
        return _written(canvas, kind)


def draw_card(
    card: ModelCard,
    performance: PerformanceReport,
    explanations: Explanations,
    robustness: RobustnessScores,
    *,
    four_fifths: float | None,
) -> dict[str, str]:
    """Every picture of a card as SVG text, by the name its template knows."""
    pictures: dict[str, bytes | None] = {
        "performance": draw_calibration_and_roc(performance, kind="svg"),
        "importance": draw_importance(explanations, kind="svg"),
        "beeswarm": draw_beeswarm(explanations, kind="svg"),
        "robustness": draw_robustness(robustness, kind="svg"),
    }
    for section in card.fairness:
        pictures[f"fairness:{section.feature}"] = draw_groups(section, four_fifths=four_fifths, kind="svg")
    return {name: _inline(svg) for name, svg in pictures.items() if svg is not None}


def draw_fairness(report: FairnessReport, *, four_fifths: float | None) -> dict[str, bytes]:
    """A small PNG of the groups of every feature."""
    return {
        section.feature: draw_groups(section, four_fifths=four_fifths, kind="png")
        for section in fairness_sections(report)
    }


def section_of(feature: str, cells: Cells) -> FeatureFairness:
    """The groups of a feature without its disparities, for a picture."""
    return FeatureFairness(feature=feature, groups=group_rows(cells), disparities=())


def _inline(svg: bytes) -> str:
    """An SVG without its XML declaration, to stand inside HTML."""
    text = svg.decode()
    return text[text.index("<svg") :]
