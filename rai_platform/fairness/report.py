"""The fairness report as a value: the counts of every sensitive feature, on exactly one model and one set of data."""

from dataclasses import dataclass, field

from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch
from rai_platform.fairness.cells import Cells
from rai_platform.fairness.scores import ScoreCells
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Estimate
from rai_platform.training.predictions import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """People who have several attributes in common, against everybody else, on rows that played no part in finding them.

    Attributes:
        conditions: attribute and value, one to three of them.
        successes: rows of the subgroup that the rate counts.
        n: rows of the subgroup that it is counted among.
        rest_successes: rows of everybody else that the rate counts.
        rest_n: rows of everybody else that it is counted among.
        interval: of the difference, allowing for having been picked.
        p_value: of the two rates being equal.
        q_value: the smallest false discovery rate at which it counts as different.
        confirmed: whether it counts as different at the rate that was promised.
    """

    conditions: tuple[tuple[str, str], ...]
    successes: int
    n: int
    rest_successes: int
    rest_n: int
    interval: Interval
    p_value: float
    q_value: float
    confirmed: bool

    @property
    def rate(self) -> float:
        """Of the subgroup."""
        return self.successes / self.n

    @property
    def rest(self) -> float:
        """Of everybody else."""
        return self.rest_successes / self.rest_n

    @property
    def difference(self) -> float:
        """Rate of the subgroup minus that of everybody else, from -1 to 1."""
        return self.rate - self.rest

    @property
    def in_words(self) -> str:
        """``age is under 30 & job is none``."""
        return " & ".join(f"{name} is {value}" for name, value in self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a search for subgroups found.

    Attributes:
        rate: the rate compared.
        overall: of everybody, on the confirming half; None without rows.
        searched: subgroups that were looked at on the first half.
        support: rows below which a subgroup was not looked at.
        false_discovery_rate: the share of confirmed subgroups that may be there by chance, on average.
        subgroups: the candidates: those that are confirmed first, those that differ most first.
    """

    rate: str
    overall: float | None
    searched: int
    support: int
    false_discovery_rate: float
    subgroups: tuple[Subgroup, ...]

    @property
    def confirmed(self) -> tuple[Subgroup, ...]:
        """Those that count as different at the rate that was promised."""
        return tuple(each for each in self.subgroups if each.confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessReport:
    """What each group of people receives.

    Attributes:
        subject: the model and the data.
        n: rows.
        weighted: whether rows carry sampling weights.
        cells: counts by sensitive feature and declared intersection; rates and disparities are functions of them.
        scores: binned scores by the same; empty where scores are no probabilities.
        measured: indices over everybody, by metric.
        not_estimable: why, by metric that could not be measured.
        between_groups: the inequality that lies between the groups of a feature, by feature; None where nobody has any
            benefit.
        discoveries: subgroups nobody named that are selected, or misjudged, differently.
        code_version: of the measuring code.
    """

    subject: Subject
    n: int
    weighted: bool
    cells: dict[str, Cells]
    scores: dict[str, ScoreCells] = field(default_factory=dict)
    measured: dict[str, Estimate] = field(default_factory=dict)
    not_estimable: dict[str, str] = field(default_factory=dict)
    between_groups: dict[str, Estimate | None] = field(default_factory=dict)
    discoveries: tuple[Discovery, ...] = ()
    code_version: str


def must_match(predictions: Predictions, sample: Sample) -> None:
    """Refuses to measure predictions on data that they are not about.

    Raises:
        EvidenceMismatch: they differ.
    """
    if predictions.subject.data_digest != sample.digest:
        raise EvidenceMismatch(
            f"the predictions are about data {predictions.subject.data_digest[:12]}, the test data are now "
            f"{sample.digest[:12]}: materialize `predictions` again"
        )
