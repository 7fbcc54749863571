"""The performance report as a value."""

from dataclasses import dataclass

from rai_platform.spec.subject import Subject
from rai_platform.statistics.estimates import Estimate, Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Rows whose score lies in one tenth of the scale.

    Attributes:
        share: of all rows, by weight where they are weighted.
        mean_score: what the model said, on average.
        observed: how often it was so.
    """

    share: float
    mean_score: float
    observed: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassResult:
    """How one of several classes is recognized.

    Attributes:
        label: the class.
        n: rows that have it.
        recall: of those, the share that is decided for it; None where there are none.
        precision: of the rows decided for it, the share that has it; None where there are none.
    """

    label: str
    n: int
    recall: Proportion | None
    precision: Proportion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceReport:
    """How well one model does on one set of data.

    Attributes:
        subject: the model and the data.
        n: rows.
        label_rate: share of positives.
        majority_label: the answer of the baseline: what most training rows have (test rows, for given predictions).
        majority_accuracy: how often that answer is right.
        confusion: true negatives, false positives, false negatives, true positives; None where there are several classes.
        measured: estimates by metric.
        not_estimable: why, by metric that could not be measured.
        calibration: score against observed rate; empty where scores are no probabilities.
        roc: points of the ROC curve, (false positive rate, true positive rate).
        code_version: of the measuring code.
        classes: how each of several classes is recognized; empty where there are two labels.
        matrix: rows by true class and class decided for.
    """

    subject: Subject
    n: int
    label_rate: float
    majority_label: int
    majority_accuracy: Proportion
    confusion: tuple[int, int, int, int] | None
    measured: dict[str, Estimate]
    not_estimable: dict[str, str]
    calibration: tuple[CalibrationBin, ...]
    roc: tuple[tuple[float, float], ...]
    code_version: str
    classes: tuple[ClassResult, ...] = ()
    matrix: tuple[tuple[int, ...], ...] = ()
