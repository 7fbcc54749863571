"""The fairness report: the counts of every sensitive feature, on exactly one model and one set of data."""

from dataclasses import dataclass

from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch
from rai_platform.fairness.cells import Cells, count_cells
from rai_platform.spec.subject import Subject
from rai_platform.training.predictions import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessReport:
    """What each group of people receives.

    Attributes:
        subject: the model and the data.
        n: rows.
        weighted: whether rows carry sampling weights.
        cells: counts by sensitive feature and declared intersection; rates and disparities are functions of them.
        code_version: of the measuring code.
    """

    subject: Subject
    n: int
    weighted: bool
    cells: dict[str, Cells]
    code_version: str


def measure_fairness(
    predictions: Predictions, sample: Sample, *, features: tuple[str, ...], code_version: str
) -> FairnessReport:
    """Counts what every group of every feature received.

    Raises:
        EvidenceMismatch: the predictions are about other data.
    """
    must_match(predictions, sample)
    return FairnessReport(
        subject=predictions.subject,
        n=sample.n,
        weighted=sample.weight is not None,
        code_version=code_version,
        cells={
            feature: count_cells(sample.groups(feature).to_numpy(), sample.y_true, predictions.y_pred, sample.weight)
            for feature in features
        },
    )


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
