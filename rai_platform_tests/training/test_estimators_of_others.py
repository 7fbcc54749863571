"""Estimators inside estimators, sampling weights by whatever name they are taken, and code that raises what it likes."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from rai_platform.data.preparation import PreparedData
from rai_platform.data.sample import Sample
from rai_platform.errors import UnusableEstimator
from rai_platform.spec.model import Estimator
from rai_platform.store import ContentStore
from rai_platform.training.estimators import build_estimator, weight_parameter
from rai_platform.training.fitting import fit_model
from rai_platform.training.loading import load_model
from rai_platform_tests.training.lending import LOGISTIC, lending_spec, sample_of, train
from rai_platform_tests.training.own_models import HERE, own_pipeline

TREE = {"type": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}}
BAYES = {"type": "sklearn.naive_bayes.GaussianNB"}
NESTED: dict[str, dict[str, Any]] = {
    "sklearn.ensemble.VotingClassifier": {"estimators": [["tree", TREE], ["bayes", BAYES]], "voting": "soft"},
    "sklearn.ensemble.StackingClassifier": {
        "estimators": [["tree", TREE], ["bayes", BAYES]],
        "final_estimator": {"type": LOGISTIC, "params": {"C": 2.0}},
        "cv": 2,
    },
    "sklearn.calibration.CalibratedClassifierCV": {"estimator": {"type": "sklearn.svm.LinearSVC"}, "cv": 2},
    "sklearn.ensemble.AdaBoostClassifier": {"estimator": TREE, "n_estimators": 3},
    "sklearn.ensemble.BaggingClassifier": {"estimator": BAYES, "n_estimators": 3},
}


@pytest.mark.parametrize("path", NESTED)
def test_an_estimator_may_be_made_of_others_and_is_saved_with_them(
    path: str, lending: PreparedData, store: ContentStore
) -> None:
    candidate, model = train(lending_spec(path, NESTED[path]), lending, store)
    again = load_model(candidate, store)
    assert np.array_equal(model.score(lending.test.features), again.score(lending.test.features))
    assert np.corrcoef(model.score(lending.test.features), lending.test.y_true)[0, 1] > 0.2


def test_the_estimators_inside_get_their_parameters_and_the_seed() -> None:
    stacked = build_estimator(
        Estimator(
            type="sklearn.ensemble.StackingClassifier", params=NESTED["sklearn.ensemble.StackingClassifier"], seed=7
        )
    )
    assert stacked.final_estimator.C == 2.0
    tree = dict(stacked.estimators)["tree"]
    assert (tree.max_depth, tree.random_state) == (3, 7)


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        ({"type": "sklearn.tree.DecisionTreeClasifier"}, "did you mean 'DecisionTreeClassifier"),
        ({"type": "sklearn.tree.DecisionTreeClassifier", "params": {"max_dept": 3}}, "did you mean 'max_depth'?"),
        ({"type": f"{HERE}.NearestMean"}, "is one of scikit-learn's, got 'rai_platform_tests.training.own_models"),
        ({"type": "os.system", "params": {"command": "true"}}, "is one of scikit-learn's, got 'os.system'"),
    ],
)
def test_what_gives_no_estimator_inside_is_refused_in_words(inner: dict[str, Any], told: str) -> None:
    with pytest.raises(UnusableEstimator, match=re.escape(told)):
        build_estimator(Estimator(type="sklearn.ensemble.BaggingClassifier", params={"estimator": inner}))


def test_a_mapping_that_names_no_estimator_is_a_parameter_like_any_other() -> None:
    params = {"class_weight": {0: 1.0, 1: 2.0}}
    assert build_estimator(Estimator(type=LOGISTIC, params=params)).class_weight == {0: 1.0, 1: 2.0}


# Weights


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (build_estimator(Estimator(type=LOGISTIC)), "sample_weight"),
        (build_estimator(Estimator(type="sklearn.neighbors.KNeighborsClassifier")), None),
        (make_pipeline(own_pipeline()), "pipeline__logisticregression__sample_weight"),
        (make_pipeline(SVC()), "svc__sample_weight"),
    ],
)
def test_weights_are_given_by_the_name_that_the_estimator_has_for_them(estimator: Any, name: str | None) -> None:
    assert weight_parameter(estimator) == name


def test_weights_change_what_a_pipeline_of_ones_own_learns(training: Sample) -> None:
    spec = lending_spec(f"{HERE}.own_pipeline")
    favoured = np.where(training.sensitive_features["sex"] == "female", 9.0, 1.0)
    plain, _ = fit_model(spec, training)
    weighted, _ = fit_model(spec, sample_of(training.features, training.y_true, weight=favoured))
    assert not np.allclose(weighted.score(training.features), plain.score(training.features))


def test_a_pipeline_of_ones_own_can_be_mitigated(training: Sample) -> None:
    spec = lending_spec(
        f"{HERE}.own_pipeline", mitigation={"method": "exponentiated_gradient", "params": {"max_iter": 5}}
    )
    model, _ = fit_model(spec, training)
    rates = [
        model.decide(training.features)[(training.sensitive_features["sex"] == sex).to_numpy()].mean()
        for sex in ("female", "male")
    ]
    assert min(rates) / max(rates) > 0.8


@pytest.mark.parametrize(
    ("changes", "weight", "told"),
    [
        ({}, 1.0, "KNeighborsClassifier cannot be trained with weights, as `data.weight` asks"),
        (
            {"mitigation": {"method": "exponentiated_gradient"}},
            None,
            "cannot be trained with weights, as `mitigation.method: exponentiated_gradient` asks; choose another one",
        ),
    ],
)
def test_an_estimator_that_takes_no_weights_is_told_who_asks_for_them(
    changes: dict[str, Any], weight: float | None, told: str, training: Sample
) -> None:
    sample = sample_of(
        training.features,
        training.y_true,
        training.sensitive_features,
        None if weight is None else np.full(training.n, weight),
    )
    with pytest.raises(UnusableEstimator, match=re.escape(told)):
        fit_model(lending_spec("sklearn.neighbors.KNeighborsClassifier", **changes), sample)


# Code of anybody's


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def make(", "cannot import '{module}': SyntaxError: "),
        ("made = absent", "cannot import '{module}': NameError: name 'absent' is not defined"),
        (
            "import no_such_package",
            "No module named 'no_such_package'; install its package, put its folder on PYTHONPATH",
        ),
        ("def make():\n    return {}['key']", "gives no estimator: KeyError: 'key'"),
        ("def make():\n    open('/no/such/file')", "gives no estimator: FileNotFoundError"),
    ],
)
def test_a_module_of_ones_own_that_breaks_is_told_how(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    module = f"own_{abs(hash(request.node.name))}"
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnusableEstimator) as refused:
        build_estimator(Estimator(type=f"{module}.make"))
    assert told.format(module=module) in refused.value.message
    assert "\n" not in refused.value.message


def test_whatever_an_estimator_raises_in_training_is_told_as_its_own(training: Sample) -> None:
    with pytest.raises(UnusableEstimator, match="could not be trained on these data: KeyError: 'no such column'"):
        fit_model(lending_spec(f"{HERE}.LooksForAColumn", estimator_options={"preprocessing": "none"}), training)
