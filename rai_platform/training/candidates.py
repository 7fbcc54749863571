"""From a spec and a sample to a candidate on record, and from a candidate to its predictions."""

import dataclasses
import importlib.metadata
import json

from rai_platform.data.column_rules import column_rules
from rai_platform.data.columns import selected_label
from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch, InvalidSpec
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.subject import Subject
from rai_platform.store import ContentStore
from rai_platform.training.acceptance import must_answer_each_person_alone, must_predict_the_same
from rai_platform.training.candidate import Candidate, ModelFile
from rai_platform.training.fitting import fit_model
from rai_platform.training.formats import content_digest, write_part
from rai_platform.training.given_predictions import given_digest, given_values
from rai_platform.training.loading import load_model, model_digest
from rai_platform.training.manifest import Manifest
from rai_platform.training.model import TrainedModel
from rai_platform.training.predictions import Predictions

RECORDED_LIBRARIES = ("scikit-learn", "fairlearn", "numpy", "pandas", "skops", "rai-platform")


def train_candidate(
    definition: ModelDefinition,
    sample: Sample,
    report: DataReport,
    store: ContentStore,
    *,
    mlflow_run_id: str,
    code_version: str,
    now: str,
) -> tuple[Candidate, TrainedModel]:
    """A trained candidate whose files were written, read back and found to predict the same.

    Raises:
        BadInput: the spec's estimator cannot be trained on these data, not be saved without pickle, or answers people
            otherwise alone than together.
        TamperedArtifact: the model read back predicts otherwise than the one that was trained.
    """
    model, warnings = fit_model(definition.spec, sample)
    files: dict[str, ModelFile] = {}
    for name, part in model.parts.items():
        content, kind = write_part(part, estimator=model.manifest.estimator)
        files[name] = ModelFile(blob=store.put(content), content=content_digest(content, kind), format=kind)
    candidate = Candidate(
        model=definition.name,
        model_digest=model_digest(model.manifest, files),
        manifest=model.manifest,
        files=files,
        training_report=report,
        parameters=_parameters(definition.spec),
        versions=recorded_versions(),
        warnings=warnings,
        spec_digest=definition.spec_digest,
        mlflow_run_id=mlflow_run_id,
        code_version=code_version,
        created_at=now,
        negative_label=sample.negative_label,
        rules=column_rules(sample.features, free=sample.free),
    )
    must_predict_the_same(model, load_model(candidate, store), sample)
    ties = must_answer_each_person_alone(model, sample)
    return dataclasses.replace(candidate, warnings=(*warnings, *ties)), model


def given_candidate(
    definition: ModelDefinition, sample: Sample, *, mlflow_run_id: str, code_version: str, now: str
) -> Candidate:
    """Somebody else's scores as a candidate: its digest is that of the rule and of every score."""
    given = definition.spec.predictions
    if given is None:
        raise InvalidSpec("the spec brings no predictions", where="predictions")
    y_score, y_pred = given_values(definition.spec, sample)
    manifest = Manifest(
        composition="given",
        estimator=given.score or given.decision or "",
        features=(),
        positive_label=selected_label(definition.spec.data),
        threshold=given.threshold,
        score_is_probability=False,
        seed=0,
    )
    return Candidate(
        model=definition.name,
        model_digest=given_digest(manifest, y_score, y_pred),
        manifest=manifest,
        files={},
        training_report=None,
        parameters={},
        versions=recorded_versions(),
        warnings=(),
        spec_digest=definition.spec_digest,
        mlflow_run_id=mlflow_run_id,
        code_version=code_version,
        created_at=now,
    )


def predict(candidate: Candidate, sample: Sample, spec: ModelSpec, store: ContentStore) -> Predictions:
    """The scores and decisions of a candidate on every row of a sample.

    Raises:
        EvidenceMismatch: the sample lacks a column that the model sees, or the given predictions are no longer those of the
            candidate.
        BadInput: given predictions cannot be read, or do not cover the sample; the model cannot score a row.
    """
    subject = Subject(model_digest=candidate.model_digest, data_digest=sample.digest)
    if candidate.manifest.composition == "given":
        y_score, y_pred = given_values(spec, sample)
        if given_digest(candidate.manifest, y_score, y_pred) != candidate.model_digest:
            raise EvidenceMismatch(
                "the predictions given now are not those of the candidate: materialize candidate_model again",
                where=candidate.model,
            )
    else:
        absent = [feature.name for feature in candidate.manifest.features if feature.name not in sample.features]
        if absent:
            raise EvidenceMismatch(
                f"the model sees {', '.join(absent)}, which the test data lack: train again", where=candidate.model
            )
        model = load_model(candidate, store)
        if candidate.manifest.classes:
            return _among_classes(model, sample, subject)
        y_score, y_pred = model.score(sample.features), model.decide(sample.features, sample.sensitive_features)
    return Predictions(
        subject=subject,
        row_key=sample.row_key,
        y_score=y_score,
        y_pred=y_pred,
        score_is_probability=candidate.manifest.score_is_probability,
    )


def _among_classes(model: TrainedModel, sample: Sample, subject: Subject) -> Predictions:
    if model.manifest.classes != sample.classes:
        raise EvidenceMismatch(
            f"the model tells {', '.join(model.manifest.classes)} apart, the test data {', '.join(sample.classes)}: train again"
        )
    chances = model.probabilities(sample.features)
    return Predictions(
        subject=subject,
        row_key=sample.row_key,
        y_score=None,
        y_pred=chances.argmax(axis=1).astype("int8"),
        score_is_probability=model.manifest.score_is_probability,
        y_proba=chances,
    )


def _parameters(spec: ModelSpec) -> dict[str, str]:
    asked = {
        "estimator": spec.estimator.type if spec.estimator else "",
        **(spec.estimator.params if spec.estimator else {}),
    }
    if spec.mitigation:
        asked |= {"mitigation": spec.mitigation.method}
        asked |= {"constraint": spec.mitigation.constraint} if spec.mitigation.traits.constrains else {}
        asked |= {f"mitigation.{name}": value for name, value in spec.mitigation.params.items()}
    return {name: value if isinstance(value, str) else json.dumps(value, default=str) for name, value in asked.items()}


def recorded_versions() -> dict[str, str]:
    """Versions of the libraries that a candidate depends on."""
    return {name: importlib.metadata.version(name) for name in RECORDED_LIBRARIES}
