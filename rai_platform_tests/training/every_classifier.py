"""scikit-learn's classifiers: which of them the platform refuses, and how those are asked for that are made of others."""

from typing import Any

from sklearn.utils import all_estimators

from rai_platform.spec.model import ModelSpec
from rai_platform_tests.training.lending import lending_spec

CLASSIFIERS = dict(all_estimators(type_filter="classifier"))
HIDE_A_THRESHOLD = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
NEED_OTHERS = {  # made of other estimators
    "ClassifierChain",
    "MultiOutputClassifier",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OutputCodeClassifier",
    "SelfTrainingClassifier",
    "StackingClassifier",
    "VotingClassifier",
    *HIDE_A_THRESHOLD,
}
COUNTS_ALONE = {"CategoricalNB", "ComplementNB", "MultinomialNB"}  # refuse standardized numbers, which are negative
REFUSED = {
    **dict.fromkeys(NEED_OTHERS, r"does not take these parameters|expected a classifier"),
    **dict.fromkeys(COUNTS_ALONE, "Negative values"),
    "GaussianProcessClassifier": "holds types that the platform does not load",
    "QuadraticDiscriminantAnalysis": "covariance matrix",
}


def path_of(name: str) -> str:
    """The import path of a classifier of scikit-learn."""
    return f"{CLASSIFIERS[name].__module__}.{name}"


LINEAR = {"type": path_of("LogisticRegression")}
STUMP = {"type": path_of("DecisionTreeClassifier"), "params": {"max_depth": 1}}
BOTH = {"estimators": [["linear", LINEAR], ["stump", STUMP]]}
MADE_OF_OTHERS: dict[str, dict[str, Any]] = {
    "BaggingClassifier": {"estimator": LINEAR, "n_estimators": 3},
    "CalibratedClassifierCV": {"estimator": STUMP, "cv": 3},
    "OneVsOneClassifier": {"estimator": LINEAR},
    "OneVsRestClassifier": {"estimator": LINEAR},
    "SelfTrainingClassifier": {"estimator": LINEAR},
    "StackingClassifier": {**BOTH, "final_estimator": LINEAR},
    "VotingClassifier": {**BOTH, "voting": "soft"},
}
NAMES = list(CLASSIFIERS)


def spec_of(name: str, params: dict[str, Any] | None = None, **changes: Any) -> ModelSpec:
    """A spec about people made by hand, from two regions."""
    by_hand = {"source": "by hand", "target": "label"}
    return lending_spec(path_of(name), params, data=by_hand, sensitive_features=[{"name": "region"}], **changes)
