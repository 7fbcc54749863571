"""The fairness report as a value: the counts of every sensitive feature, on exactly one model and one set of data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch
from rai_platform.fairness.cells import Cells
from rai_platform.fairness.law import ImpactTable
from rai_platform.fairness.scores import ScoreCells
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Estimate, Proportion
from rai_platform.training.predictions import Predictions

NOTHING_TABULAR = "how near two texts or two images are is not what people are alike in"  # why there is no consistency


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
class ConditionalDisparity:
    """A group against everybody else, among people who are alike in a legitimate factor.

    Attributes:
        feature: the sensitive feature.
        group: of that feature.
        factor: what people are alike in.
        strata: divisions by the factor that hold people of the group and others.
        n: rows in them.
        left_out: rows in divisions that hold only one of the two, where nobody can be compared.
        raw_difference: of the selection rates, whatever the factor, from -1 to 1.
        difference: of the selection rates among people alike in the factor (Mantel and Haenszel), from -1 to 1; None where
            nobody can be compared.
        interval: of that difference, 95 %.
        p_value: of equal rates in every division (Cochran, Mantel and Haenszel); None where the decisions leave no room.
        demographic_disparity: conditional demographic disparity, from -1 to 1: the group's share of those passed over minus
            its share of those selected, over 0 where it is passed over more often; None where no division has both.
    """

    feature: str
    group: str
    factor: str
    strata: int
    n: int
    left_out: int
    raw_difference: float
    difference: float | None
    interval: Interval | None
    p_value: float | None
    demographic_disparity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """How far people who are alike get the same decision.

    Attributes:
        estimate: from 0 to 1, where everybody is decided about as the people like them are; None where it has no value.
        why_not: why it has none.
        judged: people it is a mean over.
        searched: people among whom their neighbours were looked for.
        columns: what people are alike in.
        left_out: columns of protected attributes, which make nobody unlike.
    """

    estimate: Proportion | None = None
    why_not: str | None = None
    judged: int = 0
    searched: int = 0
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlippedGroup:
    """People of a group for whom the decision is another one as soon as they are of some other group.

    Attributes:
        group: their own.
        n: how many were asked about.
        gained: passed over as they are, and selected otherwise.
        lost: selected as they are, and passed over otherwise.
    """

    group: str
    n: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeFlip:
    """Who gets another decision when nothing about them is changed but a protected attribute.

    Attributes:
        feature: the sensitive feature or intersection.
        rate: share of people whose decision is another one in some other group; exactly 0 where the model neither sees the
            attribute nor has thresholds by it; None where it has no value.
        why_not: why it has none.
        seen: columns of the attribute that the model sees.
        thresholds: sensitive features by which its thresholds differ.
        values: what stood for each group, by group and column.
        by_group: in which direction; empty where nothing can change.
    """

    feature: str
    rate: Estimate | None = None
    why_not: str | None = None
    seen: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    by_group: tuple[FlippedGroup, ...] = ()

    @property
    def unseen(self) -> bool:
        """Whether nothing can change, because the model knows nothing of the attribute itself."""
        return self.rate is not None and not self.seen and not self.thresholds

    def without(self, why_not: str) -> Self:
        """The same without a value, and why."""
        return replace(self, why_not=why_not)

    def measured(
        self, rate: Estimate, *, values: Mapping[str, dict[str, str]], by_group: tuple[FlippedGroup, ...]
    ) -> Self:
        """The same with what was found."""
        return replace(self, rate=rate, values=dict(values), by_group=by_group)


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
        scoring: the share of every group that scored above the median, by feature; empty where there are no scores.
        conditional: groups among people alike in the legitimate factors; empty where none is declared.
        consistency: how far people who are alike get the same decision.
        flips: who gets another decision when a protected attribute alone is changed, by feature.
        code_version: of the measuring code.
        compared_by: what groups receive: being ``selected``, or, where none of several classes is, a ``right`` answer. Of the
            cells of the second kind every row counts as positive, and a right answer as selected.
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
    scoring: dict[str, ImpactTable] = field(default_factory=dict)
    conditional: tuple[ConditionalDisparity, ...] = ()
    consistency: Consistency | None = None
    flips: dict[str, AttributeFlip] = field(default_factory=dict)
    code_version: str
    compared_by: Literal["selected", "right"] = "selected"


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
