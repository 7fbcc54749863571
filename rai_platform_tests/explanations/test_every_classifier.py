"""Every classifier of scikit-learn: trained, saved, read back and explained as it scores, or refused in words."""

import functools
from pathlib import Path

import numpy as np
import pytest

from rai_platform.data.preparation import PreparedData
from rai_platform.errors import BadInput, UnscorableRows
from rai_platform.explanations.attributions import method_for
from rai_platform.spec.model import ModelSpec
from rai_platform.store import ContentStore
from rai_platform.training.loading import load_model
from rai_platform_tests.explanations.small import explained, gap, people
from rai_platform_tests.training.every_classifier import MADE_OF_OTHERS, NAMES, REFUSED, spec_of
from rai_platform_tests.training.lending import train

pytestmark = pytest.mark.slow

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
