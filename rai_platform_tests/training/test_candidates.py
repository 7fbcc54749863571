"""Candidates: what is on record about a training, the same model again from its files, and its predictions."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from rai_platform.data.preparation import PreparedData
from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch, TamperedArtifact, UnscorableRows, UnusableEstimator
from rai_platform.spec.model import ModelSpec
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.candidates import predict
from rai_platform.training.loading import load_model
from rai_platform.training.model import TrainedModel
from rai_platform.training.predictions import Predictions
from rai_platform_tests.training.lending import LOGISTIC, definition_of, lending_spec, train
from rai_platform_tests.training.own_models import HERE

REDUCTION = {"method": "exponentiated_gradient", "params": {"max_iter": 4}}
MITIGATIONS: dict[str, dict[str, Any]] = {
    "reduction": REDUCTION,
    "reduction, not drawn": {**REDUCTION, "randomized": False},
    "reduction of odds by two features": {
        **REDUCTION,
        "constraint": "equalized_odds",
        "sensitive_features": ["sex", "age_group"],
    },
    "thresholds": {"method": "threshold_optimizer"},
    "thresholds for odds, not drawn": {
        "method": "threshold_optimizer",
        "constraint": "equalized_odds",
        "randomized": False,
    },
}

LESS_COMMON = [name for name in MITIGATIONS if "," in name or "two" in name]

# --- what is on record -----------------------------------------------------------------------------------------------


def test_a_candidate_says_what_it_is_and_how_it_came_to_be(lending: PreparedData, store: ContentStore) -> None:
    spec = lending_spec(LOGISTIC, {"max_iter": 1, "C": 0.5}, mitigation={**REDUCTION, "constraint": "equalized_odds"})
    candidate, _ = train(spec, lending, store)
    assert candidate.model == "lending"
    assert candidate.parameters == {
        "estimator": LOGISTIC,
        "max_iter": "1",
        "C": "0.5",
        "mitigation": "exponentiated_gradient",
        "constraint": "equalized_odds",
        "mitigation.max_iter": "4",
    }
    assert lending.training is not None
    assert candidate.training_digest == lending.training.digest
    assert candidate.spec_digest == definition_of(spec).spec_digest
    assert (candidate.mlflow_run_id, candidate.code_version) == ("run", "1")
    assert candidate.created_at == "2026-01-01T00:00:00+00:00"
    assert set(candidate.versions) == {"scikit-learn", "fairlearn", "numpy", "pandas", "skops", "rai-platform"}
    assert candidate.versions["numpy"] == np.__version__
    assert all(warning.startswith("ConvergenceWarning") for warning in candidate.warnings)
    assert candidate.warnings


def test_the_files_of_a_candidate_are_in_the_store_under_their_names(
    lending: PreparedData, store: ContentStore
) -> None:
    candidate, model = train(lending_spec(), lending, store)
    assert list(candidate.files) == ["preprocessing", "estimator"] == list(model.parts)
    assert all(store.holds(file.blob) for file in candidate.files.values())


# --- the same model again --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ContentStore:
    return ContentStore(str(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def mitigated(lending: PreparedData, shared: ContentStore) -> dict[str, tuple[ModelSpec, Candidate, TrainedModel]]:
    """Every mitigation, trained once."""
    specs = {name: lending_spec(mitigation=asked) for name, asked in MITIGATIONS.items()}
    return {name: (spec, *train(spec, lending, shared)) for name, spec in specs.items()}


@pytest.mark.parametrize("name", MITIGATIONS)
def test_a_mitigated_model_is_read_back_bit_for_bit(
    name: str,
    mitigated: dict[str, tuple[ModelSpec, Candidate, TrainedModel]],
    lending: PreparedData,
    shared: ContentStore,
) -> None:
    spec, candidate, model = mitigated[name]
    loaded, test = load_model(candidate, shared), lending.test
    assert loaded.manifest == model.manifest == candidate.manifest
    assert list(loaded.parts) == list(model.parts) == list(candidate.files)
    if name.startswith("reduction"):
        assert len(model.estimators) == len(candidate.manifest.weights) > 1
        assert sum(candidate.manifest.weights) == pytest.approx(1)
    else:
        assert set(candidate.manifest.thresholds) == {"female", "male"}
    assert np.array_equal(loaded.score(test.features), model.score(test.features))
    decided = model.decide(test.features, test.sensitive_features)
    assert np.array_equal(loaded.decide(test.features, test.sensitive_features), decided)
    assert 0 < decided.mean() < 1
    said = predict(candidate, test, spec, shared)
    assert np.array_equal(said.y_pred, decided)
    assert np.array_equal(said.y_score, model.score(test.features))


@pytest.mark.parametrize(
    "name", ["reduction", "thresholds", *(pytest.param(name, marks=pytest.mark.slow) for name in LESS_COMMON)]
)
def test_equal_mitigations_are_one_model_and_others_another(
    name: str,
    mitigated: dict[str, tuple[ModelSpec, Candidate, TrainedModel]],
    lending: PreparedData,
    shared: ContentStore,
) -> None:
    spec, candidate, _ = mitigated[name]
    again, _ = train(spec, lending, shared)
    assert again.model_digest == candidate.model_digest
    assert {key: file.content for key, file in again.files.items()} == {
        key: file.content for key, file in candidate.files.items()
    }
    others = {other.model_digest for _, other, _ in mitigated.values()}
    assert len(others) == len(MITIGATIONS)
    assert lending.training is not None
    fewer = dataclasses.replace(lending, training=lending.training.take(np.arange(100, lending.training.n)))
    seeded = lending_spec(mitigation=MITIGATIONS[name], seed=1)
    for other, _ in (train(spec, fewer, shared), train(seeded, lending, shared)):
        assert other.model_digest not in others


def test_weights_and_thresholds_are_part_of_the_model(lending: PreparedData, store: ContentStore) -> None:
    assert lending.training is not None
    weight = np.linspace(1, 2, lending.training.n)
    weighted = dataclasses.replace(lending, training=dataclasses.replace(lending.training, weight=weight))
    trainings = [
        (lending_spec(), lending),
        (lending_spec(), weighted),
        (lending_spec(estimator_options={"threshold": 0.4}), lending),
        (lending_spec(data={**lending_spec().data.model_dump(), "positive_label": 0}), lending),
    ]
    assert len({train(spec, prepared, store)[0].model_digest for spec, prepared in trainings}) == len(trainings)


def test_a_model_that_comes_back_otherwise_does_not_count_as_saved(lending: PreparedData, store: ContentStore) -> None:
    with pytest.raises(TamperedArtifact, match="scores otherwise than the one that was trained") as caught:
        train(lending_spec(f"{HERE}.ForgetsItsMeans"), lending, store)
    assert caught.value.where == f"{HERE}.ForgetsItsMeans"


@pytest.mark.parametrize("name", ["RanksThePeople", "AsksWhoIsFirst"])
def test_a_model_whose_answer_depends_on_who_else_is_asked_about_is_refused(
    name: str, lending: PreparedData, store: ContentStore
) -> None:
    with pytest.raises(UnusableEstimator, match=r"of 16 people asked alone get another answer than among") as caught:
        train(lending_spec(f"{HERE}.{name}"), lending, store)
    assert caught.value.where == f"{HERE}.{name}"


@pytest.mark.parametrize("gives", ["nan", "inf"])
def test_a_model_that_gives_no_number_as_a_score_is_refused(
    gives: str, lending: PreparedData, store: ContentStore
) -> None:
    with pytest.raises(UnscorableRows, match=r"gives no number as a score to 1 of \d+ rows"):
        train(lending_spec(f"{HERE}.GivesOneRow", {"gives": gives}), lending, store)


# --- predictions -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(lending: PreparedData, shared: ContentStore) -> Candidate:
    return train(lending_spec(), lending, shared)[0]


def with_features(sample: Sample, **columns: Any) -> Sample:
    return dataclasses.replace(sample, features=sample.features.assign(**columns))


def test_predictions_name_the_model_the_data_and_the_rows(
    plain: Candidate, lending: PreparedData, shared: ContentStore
) -> None:
    test = lending.test.take(np.arange(50, 20, -1))
    said = predict(plain, test, lending_spec(), shared)
    assert (said.subject.model_digest, said.subject.data_digest) == (plain.model_digest, test.digest)
    assert np.array_equal(said.row_key, test.row_key)
    assert said.score_is_probability
    whole = predict(plain, lending.test, lending_spec(), shared)
    assert whole.y_score is not None
    assert said.y_score == pytest.approx(whole.y_score[50:20:-1], rel=1e-12), "a row's score depends on no other row"
    assert np.array_equal(said.y_pred, whole.y_pred[50:20:-1])
    assert predict(plain, test, lending_spec(), shared).digest == said.digest != whole.digest


@pytest.mark.parametrize("changed", ["row_key", "y_score", "y_pred"])
def test_any_other_prediction_has_another_digest_and_comes_back_from_parquet(
    changed: str, plain: Candidate, lending: PreparedData, shared: ContentStore
) -> None:
    said = predict(plain, lending.test, lending_spec(), shared)
    values = getattr(said, changed).copy()
    values[7] = 1 - values[7]
    other = dataclasses.replace(said, **{changed: values})
    assert other.digest != said.digest
    for each in (said, other, dataclasses.replace(said, y_score=None)):
        back = Predictions.from_bytes(each.to_bytes())
        assert back.digest == each.digest
        assert (back.subject, back.score_is_probability) == (each.subject, each.score_is_probability)


def test_data_that_lack_a_column_are_not_predicted_on(
    plain: Candidate, lending: PreparedData, shared: ContentStore
) -> None:
    narrow = dataclasses.replace(lending.test, features=lending.test.features.drop(columns=["savings", "home"]))
    with pytest.raises(EvidenceMismatch, match="the model sees savings, home, which the test data lack: train again"):
        predict(plain, narrow, lending_spec(), shared)
    wide = with_features(lending.test, more="x")
    said, expected = (predict(plain, sample, lending_spec(), shared) for sample in (wide, lending.test))
    assert np.array_equal(said.y_score, expected.y_score)
    assert said.subject != expected.subject


def test_rows_that_the_model_refuses_are_told_as_the_users_to_mend(
    plain: Candidate, lending: PreparedData, shared: ContentStore
) -> None:
    texts = with_features(lending.test, income="a lot")
    with pytest.raises(UnscorableRows, match=r"the model refuses these rows: ValueError: .*'a lot'") as caught:
        predict(plain, texts, lending_spec(), shared)
    assert caught.value.where == LOGISTIC
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("mitigation", [None, {"method": "threshold_optimizer", "sensitive_features": ["index"]}])
def test_columns_called_like_words_of_python_or_pandas_are_columns(
    mitigation: dict[str, Any] | None, lending: PreparedData, store: ContentStore
) -> None:
    assert lending.training is not None
    names = dict(zip(lending.training.features.columns, ("self", "columns", "None", "class", "T", "a.b"), strict=False))

    def renamed(sample: Sample) -> Sample:
        groups = sample.sensitive_features.rename(columns={"sex": "index", "age_group": "values"})
        return dataclasses.replace(sample, features=sample.features.rename(columns=names), sensitive_features=groups)

    called = dataclasses.replace(lending, training=renamed(lending.training), test=renamed(lending.test))
    spec = lending_spec(sensitive_features=[{"name": "index"}, {"name": "values"}], mitigation=mitigation)
    candidate, _ = train(spec, called, store)
    told = predict(candidate, called.test, spec, store)
    assert 0 < told.y_pred.mean() < 1
