"""The pictures of texts under attack and of disguised injections."""

from collections.abc import Mapping

from rai_platform.card.drawing import MAIN, MUTED, WARM, Format, label_of, new_canvas, written
from rai_platform.robustness.prompts.report import FamilyResult
from rai_platform.robustness.texts.report import TextRobustness
from rai_platform.statistics.estimates import Proportion


def draw_text_attack(report: TextRobustness | None, *, kind: Format) -> bytes | None:
    """Accuracy under every recipe and under all together, with intervals; None where no text was attacked."""
    if report is None or report.accuracy is None or report.worst_case is None:
        return None
    rates = {each.recipe: each.accuracy for each in report.recipes} | {"worst case": report.worst_case}
    return _dots(rates, "accuracy under attack", line=report.accuracy.value, last=MAIN, kind=kind)


def draw_families(families: tuple[FamilyResult, ...], *, kind: Format) -> bytes | None:
    """Success of every family, with intervals; None where there is none."""
    if not families:
        return None
    return _dots({each.family: each.rate for each in families}, "share that succeeded", line=None, last=WARM, kind=kind)


def _dots(rates: Mapping[str, Proportion], label: str, *, line: float | None, last: str, kind: Format) -> bytes:
    names = list(rates)
    with new_canvas(4.2, 0.8 + 0.27 * len(names)) as (canvas, (axis,)):
        for place, name in enumerate(names):
            bounds = rates[name].bounds()
            colour = last if line is None or place == len(names) - 1 else MUTED
            axis.plot([bounds.lower, bounds.upper], [place, place], color=colour, lw=2, alpha=0.5)
            axis.plot([rates[name].value], [place], "o", color=colour, ms=5)
        if line is not None:
            axis.axvline(line, color=MUTED, lw=1, ls=":")
        axis.set_yticks(range(len(names)), [label_of(name) for name in names])
        axis.invert_yaxis()
        axis.set(xlabel=label, xlim=(-0.02, 1.02))
        return written(canvas, kind)
