"""Performance figures against scikit-learn, arithmetic by hand and simulation."""

import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from rai_platform.errors import EvidenceMismatch
from rai_platform.performance.measurement import (
    balanced_accuracy,
    calibration_bins,
    expected_calibration_error,
    measure_performance,
)
from rai_platform.performance.report import PerformanceReport
from rai_platform.spec.metrics import METRICS
from rai_platform.statistics.areas import roc_auc
from rai_platform_tests.fairness.people import a_sample, predictions_for


def measure(y_true, y_score, weight=None, *, y_pred=None, probability=True, majority_label=None, seed=0):
    sample = a_sample(y_true, weight=weight)
    return measure_performance(
        predictions_for(sample, y_score=y_score, y_pred=y_pred, probability=probability),
        sample,
        majority_label=majority_label,
        seed=seed,
        code_version="7",
    )


@st.composite
def scored(draw):
    """Labels, scores with ties, weights; at least two rows of each label."""
    rows = draw(st.integers(4, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    y_true = rng.permutation(np.r_[0, 0, 1, 1, rng.integers(0, 2, rows - 4)]).astype("int8")
    y_score = rng.beta(0.7, 0.7, rows).round(draw(st.integers(1, 6)))
    weight = rng.lognormal(0, 1, rows) if draw(st.booleans()) else None
    return y_true, y_score, weight


@given(scored())
@settings(max_examples=40, deadline=None)
def test_the_figures_are_scikit_learns(drawn):
    y_true, y_score, weight = drawn
    report = measure(y_true, y_score, weight)
    y_pred = (y_score >= 0.5).astype("int8")
    expected = {
        "accuracy": sk.accuracy_score(y_true, y_pred, sample_weight=weight),
        "balanced_accuracy": sk.balanced_accuracy_score(y_true, y_pred, sample_weight=weight),
        "roc_auc": sk.roc_auc_score(y_true, y_score, sample_weight=weight),
        "log_loss": sk.log_loss(y_true, y_score, sample_weight=weight, labels=[0, 1]),
        "brier_score": sk.brier_score_loss(y_true, y_score, sample_weight=weight, labels=[0, 1]),
    }
    assert {name: report.measured[name].value for name in expected} == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert report.confusion == tuple(sk.confusion_matrix(y_true, y_pred, labels=[0, 1]).ravel())
    assert report.label_rate == pytest.approx(np.average(y_true, weights=weight))
    for estimate in report.measured.values():
        bounds = estimate.bounds()
        assert math.isfinite(estimate.value)
        assert bounds.lower <= estimate.value <= bounds.upper


def test_a_report_holds_every_performance_metric_that_a_policy_may_limit():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 100)
    report = measure(y_true, rng.random(100))
    assert set(report.measured) == {
        name for name, metric in METRICS.items() if metric.assets == ("performance_report",)
    }
    assert report.not_estimable == {}
    assert (report.n, report.code_version) == (100, "7")


def test_accuracy_has_wilsons_bounds():
    y_true = np.array([1] * 30 + [0] * 70)
    report = measure(y_true, np.array([0.9] * 24 + [0.1] * 76))
    bounds = report.measured["accuracy"].bounds()
    assert (bounds.lower, bounds.upper) == pytest.approx(proportion_confint(94, 100, method="wilson"))


def test_a_certain_score_that_is_wrong_has_scikit_learns_largest_loss():
    y_true, y_score = np.array([0, 0, 1, 1]), np.array([0.0, 1.0, 0.0, 1.0])
    assert measure(y_true, y_score).measured["log_loss"].value == pytest.approx(sk.log_loss(y_true, y_score), rel=1e-12)


# The area under the ROC curve


def delong_by_pairs(y_true, y_score):
    """Area and DeLong's standard error, from the comparison of every positive row with every negative one."""
    positive, negative = y_score[y_true == 1], y_score[y_true == 0]
    wins = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    return wins.mean(), math.sqrt(v10.var(ddof=1) / len(positive) + v01.var(ddof=1) / len(negative))


@given(scored())
@settings(max_examples=40, deadline=None)
def test_the_error_of_the_area_is_delongs(drawn):
    y_true, y_score, _ = drawn
    area, error = delong_by_pairs(y_true, y_score)
    found = roc_auc(y_true, y_score, None)
    assert found.value == pytest.approx(area, abs=1e-12)
    if 0 < area < 1:
        assert found.standard_error == pytest.approx(error, abs=1e-12)
    constant = roc_auc(y_true, y_score, np.full(len(y_true), 3.7))
    assert (constant.value, constant.standard_error) == pytest.approx((found.value, found.standard_error), abs=1e-9)


def test_the_error_of_the_area_is_the_spread_over_new_samples():
    rng = np.random.default_rng(1)
    y_true = (np.arange(300) % 3 == 0).astype("int8")
    found = [roc_auc(y_true, rng.normal(y_true, 1.0), None) for _ in range(600)]
    truth = norm.cdf(1 / math.sqrt(2))
    assert np.mean([each.value for each in found]) == pytest.approx(truth, abs=0.005)
    assert np.mean([each.standard_error for each in found]) == pytest.approx(np.std([e.value for e in found]), rel=0.08)
    covered = [each.bounds().lower <= truth <= each.bounds().upper for each in found]
    assert 0.93 <= np.mean(covered) <= 0.975


def test_the_weighted_error_of_the_area_is_the_spread_over_new_weighted_samples():
    rng = np.random.default_rng(2)
    y_true = (np.arange(400) % 4 == 0).astype("int8")
    found = [roc_auc(y_true, rng.normal(y_true, 1.0), rng.lognormal(0, 0.8, 400)) for _ in range(600)]
    assert np.mean([each.standard_error for each in found]) == pytest.approx(np.std([e.value for e in found]), rel=0.08)


def test_tied_scores_count_half():
    assert roc_auc(np.array([0, 1, 0, 1], dtype="int8"), np.full(4, 0.3), None).value == 0.5
    assert roc_auc(np.array([0, 1, 1], dtype="int8"), np.array([0.3, 0.3, 0.9]), None).value == 0.75


@pytest.mark.parametrize("rows", [4, 20, 400])
def test_scores_that_separate_the_labels_are_less_certain_the_fewer_they_are(rows):
    y_true = np.repeat([0, 1], rows // 2).astype("int8")
    found = roc_auc(y_true, y_true * 0.6 + 0.2, None)
    lower = found.bounds().lower
    assert found.value == 1.0
    assert 0 <= lower < 1 - 1 / rows
    assert roc_auc(y_true, 0.8 - y_true * 0.6, None).bounds().upper == pytest.approx(1 - lower)


def test_the_points_of_the_curve_rise_from_corner_to_corner_and_enclose_the_area():
    rng = np.random.default_rng(3)
    y_true = rng.integers(0, 2, 2000)
    y_score = np.clip(rng.normal(0.4 + 0.2 * y_true, 0.2), 0, 1)
    report = measure(y_true, y_score)
    x, y = np.array(report.roc).T
    assert (report.roc[0], report.roc[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert len(report.roc) <= 100
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    assert np.trapezoid(y, x) == pytest.approx(report.measured["roc_auc"].value, abs=0.005)


# Balanced accuracy and the majority's answer


def test_the_error_of_balanced_accuracy_is_the_spread_over_new_samples():
    rng = np.random.default_rng(4)
    y_true = np.repeat([0, 1], [300, 100]).astype("int8")
    right_rate = np.where(y_true == 1, 0.7, 0.9)
    found = [balanced_accuracy(rng.random(400) < right_rate, y_true, None) for _ in range(1500)]
    assert np.mean([each.value for each in found]) == pytest.approx(0.8, abs=0.003)
    assert np.mean([each.standard_error for each in found]) == pytest.approx(np.std([e.value for e in found]), rel=0.06)


def test_a_balanced_accuracy_of_1_is_still_uncertain():
    y_true = np.array([0, 0, 1, 1], dtype="int8")
    assert 0.3 < balanced_accuracy(np.ones(4, dtype=bool), y_true, None).bounds().lower < 0.9


def test_copies_of_rows_make_a_balanced_accuracy_of_1_no_more_certain_where_clusters_are_known():
    y_true, right = np.repeat([0, 1], 20).astype("int8"), np.ones(40, dtype=bool)
    alone = balanced_accuracy(right, y_true, None).bounds()
    copies = balanced_accuracy(np.repeat(right, 9), np.repeat(y_true, 9), None, np.repeat(np.arange(40), 9)).bounds()
    assert copies.lower <= alone.lower < 0.97


def test_the_gain_is_measured_against_always_giving_the_majoritys_answer():
    y_true = np.array([0] * 70 + [1] * 30)
    y_score = np.array([0.1] * 65 + [0.9] * 5 + [0.9] * 20 + [0.1] * 10)
    report = measure(y_true, y_score)
    assert (report.majority_label, report.majority_accuracy.value) == (0, 0.7)
    gain = report.measured["accuracy_gain"]
    assert gain.value == pytest.approx(0.85 - 0.70)
    assert (gain.first_only, gain.second_only) == (20, 5)


def test_the_majority_is_that_of_training_where_it_is_known():
    y_true = np.array([0] * 70 + [1] * 30)
    y_score = np.array([0.1] * 65 + [0.9] * 35)
    report = measure(y_true, y_score, majority_label=1)
    assert (report.majority_label, report.majority_accuracy.value) == (1, 0.3)
    assert report.measured["accuracy_gain"].value == pytest.approx(0.95 - 0.30)


def test_the_majority_goes_by_weight():
    y_true = np.array([0, 0, 0, 1])
    report = measure(y_true, np.array([0.1, 0.2, 0.6, 0.9]), np.array([1.0, 1.0, 1.0, 9.0]))
    assert report.majority_label == 1
    assert report.majority_accuracy.value == pytest.approx(0.75)
    assert report.measured["accuracy"].value == pytest.approx(11 / 12)


# Calibration


def test_calibration_compares_score_and_observed_rate_in_bins_of_a_tenth():
    y_score = np.array([0.0, 0.05, 0.1, 0.55, 0.58, 0.59, 1.0])
    y_true = np.array([0, 1, 1, 0, 1, 1, 1], dtype="int8")
    bins = calibration_bins(y_score, y_true, None)
    assert [bin_.mean_score for bin_ in bins] == pytest.approx([0.025, 0.1, 1.72 / 3, 1.0])
    assert [bin_.observed.value for bin_ in bins] == pytest.approx([0.5, 1.0, 2 / 3, 1.0])
    assert [bin_.observed.n for bin_ in bins] == [2, 1, 3, 1]
    assert [bin_.share for bin_ in bins] == pytest.approx([2 / 7, 1 / 7, 3 / 7, 1 / 7])
    found = expected_calibration_error(bins, seed=0)
    expected = (2 * 0.475 + 1 * 0.9 + 3 * abs(2 / 3 - 1.72 / 3) + 0) / 7
    assert (found.value, found.n) == (pytest.approx(expected), 7)


def test_weighted_calibration_counts_each_bin_by_its_share_of_the_weight():
    y_score = np.array([0.2, 0.2, 0.8, 0.8])
    y_true = np.array([0, 1, 1, 1], dtype="int8")
    weight = np.array([3.0, 1.0, 15.0, 1.0])
    bins = calibration_bins(y_score, y_true, weight)
    assert [bin_.observed.value for bin_ in bins] == pytest.approx([0.25, 1.0])
    assert [bin_.share for bin_ in bins] == pytest.approx([0.2, 0.8])
    assert expected_calibration_error(bins, seed=0).value == pytest.approx(0.2 * 0.05 + 0.8 * 0.2)


def test_calibrated_scores_have_a_small_error_and_overconfident_ones_a_large_one():
    rng = np.random.default_rng(6)
    chance = rng.beta(2, 2, 4000)
    y_true = (rng.random(4000) < chance).astype("int8")
    calibrated = measure(y_true, chance).measured["expected_calibration_error"]
    assert calibrated.value < 0.03
    assert calibrated.bounds().upper < 0.05
    loud = np.clip(0.5 + 2 * (chance - 0.5), 0, 1)
    overconfident = measure(y_true, loud).measured["expected_calibration_error"]
    assert overconfident.bounds().lower > 0.12


def test_the_upper_bound_of_the_calibration_error_errs_on_the_side_of_caution():
    rng = np.random.default_rng(8)
    above = 0
    for _ in range(60):
        y_score = rng.choice([0.15, 0.45, 0.85], 300)
        y_true = (rng.random(300) < np.clip(y_score - 0.1, 0, 1)).astype("int8")
        bins = calibration_bins(y_score, y_true, None)
        above += expected_calibration_error(bins, seed=1).bounds(0.05, 0.05).upper >= 0.1
    assert above >= 0.93 * 60


def test_the_bounds_depend_on_the_seed_alone():
    rng = np.random.default_rng(9)
    y_true, y_score = rng.integers(0, 2, 200), rng.random(200)
    assert measure(y_true, y_score, seed=3) == measure(y_true, y_score, seed=3)
    one, other = (measure(y_true, y_score, seed=seed).measured["expected_calibration_error"] for seed in (3, 4))
    assert one.value == other.value
    assert one.replicates != other.replicates


# What cannot be measured


@pytest.mark.parametrize("label", [0, 1])
def test_test_data_with_one_label_have_no_balanced_accuracy_and_no_area(label):
    report = measure(np.full(20, label), np.linspace(0.1, 0.9, 20))
    assert report.not_estimable["balanced_accuracy"] == "the test data hold only one label"
    assert report.not_estimable["roc_auc"] == "two rows of each label are needed, got 0 of the rarer one"
    assert report.roc == ()
    assert {"accuracy", "accuracy_gain", "log_loss", "brier_score"} <= set(report.measured)


def test_a_single_positive_row_gives_no_area_because_its_spread_is_unknown():
    y_true = np.array([0] * 99 + [1])
    report = measure(y_true, np.linspace(0.01, 0.9, 100))
    assert report.not_estimable == {"roc_auc": "two rows of each label are needed, got 1 of the rarer one"}
    assert "balanced_accuracy" in report.measured


def test_scores_that_are_no_probabilities_are_ranked_but_not_calibrated():
    rng = np.random.default_rng(10)
    y_true = rng.integers(0, 2, 80)
    decile = rng.integers(1, 11, 80).astype("float64")
    report = measure(y_true, decile, y_pred=decile >= 5, probability=False)
    assert set(report.not_estimable) == {"log_loss", "brier_score", "expected_calibration_error"}
    assert set(report.not_estimable.values()) == {"the scores are not probabilities"}
    assert report.calibration == ()
    assert report.measured["roc_auc"].value == pytest.approx(sk.roc_auc_score(y_true, decile))
    assert len(report.roc) > 2


def test_decisions_alone_are_counted_but_not_ranked():
    y_true = np.array([0, 1, 1, 0, 1])
    report = measure(y_true, None, y_pred=[0, 1, 0, 0, 1], probability=False)
    assert set(report.not_estimable) == {"roc_auc", "log_loss", "brier_score", "expected_calibration_error"}
    assert set(report.not_estimable.values()) == {"only decisions are known, no scores"}
    assert report.measured["accuracy"].value == 0.8
    assert (report.roc, report.calibration) == ((), ())


def test_predictions_about_other_data_are_refused():
    sample, other = a_sample([0, 1, 1]), a_sample([0, 1, 0])
    predictions = predictions_for(sample, y_score=np.array([0.1, 0.6, 0.7]), about=other)
    with pytest.raises(EvidenceMismatch, match="materialize `predictions` again"):
        measure_performance(predictions, sample, majority_label=None, seed=0, code_version="7")


@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, 60)])
def test_a_report_comes_back_from_json_as_it_was(weight):
    rng = np.random.default_rng(11)
    report = measure(rng.integers(0, 2, 60), rng.random(60), weight)
    adapter = TypeAdapter(PerformanceReport)
    assert adapter.validate_json(adapter.dump_json(report)) == report
