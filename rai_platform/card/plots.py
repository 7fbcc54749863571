"""Pictures of the evidence: as SVG in the card, as small PNG in Dagster's pages.

They are narrow, with their panels below each other where that helps: a phone shows them without shrinking the letters.
"""

import warnings

import numpy as np
from matplotlib.axes import Axes

from rai_platform.card.attack_plot import draw_attack
from rai_platform.card.building import Evidence
from rai_platform.card.document import ModelCard
from rai_platform.card.drawing import (
    INK,
    MAIN,
    MUTED,
    SECOND,
    Format,
    in_style,
    inline,
    label_of,
    new_canvas,
    written,
)
from rai_platform.card.faithfulness_plot import draw_faithfulness
from rai_platform.card.group_plots import draw_calibration, draw_confusion, draw_groups
from rai_platform.card.heat_maps import draw_average_maps, draw_heat_maps
from rai_platform.card.image_plots import draw_adversarial_images, draw_corruptions, draw_image_attacks
from rai_platform.card.rendering import impact_limit
from rai_platform.card.text_attack_plot import draw_families, draw_text_attack
from rai_platform.explanations.report import Explanations
from rai_platform.performance.report import PerformanceReport
from rai_platform.robustness.prompts.report import EndpointReport, GuardReport, PromptRobustness
from rai_platform.robustness.report import RobustnessScore, RobustnessScores

SHOWN_FEATURES = 12
MOST_NUMBERED_CLASSES = 20
COLOUR_OF = {"table": "value of the feature", "image": "light of the region", "text": "times the word stands there"}
STRENGTH_OF = {
    "noise": "standard deviations",
    "missing_values": "share of values",
    "category_swaps": "share of categories",
    "shift": "standard deviations",
}


def draw_calibration_and_roc(report: PerformanceReport, *, kind: Format) -> bytes | None:
    """The ROC curve, and score against observed rate; None where there are no scores."""
    if report.matrix:
        return draw_classes(report, kind=kind)
    panels = [bool(report.roc), bool(report.calibration)]
    if not any(panels):
        return None
    with new_canvas(3.7, 3.1 * sum(panels), rows=sum(panels)) as (canvas, axes):
        if report.roc:
            _draw_roc(axes[0], report)
        if report.calibration:
            _draw_calibration(axes[-1], report)
        return written(canvas, kind)


def draw_classes(report: PerformanceReport, *, kind: Format) -> bytes:
    """True class against class decided for, in shares of the true one; and calibration of the class decided for."""
    names = [result.label for result in report.classes]
    counts = np.array(report.matrix, dtype="float64")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(8.0, max(3.4, 1.2 + 0.34 * len(names)))
    with new_canvas(side, side + (3.1 if report.calibration else 0), rows=1 + bool(report.calibration)) as (
        canvas,
        axes,
    ):
        axes[0].imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes[0].set(
            title="True class and class decided for",
            xlabel="decided for",
            ylabel="true class",
            xticks=range(len(names)),
            yticks=range(len(names)),
        )
        axes[0].set_xticklabels(names, rotation=90 if max(map(len, names)) > 2 else 0)
        axes[0].set_yticklabels(names)
        axes[0].grid(visible=False)
        if len(names) <= MOST_NUMBERED_CLASSES:
            for row, column in zip(*np.nonzero(counts), strict=True):
                colour = "white" if shares[row, column] > 0.5 else "black"
                number = f"{int(counts[row, column])}"
                axes[0].text(column, row, number, ha="center", va="center", color=colour, fontsize=7)
        if report.calibration:
            _draw_calibration(axes[-1], report, of="right answers")
        return written(canvas, kind)


def _draw_roc(axis: Axes, report: PerformanceReport) -> None:
    axis.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    axis.plot([x for x, _ in report.roc], [y for _, y in report.roc], color=MAIN, lw=2)
    axis.set(title="ROC curve", xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))


def _draw_calibration(axis: Axes, report: PerformanceReport, *, of: str = "positives") -> None:
    axis.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    for bin_ in report.calibration:
        bounds = bin_.observed.bounds()
        axis.plot([bin_.mean_score] * 2, [bounds.lower, bounds.upper], color=SECOND, lw=2, alpha=0.5)
    scores, observed = zip(*((bin_.mean_score, bin_.observed.value) for bin_ in report.calibration), strict=True)
    axis.plot(scores, observed, "o-", color=SECOND, ms=4, lw=1)
    axis.set(title="Calibration", xlabel="score", ylabel=f"share of {of}", xlim=(0, 1), ylim=(0, 1.01))


def draw_importance(report: Explanations, *, kind: Format) -> bytes | None:
    """Mean absolute attribution of the strongest features, with intervals; None where nothing was explained."""
    rows = report.importance[:SHOWN_FEATURES]
    if not rows:
        return None
    with new_canvas(_width([row.feature for row in rows]), 0.9 + 0.27 * len(rows)) as (canvas, (axis,)):
        places = range(len(rows))
        axis.barh(places, [row.mean_absolute for row in rows], color=MAIN, height=0.62, alpha=0.85)
        for place, row in enumerate(rows):
            axis.plot([row.lower, row.upper], [place, place], color=INK, lw=1.2)
        axis.set_yticks(places, [label_of(row.feature) for row in rows])
        axis.set(xlabel=f"mean |SHAP value| ({report.output})", ylim=(len(rows) - 0.4, -0.6))
        axis.grid(axis="y", visible=False)
        return written(canvas, kind)


def _width(names: list[str]) -> float:
    """Inches for bars beside the longest of some names."""
    return 3.6 + 0.075 * max(len(label_of(name)) for name in names)


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
    explanation = shap.Explanation(values=values, data=data, feature_names=[label_of(name) for name in report.features])
    with in_style():
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
            colours.set_ylabel(COLOUR_OF[report.modality], fontsize=9, labelpad=-6)
            colours.set_yticks(colours.get_yticks(), ["low", "high"], fontsize=9)
            canvas.tight_layout()
            return written(canvas, kind)
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
    with new_canvas(2.4 * columns, 2.1 * rows, rows=rows, columns=columns) as (canvas, axes):
        for axis, perturbation in zip(axes, kinds, strict=False):
            _draw_perturbation(axis, perturbation, report)
            axis.set_ylim(max(0.0, low - 0.02), min(1.0, high + 0.02))
        for axis in axes[len(kinds) :]:
            axis.set_visible(False)
        for axis in axes[::columns]:
            axis.set_ylabel("accuracy")
        return written(canvas, kind)


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


def prompt_reports(report: PromptRobustness | None) -> dict[str, GuardReport | EndpointReport]:
    """What was measured of prompts, by the name of its picture."""
    if report is None:
        return {}
    measured = {"guard": report.guard, "endpoint": report.endpoint}
    return {name: each for name, each in measured.items() if each is not None}


def draw_card(card: ModelCard, evidence: Evidence) -> dict[str, str]:
    """Every picture of a card as SVG text, by the name its template knows."""
    least = card.policy.minimum_group_size
    pictures: dict[str, bytes | None] = {
        "performance": draw_calibration_and_roc(evidence.performance, kind="svg"),
        "importance": draw_importance(evidence.explanations, kind="svg"),
        "beeswarm": draw_beeswarm(evidence.explanations, kind="svg"),
        "heat maps": draw_heat_maps(evidence.explanations, kind="svg"),
        "average maps": draw_average_maps(evidence.explanations, kind="svg"),
        "faithfulness": draw_faithfulness(evidence.explanations, kind="svg"),
        "robustness": draw_robustness(evidence.robustness, kind="svg"),
        "attack": draw_attack(evidence.robustness.attack, kind="svg"),
        "image attacks": draw_image_attacks(evidence.robustness.images, kind="svg"),
        "adversarial images": draw_adversarial_images(evidence.robustness.images, kind="svg"),
        "corruptions": draw_corruptions(evidence.robustness.images, kind="svg"),
        "text attack": draw_text_attack(evidence.robustness.texts, kind="svg"),
        **{
            name: draw_families(report.families, kind="svg")
            for name, report in prompt_reports(evidence.robustness.prompts).items()
        },
    }
    for section in card.fairness:
        if not section.groups or not section.by_selection:
            continue
        ratio = impact_limit(card, section.feature)
        pictures |= {
            f"groups {section.feature}": draw_groups(section, four_fifths=ratio, kind="svg", minimum_group_size=least),
            f"confusion {section.feature}": draw_confusion(section, kind="svg", minimum_group_size=least),
            f"calibration {section.feature}": draw_calibration(section, kind="svg", minimum_group_size=least),
        }
    return {name: inline(svg) for name, svg in pictures.items() if svg is not None}
