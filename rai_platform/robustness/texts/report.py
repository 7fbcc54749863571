"""What attacks on a text classifier found, as a value."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.robustness.attack_report import Examined
from rai_platform.statistics.estimates import PairedDifference, Proportion

Outcome = Literal["succeeded", "failed", "broken", "reduced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """A recipe that attacked nothing.

    Attributes:
        recipe: its name.
        because: why, the end of a sentence.
        get: how to get what is missing; None where nothing would help.
    """

    recipe: str
    because: str
    get: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeResult:
    """What one recipe did to the texts.

    Attributes:
        recipe: its name.
        how: what it does to a text, in a few words.
        attacked: texts rightly classified as they are, and so attacked.
        succeeded: of these, classified wrongly once changed, and again when asked a second time.
        broken: of the attacked, those on which the recipe itself broke; they withstood.
        unconfirmed: changes that were put forward and did not turn the decision a second time; not counted as success.
        accuracy: share of all texts classified rightly as they are and as the recipe changed them.
        success_rate: share of the attacked that succeeded; None where none was attacked.
        words_changed: mean share of a text's words that differ, of the successes; None where there are none.
        queries: mean number of questions about an attacked text; None where none was attacked.
        cut_short: share of the attacked that withstood and about which no question was left; None where none was attacked.
        told: what broke the recipe, once each.
    """

    recipe: str
    how: str
    attacked: int
    succeeded: int
    broken: int
    unconfirmed: int
    accuracy: Proportion
    success_rate: Proportion | None
    words_changed: float | None
    queries: float | None
    cut_short: Proportion | None
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some words of a text.

    Attributes:
        text: the words, with the blanks around them.
        changed: whether they differ from those of the other text.
    """

    text: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TextExample:
    """A text, and what a recipe made of it.

    Attributes:
        row_key: the text's row in the source.
        recipe: who changed it.
        label: its class.
        becomes: the class that the model gives the changed text.
        before: the text in parts.
        after: the changed text in parts.
        queries: questions to the model.
    """

    row_key: int
    recipe: str
    label: str
    becomes: str
    before: tuple[Part, ...]
    after: tuple[Part, ...]
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedText:
    """A text, and as much of it as suffices for the same decision.

    Attributes:
        row_key: the text's row in the source.
        label: the number of its class, which the model decides for with and without the rest.
        text: the text.
        left: what is left.
    """

    row_key: int
    label: int
    text: str
    left: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """How few words suffice.

    Attributes:
        n: rightly classified texts that were reduced.
        words: of a text, on average.
        words_left: of it, on average, that suffice for the same decision.
        few: share of the texts of which two words or fewer suffice.
        examples: those of which least is left.
    """

    n: int
    words: float
    words_left: float
    few: Proportion
    examples: tuple[ReducedText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRobustness(Examined):
    """What becomes of a text classifier's accuracy when texts are changed on purpose.

    Attributes:
        not_possible: why nothing could be attacked; None where something was.
        n: texts that every recipe was done with.
        left_out: texts that were drawn and not done with when the time was over.
        query_budget: questions about one text at most, of each recipe.
        time_budget: seconds for all; None where there was no limit.
        accuracy: of the texts as they are.
        worst_case: share classified rightly as they are and whatever any recipe made of them.
        drop: the first minus the second.
        success_rate: share of the rightly classified that some recipe turned; None where none was.
        recipes: by recipe.
        by_class: worst case by class.
        by_group: worst case by sensitive feature and group.
        exhausted: share of the rightly classified that withstood everything, some recipe having no question left.
        examples: the least changed of each recipe.
        not_run: every other recipe.
        reduction: how few words suffice for the same decision; None where nobody asked.
    """

    not_possible: str | None
    n: int = 0
    left_out: int = 0
    query_budget: int = 0
    time_budget: float | None = None
    accuracy: Proportion | None = None
    worst_case: Proportion | None = None
    drop: PairedDifference | None = None
    success_rate: Proportion | None = None
    recipes: tuple[RecipeResult, ...] = ()
    by_class: dict[str, Proportion] | None = None
    by_group: dict[str, dict[str, Proportion]] | None = None
    exhausted: Proportion | None = None
    examples: tuple[TextExample, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    reduction: Reduction | None = None

    @property
    def strongest(self) -> RecipeResult | None:
        """The recipe that turned most texts, the first of equals; None where none ran."""
        return max(self.recipes, key=lambda each: each.succeeded, default=None)
