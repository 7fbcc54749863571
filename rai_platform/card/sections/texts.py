"""The section of the card about texts that are changed on purpose."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure
from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.texts.report import NotRun, Reduction, TextExample


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRow:
    """What one recipe made of the texts.

    Attributes:
        recipe: its name; ``worst_case`` is all of them, text by text.
        how: what it does to a text.
        accuracy: share of texts that are rightly classified as they are and as it changed them.
        success_rate: share of the rightly classified that it turned.
        words_changed: mean share of a text's words, of its successes; None where there are none.
        queries: mean number of questions about a text; None for the worst case.
        cut_short: share of the attacked that withstood with no question left; None for the worst case.
    """

    recipe: str
    how: str
    accuracy: Figure
    success_rate: Figure
    words_changed: float | None
    queries: float | None
    cut_short: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAttackSection:
    """What becomes of accuracy when texts are changed on purpose.

    Attributes:
        not_possible: why no text was attacked; None where some were.
        summary: what was found, in sentences.
        doubts: why the attacks are not credible, in sentences; empty where they are.
        n: texts drawn and done with.
        query_budget: the most questions about one text, of each recipe.
        accuracy: of the texts as they are; None where nothing was attacked.
        rows: by recipe, the worst case last.
        by_class: accuracy in the worst case by class.
        by_group: the same by sensitive feature and group.
        examples: texts before and after.
        checks: what makes the attacks credible.
        not_run: recipes that attacked nothing, and why.
        reduction: how few words suffice for the same decision; None where nobody asked.
        reduced: the same in sentences.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    n: int
    query_budget: int
    accuracy: Figure | None
    rows: tuple[RecipeRow, ...]
    by_class: dict[str, Figure]
    by_group: dict[str, dict[str, Figure]]
    examples: tuple[TextExample, ...]
    checks: tuple[CredibilityCheck, ...]
    not_run: tuple[NotRun, ...]
    reduction: Reduction | None = None
    reduced: str = ""
