"""Accuracy, discrimination and calibration, from predictions."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from rai_platform.data.sample import Sample
from rai_platform.fairness.report import must_match
from rai_platform.performance.balanced import balanced_accuracy
from rai_platform.performance.calibration import LEAST_PROBABILITY, calibration_bins, expected_calibration_error
from rai_platform.performance.classes import NOT_PROBABILITIES, measure_classes
from rai_platform.performance.report import CalibrationBin, PerformanceReport
from rai_platform.statistics.areas import roc_auc
from rai_platform.statistics.estimates import (
    Estimate,
    paired_difference,
    weighted_mean,
    weighted_proportion,
)
from rai_platform.training.predictions import Predictions

ROC_POINTS = 100
NO_SCORES = "only decisions are known, no scores"

Floats = npt.NDArray[np.float64]


def measure_performance(
    predictions: Predictions, sample: Sample, *, majority_label: int | None, seed: int, code_version: str
) -> PerformanceReport:
    """How well the predictions fit the labels.

    Args:
        predictions: of one model on the sample.
        sample: the test data.
        majority_label: the commonest label in training, by its number; that of the sample where None.
        seed: of the bootstrap.
        code_version: of the measuring code.

    Raises:
        EvidenceMismatch: the predictions are about other data.
    """
    must_match(predictions, sample)
    if predictions.y_proba is not None:
        commonest = int(np.bincount(sample.y_true).argmax()) if majority_label is None else majority_label
        return measure_classes(
            predictions, sample, predictions.y_proba, majority=commonest, seed=seed, code_version=code_version
        )
    y_true, weight, cluster = sample.y_true, sample.weight, sample.cluster
    label_rate = float(np.average(y_true, weights=weight))
    majority = majority_label if majority_label is not None else int(label_rate >= 0.5)
    right = predictions.y_pred == y_true
    measured: dict[str, Estimate] = {
        "accuracy": weighted_proportion(right, weight, cluster),
        "accuracy_gain": paired_difference(right, y_true == majority, weight, cluster),
    }
    not_estimable: dict[str, str] = {}
    rows_of_rarer_label = int(np.bincount(y_true, minlength=2).min())
    if rows_of_rarer_label > 0:
        measured["balanced_accuracy"] = balanced_accuracy(right, y_true, weight, cluster)
    else:
        not_estimable["balanced_accuracy"] = "the test data hold only one label"
    if predictions.y_score is None:
        not_estimable["roc_auc"] = NO_SCORES
    elif rows_of_rarer_label < 2:  # one row has no spread, so nobody would know how far off the area may be
        not_estimable["roc_auc"] = f"two rows of each label are needed, got {rows_of_rarer_label} of the rarer one"
    else:
        measured["roc_auc"] = roc_auc(y_true, predictions.y_score, weight, cluster)
    calibration: tuple[CalibrationBin, ...] = ()
    if predictions.y_score is not None and predictions.score_is_probability:
        measured |= _probability_metrics(predictions.y_score, y_true, weight, cluster, seed)
        calibration = calibration_bins(predictions.y_score, y_true, weight, cluster)
    else:
        why = NO_SCORES if predictions.y_score is None else NOT_PROBABILITIES
        not_estimable |= dict.fromkeys(("log_loss", "brier_score", "expected_calibration_error"), why)
    return PerformanceReport(
        subject=predictions.subject,
        n=sample.n,
        label_rate=label_rate,
        majority_label=majority,
        majority_accuracy=weighted_proportion(y_true == majority, weight, cluster),
        confusion=_confusion(y_true, predictions.y_pred),
        measured=measured,
        not_estimable=not_estimable,
        calibration=calibration,
        roc=_roc_points(y_true, predictions.y_score, weight),
        code_version=code_version,
    )


def _probability_metrics(
    y_score: Floats,
    y_true: npt.NDArray[np.int8],
    weight: Floats | None,
    cluster: npt.NDArray[np.int64] | None,
    seed: int,
) -> dict[str, Estimate]:
    clipped = np.clip(y_score, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    losses = -np.where(y_true == 1, np.log(clipped), np.log1p(-clipped))
    return {
        "log_loss": weighted_mean(losses, weight, cluster),
        "brier_score": weighted_mean((y_score - y_true) ** 2, weight, cluster, most=1.0),
        "expected_calibration_error": expected_calibration_error(
            calibration_bins(y_score, y_true, weight, cluster), seed=seed
        ),
    }


def _confusion(y_true: npt.NDArray[np.int8], y_pred: npt.NDArray[np.int8]) -> tuple[int, int, int, int]:
    a, b, c, d = np.bincount(2 * y_true.astype("int64") + y_pred, minlength=4).tolist()
    return a, b, c, d


def _roc_points(
    y_true: npt.NDArray[np.int8], y_score: Floats | None, weight: Floats | None
) -> tuple[tuple[float, float], ...]:
    if y_score is None or len(set(y_true.tolist())) < 2:
        return ()
    fpr, tpr, _ = roc_curve(y_true, y_score, sample_weight=weight)
    at = np.unique(np.linspace(0, len(fpr) - 1, ROC_POINTS).round().astype(int))
    return tuple((float(x), float(y)) for x, y in zip(fpr[at], tpr[at], strict=True))
