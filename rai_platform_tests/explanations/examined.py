"""Models whose weights are known, and rows that come in clusters."""

from typing import Any

import numpy as np
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.examination import Examination
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.small import attributed, explained, fitted
from rai_platform_tests.training.lending import LOGISTIC, sample_of

FALLING = (4.0, 2.0, 1.0, 0.5, 0.25)


def numbers(rows: int, width: int, seed: int = 0, groups: pd.DataFrame | None = None) -> Sample:
    """Independent numbers of mean 0 and spread 1, and a label that says nothing."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.normal(size=(rows, width)), columns=[f"x{at}" for at in range(width)])
    return sample_of(features, np.arange(rows) % 2, groups)


def weighing(sample: Sample, weights: tuple[float, ...], path: str = LOGISTIC) -> TrainedModel:
    """A linear model that weighs the columns, each in units of its spread, exactly so."""
    model = fitted(sample, path)
    model.estimators[0].coef_ = np.array([weights])
    model.estimators[0].intercept_ = np.zeros(1)
    return model


def labelled_by(model: TrainedModel, sample: Sample, seed: int = 0) -> Sample:
    """The same rows with labels that come about as the model says."""
    drawn = np.random.default_rng(seed).random(sample.n) < model.score(sample.features)
    return sample_of(sample.features, drawn, sample.sensitive_features)


def attributions_of(model: TrainedModel, sample: Sample, background: Sample | None = None) -> Attributions:
    return attributed(model, sample.features, (background or sample).features)


def examined(model: TrainedModel, sample: Sample, seed: int = 0) -> Examination:
    found = explained(model, sample, seed=seed).examination
    assert found is not None
    return found


def repeated(sample: Sample, times: int) -> Sample:
    """Every row so many times, as the visits of one person."""
    rows = np.repeat(np.arange(sample.n), times)
    taken: dict[str, Any] = {"features": sample.features.iloc[rows].reset_index(drop=True)}
    again = sample_of(
        taken["features"], sample.y_true[rows], sample.sensitive_features.iloc[rows].reset_index(drop=True)
    )
    return Sample(**{**{name: getattr(again, name) for name in again.__slots__}, "cluster": rows.astype("int64")})
