"""Every family of estimators is trained, saved without pickle, read back, and named by what it learned."""

import dataclasses
import functools
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import skops.io

from rai_platform.data.preparation import PreparedData
from rai_platform.data.sample import Sample
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.candidates import predict
from rai_platform.training.fitting import fit_model
from rai_platform.training.loading import load_model, model_digest
from rai_platform.training.model import TrainedModel
from rai_platform.training.model_files import TRUSTED_TYPES, content_digest, write_part
from rai_platform_tests.training.lending import lending_spec, train
from rai_platform_tests.training.own_models import HERE


@dataclass(frozen=True, eq=False)
class Family:
    """An estimator that must work.

    Attributes:
        path: import path.
        params: so that it is quick and converges.
        other: a change of the parameters that changes what is learned.
        needs: types that loading it must trust.
        draws: whether what it learns depends on the seed.
    """

    path: str
    params: dict[str, Any] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    draws: bool = False

    @property
    def name(self) -> str:
        return "-".join([self.path.rpartition(".")[2], *(str(value) for value in self.params.values())])


TREE = ("sklearn.tree._tree.Tree",)
BOOSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
NEIGHBOURS = ("sklearn.metrics._dist_metrics.EuclideanDistance64", "sklearn.neighbors._kd_tree.KDTree")
CALIBRATED = ("sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration")
ADAM, DESCENT = (f"sklearn.neural_network._stochastic_optimizers.{kind}Optimizer" for kind in ("Adam", "SGD"))
SELECTOR, BUNCH = "sklearn.compose._column_transformer.make_column_selector", "sklearn.utils._bunch.Bunch"
FEW = {"n_estimators": 10}
FAMILIES = [
    Family("sklearn.linear_model.LogisticRegression", {"max_iter": 500}, {"C": 0.1}),
    Family("sklearn.svm.LinearSVC", {}, {"C": 0.1}),
    Family("sklearn.svm.SVC", {}, {"C": 0.1}),
    Family("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 10}, {"max_iter": 11}, BOOSTED),
    Family("sklearn.ensemble.GradientBoostingClassifier", FEW, {"max_depth": 2}, TREE),
    Family("sklearn.ensemble.RandomForestClassifier", FEW, {"max_depth": 2}, TREE, draws=True),
    Family("sklearn.ensemble.ExtraTreesClassifier", FEW, {"max_depth": 2}, TREE, draws=True),
    Family("sklearn.tree.DecisionTreeClassifier", {}, {"max_depth": 2}, TREE, draws=True),
    Family("sklearn.neighbors.KNeighborsClassifier", {"algorithm": "kd_tree"}, {"n_neighbors": 7}, NEIGHBOURS),
    Family("sklearn.naive_bayes.GaussianNB", {}, {"var_smoothing": 0.1}),
    Family(
        "sklearn.neural_network.MLPClassifier",
        {"max_iter": 25, "early_stopping": True},
        {"alpha": 1.0},
        (ADAM,),
        draws=True,
    ),
    Family("sklearn.neural_network.MLPClassifier", {"solver": "sgd", "max_iter": 40}, {"alpha": 1.0}, (DESCENT,), True),
    Family("sklearn.ensemble.AdaBoostClassifier", FEW, {"learning_rate": 0.5}, TREE),
    Family("sklearn.discriminant_analysis.LinearDiscriminantAnalysis", {}, {"solver": "lsqr"}),
    Family("sklearn.calibration.CalibratedClassifierCV", {"cv": 3}, {"cv": 4}, CALIBRATED),
    Family(f"{HERE}.own_pipeline", {}, {"C": 0.1}, (SELECTOR,)),
    Family(f"{HERE}.voting", {}, {}, (*TREE, BUNCH), draws=True),
    Family(f"{HERE}.NearestMean", {}, {"protocol": 2}),
]
LESS_COMMON = [
    Family("sklearn.linear_model.SGDClassifier", {"loss": "log_loss"}, {"alpha": 0.1}, draws=True),
    Family("sklearn.linear_model.RidgeClassifier", {}, {"alpha": 3.0}),
    Family("sklearn.linear_model.LogisticRegressionCV", {"cv": 3, "Cs": 3, "max_iter": 2000}, {"Cs": 2}),
    Family("sklearn.neighbors.KNeighborsClassifier", {"algorithm": "brute"}, {"n_neighbors": 7}),
    Family("sklearn.naive_bayes.BernoulliNB", {}, {"alpha": 3.0}),
    Family("sklearn.ensemble.BaggingClassifier", {"n_estimators": 5}, {"max_samples": 0.5}, TREE, draws=True),
    Family("sklearn.calibration.CalibratedClassifierCV", {"method": "isotonic", "cv": 3}, {"cv": 4}, CALIBRATED[:1]),
    Family("sklearn.ensemble.HistGradientBoostingClassifier", {}, {"max_depth": 2}, BOOSTED),
    Family("sklearn.ensemble.RandomForestClassifier", {}, {"max_depth": 2}, TREE, draws=True),
    Family("sklearn.neural_network.MLPClassifier", {"max_iter": 200}, {"alpha": 1.0}, (ADAM,), draws=True),
]
ALL = [
    *(pytest.param(family, id=family.name) for family in FAMILIES),
    *(pytest.param(family, id=family.name, marks=pytest.mark.slow) for family in LESS_COMMON),
]
# What takes several trainings of each is tried on a few in CI.
FEW = [
    pytest.param(family, id=family.name, marks=() if at < 4 else pytest.mark.slow)
    for at, family in enumerate([*FAMILIES, *LESS_COMMON])
]


Trained = Callable[[Family], tuple[Candidate, TrainedModel]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ContentStore:
    return ContentStore(str(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def trained(lending: PreparedData, shared: ContentStore) -> Trained:
    """Trains every family once."""
    return functools.cache(lambda family: train(lending_spec(family.path, family.params), lending, shared))


def contents(candidate: Candidate) -> list[str]:
    return [file.content for file in candidate.files.values()]


@pytest.mark.parametrize("family", ALL)
def test_a_family_is_trained_and_read_back_bit_for_bit(
    family: Family, trained: Trained, lending: PreparedData, shared: ContentStore
) -> None:
    candidate, model = trained(family)
    loaded, test = load_model(candidate, shared), lending.test
    assert loaded.manifest == model.manifest == candidate.manifest
    assert np.array_equal(loaded.score(test.features), model.score(test.features))
    assert np.array_equal(loaded.decide(test.features), model.decide(test.features))
    said = predict(candidate, test, lending_spec(family.path, family.params), shared)
    assert said.y_score is not None
    assert np.array_equal(said.y_score, model.score(test.features))
    assert np.array_equal(said.y_pred, model.decide(test.features))
    assert said.score_is_probability is hasattr(model.estimators[0], "predict_proba")
    assert not said.score_is_probability or ((said.y_score >= 0) & (said.y_score <= 1)).all()
    assert (said.y_pred == test.y_true).mean() > 0.6, "it learned something"


@pytest.mark.parametrize("family", FEW)
def test_equal_trainings_are_one_model_and_any_difference_makes_another(
    family: Family, trained: Trained, lending: PreparedData, training: Sample, shared: ContentStore
) -> None:
    first, _ = trained(family)
    spec = lending_spec(family.path, family.params)
    assert train(spec, lending, shared)[0].model_digest == first.model_digest
    fewer = dataclasses.replace(lending, training=training.take(np.arange(1, training.n)))
    assert contents(train(spec, fewer, shared)[0])[-1] != contents(first)[-1]
    if family.draws:
        other_seed, _ = train(lending_spec(family.path, family.params, seed=1), lending, shared)
        assert contents(other_seed)[-1] != contents(first)[-1]
    if family.other:
        other_params, _ = train(lending_spec(family.path, {**family.params, **family.other}), lending, shared)
        assert contents(other_params)[-1] != contents(first)[-1]


def test_another_seed_is_another_model_even_where_nothing_is_drawn(lending: PreparedData, store: ContentStore) -> None:
    path = "sklearn.naive_bayes.GaussianNB"
    digests = {train(lending_spec(path, seed=seed), lending, store)[0].model_digest for seed in (0, 1)}
    assert len(digests) == 2, "the seed is part of what a person is told about the model"


@pytest.mark.parametrize("family", ALL)
def test_a_candidate_is_made_of_arrays_and_json_and_holds_no_pickle(
    family: Family, trained: Trained, shared: ContentStore
) -> None:
    candidate, _ = trained(family)
    for file in candidate.files.values():
        with zipfile.ZipFile(io.BytesIO(shared.get(file.blob))) as archive:
            for name in archive.namelist():
                content = archive.read(name)
                assert not content.startswith(b"\x80"), "the first byte of a pickle"
                if name == "schema.json":
                    json.loads(content)
                else:
                    assert name.endswith(".npy")
                    assert np.load(io.BytesIO(content), allow_pickle=False).dtype.hasobject is False


@pytest.mark.parametrize("family", ALL)
def test_no_more_types_are_trusted_than_a_family_needs(family: Family, trained: Trained, shared: ContentStore) -> None:
    candidate, _ = trained(family)
    asked: set[str] = set()
    for file in candidate.files.values():
        asked |= set(skops.io.get_untrusted_types(data=shared.get(file.blob)))
    assert asked - {family.path, "numpy.dtype"} == set(family.needs)


def test_every_trusted_type_is_needed_by_some_family() -> None:
    needed = {name for family in FAMILIES for name in family.needs} | {"numpy.dtype"}
    assert set(TRUSTED_TYPES) == needed


def test_numpy_dtype_is_needed_by_the_preprocessing(training: Sample) -> None:
    model, _ = fit_model(lending_spec(), training)
    content = write_part(model.parts["preprocessing"], estimator="")
    assert skops.io.get_untrusted_types(data=content) == ["numpy.dtype"]


@pytest.mark.slow
def test_another_process_with_another_hash_seed_and_more_cores_learns_the_same_model(trained: Trained) -> None:
    families = [FAMILIES[index] for index in (0, 3, 7, 8, 14, 15)]
    program = (
        "import json, sys, tempfile\n"
        "from rai_platform.store import ContentStore\n"
        "from rai_platform_tests.training.lending import lending_spec, prepared_lending, train\n"
        "prepared, store = prepared_lending(), ContentStore(tempfile.mkdtemp())\n"
        "for path, params in json.loads(sys.argv[1]):\n"
        "    print(train(lending_spec(path, params), prepared, store)[0].model_digest)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, json.dumps([(family.path, family.params) for family in families])],
        env={**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert told == [trained(family)[0].model_digest for family in families]


def test_the_model_digest_is_over_manifest_and_content(lending: PreparedData, store: ContentStore) -> None:
    candidate, _ = train(lending_spec(), lending, store)
    assert candidate.model_digest == model_digest(candidate.manifest, candidate.files)
    moved = dataclasses.replace(candidate.manifest, threshold=0.4)
    assert model_digest(moved, candidate.files) != candidate.model_digest
    without = {name: file for name, file in candidate.files.items() if name != "preprocessing"}
    assert model_digest(candidate.manifest, without) != candidate.model_digest


def test_saving_the_same_object_twice_gives_other_bytes_and_the_same_digest(training: Sample) -> None:
    model, _ = fit_model(lending_spec("sklearn.tree.DecisionTreeClassifier"), training)
    refitted, _ = fit_model(lending_spec("sklearn.tree.DecisionTreeClassifier"), training)
    for name in model.parts:
        one, other = (write_part(each.parts[name], estimator="") for each in (model, refitted))
        assert one != other, "memory addresses differ"
        assert content_digest(one) == content_digest(other)
