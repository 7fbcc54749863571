"""Boosted trees in their own formats, and models out of MLflow: taken where reading runs no code, refused where it would."""

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import mlflow.lightgbm
import mlflow.onnx
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import onnx
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from rai_platform.data.preparation import prepare_data
from rai_platform.data.screening import screen_training_data
from rai_platform.errors import TamperedArtifact, UnreadableData, UnscorableRows, UnusableEstimator
from rai_platform.registry.brought import fetch_model
from rai_platform.settings import read_settings
from rai_platform.spec.model import ModelSpec
from rai_platform.store import ContentStore
from rai_platform.training.boosted_files import read_lightgbm, read_xgboost
from rai_platform.training.brought import bring_candidate
from rai_platform.training.formats import read_part, write_part
from rai_platform.training.loading import load_model
from rai_platform.training.model import TrainedModel
from rai_platform_tests.training.lending import definition_of

CANCER, CANCER_LABEL = load_breast_cancer(return_X_y=True, as_frame=True)
FLOWERS, FLOWER_LABEL = load_iris(return_X_y=True, as_frame=True)
GUARDED, TEXTS = "generator:prompts?rows=300", {"target": "injection", "text": "text"}
QUIET = {"pip_requirements": ["scikit-learn"]}


def spec_of(
    uri: str, source: str = "sklearn:breast_cancer", data: dict[str, Any] | None = None, **model: Any
) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "brought",
            "owners": ["team:tests"],
            "intended_use": "A test.",
            "out_of_scope": "Everything else.",
            "data": {"source": source, "target": "target", **(data or {})},
            "model": {"uri": uri, **model},
        }
    )


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def bring(spec: ModelSpec, store: ContentStore) -> tuple[TrainedModel, pd.DataFrame]:
    """The model read back from the store, and the features of the test data."""
    prepared = prepare_data(spec)
    assert prepared.training is not None
    assert spec.model is not None
    brought = fetch_model(spec.model.uri, read_settings(), folder=Path.cwd())
    candidate, _ = bring_candidate(
        definition_of(spec),
        brought,
        prepared.training,
        screen_training_data(prepared, spec),
        store,
        mlflow_run_id="run",
        code_version="1",
        now="2026-01-01T00:00:00+00:00",
    )
    return load_model(candidate, store), prepared.test.features


def a_linear_graph(weights: np.ndarray, offsets: np.ndarray, *, end: str | None = None) -> onnx.ModelProto:
    """Logits of a linear model, as a network is exported; or what an operator at the end makes of them."""
    nodes = [helper.make_node("Gemm", ["rows", "weights", "offsets"], ["logits"])]
    if end is not None:
        nodes += [helper.make_node(end, ["logits"], ["ended"]), helper.make_node("Identity", ["ended"], ["answer"])]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, weights.shape[0]])],
        [helper.make_tensor_value_info("answer" if end else "logits", TensorProto.FLOAT, [None, weights.shape[1]])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel().tolist()),
            helper.make_tensor("offsets", TensorProto.FLOAT, offsets.shape, offsets.ravel().tolist()),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


# --- boosted trees that are trained here ------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize(
    "classifier",
    [xgboost.XGBClassifier(n_estimators=8, n_jobs=1), lightgbm.LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1)],
    ids=["xgboost", "lightgbm"],
)
def test_boosted_trees_give_the_same_chances_bit_for_bit_after_they_were_saved(classifier, labels):
    features, target = (CANCER, CANCER_LABEL) if labels == 2 else (FLOWERS, FLOWER_LABEL)
    fitted = classifier.fit(features.to_numpy(), target)
    content, kind = write_part(fitted, estimator="")
    assert b"pickle" not in content
    read = read_part(content, kind, estimator="")
    assert np.array_equal(read.predict_proba(features.to_numpy()), fitted.predict_proba(features.to_numpy()))
    assert write_part(fitted, estimator="")[0] == content


def test_a_loss_function_of_ones_own_is_not_in_the_file_and_so_is_refused():
    def loss(y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chance = 1 / (1 + np.exp(-raw))
        return chance - y, chance * (1 - chance)

    fitted = xgboost.XGBClassifier(n_estimators=2, objective=loss).fit(CANCER, CANCER_LABEL)
    with pytest.raises(UnusableEstimator, match="an objective that is a function"):
        write_part(fitted, estimator="")


@pytest.mark.parametrize("read", [read_xgboost, read_lightgbm])
@pytest.mark.parametrize("content", [b"", b"\x80\x04]\x94.", b"tree\nnothing"])
def test_a_file_that_holds_no_trees_is_refused(read, content):
    with pytest.raises(TamperedArtifact, match="not a model file of"):
        read(content)


# --- models out of MLflow ---------------------------------------------------------------------------------------------


def test_a_pipeline_in_skops_is_taken_and_scores_as_it_did(tmp_path, store):
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_LABEL)
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="skops", **QUIET)
    model, features = bring(spec_of(str(tmp_path / "m")), store)
    assert np.array_equal(model.score(features), fitted.predict_proba(features)[:, 1])
    assert np.array_equal(model.decide(features), fitted.predict(features))


def test_labels_by_name_are_matched_with_those_of_the_data(tmp_path, store):
    named = CANCER_LABEL.map({0: "malignant", 1: "benign"})
    table = CANCER.assign(target=named)
    table.to_parquet(tmp_path / "table.parquet")
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, named)
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="skops", **QUIET)
    assert fitted.classes_.tolist() == ["benign", "malignant"]
    for place, label in enumerate(fitted.classes_):
        spec = spec_of(str(tmp_path / "m"), str(tmp_path / "table.parquet"), {"positive_label": label})
        model, features = bring(spec, store)
        assert np.array_equal(model.score(features), fitted.predict_proba(features)[:, place])
    several = spec_of(str(tmp_path / "m"), str(tmp_path / "table.parquet"), {"classes": ["malignant", "benign"]})
    model, features = bring(several, store)
    assert np.array_equal(model.probabilities(features), fitted.predict_proba(features)[:, ::-1])


def test_a_model_without_probabilities_is_taken_whichever_label_is_positive(tmp_path, store):
    fitted = make_pipeline(StandardScaler(), SVC(kernel="linear")).fit(CANCER, CANCER_LABEL)
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="skops", **QUIET)
    for positive, sign in ((1, 1), (0, -1)):
        model, features = bring(spec_of(str(tmp_path / "m"), data={"positive_label": positive}), store)
        assert np.array_equal(model.score(features), sign * fitted.decision_function(features))


@pytest.mark.parametrize(
    ("save", "fitted"),
    [
        (mlflow.xgboost.save_model, xgboost.XGBClassifier(n_estimators=5).fit(CANCER, CANCER_LABEL)),
        (
            lambda fitted, path, **how: mlflow.lightgbm.save_model(fitted.booster_, path, **how),
            lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(CANCER, CANCER_LABEL),
        ),
    ],
    ids=["xgboost", "lightgbm"],
)
def test_boosted_trees_are_taken(save, fitted, tmp_path, store):
    save(fitted, str(tmp_path / "m"), **QUIET)
    model, features = bring(spec_of(str(tmp_path / "m"), classes=[0, 1]), store)
    assert np.allclose(model.score(features), fitted.predict_proba(features)[:, 1], atol=1e-12)


@pytest.mark.parametrize("end", [None, "Softmax"])
def test_an_onnx_graph_is_taken_whether_it_ends_with_logits_or_with_chances(end, tmp_path, store):
    fitted = LogisticRegression(max_iter=5000).fit(FLOWERS, FLOWER_LABEL)
    mlflow.onnx.save_model(a_linear_graph(fitted.coef_.T, fitted.intercept_, end=end), tmp_path / "m", **QUIET)
    spec = spec_of(str(tmp_path / "m"), "sklearn:iris", {"classes": "all"}, classes=[0, 1, 2])
    model, features = bring(spec, store)
    assert np.allclose(model.probabilities(features), fitted.predict_proba(features), atol=1e-5)


@pytest.mark.parametrize("end", [None, "Sigmoid"])
def test_a_single_output_is_the_positive_label_and_depends_on_no_other_row(end, tmp_path, store):
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(CANCER, CANCER_LABEL)
    scaler, linear = fitted[0], fitted[1]
    weights = linear.coef_.T / scaler.scale_[:, None]
    offset = linear.intercept_ - scaler.mean_ @ weights
    mlflow.onnx.save_model(a_linear_graph(weights, offset, end=end), tmp_path / "m", **QUIET)
    model, features = bring(spec_of(str(tmp_path / "m"), classes=[0, 1]), store)
    expected = fitted.predict_proba(features)[:, 1]
    assert np.allclose(model.score(features), expected, atol=1e-4)
    alone = [model.score(features.iloc[[row]])[0] for row in range(20)]
    assert np.allclose(alone, expected[:20], atol=1e-4)


def test_a_pipeline_that_reads_texts_is_taken(tmp_path, store):
    spec = spec_of("nowhere", "generator:prompts?rows=300", {"target": "injection", "text": "text"})
    training = prepare_data(spec).training
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(training.features["text"], training.y_true)
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="skops", **QUIET)
    spec = spec_of(str(tmp_path / "m"), "generator:prompts?rows=300", {"target": "injection", "text": "text"})
    model, features = bring(spec, store)
    assert np.array_equal(model.score(features), fitted.predict_proba(features["text"])[:, 1])


@pytest.mark.slow
def test_a_registered_version_is_taken_by_its_uri(tmp_path, store, monkeypatch):
    monkeypatch.setenv("RAI_HOME", str(tmp_path / "home"))
    uri = read_settings().tracking_uri
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(uri)
    try:
        fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_LABEL)
        with mlflow.start_run(experiment_id="0"):
            mlflow.sklearn.log_model(
                fitted, name="m", serialization_format="skops", registered_model_name="cancer", **QUIET
            )
        model, features = bring(spec_of("models:/cancer/1"), store)
    finally:
        mlflow.set_tracking_uri(None)
    assert np.array_equal(model.score(features), fitted.predict_proba(features)[:, 1])


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.trace,)


def test_a_pickled_model_is_refused_unread_and_the_way_out_is_told(tmp_path, store):
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_LABEL)
    fitted.trap = Trap(tmp_path / "trace")
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="cloudpickle", **QUIET)
    (tmp_path / "trace").unlink(missing_ok=True)
    with pytest.raises(UnusableEstimator, match=r"is pickled.*serialization_format='skops'"):
        bring(spec_of(str(tmp_path / "m")), store)
    assert not (tmp_path / "trace").exists()


def test_a_pickle_that_calls_itself_skops_is_refused_unread(tmp_path, store):
    import pickle

    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_LABEL)
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="skops", **QUIET)
    (tmp_path / "m" / "model.skops").write_bytes(pickle.dumps(Trap(tmp_path / "trace")))
    with pytest.raises(UnusableEstimator, match="cannot be read"):
        bring(spec_of(str(tmp_path / "m")), store)
    assert not (tmp_path / "trace").exists()


def test_a_pyfunc_of_somebodys_own_code_is_refused(tmp_path, store):
    class Own(mlflow.pyfunc.PythonModel):
        def predict(self, model_input):
            return model_input

    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Own(), **QUIET)
    with pytest.raises(UnusableEstimator, match="reading that may run code"):
        bring(spec_of(str(tmp_path / "m")), store)


@pytest.mark.parametrize(
    ("save", "fitted"),
    [
        (
            lambda fitted, path, **how: mlflow.lightgbm.save_model(fitted.booster_, path, **how),
            lightgbm.LGBMRegressor(n_estimators=20, verbose=-1).fit(CANCER, 4 * CANCER_LABEL - 1),
        ),
        (
            lambda fitted, path, **how: mlflow.xgboost.save_model(fitted.get_booster(), path, **how),
            xgboost.XGBRegressor(n_estimators=20).fit(CANCER, 4 * CANCER_LABEL - 1),
        ),
    ],
    ids=["lightgbm", "xgboost"],
)
def test_trees_that_were_grown_for_a_number_are_no_classifier(save, fitted, tmp_path, store):
    save(fitted, str(tmp_path / "m"), **QUIET)
    with pytest.raises(UnusableEstimator, match="expected a classifier's chances"):
        bring(spec_of(str(tmp_path / "m"), classes=[0, 1]), store)


@pytest.mark.parametrize(
    ("break_it", "error", "told"),
    [
        (lambda folder: shutil.rmtree(folder), UnreadableData, "no such folder"),
        (lambda folder: (folder / "MLmodel").unlink(), UnreadableData, "there is no file MLmodel"),
        (lambda folder: (folder / "MLmodel").write_text("- 1"), UnreadableData, "not what MLflow writes"),
        (lambda folder: (folder / "model.skops").unlink(), UnreadableData, "is not among its files"),
        (
            lambda folder: (folder / "MLmodel").write_text(
                (folder / "MLmodel").read_text().replace("model.skops", "../../secret")
            ),
            UnreadableData,
            "is not among its files",
        ),
    ],
)
def test_what_is_no_model_of_mlflow_is_told_in_a_sentence(break_it, error, told, tmp_path, store):
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(CANCER, CANCER_LABEL)
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="skops", **QUIET)
    break_it(tmp_path / "m")
    with pytest.raises(error, match=told):
        bring(spec_of(str(tmp_path / "m")), store)


def test_a_model_of_other_columns_or_labels_is_told(tmp_path, store):
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(FLOWERS, FLOWER_LABEL)
    mlflow.sklearn.save_model(fitted, tmp_path / "m", serialization_format="skops", **QUIET)
    with pytest.raises(UnusableEstimator, match="the model knows the labels 0, 1, 2"):
        bring(spec_of(str(tmp_path / "m")), store)
    two = make_pipeline(StandardScaler(), LogisticRegression()).fit(FLOWERS, FLOWER_LABEL > 1)
    mlflow.sklearn.save_model(two, tmp_path / "two", serialization_format="skops", **QUIET)
    with pytest.raises(UnscorableRows, match="it was given the columns mean radius"):
        bring(spec_of(str(tmp_path / "two"), classes=[0, 1]), store)


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """A folder of MLflow with a tiny transformer, the network and its tokenizer."""
    import mlflow.transformers
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("transformer") / "m"
    texts = prepare_data(spec_of("nowhere", GUARDED, TEXTS)).test.features["text"].tolist()
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[PAD]", "[UNK]"]))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    network = BertForSequenceClassification(BertConfig(vocab_size=300, max_position_embeddings=64, **shape)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = {"model": network, "tokenizer": fast}
        mlflow.transformers.save_model(parts, str(folder), task="text-classification", **QUIET)
    return folder, network, fast


@pytest.mark.parametrize("classes", [[0, 1], [1, 0]])
def test_a_transformer_that_mlflow_keeps_as_tensors_is_taken_and_explained(classes, transformer, store):
    import torch

    from rai_platform.explanations.decided import OutputOfDecision

    folder, network, fast = transformer
    model, features = bring(spec_of(str(folder), GUARDED, TEXTS, classes=classes), store)
    texts = features["text"].tolist()
    encoded = fast(texts, padding="max_length", max_length=64, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        logits = network(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]).logits.numpy()
    positive, negative = logits[:, classes.index(1)], logits[:, classes.index(0)]
    assert np.allclose(model.score(features), 1 / (1 + np.exp(negative - positive)), atol=1e-5)
    output = OutputOfDecision(model, features)
    assert output.output == "log odds"
    assert np.allclose(output.of(model.encode(features), output.numbers), positive - negative, atol=1e-5)


def without_the_head(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model" / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("classifier")}
    save_file(kept, path, metadata={"format": "pt"})


def with_config(**changed: Any) -> Any:
    def change(folder: Path) -> None:
        path = folder / "model" / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return change


@pytest.mark.parametrize(
    ("break_it", "error", "told"),
    [
        (without_the_head, UnusableEstimator, "would be made up by chance"),
        (with_config(hidden_size=64), UnusableEstimator, "cannot read this folder"),
        (with_config(hidden_size="wide"), UnusableEstimator, "cannot read this folder"),
        (with_config(model_type="nobody"), UnusableEstimator, "cannot read this folder"),
        (
            lambda folder: (folder / "components" / "tokenizer" / "tokenizer.json").write_text("{"),
            UnusableEstimator,
            "cannot read this folder",
        ),
        (
            lambda folder: (folder / "model" / "model.safetensors").write_bytes(b"no tensors"),
            UnusableEstimator,
            "cannot read this folder",
        ),
        (
            lambda folder: (folder / "MLmodel").write_text("flavors: {transformers: abc}"),
            UnreadableData,
            "not what MLflow writes",
        ),
    ],
)
def test_a_transformer_of_which_something_would_be_made_up_is_refused(
    break_it, error, told, transformer, tmp_path, store
):
    shutil.copytree(transformer[0], tmp_path / "m")
    break_it(tmp_path / "m")
    with pytest.raises(error, match=told):
        bring(spec_of(str(tmp_path / "m"), GUARDED, TEXTS, classes=[0, 1]), store)
