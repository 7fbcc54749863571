"""The section of the card about people who are alike."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure
from rai_platform.fairness.report import NOTHING_TABULAR, FlippedGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRow:
    """Who gets another decision when nothing about them is changed but a protected attribute.

    Attributes:
        feature: the sensitive feature or intersection.
        share: of people whose decision is another one.
        says: that in sentences, with what the model sees of the attribute.
        unseen: whether nothing can change, because the model knows nothing of the attribute itself.
        values: what stood for each group, by group and column.
        groups: in which direction decisions change, by the group that people are of.
    """

    feature: str
    share: Figure
    says: str
    unseen: bool
    values: dict[str, dict[str, str]]
    groups: tuple[FlippedGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualSection:
    """Whether people who are alike are treated alike.

    Attributes:
        consistency: of decisions about people who are alike.
        how: it was measured, in sentences; empty where it was not.
        flips: what becomes of people who differ in a protected attribute alone, by feature.
    """

    consistency: Figure
    how: str
    flips: tuple[FlipRow, ...]

    @property
    def applies(self) -> bool:
        """Whether anything can be said: of a text or an image alone nobody knows who is alike."""
        return bool(self.flips) or self.consistency.value is not None or self.consistency.why_not != NOTHING_TABULAR
