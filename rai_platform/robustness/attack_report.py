"""What attacks under constraints found, as a value."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.statistics.estimates import PairedDifference, Proportion

Attack = Literal[
    "coordinate_search",
    "look_alike_search",
    "random_search",
    "l1_projected_gradient",
    "sparse_l1_descent",
    "worst_case",
]
Direction = Literal["selected_to_refused", "refused_to_selected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedAccuracy:
    """Accuracy when everybody is attacked with one budget.

    Attributes:
        attack: who attacked; ``worst_case`` is whoever of them did best, person by person.
        budget: what all changes of a person may cost together.
        accuracy: share of people who are decided about rightly as they are, and however the attack changed them.
        drop: accuracy as they are minus that, on the same people.
        by_group: accuracy under attack by sensitive feature and group.
        turned: of the people decided about rightly, the share whose decision was turned, by direction.
    """

    attack: Attack
    budget: float
    accuracy: Proportion
    drop: PairedDifference
    by_group: dict[str, dict[str, Proportion]]
    turned: dict[Direction, Proportion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that would have to be otherwise about a person."""

    feature: str
    before: str
    after: str
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialRow:
    """A person who would be decided about otherwise.

    Attributes:
        row_key: the person's row in the source.
        direction: which decision turns into which.
        attack: the attack that found it.
        changes: what would have to change.
        cost: of all changes.
    """

    row_key: int
    direction: Direction
    attack: Attack
    changes: tuple[Change, ...]
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What one attack did.

    Attributes:
        attack: its name.
        queries: mean number of questions to the model about a person.
        turned: share of the people attacked whose decision it turned at the largest budget.
        mean_cost: of the changes that did; None where none did.
        cut_short: share of the people attacked about whom no question was left before the attack was done.
        infeasible: changes that it put forward and the independent check refused; they are not counted.
    """

    attack: Attack
    queries: float
    turned: Proportion
    mean_cost: float | None
    cut_short: Proportion
    infeasible: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CredibilityCheck:
    """Something that is true of every attack worth believing.

    Attributes:
        name: what should hold.
        passed: whether it does.
        says: what was found, in a sentence.
    """

    name: str
    passed: bool
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A report of attacks that were examined themselves.

    Attributes:
        checks: what makes the attacks credible; none where nothing was tried.
    """

    checks: tuple[CredibilityCheck, ...] = ()

    @property
    def doubts(self) -> tuple[CredibilityCheck, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstrainedAttack(Examined):
    """What becomes of one model's accuracy when people change what they could change.

    Attributes:
        not_possible: why nothing could be attacked; None where something was.
        n: people drawn, rightly decided about or not.
        queries: the limit of questions about one person, of each attack.
        accuracy: as they are.
        curve: by attack and budget, the worst case last.
        efforts: by attack.
        exhausted: share of the people attacked whose decision stood when an attack on them had no question left.
        examples: people who would have to change least.
        mutable: what a person could change, in words, by column.
        immutable: why not, by column.
        relations: what had to hold between columns.
    """

    not_possible: str | None
    n: int = 0
    queries: int = 0
    accuracy: Proportion | None = None
    curve: tuple[AttackedAccuracy, ...] = ()
    efforts: tuple[Effort, ...] = ()
    exhausted: Proportion | None = None
    examples: tuple[AdversarialRow, ...] = ()
    mutable: dict[str, str] | None = None
    immutable: dict[str, str] | None = None
    relations: tuple[str, ...] = ()

    @property
    def worst_case(self) -> tuple[AttackedAccuracy, ...]:
        """The ensemble of all attacks, by budget."""
        return tuple(point for point in self.curve if point.attack == "worst_case")

    @property
    def strongest(self) -> Attack | None:
        """The attack that turned most decisions; None where none was tried."""
        best = max(self.efforts, key=lambda effort: effort.turned.value, default=None)
        return best.attack if best else None

    def at(self, budget: float) -> AttackedAccuracy | None:
        """The worst case at a budget; None where it was not tried."""
        return next((point for point in self.worst_case if abs(point.budget - budget) < 1e-12), None)
