"""Performance where several classes are told apart: what is defined for them, class by class and over all."""

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.performance.balanced import balanced_accuracy
from rai_platform.performance.calibration import LEAST_PROBABILITY, calibration_bins, expected_calibration_error
from rai_platform.performance.report import CalibrationBin, ClassResult, PerformanceReport
from rai_platform.statistics.areas import roc_auc
from rai_platform.statistics.estimates import (
    Estimate,
    NormalEstimate,
    Proportion,
    paired_difference,
    weighted_mean,
    weighted_proportion,
)
from rai_platform.training.predictions import Predictions

NOT_PROBABILITIES = "the scores are not probabilities"

Floats = npt.NDArray[np.float64]


def measure_classes(
    predictions: Predictions, sample: Sample, chances: Floats, *, majority: int, seed: int, code_version: str
) -> PerformanceReport:
    """How well the predictions fit the labels of several classes.

    Accuracy and its gain are as for two labels. Balanced accuracy is the mean recall of the classes; ROC AUC the mean over
    classes of one against the rest; log loss that of the true class; the Brier score half the squared distance of the chances
    from the true class, 0 to 1; the calibration error compares the chance of the class decided for with how often it is right.

    Source: Hand and Till, A simple generalisation of the area under the ROC curve for multiple class classification problems,
    Machine Learning 45, 2001 (section 3); Brier, Verification of forecasts expressed in terms of probability, 1950; Guo et al.,
    On calibration of modern neural networks, ICML 2017.

    Args:
        predictions: of one model on the sample.
        sample: the test data.
        chances: of every class (rows, classes).
        majority: the number of the commonest class in training.
        seed: of the bootstrap.
        code_version: of the measuring code.
    """
    y_true, weight, cluster = sample.y_true, sample.weight, sample.cluster
    right = predictions.y_pred == y_true
    results = tuple(_result(place, name, predictions, sample) for place, name in enumerate(sample.classes))
    measured: dict[str, Estimate] = {
        "accuracy": weighted_proportion(right, weight, cluster),
        "accuracy_gain": paired_difference(right, y_true == majority, weight, cluster),
    }
    not_estimable: dict[str, str] = {}
    if absent := [result.label for result in results if result.recall is None]:
        not_estimable["balanced_accuracy"] = f"the test data hold no row of {absent[0]}"
    else:
        measured["balanced_accuracy"] = balanced_accuracy(right, y_true, weight, cluster)
    counts = np.bincount(y_true, minlength=len(sample.classes))
    if (rarest := int(np.minimum(counts, sample.n - counts).min())) < 2:
        not_estimable["roc_auc"] = f"two rows of each class are needed, got {rarest} of the rarest one"
    else:
        measured["roc_auc"] = _mean_auc(chances, sample)
    calibration: tuple[CalibrationBin, ...] = ()
    if predictions.score_is_probability:
        confidence = chances[np.arange(sample.n), predictions.y_pred]
        calibration = calibration_bins(confidence, right.astype("int8"), weight, cluster)
        true = np.clip(chances[np.arange(sample.n), y_true], LEAST_PROBABILITY, 1.0)
        distance = ((chances - np.eye(len(sample.classes))[y_true]) ** 2).sum(axis=1) / 2
        measured |= {
            "log_loss": weighted_mean(-np.log(true), weight, cluster),
            "brier_score": weighted_mean(distance, weight, cluster, most=1.0),
            "expected_calibration_error": expected_calibration_error(calibration, seed=seed),
        }
    else:
        not_estimable |= dict.fromkeys(("log_loss", "brier_score", "expected_calibration_error"), NOT_PROBABILITIES)
    matrix = np.zeros((len(sample.classes), len(sample.classes)), dtype="int64")
    np.add.at(matrix, (y_true.astype("int64"), predictions.y_pred.astype("int64")), 1)
    return PerformanceReport(
        subject=predictions.subject,
        n=sample.n,
        label_rate=float(np.average(y_true == majority, weights=weight)),
        majority_label=majority,
        majority_accuracy=weighted_proportion(y_true == majority, weight, cluster),
        confusion=None,
        measured=measured,
        not_estimable=not_estimable,
        calibration=calibration,
        roc=(),
        code_version=code_version,
        classes=results,
        matrix=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def _result(place: int, name: str, predictions: Predictions, sample: Sample) -> ClassResult:
    is_it, said = sample.y_true == place, predictions.y_pred == place
    return ClassResult(
        label=name,
        n=int(is_it.sum()),
        recall=_share(said, is_it, sample),
        precision=_share(is_it, said, sample),
    )


def _share(of: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_], sample: Sample) -> Proportion | None:
    if not among.any():
        return None
    return weighted_proportion(
        of[among],
        None if sample.weight is None else sample.weight[among],
        None if sample.cluster is None else sample.cluster[among],
    )


def _mean_auc(chances: Floats, sample: Sample) -> NormalEstimate:
    """The mean over classes; its error is at most the mean of their errors, reached where they all err together."""
    areas = [
        roc_auc((sample.y_true == place).astype("int8"), chances[:, place], sample.weight, sample.cluster)
        for place in range(len(sample.classes))
    ]
    return NormalEstimate(
        value=float(np.mean([area.value for area in areas])),
        standard_error=float(np.mean([area.standard_error for area in areas])),
        n=sample.n,
        most=1.0,
    )
