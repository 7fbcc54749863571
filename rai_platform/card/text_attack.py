"""The card's part on texts that are changed on purpose."""

from rai_platform.card.attack import UPPER_BOUND
from rai_platform.card.doubts import doubts_in_words
from rai_platform.card.figures import figure
from rai_platform.card.sections.figure import Figure
from rai_platform.card.sections.texts import RecipeRow, TextAttackSection
from rai_platform.robustness.texts.report import Reduction, TextRobustness
from rai_platform.statistics.estimates import Proportion

WITHSTANDS = "share of texts rightly classified as they are and however they were changed"
TURNED = "share of the rightly classified texts that were turned"


def text_attack_section(report: TextRobustness) -> TextAttackSection:
    """Accuracy under every recipe and under all, texts before and after, and whether to believe it."""
    return TextAttackSection(
        not_possible=report.not_possible,
        summary=_summary(report),
        doubts=doubts_in_words(report),
        n=report.n,
        query_budget=report.query_budget,
        accuracy=figure("accuracy", "of the texts as they are", report.accuracy) if report.accuracy else None,
        rows=tuple(_rows(report)),
        by_class=_figures(report.by_class or {}),
        by_group={feature: _figures(groups) for feature, groups in (report.by_group or {}).items()},
        examples=report.examples,
        checks=report.checks,
        not_run=report.not_run,
        reduction=report.reduction,
        reduced=_reduced(report.reduction),
    )


def _reduced(found: Reduction | None) -> str:
    if found is None:
        return ""
    bounds = found.few.bounds()
    return (
        f"Of the {found.words:.0f} words of a text, {found.words_left:.1f} suffice for the same decision, on average over {found.n:,} "
        f"texts that are rightly classified; two words or fewer suffice for {found.few.value:.0%} of them ({bounds.lower:.0%} to "
        f"{bounds.upper:.0%}). Where a person would not decide by what is left, the model looks at something else than a reader does."
    )


def strongest_recipe_in_words(report: TextRobustness) -> str:
    """How far accuracy under attack can be trusted, in a sentence or two."""
    strongest = f" The strongest attack tried was {report.strongest.recipe}." if report.strongest else ""
    return f"{UPPER_BOUND}{strongest}"


def _summary(report: TextRobustness) -> str:
    if report.accuracy is None or report.worst_case is None:
        return ""
    bounds = report.worst_case.bounds()
    said = (
        f"When {_counted(len(report.recipes), 'recipe')} of TextAttack, from the literature, changed {report.n:,} texts, drawn "
        f"by chance, accuracy fell from {report.accuracy.value:.1%} to {report.worst_case.value:.1%} ({bounds.lower:.1%} to "
        f"{bounds.upper:.1%})."
    )
    return f"{said} {strongest_recipe_in_words(report)}"


def _rows(report: TextRobustness) -> list[RecipeRow]:
    rows = [
        RecipeRow(
            recipe=each.recipe,
            how=each.how,
            accuracy=figure("accuracy", WITHSTANDS, each.accuracy),
            success_rate=figure("success rate", TURNED, each.success_rate, "no text was attacked"),
            words_changed=each.words_changed,
            queries=each.queries,
            cut_short=each.cut_short.value if each.cut_short else None,
        )
        for each in report.recipes
    ]
    if report.worst_case is None:
        return rows
    worst = RecipeRow(
        recipe="worst_case",
        how="whichever recipe did best, text by text",
        accuracy=figure("accuracy", WITHSTANDS, report.worst_case),
        success_rate=figure("success rate", TURNED, report.success_rate, "no text was attacked"),
        words_changed=None,
        queries=None,
        cut_short=None,
    )
    return [*rows, worst]


def _figures(rates: dict[str, Proportion]) -> dict[str, Figure]:
    return {name: figure("accuracy", WITHSTANDS, rate) for name, rate in rates.items()}


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
