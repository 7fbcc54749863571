"""A mitigated lending model beside its twin, as values."""

import dataclasses
from typing import Any

from rai_platform.data.preparation import PreparedData, prepare_data
from rai_platform.data.sample import Sample
from rai_platform.mitigation.measurement import measure_mitigation
from rai_platform.mitigation.report import MitigationReport
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.subject import Subject
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import TrainedModel
from rai_platform.training.predictions import Predictions
from rai_platform_tests.training.lending import lending_spec

SOURCE = "generator:lending?rows={rows}&seed={seed}&disparate_impact=0.4"


def spec_of(mitigation: dict[str, Any] | None, *, rows: int = 6000, seed: int = 1, **changes: Any) -> ModelSpec:
    """The lending model; a correlation remover sees the sex, and learns the past decisions, which go with it."""
    removes = (mitigation or {}).get("method") == "correlation_remover"
    target, excluded = ("approved", ["repaid"]) if removes else ("repaid", ["approved", "sex"])
    data = {"source": SOURCE.format(rows=rows, seed=seed), "target": target, "exclude": excluded}
    return lending_spec(**{"data": data, "mitigation": mitigation, **changes})


def prepared(spec: ModelSpec) -> tuple[Sample, Sample]:
    """Training and test data."""
    data: PreparedData = prepare_data(spec)
    assert data.training is not None
    return data.training, data.test


def predictions_of(model: TrainedModel, sample: Sample) -> Predictions:
    return Predictions(
        subject=Subject(model_digest="a" * 64, data_digest=sample.digest),
        row_key=sample.row_key,
        y_score=model.score(sample.features),
        y_pred=model.decide(sample.features, sample.sensitive_features),
        score_is_probability=True,
    )


def compared(
    spec: ModelSpec, training: Sample, test: Sample, *, minimum_group_size: int = 50, **changes: Any
) -> MitigationReport:
    """The report of a model that is trained here; ``changes`` are made to its predictions."""
    model, _ = fit_model(spec, training)
    return measure_mitigation(
        model.manifest,
        dataclasses.replace(predictions_of(model, test), **changes),
        training,
        test,
        spec,
        minimum_group_size=minimum_group_size,
        seed=0,
        code_version="1",
    )
