"""The section of the card about groups of people and how far apart they are."""

from dataclasses import dataclass, field

from rai_platform.card.sections.figure import Figure
from rai_platform.spec.verdict import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """What one group of people received.

    Attributes:
        group: its name.
        n: rows.
        confusion: true negatives, false positives, false negatives, true positives.
        rates: every rate, measured or not.
    """

    group: str
    n: int
    confusion: tuple[float, float, float, float]
    rates: tuple[Figure, ...]

    def rate(self, name: str) -> Figure:
        """One of the rates."""
        return next(figure for figure in self.rates if figure.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPoint:
    """People of a group whose score lies in one tenth of the scale.

    Attributes:
        mean_score: what the model said, on average.
        observed: the share that turned out positive.
        interval: of that share, 95 %.
        n: people.
    """

    mean_score: float
    observed: float
    interval: Interval
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFairness:
    """The groups of one sensitive feature or intersection, and how far apart they are.

    Attributes:
        feature: its name.
        groups: what each received.
        disparities: how far apart they are.
        calibration: score against observed rate, by group; empty where scores are no probabilities.
        absent: groups that are declared, or follow from crossing, and of which nobody is in the test data.
    """

    feature: str
    groups: tuple[GroupRow, ...]
    disparities: tuple[Figure, ...]
    calibration: dict[str, tuple[CalibrationPoint, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    @property
    def rate_names(self) -> tuple[str, ...]:
        """The rates that a table has room for: of being selected, or of right answers where no label is the selected one."""
        known = {figure.name for row in self.groups for figure in row.rates}
        selected = ("selection_rate", "true_positive_rate", "false_positive_rate")
        return selected if "selection_rate" in known else ("accuracy", "error_rate")

    @property
    def by_selection(self) -> bool:
        """Whether groups are compared by who is selected."""
        return "selection_rate" in self.rate_names
