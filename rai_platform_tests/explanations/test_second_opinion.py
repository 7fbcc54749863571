"""Permutation importance beside SHAP: scikit-learn's figures by another route, agreement, and where they may differ."""

from typing import Any, Self

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance

from rai_platform.explanations.ranks import ONE_FEATURE
from rai_platform.explanations.second_opinion import increase_of_loss, measure_second_opinion
from rai_platform_tests.explanations.examined import (
    FALLING,
    attributions_of,
    labelled_by,
    numbers,
    weighing,
)
from rai_platform_tests.explanations.small import fitted, people
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import LOGISTIC

MARGIN = path_of("LinearSVC")


class AsEstimator(BaseEstimator):
    """A model of the platform as scikit-learn asks for one."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self) -> Self:
        return self


@pytest.mark.parametrize("path", [LOGISTIC, MARGIN, path_of("GaussianNB")])
def test_importances_are_those_of_scikit_learn(path: str) -> None:
    sample = people(300)
    model = fitted(sample, path)

    def mean_loss(asked: AsEstimator, features: Any, y: Any) -> float:
        scores = asked.model.score(features)
        loss = (scores - y) ** 2 if path != MARGIN else np.maximum(0, 1 - np.where(y == 1, 1, -1) * scores)
        return -float(loss.mean())

    expected = permutation_importance(
        AsEstimator(model), sample.features, sample.y_true, scoring=mean_loss, n_repeats=30, random_state=0
    )
    drawn = [increase_of_loss(model, sample, np.random.default_rng(seed)).mean(axis=0) for seed in range(6)]
    error = expected.importances_std / np.sqrt(30)
    assert np.abs(np.mean(drawn, axis=0) - expected.importances_mean).max() <= 5 * error.max() + 1e-12


def test_a_model_that_is_right_about_what_it_uses_has_one_order_by_both() -> None:
    sample = numbers(1000, 4)
    model = weighing(sample, FALLING[:4])
    told = measure_second_opinion(
        model, attributions_of(model, sample), labelled_by(model, sample), rng=np.random.default_rng(0)
    )
    assert not isinstance(told, str)
    assert told[0].value == 1
    assert list(np.argsort(-told[1])) == [0, 1, 2, 3]


def test_a_feature_that_moves_the_score_and_makes_it_no_better_matters_to_shap_alone() -> None:
    sample = numbers(1000, 3)
    truth, model = weighing(sample, (0.0, 2.0, 0.5)), weighing(sample, (4.0, 2.0, 0.5))
    told = measure_second_opinion(
        model, attributions_of(model, sample), labelled_by(truth, sample), rng=np.random.default_rng(0)
    )
    assert not isinstance(told, str)
    estimate, importance = told
    assert estimate.value < 1
    assert importance[0] < importance[1]


def test_labels_that_say_nothing_leave_the_agreement_unknown_or_by_chance() -> None:
    values = []
    for seed in range(10):
        sample = numbers(400, 5, seed)
        model = weighing(sample, FALLING)
        told = measure_second_opinion(model, attributions_of(model, sample), sample, rng=np.random.default_rng(seed))
        assert not isinstance(told, str)
        found = told[0]
        assert found.bounds().lower < found.bounds().upper
        values.append(found.value)
    assert np.ptp(values) > 0.3


@pytest.mark.parametrize(
    ("rows", "weights", "why"),
    [
        (100, (2.0,), "the model has fewer than two features"),
        (100, (0.0, 0.0), ONE_FEATURE),
        (100, (0.0, 3.0), ONE_FEATURE),
        (19, (2.0, 1.0), "fewer than 20 people were explained"),
    ],
)
def test_where_there_is_no_order_there_is_no_opinion(rows: int, weights: tuple[float, ...], why: str) -> None:
    sample = numbers(rows, len(weights))
    model = weighing(sample, weights)
    told = measure_second_opinion(model, attributions_of(model, sample), sample, rng=np.random.default_rng(0))
    assert told == why


def test_of_several_classes_the_second_opinion_is_about_the_class_that_is_explained() -> None:
    from rai_platform.data.preparation import prepare_data
    from rai_platform.explanations.measurement import explain
    from rai_platform.spec.model import ModelSpec
    from rai_platform.spec.subject import Subject
    from rai_platform.training.fitting import fit_model

    spec = ModelSpec.model_validate(
        {
            "name": "flowers",
            "owners": ["team:tests"],
            "intended_use": "A test.",
            "out_of_scope": "Everything else.",
            "data": {"source": "sklearn:iris", "target": "target", "classes": "all", "positive_label": 2},
            "split": {"test_size": 0.6},
            "estimator": {"type": "sklearn.linear_model.LogisticRegression", "params": {"max_iter": 500}},
        }
    )
    prepared = prepare_data(spec)
    assert prepared.training is not None
    model, _ = fit_model(spec, prepared.training)
    subject = Subject(model_digest="m", data_digest=prepared.test.digest)
    report = explain(model, subject, prepared.test, seed=0, code_version="1")
    assert report.importance[0].feature.startswith("petal")
    assert report.examination is not None
    assert report.examination.measured["second_opinion_agreement"].value > 0
