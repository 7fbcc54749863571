"""What was found about a sample before anything was trained on it, or judged on it."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.statistics.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSummary:
    """A feature in one line.

    Attributes:
        name: the column.
        kind: ``number`` or ``category``.
        missing_rate: share of rows without a value.
        values: smallest, median and largest number, or the commonest categories, as text.
    """

    name: str
    kind: Literal["number", "category"]
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
class DataReport:
    """The screen of one sample.

    Attributes:
        role: whether it is learned from or judged on.
        data_digest: the sample's digest.
        compared_with: digest of the training sample that test data were compared with; None for training data, and where
            nobody knows what was learned from.
        n: rows.
        label_rate: share of rows with the positive label.
        columns: the features.
        violations: broken rules of the schema, most rows first.
        measured: values that a policy can limit, by metric; a metric that could not be measured is in ``not_estimable``.
        not_estimable: why, by metric.
        groups: representation and label rate by sensitive feature and intersection.
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
