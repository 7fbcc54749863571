"""Every classifier of scikit-learn: trained, saved, read back and explained as it scores, or refused in words."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils import all_estimators

from rai_platform.data.preparation import PreparedData
from rai_platform.errors import BadInput, UnscorableRows
from rai_platform.explanations.attributions import method_for
from rai_platform.spec.model import ModelSpec
from rai_platform.store import ContentStore
from rai_platform.training.loading import load_model
from rai_platform_tests.explanations.small import explained, gap, path_of, people
from rai_platform_tests.training.lending import lending_spec, train

pytestmark = pytest.mark.slow

NEED_OTHERS = {  # made of other estimators
    "ClassifierChain",
    "FixedThresholdClassifier",
    "MultiOutputClassifier",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OutputCodeClassifier",
    "SelfTrainingClassifier",
    "StackingClassifier",
    "TunedThresholdClassifierCV",
    "VotingClassifier",
}
COUNTS_ALONE = {"CategoricalNB", "ComplementNB", "MultinomialNB"}  # refuse standardized numbers, which are negative
REFUSED = {
    **dict.fromkeys(NEED_OTHERS, r"does not take these parameters|expected a classifier"),
    **dict.fromkeys(COUNTS_ALONE, "Negative values"),
    "GaussianProcessClassifier": "holds types that the platform does not load",
    "QuadraticDiscriminantAnalysis": "covariance matrix",
}
EXACT = {
    "tree": {
        "DecisionTreeClassifier",
        "ExtraTreeClassifier",
        "ExtraTreesClassifier",
        "GradientBoostingClassifier",
        "HistGradientBoostingClassifier",
        "RandomForestClassifier",
    },
    "linear": {
        "LinearDiscriminantAnalysis",
        "LinearSVC",
        "LogisticRegression",
        "LogisticRegressionCV",
        "PassiveAggressiveClassifier",
        "Perceptron",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "SGDClassifier",
    },
}
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
NAMES = [name for name, _ in all_estimators(type_filter="classifier")]


def spec_of(name: str, params: dict[str, Any] | None = None) -> ModelSpec:
    by_hand = {"source": "by hand", "target": "label"}
    return lending_spec(path_of(name), params, data=by_hand, sensitive_features=[{"name": "region"}])


@functools.cache
def prepared() -> PreparedData:
    """Made by hand, but for what training asks of it."""
    sample = people()
    table = sample.features.assign(region=sample.sensitive_features["region"], label=sample.y_true)
    return PreparedData(training=sample, test=people(40, seed=1), training_table=table, test_table=table)


@pytest.mark.filterwarnings("ignore")  # what an estimator warns of without settings of one's own is on record
@pytest.mark.parametrize("name", NAMES)
def test_what_is_accepted_is_explained_as_it_scores(name: str, tmp_path: Path) -> None:
    store = ContentStore(str(tmp_path))
    if name in REFUSED:
        with pytest.raises(BadInput, match=REFUSED[name]):
            train(spec_of(name), prepared(), store)
        return
    params = {"radius": 100.0} if name == "RadiusNeighborsClassifier" else {}
    exact = next((method for method, names in EXACT.items() if name in names), "permutation")
    must_be_explained_as_it_scores(spec_of(name, params), store, method=exact)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MADE_OF_OTHERS)
def test_what_is_made_of_others_is_explained_as_one(name: str, tmp_path: Path) -> None:
    spec = spec_of(name, MADE_OF_OTHERS[name])
    must_be_explained_as_it_scores(spec, ContentStore(str(tmp_path)), method="permutation")


def must_be_explained_as_it_scores(spec: ModelSpec, store: ContentStore, *, method: str) -> None:
    candidate, trained = train(spec, prepared(), store)
    model, test = load_model(candidate, store), prepared().test
    assert np.array_equal(model.score(test.features), trained.score(test.features))
    assert method_for(model) == method
    report = explained(model, test)
    assert report.output is not None
    assert gap(model, expects=report.output) < 1e-6
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-6
    assert explained(model, test) == report
    assert explained(trained, test) == report, "the model read back has the same reasons"


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_finds_no_neighbours_of_a_row_says_so(tmp_path: Path) -> None:
    candidate, model = train(spec_of("RadiusNeighborsClassifier"), prepared(), ContentStore(str(tmp_path)))
    assert candidate.manifest.estimator.endswith("RadiusNeighborsClassifier")
    far = prepared().test.features.assign(income=1e6)
    with pytest.raises(UnscorableRows, match="the model refuses these rows: ValueError: No neighbors found"):
        model.score(far)


def test_the_lists_name_classifiers_that_exist() -> None:
    assert (set(REFUSED) | EXACT["tree"] | EXACT["linear"]) <= set(NAMES)
