"""The lending model as a value: a spec and its data, changed by a few words."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rai_platform.data.preparation import PreparedData, prepare_data
from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.data.screening import screen_training_data
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.policy import PolicyOverlay
from rai_platform.spec.reading import ModelDefinition, default_policy
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.candidates import train_candidate
from rai_platform.training.model import TrainedModel

SOURCE = "generator:lending?rows=2000&seed=1&disparate_impact=0.4"
LOGISTIC = "sklearn.linear_model.LogisticRegression"


def lending_spec(estimator: str = LOGISTIC, params: dict[str, Any] | None = None, **changes: Any) -> ModelSpec:
    """The lending model with this estimator; ``changes`` are attributes of the spec, None leaves one out."""
    asked = {"type": estimator, "params": params or ({"max_iter": 500} if estimator == LOGISTIC else {})}
    attributes: dict[str, Any] = {
        "name": "lending",
        "owners": ["team:credit-risk"],
        "intended_use": "Prepares decisions on small loans.",
        "out_of_scope": "Anything else.",
        "data": {"source": SOURCE, "target": "repaid", "exclude": ["approved", "sex"]},
        "sensitive_features": [{"name": "sex"}, {"name": "age_group", "column": "age", "bins": [30, 50]}],
        "estimator": {**asked, "seed": changes.pop("seed", 0), **changes.pop("estimator_options", {})},
        **changes,
    }
    return ModelSpec.model_validate({name: value for name, value in attributes.items() if value is not None})


def definition_of(spec: ModelSpec, policy: PolicyOverlay | None = None) -> ModelDefinition:
    overlay = policy or PolicyOverlay()
    return ModelDefinition(spec=spec, policy=overlay.over(default_policy()), path=Path("/models/lending/defs.yaml"))


SCREENED: dict[tuple[str, str], DataReport] = {}


def _screened(prepared: PreparedData, spec: ModelSpec) -> DataReport:
    """The screen of the training data, made once for all estimators that learn from them."""
    assert prepared.training is not None
    key = prepared.training.digest, spec.model_dump_json(exclude={"estimator"})
    if key not in SCREENED:
        SCREENED[key] = screen_training_data(prepared, spec)
    return SCREENED[key]


def train(spec: ModelSpec, prepared: PreparedData, store: ContentStore) -> tuple[Candidate, TrainedModel]:
    """A candidate of the spec on data that were prepared before."""
    assert prepared.training is not None
    return train_candidate(
        definition_of(spec),
        prepared.training,
        _screened(prepared, spec),
        store,
        mlflow_run_id="run",
        code_version="1",
        now="2026-01-01T00:00:00+00:00",
    )


def sample_of(
    features: pd.DataFrame, y_true: Any, sensitive_features: pd.DataFrame | None = None, weight: Any = None
) -> Sample:
    """Rows made by hand."""
    rows = len(features)
    return Sample(
        features=features,
        y_true=np.asarray(y_true, dtype="int8"),
        sensitive_features=pd.DataFrame(index=features.index) if sensitive_features is None else sensitive_features,
        weight=None if weight is None else np.asarray(weight, dtype="float64"),
        row_key=np.arange(rows, dtype="int64"),
        record=np.arange(rows, dtype="uint64"),
        source="by hand",
        fingerprint="by hand",
    )


def prepared_lending() -> PreparedData:
    return prepare_data(lending_spec())
