"""The section of the card about the model and the data it learned from."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShare:
    """How a group is represented in the training data."""

    feature: str
    group: str
    n: int
    share: float
    label_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsOfGroup:
    """A group against everybody else in the training data.

    Attributes:
        feature: the sensitive feature or intersection.
        group: the group.
        expected_share: its share in the reference population; None where none was given.
        measures: the pre-training measures by their names in SageMaker Clarify (CI, DPL, KL, JS, LP, TVD, KS, CDDL); None
            where one has no value.
    """

    feature: str
    group: str
    expected_share: float | None
    measures: dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRow:
    """How well a group can be told from the model's columns, and by which (column and AUC by itself)."""

    feature: str
    group: str
    auc: Figure
    strongest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRow:
    """The share of missing values of a column in every group of a feature."""

    feature: str
    column: str
    rates: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSection:
    """What the model is and what it learned from.

    Attributes:
        estimator: import path, or the column of given scores.
        parameters: what it was asked to do.
        mitigation: in words; None where there was none.
        features: the columns it sees.
        data: the source in words; None where nobody knows.
        data_digest: of the training data.
        n: training rows.
        label_rate: share of positives among them.
        groups: representation.
        figures: missing values, repeated rows, conflicting labels.
        labels: every group against everybody else.
        proxies: what gives groups away.
        missing: columns whose values are missing more often in some groups, those first in which groups differ most.
        versions: of the libraries.
        warnings: that training gave.
    """

    estimator: str
    parameters: dict[str, str]
    mitigation: str | None
    features: tuple[str, ...]
    data: str | None
    data_digest: str | None
    n: int
    label_rate: float | None
    groups: tuple[GroupShare, ...]
    figures: tuple[Figure, ...]
    labels: tuple[LabelsOfGroup, ...]
    proxies: tuple[ProxyRow, ...]
    missing: tuple[MissingRow, ...]
    versions: dict[str, str]
    warnings: tuple[str, ...]
