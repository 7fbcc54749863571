"""Robustness of small models, measured with what a test does not care about filled in."""

from typing import Any

from rai_platform.data.sample import Sample
from rai_platform.robustness.measurement import measure_robustness
from rai_platform.robustness.report import RobustnessScore, RobustnessScores
from rai_platform.spec.subject import Subject
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import TrainedModel
from rai_platform_tests.training.lending import LOGISTIC, lending_spec

SUBJECT = Subject(model_digest="m" * 64, data_digest="d" * 64)
SCORES = 4 + 4 + 4 + 2 * 3  # of a model to which all of it can happen


def fitted(sample: Sample, path: str = LOGISTIC, params: dict[str, Any] | None = None, **changes: Any) -> TrainedModel:
    return fit_model(lending_spec(path, params, **changes), sample)[0]


def measured(model: TrainedModel, sample: Sample, **asked: Any) -> RobustnessScores:
    return measure_robustness(
        model, SUBJECT, sample, **{"left_alone": (), "extra_strengths": {}, "seed": 0, "code_version": "7", **asked}
    )


def of(report: RobustnessScores, perturbation: str) -> list[RobustnessScore]:
    return [score for score in report.scores if score.perturbation == perturbation]
