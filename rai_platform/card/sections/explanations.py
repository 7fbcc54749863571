"""The section of the card about what moves the score."""

from dataclasses import dataclass

from rai_platform.card.sections.examination import ExaminationSection
from rai_platform.spec.verdict import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceRow:
    """How much a feature moves the score, overall and by group of each sensitive feature."""

    feature: str
    mean_absolute: float
    interval: Interval
    by_group: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExplanation:
    """One person's score, taken apart, without the person's identity."""

    title: str
    output: float
    contributions: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredWord:
    """A word of an explained text.

    Attributes:
        text: the word, with what follows it up to the next; signs that would hide or turn letters are shown as such.
        attribution: what it adds to the output.
        strength: that as a share of the largest in its text, from -1 to 1.
    """

    text: str
    attribution: float
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredText:
    """A text whose words are coloured by what they add, without the identity of whoever wrote it.

    Attributes:
        label: its true class.
        decided: the class that the model decides for.
        output: what the model gave.
        words: in their order.
        left_out: words at the end that are not shown.
    """

    label: str
    decided: str
    output: float
    words: tuple[ColouredWord, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationSection:
    """What moves the score.

    Attributes:
        not_possible: why nothing could be explained; None where something was.
        method: how attributions were computed.
        output: what they add up to.
        n: rows, images or texts explained.
        additivity_error: how far they are from adding up.
        importance: of features, regions or words.
        examples: a few people's scores, taken apart.
        examination: what was found out about the explanation.
        modality: ``table``, ``image`` or ``text``.
        explained_class: the class that a positive attribution speaks for, where it is one for all; None where it is the one that
            the model decides for.
        texts: some texts with their words.
    """

    not_possible: str | None
    method: str | None
    output: str | None
    n: int
    additivity_error: float | None
    importance: tuple[ImportanceRow, ...]
    examples: tuple[LocalExplanation, ...]
    examination: ExaminationSection | None = None
    modality: str = "table"
    explained_class: str | None = None
    texts: tuple[ColouredText, ...] = ()
