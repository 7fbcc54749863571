"""Figures that others published about public data, recomputed from the counts."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from rai_platform.fairness.cells import count_cells
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import FALSE_POSITIVE_RATE, PRECISION, SELECTION_RATE, TRUE_POSITIVE_RATE, group_rates

# ProPublica, compas-analysis: survived low and high, recidivated low and high, FPR %, FNR %, PPV.
MEDIUM_AND_HIGH = {
    "African-American": (990, 805, 532, 1369, 44.85, 27.99, 0.63),
    "Caucasian": (1139, 349, 461, 505, 23.45, 47.72, 0.59),
    "Hispanic": (318, 87, 129, 103, 21.48, 55.60, 0.54),
}
HIGH_ONLY = {
    "African-American": (1511, 284, 1160, 741, 15.82, 61.02, 0.72),
    "Caucasian": (1407, 81, 771, 195, 5.44, 79.81, 0.71),
}
EVERYBODY = (2681, 1282, 1216, 2035, 32.35, 37.40, 0.61)


def propublicas(cells, at):
    fpr, tpr, ppv = (
        group_rates(cells, rate)[cells.groups[at]].value
        for rate in (FALSE_POSITIVE_RATE, TRUE_POSITIVE_RATE, PRECISION)
    )
    return *cells.counts[at], round(100 * fpr, 2), round(100 * (1 - tpr), 2), round(ppv, 2)


def compas_cells(compas, threshold):
    return count_cells(
        compas["race"].to_numpy(object),
        compas["two_year_recid"].to_numpy("int8"),
        (compas["decile_score"] >= threshold).to_numpy("int8"),
    )


@pytest.mark.parametrize(("threshold", "table"), [(5, MEDIUM_AND_HIGH), (8, HIGH_ONLY)])
def test_propublicas_table_of_the_compas_score_is_reproduced(compas, threshold, table):
    cells = compas_cells(compas, threshold)
    for race, row in table.items():
        assert propublicas(cells, cells.groups.index(race)) == pytest.approx(row, abs=1e-9)


def test_propublicas_row_of_all_defendants_is_reproduced(compas):
    overall = compas_cells(compas, 5).overall
    assert propublicas(overall, 0) == pytest.approx(EVERYBODY, abs=1e-9)
    assert overall.n == 7214


def test_propublicas_ratios_of_error_rates_are_reproduced(compas):
    cells = compas_cells(compas, 5).only(["African-American", "Caucasian"])
    assert cells.sizes == (3696, 2454)
    found = measure_disparity(cells, DISPARITIES["false_positive_rate_difference"])
    assert (found.extremes.lowest, found.extremes.highest) == ("Caucasian", "African-American")
    assert found.extremes.highest_rate / found.extremes.lowest_rate == pytest.approx(1.91, abs=0.01)
    opportunity = measure_disparity(cells, DISPARITIES["equal_opportunity_difference"]).extremes
    assert (1 - opportunity.lowest_rate) / (1 - opportunity.highest_rate) == pytest.approx(1.70, abs=0.01)


def test_propublicas_filtered_cohort_is_reproduced(compas):
    cohort = compas[
        (compas["days_b_screening_arrest"].abs() <= 30)
        & (compas["is_recid"] != -1)
        & (compas["c_charge_degree"] != "O")
        & (compas["score_text"] != "N/A")
    ]
    survived = 1 - cohort["two_year_recid"].to_numpy("int8")
    cells = count_cells(cohort["race"].to_numpy(object), survived, survived)
    assert dict(zip(cells.groups, cells.sizes, strict=True)) == {
        "African-American": 3175,
        "Asian": 31,
        "Caucasian": 2103,
        "Hispanic": 509,
        "Native American": 11,
        "Other": 343,
    }
    assert cells.n == 6172
    assert 6172 - survived.sum() == 2809
    two = cells.only(["African-American", "Caucasian"])
    assert measure_disparity(two, DISPARITIES["demographic_parity_difference"]).estimate == pytest.approx(
        0.13228, abs=5e-6
    )
    assert measure_disparity(two, DISPARITIES["disparate_impact"]).estimate == pytest.approx(0.78284, abs=5e-6)


def label_disparity(groups, labels, name, weight=None):
    """A disparity of the labels themselves, as AIF360's dataset metrics have it: whoever has the label is selected."""
    labels = np.asarray(labels, dtype="int8")
    return measure_disparity(count_cells(np.asarray(groups, dtype=object), labels, labels, weight), DISPARITIES[name])


def test_aif360s_mean_difference_of_the_german_training_rows_is_reproduced(german):
    order = np.random.RandomState(0).choice(1000, size=1000, replace=False)
    training = german.iloc[order[:700]]
    age = np.where(training["age"] >= 25, "25 and over", "under 25")
    found = label_disparity(age, training["good"], "demographic_parity_difference")
    assert found.extremes.lowest == "under 25"
    assert -found.estimate == pytest.approx(-0.169905, abs=1e-6)


@pytest.mark.parametrize(
    ("groups", "lowest", "difference", "ratio"),
    [
        (lambda table: np.where(table["age"] >= 25, "old", "young"), "young", 0.128550, None),
        (lambda table: np.where(table["age"] > 25, "old", "young"), "young", 0.149448, 0.794826),
        (lambda table: table["sex"], "female", 0.074801, 0.896567),
    ],
)
def test_the_label_rates_of_german_credit_are_reproduced(german, groups, lowest, difference, ratio):
    found = label_disparity(groups(german), german["good"], "demographic_parity_difference")
    assert found.extremes.lowest == lowest
    assert found.estimate == pytest.approx(difference, abs=5e-7)
    if ratio is not None:
        impact = label_disparity(groups(german), german["good"], "disparate_impact").estimate
        assert impact == pytest.approx(ratio, abs=5e-7)


def test_aif360s_disparate_impact_of_the_adult_training_labels_is_reproduced_in_every_digit(adult):
    training, _ = train_test_split(adult.dropna(), train_size=0.7, random_state=1234567)
    assert label_disparity(training["sex"], training["rich"], "disparate_impact").estimate == pytest.approx(
        0.36011001703880235, abs=1e-15
    )


@pytest.mark.parametrize(
    ("rows", "groups", "n", "difference", "ratio"),
    [
        (lambda table: table, lambda table: table["sex"], 48842, 0.194516, 0.359655),
        (lambda table: table.dropna(), lambda table: table["sex"], 45222, 0.198901, 0.363470),
        (
            lambda table: table,
            lambda table: np.where(table["race"] == "White", "White", "other"),
            48842,
            0.101445,
            0.600592,
        ),
    ],
    ids=["by sex", "complete cases by sex", "by race"],
)
def test_the_label_rates_of_adult_are_reproduced(adult, rows, groups, n, difference, ratio):
    table = rows(adult)
    impact = label_disparity(groups(table), table["rich"], "disparate_impact")
    assert impact.n == n
    assert impact.extremes.lowest in ("Female", "other")
    assert impact.estimate == pytest.approx(ratio, abs=5e-7)
    apart = label_disparity(groups(table), table["rich"], "demographic_parity_difference").estimate
    assert apart == pytest.approx(difference, abs=5e-7)


def test_the_raw_rates_of_adult_are_reproduced(adult):
    cells = count_cells(adult["sex"].to_numpy(object), adult["rich"].to_numpy(), adult["rich"].to_numpy())
    rates = {group: round(rate.value, 6) for group, rate in group_rates(cells, SELECTION_RATE).items()}
    assert rates == {"Female": 0.109251, "Male": 0.303767}
    assert round(group_rates(cells.overall, SELECTION_RATE)["(all)"].value, 6) == 0.239282
