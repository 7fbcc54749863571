"""The same numbers by two routes: counts here, AIF360's ClassificationMetric and BinaryLabelDatasetMetric there."""

import logging

import numpy as np
import pandas as pd
import pytest

from rai_platform.fairness.cells import count_cells
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.indices import INDICES
from rai_platform.fairness.metrics import DISPARITIES, against
from rai_platform.fairness.rates import (
    ACCURACY,
    ERROR_RATE,
    FALSE_DISCOVERY_RATE,
    FALSE_NEGATIVE_RATE,
    FALSE_OMISSION_RATE,
    FALSE_POSITIVE_RATE,
    LABEL_RATE,
    NEGATIVE_PREDICTIVE_VALUE,
    PRECISION,
    SELECTION_RATE,
    TRUE_NEGATIVE_RATE,
    TRUE_POSITIVE_RATE,
    group_rates,
)
from rai_platform.fairness.tabulation import Columns, tabulate

logging.getLogger("aif360").setLevel(logging.ERROR)
aif360 = pytest.importorskip("aif360", reason="AIF360 is not installed (it is a development dependency)")

from aif360.datasets import StandardDataset  # noqa: E402 - after the check that it is there
from aif360.metrics import BinaryLabelDatasetMetric, ClassificationMetric  # noqa: E402

EXACT = 1e-9
RATES = {
    "true_positive_rate": TRUE_POSITIVE_RATE,
    "true_negative_rate": TRUE_NEGATIVE_RATE,
    "false_positive_rate": FALSE_POSITIVE_RATE,
    "false_negative_rate": FALSE_NEGATIVE_RATE,
    "positive_predictive_value": PRECISION,
    "negative_predictive_value": NEGATIVE_PREDICTIVE_VALUE,
    "false_discovery_rate": FALSE_DISCOVERY_RATE,
    "false_omission_rate": FALSE_OMISSION_RATE,
    "accuracy": ACCURACY,
    "error_rate": ERROR_RATE,
    "selection_rate": SELECTION_RATE,
}


def two_groups(name, compas, adult, german):
    """Group (1 is privileged), label, decision, score and weight of every row."""
    if name == "compas":
        some = compas[compas["race"].isin(["African-American", "Caucasian"])]
        risk = some["decile_score"].to_numpy() / 10
        return some["race"] == "Caucasian", some["two_year_recid"], risk >= 0.5, risk, None
    if name == "german":
        score = 1 / (1 + np.exp((german["duration"] - 24) / 12))
        return german["sex"] == "male", german["good"], score >= 0.5, score, None
    score = np.clip(adult["education_num"] / 16, 0, 1)
    return adult["sex"] == "Male", adult["rich"], score >= 0.75, score, adult["fnlwgt"] / 1e5


@pytest.fixture(params=["compas", "german", "adult"])
def both(request, compas, adult, german):
    """AIF360's metrics and the counts of the same people."""
    group, label, decision, score, weight = two_groups(request.param, compas, adult, german)
    frame = pd.DataFrame(
        {
            "group": np.asarray(group, dtype=float),
            "y_true": np.asarray(label, dtype=float),
            "y_pred": np.asarray(decision, dtype="int8"),
            "y_score": np.asarray(score, dtype=float),
            "weight": np.ones(len(group)) if weight is None else np.asarray(weight, dtype=float),
        }
    )
    truth = StandardDataset(
        frame[["group", "y_true", "weight"]],
        label_name="y_true",
        favorable_classes=[1.0],
        protected_attribute_names=["group"],
        privileged_classes=[[1.0]],
        instance_weights_name="weight",
    )
    decided = truth.copy()
    decided.labels = frame[["y_pred"]].to_numpy(float)
    decided.scores = frame[["y_score"]].to_numpy(float)
    sides = {"unprivileged_groups": [{"group": 0.0}], "privileged_groups": [{"group": 1.0}]}
    counted = tabulate(frame, Columns(groups=("group",), y_score="y_score", weight="weight"))
    return ClassificationMetric(truth, decided, **sides), BinaryLabelDatasetMetric(truth, **sides), counted


def test_every_rate_of_both_groups_is_aif360s(both):
    theirs, _, counted = both
    cells = counted.cells("group")
    for name, rate in RATES.items():
        ours = group_rates(cells, rate)
        for privileged in (False, True):
            expected = getattr(theirs, name)(privileged=privileged)
            assert ours[str(int(privileged))].value == pytest.approx(expected, abs=EXACT), name


def test_every_difference_and_ratio_is_aif360s_with_its_sign(both):
    theirs, labels, counted = both
    cells = counted.cells("group")
    for name, rate in {
        "error_rate": ERROR_RATE,
        "false_negative_rate": FALSE_NEGATIVE_RATE,
        "false_positive_rate": FALSE_POSITIVE_RATE,
        "false_omission_rate": FALSE_OMISSION_RATE,
        "false_discovery_rate": FALSE_DISCOVERY_RATE,
    }.items():
        difference, ratio = against(cells, rate, "0", "1")
        assert difference == pytest.approx(getattr(theirs, f"{name}_difference")(), abs=EXACT), name
        assert ratio == pytest.approx(getattr(theirs, f"{name}_ratio")(), abs=EXACT), name
    difference, ratio = against(cells, SELECTION_RATE, "0", "1")
    assert difference == pytest.approx(theirs.statistical_parity_difference(), abs=EXACT)
    assert ratio == pytest.approx(theirs.disparate_impact(), abs=EXACT)
    difference, ratio = against(cells, LABEL_RATE, "0", "1")
    assert difference == pytest.approx(labels.mean_difference(), abs=EXACT)
    assert ratio == pytest.approx(labels.disparate_impact(), abs=EXACT)
    assert against(cells, TRUE_POSITIVE_RATE, "0", "1")[0] == pytest.approx(
        theirs.equal_opportunity_difference(), abs=EXACT
    )
    odds = [against(cells, rate, "0", "1")[0] for rate in (TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE)]
    assert sum(odds) / 2 == pytest.approx(theirs.average_odds_difference(), abs=EXACT)


def test_the_disparities_that_lose_the_sign_are_aif360s_where_it_loses_it_too(both):
    theirs, _, counted = both
    cells = counted.cells("group")
    for name, expected in {
        "average_odds_difference": theirs.average_abs_odds_difference(),
        "equalized_odds_difference": theirs.equalized_odds_difference(),
    }.items():
        assert measure_disparity(cells, DISPARITIES[name]).estimate == pytest.approx(expected, abs=EXACT), name


def test_generalized_rates_are_mean_scores(both):
    theirs, _, counted = both
    scores = counted.scores("group")
    for privileged in (False, True):
        group = str(int(privileged))
        assert scores.mean_score(group, 1) == pytest.approx(
            theirs.generalized_true_positive_rate(privileged), abs=EXACT
        )
        assert scores.mean_score(group, 0) == pytest.approx(
            theirs.generalized_false_positive_rate(privileged), abs=EXACT
        )


def test_inequality_indices_are_aif360s_where_rows_count_the_same(both):
    theirs, _, counted = both
    # AIF360 leaves sampling weights out of its indices, so that rows are compared, not people.
    counts = np.asarray(counted.cells("group").counts)
    expected = {
        "generalized_entropy_index": theirs.generalized_entropy_index(),
        "theil_index": theirs.theil_index(),
        "between_group_entropy_index": theirs.between_all_groups_generalized_entropy_index(),
        "coefficient_of_variation": theirs.coefficient_of_variation(),
    }
    for name, value in expected.items():
        assert INDICES[name].of(counts[None])[0] == pytest.approx(value, abs=EXACT), name
    assert set(expected) == set(INDICES)


def test_an_array_counts_as_a_table_does(both):
    theirs, _, counted = both
    truth, decided = theirs.dataset, theirs.classified_dataset
    group = np.array(["1" if value == 1 else "0" for value in truth.protected_attributes[:, 0]], dtype=object)
    cells = count_cells(
        group, truth.labels[:, 0].astype("int8"), decided.labels[:, 0].astype("int8"), truth.instance_weights
    )
    assert np.allclose(cells.weights, counted.cells("group").weights)
    assert cells.counts == counted.cells("group").counts
