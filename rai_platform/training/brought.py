"""A model that was trained elsewhere as a candidate: read without pickle, its labels matched with those of the data."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from rai_platform.data.column_rules import column_rules
from rai_platform.data.columns import cell_text, selected_label
from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.errors import BadInput, InvalidSpec, TamperedArtifact, UnusableEstimator
from rai_platform.spec.reading import ModelDefinition
from rai_platform.store import ContentStore
from rai_platform.training.acceptance import COMPARED_ROWS, must_answer_each_person_alone
from rai_platform.training.candidate import Candidate, FileFormat, ModelFile
from rai_platform.training.candidates import recorded_versions
from rai_platform.training.estimators import chances_of_classes
from rai_platform.training.fitting import features_of
from rai_platform.training.formats import content_digest, read_part
from rai_platform.training.loading import model_digest
from rai_platform.training.manifest import Manifest
from rai_platform.training.model import ESTIMATOR, TrainedModel

TRANSFORMER = "rai_platform.training.networks.TransformerClassifier"  # the one network that MLflow keeps as tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtFile:
    """A model file as it was found.

    Attributes:
        content: its bytes.
        format: how it is written.
        uri: where it was found, resolved to a version where it named an alias or a stage.
        library: and version that wrote it, as far as it says.
    """

    content: bytes
    format: FileFormat
    uri: str
    library: str


def bring_candidate(
    definition: ModelDefinition,
    brought: BroughtFile,
    sample: Sample,
    report: DataReport,
    store: ContentStore,
    *,
    mlflow_run_id: str,
    code_version: str,
    now: str,
) -> tuple[Candidate, TrainedModel]:
    """The candidate that a brought file makes.

    Args:
        definition: the model and its policy.
        brought: the file.
        sample: the data that it is said to have learned from.
        report: their screen.
        store: keeps the file.
        mlflow_run_id: the run that tracks the candidate.
        code_version: of the training code.
        now: ISO 8601, UTC.

    Raises:
        UnusableEstimator: it holds what the platform does not load, is no classifier, or does not know the labels of the data.
        UnscorableRows: it refuses the rows.
    """
    asked = definition.spec.model
    if asked is None:
        raise InvalidSpec("the spec brings no model", where="model")
    try:
        expected = TRANSFORMER if brought.format == "safetensors" else ""
        estimator = read_part(brought.content, brought.format, estimator=expected)
    except TamperedArtifact as error:
        raise UnusableEstimator(f"the model cannot be read: {error.message}", where=f"model.uri, {asked.uri}") from None
    if not hasattr(estimator, "predict_proba") and not hasattr(estimator, "decision_function"):
        raise UnusableEstimator(
            f"expected a classifier, got {type(estimator).__name__}, which gives no scores",
            where=f"model.uri, {asked.uri}",
        )
    is_probability = hasattr(estimator, "predict_proba")
    positive = selected_label(definition.spec.data)
    labels = sample.classes or _two_labels(estimator, asked.classes, positive)
    manifest = Manifest(
        composition="single",
        estimator=f"{type(estimator).__module__}.{type(estimator).__name__}",
        estimator_code=brought.library,
        features=features_of(sample),
        positive_label=positive,
        threshold=None
        if sample.classes
        else asked.threshold
        if asked.threshold is not None
        else 0.5
        if is_probability
        else 0.0,
        score_is_probability=is_probability,
        seed=0,
        classes=sample.classes,
        class_columns=_columns(_known_labels(estimator, asked.classes), labels),
    )
    model = TrainedModel(manifest=manifest, parts={ESTIMATOR: estimator})
    files = {
        ESTIMATOR: ModelFile(
            blob=store.put(brought.content),
            content=content_digest(brought.content, brought.format),
            format=brought.format,
        )
    }
    candidate = Candidate(
        model=definition.name,
        model_digest=model_digest(manifest, files),
        manifest=manifest,
        files=files,
        training_report=report,
        parameters={"brought from": brought.uri},
        versions=recorded_versions(),
        warnings=(),
        spec_digest=definition.spec_digest,
        mlflow_run_id=mlflow_run_id,
        code_version=code_version,
        negative_label=sample.negative_label,
        rules=column_rules(sample.features, free=sample.free),
        created_at=now,
    )
    try:
        ties = must_answer_each_person_alone(model, sample)
        if is_probability:
            _must_give_chances(model, sample)
    except BadInput as error:
        columns = ", ".join(map(str, sample.features))
        raise type(error)(
            f"{error.message}; it was given the columns {columns}", where=f"model.uri, {asked.uri}"
        ) from None
    return dataclasses.replace(candidate, warnings=ties), model


def _must_give_chances(model: TrainedModel, sample: Sample) -> None:
    """Refuses what has the methods of a classifier and answers with something else, as trees that were grown for a number do."""
    few = sample.take(np.arange(min(sample.n, COMPARED_ROWS)))
    chances = chances_of_classes(model.estimators[0], model.encode(few.features))
    if (chances < 0).any() or (chances > 1).any() or not np.allclose(chances.sum(axis=1), 1, atol=1e-3):
        raise UnusableEstimator(
            f"expected a classifier's chances, which lie between 0 and 1 and add up to 1, got numbers from {chances.min():.3g} to "
            f"{chances.max():.3g}"
        )


def _known_labels(estimator: Any, named: tuple[Any, ...] | None) -> list[str]:
    """The labels in the order of the estimator's columns, as the data would write them."""
    if named is not None:
        return [cell_text(label) for label in named]
    classes = getattr(estimator, "classes_", None)
    return [] if classes is None else [cell_text(label) for label in np.asarray(classes).tolist()]


def _two_labels(estimator: Any, named: tuple[Any, ...] | None, positive: str) -> tuple[str, ...]:
    """The negative and the positive label."""
    known = _known_labels(estimator, named)
    others = [label for label in known if label != positive]
    if len(known) != 2 or len(others) != 1:
        raise UnusableEstimator(
            f"the model knows the labels {', '.join(known) or 'of its columns by no name'}, and the positive label of the data is "
            f"{positive!r}; name the labels in the order of its columns, `model: {{classes: [no, yes]}}`",
            where="model.classes",
        )
    return others[0], positive


def _columns(known: list[str], labels: tuple[str, ...]) -> tuple[int, ...]:
    if sorted(known) != sorted(labels):
        raise UnusableEstimator(
            f"the model knows the labels {', '.join(known) or 'of its columns by no name'}, the data hold {', '.join(labels)}; name "
            "the labels in the order of its columns, `model: {classes: [no, yes]}`",
            where="model.classes",
        )
    return tuple(known.index(label) for label in labels)
