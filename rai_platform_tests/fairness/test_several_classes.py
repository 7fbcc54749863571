"""Fairness among several classes: by the label that is selected, or by right answers alone, and nothing made up."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, demographic_parity_ratio, equalized_odds_difference
from sklearn.metrics import accuracy_score

from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.measurement import measure_fairness
from rai_platform.fairness.metrics import DISPARITIES, is_about_right_answers
from rai_platform_tests.performance.test_classes import predictions_of, sample_of


@pytest.fixture
def people():
    rng = np.random.default_rng(3)
    y_true, groups = rng.integers(0, 4, 1200), rng.choice(["a", "b", "c"], 1200)
    skill = np.where(groups == "a", 2.0, 0.8)[:, None]
    raised = np.exp(rng.normal(0, 1, (1200, 4)) + skill * np.eye(4)[y_true])
    return y_true, groups, raised / raised.sum(axis=1, keepdims=True)


def report_of(people, positive):
    y_true, groups, chances = people
    sample = sample_of(y_true, positive=positive, groups={"g": groups})
    return measure_fairness(predictions_of(sample, chances), sample, features=("g",), seed=0, code_version="1")


def test_a_selected_label_is_compared_as_one_against_the_rest(people):
    y_true, groups, chances = people
    report = report_of(people, positive=2)
    assert report.compared_by == "selected"
    is_two, said_two = y_true == 2, chances.argmax(axis=1) == 2
    found = measure_disparity(report.cells["g"], DISPARITIES["disparate_impact"])
    expected = demographic_parity_ratio(is_two, said_two, sensitive_features=groups)
    assert found.estimate == pytest.approx(expected)
    odds = measure_disparity(report.cells["g"], DISPARITIES["equalized_odds_difference"])
    assert odds.estimate == pytest.approx(equalized_odds_difference(is_two, said_two, sensitive_features=groups))
    assert report.scores, "the chance of the label is its score"


def test_where_no_label_is_selected_right_answers_are_compared(people):
    y_true, groups, chances = people
    report = report_of(people, positive=None)
    assert report.compared_by == "right"
    frame = MetricFrame(metrics=accuracy_score, y_true=y_true, y_pred=chances.argmax(axis=1), sensitive_features=groups)
    found = measure_disparity(report.cells["g"], DISPARITIES["accuracy_difference"])
    assert found.estimate == pytest.approx(frame.difference())
    assert [each.rate for each in report.discoveries] == ["error_rate"]
    assert not report.scores


def test_only_disparities_of_right_answers_have_a_meaning_without_a_selected_label():
    named = {name for name in DISPARITIES if is_about_right_answers(name)}
    assert named == {f"{rate}_{kind}" for rate in ("accuracy", "error_rate") for kind in ("difference", "ratio")}
