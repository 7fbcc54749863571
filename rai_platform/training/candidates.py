"""From a spec and a sample to a candidate on record, and from a candidate to its predictions."""

import dataclasses
import importlib.metadata
import json

import numpy as np
import pandas as pd

from rai_platform.data.columns import cell_text
from rai_platform.data.preparation import record_hashes, telling_columns
from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.data.sources import read_table
from rai_platform.errors import (
    EvidenceMismatch,
    InvalidSpec,
    TamperedArtifact,
    UnknownColumn,
    UnsuitableData,
    UnusableEstimator,
)
from rai_platform.spec.digests import digest_of
from rai_platform.spec.model import GivenPredictions, ModelSpec
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.subject import Subject
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate, ModelFile
from rai_platform.training.fitting import fit_model
from rai_platform.training.loading import load_model, model_digest
from rai_platform.training.manifest import Manifest
from rai_platform.training.model import TrainedModel
from rai_platform.training.model_files import content_digest, write_part
from rai_platform.training.predictions import Predictions

RECORDED_LIBRARIES = ("scikit-learn", "fairlearn", "numpy", "pandas", "skops", "rai-platform")
COMPARED_ROWS = 10_000
ASKED_AGAIN, ASKED_ALONE = 64, 16
SCORES_AGREE = 1e-9  # sums of many numbers come out a little otherwise for one row than for many


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
        content = write_part(part, estimator=model.manifest.estimator)
        files[name] = ModelFile(blob=store.put(content), content=content_digest(content))
    candidate = Candidate(
        model=definition.name,
        model_digest=model_digest(model.manifest, files),
        manifest=model.manifest,
        files=files,
        training_report=report,
        parameters=_parameters(definition.spec),
        versions=_versions(),
        warnings=warnings,
        spec_digest=definition.spec_digest,
        mlflow_run_id=mlflow_run_id,
        code_version=code_version,
        created_at=now,
    )
    _must_predict_the_same(model, load_model(candidate, store), sample.take(np.arange(min(sample.n, COMPARED_ROWS))))
    _must_answer_each_person_alone(model, sample)
    return candidate, model


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
        positive_label=cell_text(definition.spec.data.positive_label),
        threshold=given.threshold,
        score_is_probability=False,
        seed=0,
    )
    return Candidate(
        model=definition.name,
        model_digest=_given_digest(manifest, y_score, y_pred),
        manifest=manifest,
        files={},
        training_report=None,
        parameters={},
        versions=_versions(),
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
        if _given_digest(candidate.manifest, y_score, y_pred) != candidate.model_digest:
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
        y_score, y_pred = model.score(sample.features), model.decide(sample.features, sample.sensitive_features)
    return Predictions(
        subject=subject,
        row_key=sample.row_key,
        y_score=y_score,
        y_pred=y_pred,
        score_is_probability=candidate.manifest.score_is_probability,
    )


def given_values(
    spec: ModelSpec, sample: Sample
) -> tuple["np.typing.NDArray[np.float64] | None", "np.typing.NDArray[np.int8]"]:
    """Scores, if any, and decisions of given predictions, in the order of the sample's rows.

    Raises:
        UnknownColumn: a column that the spec names is not there.
        UnsuitableData: a row has no prediction, or a score is not a number.
        EvidenceMismatch: the source no longer holds the rows of the sample.
    """
    given = spec.predictions
    if given is None:
        raise InvalidSpec("the spec brings no predictions", where="predictions")
    source = read_table(spec.data.table, missing=spec.data.missing)
    _must_hold_the_rows(source, sample)
    table = _predictions_table(given, spec, source).iloc[sample.row_key]
    y_score = None if given.score is None else _numbers(table[given.score])
    if given.decision is not None:
        decisions = table[given.decision]
        _no_gaps(decisions)
        return y_score, _selected(decisions, positive=cell_text(spec.data.positive_label))
    if y_score is None or given.threshold is None:
        raise InvalidSpec("give `decision`, or `score` and `threshold`", where="predictions")
    return y_score, (y_score >= given.threshold).astype("int8")


def _given_digest(
    manifest: Manifest, y_score: "np.typing.NDArray[np.float64] | None", y_pred: "np.typing.NDArray[np.int8]"
) -> str:
    values = {"score": None if y_score is None else y_score.tolist(), "decision": y_pred.tolist()}
    return digest_of({"manifest": dataclasses.asdict(manifest), "values": values})


def _must_hold_the_rows(source: pd.DataFrame, sample: Sample) -> None:
    """Rows are known by their place in the source, so a source that was sorted anew would give them others' predictions."""
    records = record_hashes(source, telling_columns(source))
    if sample.row_key.max() >= len(source) or not np.array_equal(records[sample.row_key], sample.record):
        raise EvidenceMismatch(
            f"{sample.source} no longer holds the rows of the test data, or not in their places: materialize test_data again",
            where="data.source",
        )


def _predictions_table(given: GivenPredictions, spec: ModelSpec, table: pd.DataFrame) -> pd.DataFrame:
    """The predictions in the order of the rows of the source table."""
    wanted = list(dict.fromkeys(name for name in (given.score, given.decision) if name is not None))
    if given.table is None or given.key is None:
        _must_have(table, wanted, where="predictions")
        return table
    other = read_table(given.table, missing=spec.data.missing)
    _must_have(table, [given.key], where="data.source")
    _must_have(other, [given.key, *wanted], where="predictions.source")
    # Keys are compared as text: one file may hold as numbers what the other holds as text. No key is nobody's key.
    other = other[other[given.key].notna()]
    by_key = other.set_index(other[given.key].map(cell_text))[wanted]
    if by_key.index.has_duplicates:
        doubled = sorted(set(by_key.index[by_key.index.duplicated()]))
        shown = ", ".join(repr(key) for key in doubled[:10])
        raise UnsuitableData(
            f"expected every key of {given.key!r} once; these occur more often: {shown}"
            + (f" and {len(doubled) - 10} more" if len(doubled) > 10 else ""),
            where="predictions.source",
        )
    return by_key.reindex(table[given.key].map(cell_text, na_action="ignore")).reset_index(drop=True)


def _must_have(table: pd.DataFrame, columns: list[str], *, where: str) -> None:
    for column in columns:
        if column not in table.columns:
            raise UnknownColumn(column, table.columns, where=where)


def _selected(decisions: pd.Series, *, positive: str) -> "np.typing.NDArray[np.int8]":
    texts = decisions.map(cell_text)
    if positive not in set(texts):
        shown = ", ".join(repr(text) for text in sorted(set(texts))[:10])
        raise UnsuitableData(
            f"nobody was selected: the positive label {positive!r} does not occur; values: {shown}",
            where=f"predictions, column {decisions.name!r}",
        )
    selected: np.typing.NDArray[np.int8] = (texts == positive).to_numpy().astype("int8")
    return selected


def _numbers(column: pd.Series) -> "np.typing.NDArray[np.float64]":
    _no_gaps(column)
    numbers = pd.to_numeric(column, errors="coerce")
    if not np.isfinite(numbers).all():
        bad = column[~np.isfinite(numbers)].iloc[0]
        raise UnsuitableData(
            f"expected numbers as scores, got {cell_text(bad)!r}", where=f"predictions, column {column.name!r}"
        )
    return numbers.to_numpy("float64")


def _no_gaps(column: pd.Series) -> None:
    if column.isna().any():
        raise UnsuitableData(
            f"{int(column.isna().sum())} of {len(column)} rows have no prediction",
            where=f"predictions, column {column.name!r}",
        )


def _must_predict_the_same(trained: TrainedModel, loaded: TrainedModel, sample: Sample) -> None:
    scores = trained.score(sample.features), loaded.score(sample.features)
    decisions = [model.decide(sample.features, sample.sensitive_features) for model in (trained, loaded)]
    if not np.array_equal(scores[0], scores[1]) or not np.array_equal(decisions[0], decisions[1]):
        raise TamperedArtifact(
            "the model read back from its files scores otherwise than the one that was trained; it does not count as saved",
            where=trained.manifest.estimator,
        )


def _must_answer_each_person_alone(model: TrainedModel, sample: Sample) -> None:
    """What was measured on many people at once holds for the one who asks only if nobody's answer depends on the others."""
    together = sample.take(np.arange(min(sample.n, COMPARED_ROWS)))
    asked = np.random.default_rng(0).permutation(together.n)[:ASKED_AGAIN]
    everybody = _answers(model, together)
    alone = [_answers(model, together.take(asked[place : place + 1])) for place in range(min(ASKED_ALONE, len(asked)))]
    ways = {
        "alone": tuple(np.concatenate(each) for each in zip(*alone, strict=True)),
        "in another order": tuple(each[::-1] for each in _answers(model, together.take(asked[::-1]))),
    }
    for way, (other_scores, other_decisions) in ways.items():
        scores, decisions = (answers[asked[: len(other_scores)]] for answers in everybody)
        other = ~np.isclose(scores, other_scores, rtol=SCORES_AGREE, atol=SCORES_AGREE) | (decisions != other_decisions)
        if other.any():
            first = int(np.argmax(other))
            raise UnusableEstimator(
                f"{int(other.sum())} of {len(scores)} people asked {way} get another answer than among others, one of them "
                f"the score {other_scores[first]:.6g} instead of {scores[first]:.6g}: an estimator has to decide about a "
                "person by that person's features alone",
                where=model.manifest.estimator,
            )


def _answers(
    model: TrainedModel, sample: Sample
) -> tuple["np.typing.NDArray[np.float64]", "np.typing.NDArray[np.int8]"]:
    return model.score(sample.features), model.decide(sample.features, sample.sensitive_features)


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


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in RECORDED_LIBRARIES}
