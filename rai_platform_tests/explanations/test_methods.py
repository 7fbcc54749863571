"""Which method explains which model, and that what it gives adds up to the model's own output."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from rai_platform.data.preparation import PreparedData
from rai_platform.explanations.attributions import LOGISTIC, TREES, method_for
from rai_platform_tests.explanations.small import attributed, fitted, gap, log_odds, people
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.own_models import HERE

OWN = "rai_platform_tests.explanations.pretending"
FEW = {"n_estimators": 5}


@pytest.mark.parametrize("name", TREES)
def test_trees_are_explained_exactly(name: str) -> None:
    params = FEW if "Forest" in name or name in ("ExtraTreesClassifier", "GradientBoostingClassifier") else {}
    model = fitted(people(), path_of(name), {**params, "max_depth": 3})
    assert method_for(model) == "tree"
    assert gap(model, expects="log odds" if "Boosting" in name else "probability") < 1e-9


@pytest.mark.parametrize("name", LOGISTIC)
def test_the_log_odds_of_linear_models_are_explained_exactly(name: str) -> None:
    model = fitted(people(), path_of(name), {"cv": 3, "Cs": 3, "max_iter": 500} if name.endswith("CV") else None)
    assert method_for(model) == "linear"
    assert gap(model, expects="log odds") < 1e-9


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("LinearSVC", {}),
        ("RidgeClassifier", {}),
        ("RidgeClassifierCV", {}),
        ("Perceptron", {}),
        ("SGDClassifier", {"loss": "hinge"}),
        ("SVC", {"kernel": "linear"}),
        ("NuSVC", {"kernel": "linear"}),
    ],
)
def test_the_margin_of_linear_models_is_explained_exactly(name: str, params: dict[str, Any]) -> None:
    model = fitted(people(), path_of(name), params)
    assert method_for(model) == "linear"
    assert gap(model, expects="margin") < 1e-6


BY_PERMUTATION = [
    (path_of("SVC"), {}, "margin"),
    (path_of("MLPClassifier"), {"hidden_layer_sizes": [4], "solver": "lbfgs", "max_iter": 1000}, "probability"),
    (path_of("KNeighborsClassifier"), {}, "probability"),
    (path_of("GaussianNB"), {}, "probability"),
    (path_of("CalibratedClassifierCV"), {"cv": 3}, "probability"),
    (path_of("AdaBoostClassifier"), FEW, "probability"),
    (path_of("BaggingClassifier"), FEW, "probability"),
    (path_of("SGDClassifier"), {"loss": "modified_huber"}, "probability"),
    # Sums of trees that shap reads otherwise than scikit-learn adds them up, or not at all.
    (path_of("GradientBoostingClassifier"), {**FEW, "init": "zero"}, "probability"),
    (path_of("GradientBoostingClassifier"), {**FEW, "loss": "exponential"}, "probability"),
    (path_of("HistGradientBoostingClassifier"), {"max_iter": 5, "categorical_features": [3, 4]}, "probability"),
    # Of the user's own.
    (f"{HERE}.own_pipeline", {}, "probability"),
    (f"{HERE}.voting", {}, "probability"),
    (f"{HERE}.NearestMean", {}, "margin"),
    (f"{OWN}.LogisticRegression", {}, "probability"),
    (f"{OWN}.ReadsOneWeight", {}, "margin"),
]


@pytest.mark.parametrize(
    ("path", "params", "output"),
    BY_PERMUTATION,
    ids=[f"{path.split('.')[-1]}-{at}" for at, (path, *_) in enumerate(BY_PERMUTATION)],
)
def test_the_score_of_every_other_model_is_explained_by_permutation(
    path: str, params: dict[str, Any], output: str
) -> None:
    model = fitted(people(), path, params)
    assert method_for(model) == "permutation"
    assert gap(model, expects=output) < 1e-9


def test_the_exact_method_would_be_wrong_for_a_model_that_only_looks_linear() -> None:
    model = fitted(people(), f"{OWN}.LogisticRegression")
    estimator, inputs = model.estimators[0], model.encode(people().features)
    assert not np.allclose(
        estimator.predict_proba(inputs)[:, 1], 1 / (1 + np.exp(-estimator.decision_function(inputs)))
    )


@pytest.mark.parametrize("randomized", [True, False])
def test_a_weighted_mean_of_models_is_explained_as_the_mean(lending: PreparedData, randomized: bool) -> None:
    mitigation = {"method": "exponentiated_gradient", "params": {"max_iter": 8}, "randomized": randomized}
    assert lending.training is not None
    model = fitted(lending.training, mitigation=mitigation)
    assert len(model.estimators) > 1
    found = attributed(model, lending.test.features.iloc[:10], lending.test.features.iloc[10:30])
    assert (found.method, found.output) == ("permutation", "probability")
    mean = sum(
        weight * estimator.predict_proba(model.encode(lending.test.features.iloc[:10]))[:, 1]
        for weight, estimator in zip(model.manifest.weights, model.estimators, strict=True)
    )
    assert np.allclose(found.base_value + found.values.sum(axis=1), mean)


def test_with_thresholds_by_group_the_score_before_them_is_explained(lending: PreparedData) -> None:
    assert lending.training is not None
    model = fitted(lending.training, mitigation={"method": "threshold_optimizer"})
    found = attributed(model, lending.test.features.iloc[:50], lending.test.features)
    assert (found.method, found.output) == ("linear", "log odds")
    assert np.allclose(found.base_value + found.values.sum(axis=1), log_odds(model, lending.test.features.iloc[:50]))
    assert "sex" not in found.features, "the groups are no feature of the score"


@pytest.mark.parametrize("preprocessing", ["auto", "none"])
def test_without_the_platforms_preprocessing_a_model_is_asked_about_the_table_itself(preprocessing: str) -> None:
    everything = people()
    sample = dataclasses.replace(everything, features=everything.features[["income", "age"]])
    model = fitted(
        sample,
        path_of("HistGradientBoostingClassifier"),
        {"max_iter": 5},
        estimator_options={"preprocessing": preprocessing},
    )
    assert method_for(model) == {"auto": "tree", "none": "permutation"}[preprocessing]
    found = attributed(model, sample.features.iloc[:20], sample.features.iloc[20:60])
    assert found.additivity_error < 1e-9
