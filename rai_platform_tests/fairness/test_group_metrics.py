"""Rates and disparities as definitions on counts, and who is left out of a comparison and why."""

import numpy as np
import pytest

from rai_platform.fairness.cells import Cells, count_cells
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.indices import INDICES
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import (
    ACCURACY,
    FALSE_POSITIVE_RATE,
    PRECISION,
    RATES,
    SELECTION_RATE,
    TRUE_POSITIVE_RATE,
    group_rates,
)
from rai_platform.spec.metrics import METRICS
from rai_platform.statistics.comparisons import detectable_difference, trials_to_pass
from rai_platform.statistics.disparity import largest_difference, smallest_ratio
from rai_platform.statistics.estimates import effective_size

FAR_APART = {"a": (40, 10, 5, 45), "b": (60, 20, 10, 10)}


def cells_of(groups):
    """Unweighted cells: by group, true negatives, false positives, false negatives, true positives."""
    rows = tuple(tuple(float(count) for count in row) for row in groups.values())
    return Cells(groups=tuple(groups), counts=rows, weights=rows, squares=rows)


def measure(groups, name, **options):
    return measure_disparity(cells_of(groups), DISPARITIES[name], **options)


@pytest.mark.parametrize(
    ("rate", "a", "b"),
    [
        (SELECTION_RATE, 55 / 100, 30 / 100),
        (TRUE_POSITIVE_RATE, 45 / 50, 10 / 20),
        (FALSE_POSITIVE_RATE, 10 / 50, 20 / 80),
        (PRECISION, 45 / 55, 10 / 30),
        (ACCURACY, 85 / 100, 70 / 100),
    ],
)
def test_a_rate_is_what_its_definition_says(rate, a, b):
    rates = group_rates(cells_of(FAR_APART), rate)
    assert {group: value.value for group, value in rates.items()} == pytest.approx({"a": a, "b": b})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("disparate_impact", 0.30 / 0.55),
        ("demographic_parity_ratio", 0.30 / 0.55),
        ("demographic_parity_difference", 0.55 - 0.30),
        ("equalized_odds_difference", 0.9 - 0.5),
        ("equalized_odds_ratio", 0.5 / 0.9),
        ("equal_opportunity_difference", 0.9 - 0.5),
        ("false_positive_rate_difference", 0.25 - 0.20),
        ("precision_difference", 45 / 55 - 10 / 30),
        ("accuracy_difference", 0.85 - 0.70),
    ],
)
def test_a_disparity_is_what_its_definition_says(name, expected):
    assert measure(FAR_APART, name).estimate == pytest.approx(expected)


def test_every_group_metric_that_a_policy_may_limit_is_defined():
    by_group = {name for name, metric in METRICS.items() if metric.assets == ("fairness_report",) and metric.by_group}
    between = {name for name, index in INDICES.items() if index.between_groups}
    of_the_model = {"attribute_flip_rate"}  # asks the model again, so that no counts give it
    assert by_group == {*DISPARITIES, *between, *of_the_model}
    assert set(INDICES) <= set(METRICS)
    for name, disparity in DISPARITIES.items():
        assert (disparity.kind == "ratio") == (METRICS[name].good == "high")


def test_of_several_rates_the_worse_one_counts_and_is_named():
    # The true positive rates are equal, the false positive rates are far apart.
    groups = {"a": (90, 10, 50, 50), "b": (40, 60, 50, 50)}
    found = measure(groups, "equalized_odds_difference")
    assert found.estimate == pytest.approx(0.5)
    assert (found.extremes.rate, found.extremes.lowest, found.extremes.highest) == ("false_positive_rate", "a", "b")
    assert (found.extremes.lowest_rate, found.extremes.highest_rate) == pytest.approx((0.1, 0.6))
    assert measure(groups, "equalized_odds_ratio").estimate == pytest.approx(0.1 / 0.6)


def test_the_extremes_are_the_lowest_and_the_highest_of_all_groups():
    groups = {"a": (70, 10, 10, 10), "b": (10, 10, 10, 70), "c": (40, 10, 10, 40), "d": (85, 5, 5, 5)}
    found = measure(groups, "disparate_impact")
    assert (found.extremes.lowest, found.extremes.highest) == ("d", "b")
    assert found.estimate == pytest.approx(0.1 / 0.8)
    assert found.compared == ("a", "b", "c", "d")
    assert found.n == 400


def test_the_bounds_are_those_of_the_groups_rates():
    cells = cells_of(FAR_APART)
    found = measure_disparity(cells, DISPARITIES["disparate_impact"], outer_alpha=0.05, inner_alpha=0.001)
    assert found.interval == smallest_ratio([55, 30], [100, 100], outer_alpha=0.05, inner_alpha=0.001)[1]
    apart = measure_disparity(cells, DISPARITIES["accuracy_difference"], outer_alpha=0.05, inner_alpha=0.001)
    assert apart.interval == largest_difference([85, 70], [100, 100], outer_alpha=0.05, inner_alpha=0.001)[1]


def test_of_two_rates_the_inner_bound_is_shared_out_and_the_outer_one_is_not():
    found = measure(FAR_APART, "equalized_odds_difference", outer_alpha=0.05, inner_alpha=0.02)
    sizes = ([45, 10], [50, 20]), ([10, 20], [50, 80])
    intervals = [largest_difference(*counts, outer_alpha=0.05, inner_alpha=0.01)[1] for counts in sizes]
    assert found.interval.upper == max(interval.upper for interval in intervals)
    assert found.interval.lower == max(interval.lower for interval in intervals)
    ratio = measure(FAR_APART, "equalized_odds_ratio", outer_alpha=0.05, inner_alpha=0.02)
    ratios = [smallest_ratio(*counts, outer_alpha=0.05, inner_alpha=0.01)[1] for counts in sizes]
    assert ratio.interval.lower == min(interval.lower for interval in ratios)
    assert ratio.interval.upper == min(interval.upper for interval in ratios)


def test_a_group_without_positives_has_no_true_positive_rate():
    groups = {"a": (40, 10, 25, 25), "b": (80, 20, 0, 0), "c": (40, 10, 10, 40)}
    assert group_rates(cells_of(groups), TRUE_POSITIVE_RATE)["b"] is None
    found = measure(groups, "equal_opportunity_difference")
    assert found.estimate == pytest.approx(0.8 - 0.5)
    assert found.compared == ("a", "c")
    assert found.left_out == {"b": "not estimable: no positives"}


@pytest.mark.parametrize(
    ("name", "row", "why"),
    [
        ("false_positive_rate_difference", (0, 0, 10, 90), "not estimable: no negatives"),
        ("precision_difference", (50, 0, 50, 0), "not estimable: no selected rows"),
    ],
)
def test_a_rate_without_a_denominator_is_not_estimable_and_says_what_is_lacking(name, row, why):
    assert measure({**FAR_APART, "c": row}, name).left_out == {"c": why}


def test_a_group_that_is_too_small_is_left_out_named_and_never_sets_the_reference():
    groups = {**FAR_APART, "tiny": (0, 0, 0, 9)}
    with_it = measure(groups, "disparate_impact")
    assert with_it.extremes.highest == "tiny"
    found = measure(groups, "disparate_impact", minimum_group_size=10)
    assert found.left_out == {
        "tiny": "too small: 9 rows, 10 needed; with 9 the smallest gap that would have shown is 0.39"
    }
    assert found.compared == ("a", "b")
    assert found.n == 200
    without = measure(FAR_APART, "disparate_impact", minimum_group_size=10)
    assert (found.estimate, found.interval, found.extremes) == (without.estimate, without.interval, without.extremes)


def test_a_group_of_exactly_the_minimum_size_is_compared():
    assert measure(FAR_APART, "disparate_impact", minimum_group_size=100).left_out == {}
    assert set(measure(FAR_APART, "disparate_impact", minimum_group_size=101).left_out) == {"a", "b"}


def test_what_counts_for_the_size_are_the_rows_of_the_rates_denominator():
    found = measure(FAR_APART, "equal_opportunity_difference", minimum_group_size=30)
    assert found.left_out == {
        "b": "too small: 20 positives, 30 needed; with 20 the smallest gap that would have shown is 0.30"
    }
    assert found.estimate is None
    assert found.interval is None
    assert (found.compared, found.n, found.extremes) == ((), 0, None)


def test_where_one_of_two_rates_cannot_be_compared_the_interval_is_as_wide_as_can_be():
    # b has too few positives for a true positive rate; the false positive rates can be compared.
    found = measure(FAR_APART, "equalized_odds_difference", minimum_group_size=30)
    assert found.estimate == pytest.approx(0.05)
    assert found.interval.upper == 1.0
    assert "b" in found.left_out
    ratio = measure(FAR_APART, "equalized_odds_ratio", minimum_group_size=30)
    assert ratio.interval.lower == 0.0


def test_one_group_alone_cannot_be_compared():
    for name in DISPARITIES:
        found = measure({"a": (40, 10, 5, 45)}, name)
        assert (found.estimate, found.interval, found.extremes, found.compared) == (None, None, None, ())


def test_everybody_in_one_cell_is_equal_and_says_how_sure_that_is():
    groups = {"a": (0, 0, 0, 300), "b": (0, 0, 0, 40)}
    found = measure(groups, "disparate_impact")
    assert (found.estimate, found.interval.upper) == (1.0, 1.0)
    assert 0.85 < found.interval.lower < 1
    odds = measure(groups, "equalized_odds_difference")
    assert odds.left_out == {"a": "not estimable: no negatives", "b": "not estimable: no negatives"}
    assert odds.interval.upper == 1.0


def test_where_nobody_is_selected_there_is_no_ratio_but_the_groups_were_compared():
    found = measure({"a": (50, 0, 50, 0), "b": (60, 0, 40, 0)}, "disparate_impact")
    assert found.estimate is None
    assert (found.interval.lower, found.interval.upper) == (0.0, 1.0)
    assert found.compared == ("a", "b")
    difference = measure({"a": (50, 0, 50, 0), "b": (60, 0, 40, 0)}, "demographic_parity_difference")
    assert difference.estimate == 0.0
    assert difference.interval.upper > 0


def test_a_missing_attribute_is_a_group_like_any_other():
    groups = np.array(["a"] * 100 + ["(missing)"] * 100, dtype=object)
    y_pred = np.array([1] * 60 + [0] * 40 + [1] * 10 + [0] * 90, dtype="int8")
    found = measure_disparity(count_cells(groups, np.ones(200, dtype="int8"), y_pred), DISPARITIES["disparate_impact"])
    assert (found.extremes.lowest, found.extremes.highest) == ("(missing)", "a")
    assert found.estimate == pytest.approx(10 / 60)


def test_weighted_rates_rest_on_the_effective_sample_size():
    rng = np.random.default_rng(2)
    groups = np.array(["a", "b"], dtype=object)[rng.integers(0, 2, 500)]
    y_true, y_pred = rng.integers(0, 2, 500).astype("int8"), rng.integers(0, 2, 500).astype("int8")
    weight = rng.lognormal(0, 1, 500)
    cells = count_cells(groups, y_true, y_pred, weight)
    among = {
        "selection_rate": np.ones(500, dtype=bool),
        "true_positive_rate": y_true == 1,
        "false_positive_rate": y_true == 0,
        "precision": y_pred == 1,
        "false_discovery_rate": y_pred == 1,
        "negative_predictive_value": y_pred == 0,
        "false_omission_rate": y_pred == 0,
        "true_negative_rate": y_true == 0,
        "false_negative_rate": y_true == 1,
        "error_rate": np.ones(500, dtype=bool),
        "accuracy": np.ones(500, dtype=bool),
    }
    for rate in RATES:
        for group, found in group_rates(cells, rate).items():
            member = (groups == group) & among[rate.name]
            assert found.trials == pytest.approx(effective_size(weight[member]))
            assert found.n == member.sum()
            assert found.trials < 0.7 * found.n


def test_the_same_rates_with_unequal_weights_are_less_certain():
    groups = np.repeat(np.array(["a", "b"], dtype=object), 200)
    y_pred = np.tile([1, 0, 0, 1, 0], 80).astype("int8")
    y_true = np.ones(400, dtype="int8")
    equal = count_cells(groups, y_true, y_pred, np.ones(400))
    unequal = count_cells(groups, y_true, y_pred, np.tile(np.repeat([0.2, 1.8], 5), 40))
    one, other = (measure_disparity(cells, DISPARITIES["disparate_impact"]) for cells in (equal, unequal))
    assert one.estimate == pytest.approx(other.estimate)
    assert other.interval.lower < one.interval.lower


def test_the_smallest_gap_to_see_is_that_of_the_smallest_group_against_everybody_else():
    groups = {"a": (400, 100, 50, 450), "b": (60, 20, 10, 10)}
    found = measure(groups, "disparate_impact")
    assert found.detectable == detectable_difference(0.55, 100, 1000)
    odds = measure(groups, "equalized_odds_difference")
    positives, negatives = detectable_difference(0.9, 20, 500), detectable_difference(0.2, 80, 500)
    assert odds.detectable == max(positives, negatives), "of two rates the one that shows least"
    assert measure({"a": (4, 1, 5, 45)}, "disparate_impact").detectable is None


def test_the_rows_that_would_have_been_enough_are_those_of_the_smallest_group():
    groups = {"a": (400, 100, 50, 450), "b": (60, 20, 10, 10), "c": (300, 100, 100, 100)}
    smallest = measure(groups, "disparate_impact").smallest
    assert (smallest.group, smallest.n, smallest.next_trials) == ("b", 100, 600)
    needed = smallest.rows_to_pass(0.8, alpha=0.05)
    assert needed == trials_to_pass(smallest.rate, 600, kind="ratio", limit=0.8, alpha=0.05)
    assert smallest.rows_to_pass(0.99, alpha=0.05) is None, "the next smallest group is too small as well"


@pytest.mark.parametrize("reference", ["(largest)", "a"])
def test_with_a_reference_every_group_is_compared_with_that_one_alone(reference):
    # Selection rates 0.5, 0.4 and 0.6: the farthest pair is b and c, but a is the reference.
    groups = {"a": (500, 500, 0, 0), "b": (60, 40, 0, 0), "c": (40, 60, 0, 0)}
    found = measure(groups, "demographic_parity_difference", reference=reference)
    assert found.estimate == pytest.approx(0.1)
    assert "a" in (found.extremes.lowest, found.extremes.highest)
    assert measure(groups, "demographic_parity_difference").estimate == pytest.approx(0.2)
    ratio = measure(groups, "demographic_parity_ratio", reference=reference)
    assert ratio.estimate == pytest.approx(0.8)
    assert (ratio.extremes.lowest, ratio.extremes.highest) == ("b", "a")


def test_a_reference_that_is_too_small_leaves_nothing_to_compare():
    groups = {"a": (500, 500, 0, 0), "b": (60, 40, 0, 0), "tiny": (1, 1, 0, 0)}
    found = measure(groups, "disparate_impact", reference="tiny", minimum_group_size=10)
    assert (found.estimate, found.interval, found.compared) == (None, None, ())
    assert "tiny" in found.left_out


def test_fewer_comparisons_give_bounds_that_are_no_wider():
    groups = dict.fromkeys("abcdefgh", (500, 500, 0, 0))
    every, one = (
        measure(groups, "demographic_parity_difference", reference=reference) for reference in ("(best)", "a")
    )
    assert one.interval.upper <= every.interval.upper
    assert one.interval.lower >= every.interval.lower
