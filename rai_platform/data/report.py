"""What was found about a sample before anything was trained on it, or judged on it."""

from dataclasses import dataclass, field
from typing import Literal

from rai_platform.data.pretraining import LabelCounts
from rai_platform.statistics.estimates import Estimate, NormalEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSummary:
    """A feature in one line.

    Attributes:
        name: the column.
        kind: ``number``, ``category``, or what is read as a whole: ``text``, ``image``.
        missing_rate: share of rows without a value.
        values: smallest, median and largest number, or the commonest categories, as text.
    """

    name: str
    kind: Literal["number", "category", "text", "image"]
    missing_rate: float
    values: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule of the schema that some rows break.

    Attributes:
        column: the column; empty for a rule about whole rows.
        rule: the rule as pandera words it.
        rows: how many rows break it.
        example: a value that breaks it.
    """

    column: str
    rule: str
    rows: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLabels:
    """How a group is represented, and how often it has the positive label.

    Attributes:
        group: the group's name.
        n: rows.
        share: share of all rows.
        positives: rows with the positive label (effective count where rows are weighted).
        trials: rows (effective sample size where weighted).
    """

    group: str
    n: int
    share: float
    positives: float
    trials: float

    @property
    def label_rate(self) -> float:
        """Share of the group with the positive label."""
        return self.positives / self.trials


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAgainstOthers:
    """A group against everybody else, before anything is trained.

    Attributes:
        group: the group's name.
        n: rows of the group.
        other_n: rows of everybody else.
        labels: rows by label, or sums of their weights.
        trials: rows of the group, or their effective sample size (Kish) where rows are weighted.
        other_trials: the same of everybody else.
        conditional: the demographic disparity within the values of the column that may account for it; None where no column
            was named.
        share: share of the rows, or of their weights, among the groups of the reference population.
        expected_share: share in the reference population; None where none was given, or the group is not in it.
    """

    group: str
    n: int
    other_n: int
    labels: LabelCounts
    trials: float
    other_trials: float
    conditional: float | None
    share: float
    expected_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingByGroup:
    """A column with missing values, and the share of them in every group."""

    column: str
    rates: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One column that gives a group away.

    Attributes:
        column: the column.
        auc: the chance that it tells a member from somebody else, by itself; at least 0.5 but for chance.
    """

    column: str
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyFinding:
    """How well one group of a sensitive feature can be told from the model's columns.

    Attributes:
        group: the group, against everybody else.
        auc: over all columns together, on rows that were not learned from.
        strongest: the columns that give most away, each by itself.
    """

    group: str
    auc: NormalEstimate
    strongest: tuple[Proxy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """The screen of one sample.

    Attributes:
        role: whether it is learned from or judged on.
        data_digest: the sample's digest.
        compared_with: digest of the training sample that test data were compared with; None for training data, and where
            nobody knows what was learned from.
        n: rows.
        label_rate: share of rows with the positive label; where none of several classes is selected, with the commonest.
        columns: the features.
        violations: broken rules of the schema, most rows first.
        measured: values that a policy can limit, by metric; a metric that could not be measured is in ``not_estimable``.
        not_estimable: why, by metric.
        groups: representation and label rate by sensitive feature and intersection.
        against_others: every group against everybody else, by sensitive feature and intersection; of training data.
        missing: columns with missing values by group, by sensitive feature and intersection; of training data.
        proxies: how well groups can be told from the model's columns, by sensitive feature and intersection; of training
            data.
        class_counts: rows by label, where there are several.
    """

    role: Literal["training", "test"]
    data_digest: str
    compared_with: str | None = None
    n: int
    label_rate: float
    columns: tuple[ColumnSummary, ...]
    violations: tuple[Violation, ...]
    measured: dict[str, Estimate]
    not_estimable: dict[str, str]
    groups: dict[str, tuple[GroupLabels, ...]]
    against_others: dict[str, tuple[GroupAgainstOthers, ...]] = field(default_factory=dict)
    missing: dict[str, tuple[MissingByGroup, ...]] = field(default_factory=dict)
    proxies: dict[str, tuple[ProxyFinding, ...]] = field(default_factory=dict)
    class_counts: dict[str, int] = field(default_factory=dict)

    @property
    def commonest_label(self) -> int:
        """The number of the label that most rows have."""
        if not self.class_counts:
            return int(self.label_rate >= 0.5)
        counts = list(self.class_counts.values())
        return counts.index(max(counts))
