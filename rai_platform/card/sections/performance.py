"""How each of several classes is recognized."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """How one of several classes is recognized.

    Attributes:
        label: the class.
        n: rows that have it.
        recall: of those, the share decided for it.
        precision: of the rows decided for it, the share that has it.
        taken_for: the class it is most often mistaken for, and how often; None where it never is.
    """

    label: str
    n: int
    recall: Figure
    precision: Figure
    taken_for: tuple[str, int] | None
