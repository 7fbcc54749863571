"""The same numbers by two routes: counts here, Fairlearn's MetricFrame there."""

import functools
import itertools

import fairlearn.metrics as fl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score, zero_one_loss

from rai_platform.fairness.cells import count_cells
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.metrics import DISPARITIES, NAMED_OTHERWISE
from rai_platform.fairness.rates import RATES, TRUE_POSITIVE_RATE, group_rates


def npv(y_true, y_pred, *, sample_weight=None):
    """The precision of not being selected."""
    return precision_score(1 - np.asarray(y_true), 1 - np.asarray(y_pred), sample_weight=sample_weight, zero_division=0)


def complement(metric):
    return lambda y_true, y_pred, **options: 1 - metric(y_true, y_pred, **options)


BY_GROUP = {
    "selection_rate": fl.selection_rate,
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "true_negative_rate": fl.true_negative_rate,
    "false_negative_rate": fl.false_negative_rate,
    "precision": precision_score,
    "false_discovery_rate": complement(precision_score),
    "negative_predictive_value": npv,
    "false_omission_rate": complement(npv),
    "accuracy": accuracy_score,
    "error_rate": zero_one_loss,
}
OF_ONE_FUNCTION = {
    "disparate_impact": fl.demographic_parity_ratio,
    "demographic_parity_ratio": fl.demographic_parity_ratio,
    "demographic_parity_difference": fl.demographic_parity_difference,
    "equalized_odds_difference": fl.equalized_odds_difference,
    "equalized_odds_ratio": fl.equalized_odds_ratio,
    "equal_opportunity_difference": fl.equal_opportunity_difference,
    "equal_opportunity_ratio": fl.equal_opportunity_ratio,
    "average_odds_difference": functools.partial(fl.equalized_odds_difference, agg="mean"),
}


def must_agree_with_fairlearn(groups, y_true, y_pred, weight=None):
    cells = count_cells(groups, y_true, y_pred, weight)
    asked = {} if weight is None else {"sample_weight": weight}
    frame = fl.MetricFrame(
        metrics=BY_GROUP,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=groups,
        sample_params=dict.fromkeys(BY_GROUP, asked),
    )
    assert set(BY_GROUP) == {rate.name for rate in RATES}
    for rate in RATES:
        found = {group: value.value for group, value in group_rates(cells, rate).items() if value is not None}
        # Where a rate has no denominator there is no value here, and some number there.
        expected = {group: value for group, value in frame.by_group[rate.name].to_dict().items() if group in found}
        assert found == pytest.approx(expected, abs=1e-12)
        assert group_rates(cells.overall, rate)["(all)"].value == pytest.approx(frame.overall[rate.name], abs=1e-12)
    everybody = all(None not in group_rates(cells, rate).values() for rate in RATES)
    for name, function in OF_ONE_FUNCTION.items():
        expected = function(y_true, y_pred, sensitive_features=groups, **asked)
        assert measure_disparity(cells, DISPARITIES[name]).estimate == pytest.approx(expected, abs=1e-12), name
    for rate, kind in itertools.product(RATES, ("difference", "ratio") if everybody else ()):
        name = f"{NAMED_OTHERWISE.get(rate.name, rate.name)}_{kind}"
        expected = getattr(frame, kind)()[rate.name]
        estimate = measure_disparity(cells, DISPARITIES[name]).estimate
        assert np.isnan(expected) if estimate is None else estimate == pytest.approx(expected, abs=1e-12), name


@st.composite
def people(draw):
    """Two to five groups in which every rate can be estimated, with sampling weights."""
    rows = []
    for group in "abcde"[: draw(st.integers(2, 5))]:
        right_and_wrong = [draw(st.integers(0, 12)) for _ in range(2)]
        for cell, count in enumerate((*right_and_wrong, draw(st.integers(0, 12)), draw(st.integers(1, 12)))):
            rows += [(group, *divmod(cell, 2))] * count
        rows.append((group, 0, draw(st.integers(0, 1))))
    weight = draw(st.lists(st.floats(0.01, 100), min_size=len(rows), max_size=len(rows)))
    groups, y_true, y_pred = zip(*draw(st.permutations(rows)), strict=True)
    columns = np.array(groups, dtype=object), np.array(y_true, dtype="int8"), np.array(y_pred, dtype="int8")
    return *columns, np.array(weight)


@given(people(), st.booleans())
@settings(max_examples=8, deadline=None)
def test_every_rate_and_disparity_is_fairlearns(drawn, weighted):
    groups, y_true, y_pred, weight = drawn
    must_agree_with_fairlearn(groups, y_true, y_pred, weight if weighted else None)


@pytest.mark.parametrize("feature", ["race", "sex", "age_cat"])
def test_the_vendors_risk_score_is_measured_as_fairlearn_does(compas, feature):
    high = (compas["decile_score"] >= 5).to_numpy("int8")
    must_agree_with_fairlearn(compas[feature].to_numpy(object), compas["two_year_recid"].to_numpy("int8"), high)


@pytest.mark.parametrize("feature", ["race", "sex"])
def test_the_census_with_its_sampling_weights_is_measured_as_fairlearn_does(adult, feature):
    some = adult.head(6000)  # Fairlearn takes seconds for all of them
    schooled = (some["education_num"] >= 13).to_numpy("int8")
    weight = some["fnlwgt"].to_numpy("float64")
    must_agree_with_fairlearn(some[feature].to_numpy(object), some["rich"].to_numpy(), schooled, weight)


def test_fairlearns_worked_example_gives_the_numbers_of_its_documentation():
    y_true = np.array([int(c) for c in "011110101000111111"], dtype="int8")
    y_pred = np.array([int(c) for c in "001011100111100110"], dtype="int8")
    groups = np.array(list("bbabbcccaacabccbcc"), dtype=object)
    cells = count_cells(groups, y_true, y_pred)
    rates = {rate.name: {g: v.value for g, v in group_rates(cells, rate).items()} for rate in RATES}
    assert rates["true_positive_rate"] == pytest.approx({"a": 0.5, "b": 0.6, "c": 0.4})
    assert rates["false_positive_rate"] == pytest.approx({"a": 1.0, "b": 0.0, "c": 2 / 3})
    assert rates["selection_rate"] == pytest.approx({"a": 0.75, "b": 0.5, "c": 0.5})
    assert cells.sizes == (4, 6, 8)
    expected = {
        "demographic_parity_difference": 0.25,
        "demographic_parity_ratio": 2 / 3,
        "equalized_odds_difference": 1.0,
        "equalized_odds_ratio": 0.0,
    }
    for name, value in expected.items():
        assert measure_disparity(cells, DISPARITIES[name]).estimate == pytest.approx(value)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_group_without_positives_is_not_estimable_here_where_fairlearn_reports_a_rate_of_0():
    groups = np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 4, dtype=object)
    y_true = np.array([1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0], dtype="int8")
    y_pred = np.array([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0], dtype="int8")
    there = fl.MetricFrame(
        metrics=fl.true_positive_rate, y_true=y_true, y_pred=y_pred, sensitive_features=groups
    ).by_group
    assert there["b"] == 0.0
    assert fl.equal_opportunity_difference(y_true, y_pred, sensitive_features=groups) == 1.0
    cells = count_cells(groups, y_true, y_pred)
    assert group_rates(cells, TRUE_POSITIVE_RATE)["b"] is None
    found = measure_disparity(cells, DISPARITIES["equal_opportunity_difference"])
    assert found.estimate == 0.5
    assert found.left_out == {"b": "not estimable: no positives"}
