"""The section of the card about people who change what they could change."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure
from rai_platform.robustness.attack_report import AdversarialRow, CredibilityCheck, Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackRow:
    """Accuracy when everybody is attacked with one budget.

    Attributes:
        attack: who attacked; ``worst_case`` is whoever of them did best, person by person.
        budget: what all changes of a person may cost together.
        accuracy: share of people who are rightly decided about however they were changed.
        drop: accuracy as they are minus that.
        by_group: accuracy under attack by sensitive feature and group.
        turned: share of the people rightly decided about whose decision was turned, by direction.
    """

    attack: str
    budget: float
    accuracy: Figure
    drop: Figure
    by_group: dict[str, dict[str, Figure]]
    turned: dict[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackSection:
    """What becomes of accuracy when people change what they could change, to be decided about otherwise.

    Attributes:
        not_possible: why nobody was attacked; None where somebody was.
        summary: what was found, in sentences.
        doubts: why the attack is not credible, in sentences; empty where it is.
        n: people drawn.
        queries: the most questions to the model about one person, of each attack.
        accuracy: as they are; None where nobody was attacked.
        rows: by attack and budget.
        efforts: what each attack did.
        examples: people who would have to change least.
        checks: what makes an attack credible.
        mutable: what a person could change, in words, by column.
        immutable: why not, by column.
        relations: what has to hold between columns.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    n: int
    queries: int
    accuracy: Figure | None
    rows: tuple[AttackRow, ...]
    efforts: tuple[Effort, ...]
    examples: tuple[AdversarialRow, ...]
    checks: tuple[CredibilityCheck, ...]
    mutable: dict[str, str]
    immutable: dict[str, str]
    relations: tuple[str, ...]

    @property
    def worst_case(self) -> tuple[AttackRow, ...]:
        """All attacks together, by budget."""
        return tuple(row for row in self.rows if row.attack == "worst_case")
