"""Performance among several classes against scikit-learn, and what is said where something is not defined."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rai_platform.data.sample import Sample
from rai_platform.performance.measurement import measure_performance
from rai_platform.performance.report import PerformanceReport
from rai_platform.spec.subject import Subject
from rai_platform.training.predictions import Predictions

NAMES = ("ant", "bee", "cat", "dog")


def sample_of(y_true, *, weight=None, cluster=None, positive=None, groups=None) -> Sample:
    n = len(y_true)
    return Sample(
        features=pd.DataFrame({"x": np.zeros(n)}),
        y_true=np.asarray(y_true, dtype="int8"),
        sensitive_features=pd.DataFrame(groups or {}, index=range(n)),
        weight=weight,
        row_key=np.arange(n),
        record=np.arange(n, dtype="uint64"),
        source="made",
        fingerprint="",
        cluster=cluster,
        classes=NAMES,
        positive=positive,
    )


def predictions_of(sample: Sample, chances, *, probability=True) -> Predictions:
    return Predictions(
        subject=Subject(model_digest="m", data_digest=sample.digest),
        row_key=sample.row_key,
        y_score=None,
        y_pred=chances.argmax(axis=1).astype("int8"),
        score_is_probability=probability,
        y_proba=chances,
    )


def measure(sample, chances, *, majority_label=None, probability=True) -> PerformanceReport:
    return measure_performance(
        predictions_of(sample, chances, probability=probability),
        sample,
        majority_label=majority_label,
        seed=0,
        code_version="7",
    )


@st.composite
def told(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = draw(st.integers(8, 80))
    y_true = rng.permutation(np.r_[np.arange(4), np.arange(4), rng.integers(0, 4, rows - 8)])
    raised = np.exp(rng.normal(0, 2, (rows, 4)) + 2 * np.eye(4)[y_true] * draw(st.booleans()))
    weight = rng.lognormal(0, 1, rows) if draw(st.booleans()) else None
    return y_true, raised / raised.sum(axis=1, keepdims=True), weight


@given(told())
@settings(max_examples=40, deadline=None)
def test_figures_agree_with_scikit_learn(made):
    y_true, chances, weight = made
    report = measure(sample_of(y_true, weight=weight), chances)
    y_pred = chances.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(y_true, y_pred, sample_weight=weight),
        "balanced_accuracy": sk.balanced_accuracy_score(y_true, y_pred, sample_weight=weight),
        "log_loss": sk.log_loss(y_true, chances, sample_weight=weight),
        "brier_score": sk.brier_score_loss(y_true, chances, sample_weight=weight, scale_by_half=True),
        "roc_auc": np.mean(
            [sk.roc_auc_score(y_true == place, chances[:, place], sample_weight=weight) for place in range(4)]
        ),
    }
    for name, value in expected.items():
        assert report.measured[name].value == pytest.approx(value, abs=1e-12), name
        bounds = report.measured[name].bounds()
        assert bounds.lower <= value <= bounds.upper
    assert np.array_equal(report.matrix, sk.confusion_matrix(y_true, y_pred, labels=range(4)))
    recalls = sk.recall_score(y_true, y_pred, average=None, labels=range(4), sample_weight=weight)
    assert [row.recall.value for row in report.classes] == pytest.approx(recalls.tolist())
    assert TypeAdapter(PerformanceReport).validate_json(TypeAdapter(PerformanceReport).dump_json(report)) == report


def test_the_gain_is_over_the_commonest_class_of_the_training_data():
    y_true = np.array([0, 0, 0, 1, 2, 3] * 20)
    chances = np.eye(4)[y_true]
    assert measure(sample_of(y_true), chances).measured["accuracy_gain"].value == pytest.approx(0.5)
    assert measure(sample_of(y_true), chances, majority_label=3).measured["accuracy_gain"].value == pytest.approx(5 / 6)


def test_a_sure_and_right_model_is_calibrated_and_an_unsure_one_is_not():
    y_true = np.array([0, 1, 2, 3] * 50)
    sure, unsure = np.eye(4)[y_true], 0.4 * np.eye(4)[y_true] + 0.15
    assert measure(sample_of(y_true), sure).measured["expected_calibration_error"].value == pytest.approx(0)
    error = measure(sample_of(y_true), unsure).measured["expected_calibration_error"].value
    assert error == pytest.approx(1 - 0.55)


def test_what_is_not_defined_says_so():
    y_true = np.array([0, 1, 2] * 20)
    report = measure(sample_of(y_true), np.full((60, 4), 0.25), probability=False)
    assert report.not_estimable == {
        "balanced_accuracy": "the test data hold no row of dog",
        "roc_auc": "two rows of each class are needed, got 0 of the rarest one",
        "log_loss": "the scores are not probabilities",
        "brier_score": "the scores are not probabilities",
        "expected_calibration_error": "the scores are not probabilities",
    }
    assert report.classes[3].recall is None


def test_copies_of_a_row_add_no_certainty_where_clusters_are_known():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 4, 100)
    chances = np.abs(np.eye(4)[y_true] * 0.5 + rng.random((100, 4)))
    chances /= chances.sum(axis=1, keepdims=True)
    alone = measure(sample_of(y_true), chances)
    copied = sample_of(np.repeat(y_true, 9), cluster=np.repeat(np.arange(100), 9))
    together = measure(copied, np.repeat(chances, 9, axis=0))
    for name in ("accuracy", "balanced_accuracy", "roc_auc", "log_loss"):
        widths = [
            report.measured[name].bounds().upper - report.measured[name].bounds().lower for report in (alone, together)
        ]
        assert widths[1] == pytest.approx(widths[0], rel=0.15), name


def test_the_error_of_balanced_accuracy_among_weighted_clusters_is_that_of_leaving_each_out():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(150), rng.integers(2, 9, 150))
    y_true = np.where(
        rng.random(len(cluster)) < 0.8, rng.integers(0, 4, 150)[cluster], rng.integers(0, 4, len(cluster))
    )
    weight = rng.lognormal(0, 0.7, len(cluster))
    is_easy = (rng.random(150) < 0.6)[cluster]
    y_pred = np.where(rng.random(len(cluster)) < np.where(is_easy, 0.95, 0.2), y_true, (y_true + 1) % 4)

    measured = measure(sample_of(y_true, weight=weight, cluster=cluster), np.eye(4)[y_pred]).measured
    without = [
        sk.balanced_accuracy_score(y_true[left], y_pred[left], sample_weight=weight[left])
        for left in (cluster != each for each in range(150))
    ]
    jackknife = np.sqrt(149 / 150 * ((without - np.mean(without)) ** 2).sum())
    independent = measure(sample_of(y_true, weight=weight), np.eye(4)[y_pred]).measured
    assert measured["balanced_accuracy"].standard_error == pytest.approx(jackknife, rel=0.04)
    assert independent["balanced_accuracy"].standard_error < 0.8 * jackknife


def test_predictions_of_several_classes_survive_their_file():
    sample = sample_of(np.array([0, 1, 2, 3]))
    predictions = predictions_of(sample, np.eye(4))
    again = Predictions.from_bytes(predictions.to_bytes())
    assert again.digest == predictions.digest
    assert np.array_equal(again.y_proba, predictions.y_proba)
    assert dataclasses.replace(predictions, y_proba=np.eye(4)[::-1]).digest != predictions.digest
