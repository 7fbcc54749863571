"""Import paths and parameters that give an estimator, and those that do not."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, UnusableEstimator
from rai_platform.spec.model import Estimator
from rai_platform.training.estimators import (
    build_estimator,
    builds_own_preprocessing,
    chances_of_classes,
    positive_scores,
)
from rai_platform.training.fitting import fit_model
from rai_platform_tests.training.lending import LOGISTIC, lending_spec, sample_of
from rai_platform_tests.training.own_models import HERE


@pytest.mark.parametrize(
    ("path", "params", "told"),
    [
        ("LogisticRegression", {}, "estimator.type: expected an import path such as"),
        ("no.such.package.Model", {}, "estimator.type: cannot import 'no.such.package'"),
        ("sklearn.linear_models.LogisticRegression", {}, "cannot import 'sklearn.linear_models'"),
        ("..LogisticRegression", {}, "cannot import '.'"),
        (
            "sklearn.linear_model.LogisticRegresion",
            {},
            "no 'LogisticRegresion' in sklearn.linear_model; did you mean 'LogisticRegression",
        ),
        (f"{HERE}.votin", {}, "did you mean 'voting'?"),
        (f"{HERE}.not_callable", {}, "is a str, not a class or function"),
        (
            "sklearn.linear_model.LinearRegression",
            {},
            "expected a classifier with scikit-learn's methods, got LinearReg",
        ),
        ("sklearn.ensemble.RandomForestRegressor", {}, "expected a classifier"),
        ("sklearn.preprocessing.StandardScaler", {}, "expected a classifier"),
        ("sklearn.cluster.KMeans", {}, "expected a classifier"),
        ("collections.OrderedDict", {}, "expected a classifier with scikit-learn's methods, got OrderedDict"),
        ("sklearn.semi_supervised.SelfTrainingClassifier", {}, "expected a classifier"),
        (f"{HERE}.DecidesOnly", {}, "DecidesOnly gives no scores: it has neither predict_proba nor decision_function"),
        (
            "sklearn.linear_model.LogisticRegression",
            {"max_iterations": 5},
            "takes no 'max_iterations'; did you mean 'max_i",
        ),
        ("sklearn.linear_model.LogisticRegression", {"xyz": 5}, "takes no 'xyz'; it takes: C, class_weight, "),
        ("sklearn.ensemble.StackingClassifier", {}, "does not take these parameters"),
        (f"{HERE}.anything", {"no_such": 1}, "does not take these parameters"),
    ],
)
def test_what_gives_no_classifier_is_refused_in_words(path: str, params: dict[str, Any], told: str) -> None:
    with pytest.raises(UnusableEstimator, match=re.escape(told)):
        build_estimator(Estimator(type=path, params=params))


@pytest.mark.parametrize(
    ("params", "told"),
    [({"C": -1}, "'C' parameter"), ({"solver": "lbgfs"}, "'solver' parameter"), ({"max_iter": "many"}, "'max_iter'")],
)
def test_a_parameter_value_that_the_estimator_refuses_is_told_by_the_estimator(
    params: dict[str, Any], told: str, training: Sample
) -> None:
    with pytest.raises(UnusableEstimator, match=re.escape(told)) as caught:
        fit_model(lending_spec(LOGISTIC, params), training)
    assert "could not be trained on these data" in caught.value.message
    assert "\n" not in caught.value.message


def test_an_estimator_that_refuses_the_data_is_told_so(training: Sample) -> None:
    with pytest.raises(UnusableEstimator, match="covariance matrix"):
        fit_model(lending_spec("sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis"), training)
    with pytest.raises(UnusableEstimator, match=r"NaN|string"):
        fit_model(lending_spec("sklearn.svm.LinearSVC", estimator_options={"preprocessing": "none"}), training)


@pytest.mark.parametrize("name", ["FixedThresholdClassifier", "TunedThresholdClassifierCV"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_threshold_that_the_scores_do_not_show_is_refused(name: str, wrapped: bool) -> None:
    params: dict[str, Any] = {"estimator": {"type": LOGISTIC}}
    path = f"sklearn.model_selection.{name}"
    if wrapped:
        path, params = "sklearn.ensemble.BaggingClassifier", {"estimator": {"type": path, "params": params}}
    with pytest.raises(UnusableEstimator, match=f"{name} keeps its threshold to itself.* into `estimator.threshold`"):
        build_estimator(Estimator(type=path, params=params))


def test_the_seed_becomes_the_random_state_unless_the_spec_gives_one() -> None:
    forest = "sklearn.ensemble.RandomForestClassifier"
    assert build_estimator(Estimator(type=forest, seed=7)).random_state == 7
    assert build_estimator(Estimator(type=forest, seed=7, params={"random_state": 3})).random_state == 3
    build_estimator(Estimator(type="sklearn.naive_bayes.GaussianNB", seed=7))
    build_estimator(Estimator(type=f"{HERE}.anything", seed=7, params={"C": 2}))


def test_a_pipeline_of_ones_own_is_left_to_itself(training: Sample) -> None:
    spec = lending_spec(f"{HERE}.own_pipeline")
    assert spec.estimator is not None
    assert builds_own_preprocessing(build_estimator(spec.estimator), spec.estimator)
    model, _ = fit_model(spec, training)
    assert list(model.parts) == ["estimator"]
    asked_for_none = Estimator(type=LOGISTIC, preprocessing="none")
    assert builds_own_preprocessing(build_estimator(asked_for_none), asked_for_none)
    plain = Estimator(type=LOGISTIC)
    assert not builds_own_preprocessing(build_estimator(plain), plain)


def test_scores_are_probabilities_where_the_estimator_gives_some(training: Sample) -> None:
    for path, probability in ((LOGISTIC, True), ("sklearn.svm.LinearSVC", False)):
        model, _ = fit_model(lending_spec(path), training)
        scores, is_probability = positive_scores(model.estimators[0], model.encode(training.features))
        assert is_probability is probability
        assert scores.shape == (training.n,)
        assert np.array_equal(scores, model.score(training.features))
        assert np.corrcoef(scores, training.y_true)[0, 1] > 0.3, "of the positive label, not of the other"


@pytest.mark.parametrize(
    ("path", "options", "threshold"),
    [
        (LOGISTIC, {}, 0.5),
        ("sklearn.svm.LinearSVC", {}, 0.0),
        (LOGISTIC, {"threshold": 0.8}, 0.8),
        (LOGISTIC, {"threshold": 0.0}, 0.0),
    ],
)
def test_rows_with_at_least_the_threshold_are_selected(
    path: str, options: dict[str, Any], threshold: float, training: Sample
) -> None:
    model, _ = fit_model(lending_spec(path, estimator_options=options), training)
    assert model.manifest.threshold == threshold
    decided = model.decide(training.features)
    assert decided.dtype == np.int8
    assert np.array_equal(decided == 1, model.score(training.features) >= threshold)


def test_weights_change_what_is_learned(training: Sample) -> None:
    favoured = np.where(training.sensitive_features["sex"] == "female", 9.0, 1.0)
    plain, _ = fit_model(lending_spec(), training)
    weighted, _ = fit_model(lending_spec(), sample_of(training.features, training.y_true, weight=favoured))
    doubled, _ = fit_model(lending_spec(), sample_of(training.features, training.y_true, weight=np.ones(training.n)))
    assert not np.allclose(weighted.score(training.features), plain.score(training.features))
    assert np.allclose(doubled.score(training.features), plain.score(training.features))


def test_a_row_of_weight_two_counts_as_two_rows(training: Sample) -> None:
    spec = lending_spec(LOGISTIC, {"max_iter": 5000, "tol": 1e-10}, estimator_options={"preprocessing": "none"})
    numbers = training.features[["income", "debt_to_income", "late_payments"]]
    twice = np.repeat(np.arange(training.n), np.where(np.arange(training.n) < 100, 2, 1))
    weighted, _ = fit_model(spec, sample_of(numbers, training.y_true, weight=np.bincount(twice).astype(float)))
    repeated, _ = fit_model(spec, sample_of(numbers.iloc[twice].reset_index(drop=True), training.y_true[twice]))
    assert np.allclose(weighted.score(numbers), repeated.score(numbers), atol=1e-4)


def test_what_training_warned_of_is_kept_and_told_once(training: Sample) -> None:
    _, warnings = fit_model(lending_spec(LOGISTIC, {"max_iter": 1}), training)
    assert len(warnings) == 1
    assert warnings[0].startswith("ConvergenceWarning: lbfgs failed to converge")
    _, none = fit_model(lending_spec(), training)
    assert none == ()


def test_predictions_alone_are_not_trained(training: Sample) -> None:
    alone = lending_spec().model_copy(update={"estimator": None})
    with pytest.raises(InvalidSpec, match="nothing to train"):
        fit_model(alone, training)


def test_the_order_of_columns_at_prediction_does_not_matter(training: Sample) -> None:
    for path in (LOGISTIC, f"{HERE}.own_pipeline"):
        model, _ = fit_model(lending_spec(path), training)
        turned = training.features[list(reversed(training.features.columns))].assign(unused="x")
        assert np.array_equal(model.score(turned), model.score(training.features))


def test_the_labels_of_rows_at_prediction_do_not_matter(training: Sample) -> None:
    model, _ = fit_model(lending_spec(), training)
    renamed = training.features.set_index(pd.Index(["same"] * training.n))
    assert np.array_equal(model.score(renamed), model.score(training.features))


class Margins:
    """What a margin classifier tells: scores, and no chances."""

    def decision_function(self, inputs: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
        return inputs


def test_a_margin_of_two_classes_becomes_the_logistic_function_of_it():
    margins = np.array([-800.0, -2.0, 0.0, 0.5, 3.0, 800.0])
    chances = chances_of_classes(Margins(), margins)
    assert np.allclose(chances[:, 1], expit(margins), atol=1e-12)
    assert np.allclose(chances.sum(axis=1), 1)


def test_scores_of_several_classes_become_their_softmax():
    scores = np.array([[0.0, 1.0, 2.0], [900.0, 0.0, -900.0]])
    assert np.allclose(chances_of_classes(Margins(), scores), softmax(scores, axis=1))
