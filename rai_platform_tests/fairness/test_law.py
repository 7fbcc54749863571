"""Readings of the law: the worked examples of the rules, and what they say of groups that are small or unknown."""

import numpy as np
import pytest

from rai_platform.fairness.cells import Cells, count_cells
from rai_platform.fairness.law import adverse_impact, scoring_table, selection_table


def selected(groups):
    """Cells of people of whom only the selection is known: by group, applicants and selected."""
    rows = tuple((float(n - x), float(x), 0.0, 0.0) for n, x in groups.values())
    return Cells(groups=tuple(groups), counts=rows, weights=rows, squares=rows)


def test_the_worked_example_of_local_law_144_is_reproduced():
    # 6 RCNY 5-301, example 1: sex categories of a tool that selects.
    table = selection_table("sex", selected({"Male": (1390, 667), "Female": (1181, 555)}))
    by = {row.category: row for row in table.rows}
    assert by["Male"].rate.value == pytest.approx(0.48, abs=0.005)
    assert by["Female"].rate.value == pytest.approx(0.47, abs=0.005)
    assert by["Male"].impact_ratio == 1.0
    assert by["Female"].impact_ratio == pytest.approx(0.979, abs=0.005)


def test_a_category_under_two_percent_is_named_with_its_rate_and_not_compared():
    table = selection_table("race", selected({"a": (900, 450), "b": (985, 300), "c": (15, 15), "(missing)": (50, 40)}))
    by = {row.category: row for row in table.rows}
    assert by["c"].left_out
    assert (by["c"].impact_ratio, by["c"].rate.value) == (None, 1.0)
    assert by["a"].impact_ratio == 1.0, "a category that is left out never sets the highest rate"
    assert table.unknown == 50
    assert "(missing)" not in by
    assert by["a"].share == pytest.approx(900 / 1900)


def test_people_of_whom_one_of_two_attributes_is_unknown_are_unknown():
    table = selection_table(
        "sex x race", selected({"f & a": (50, 20), "f & (missing)": (9, 1), "(missing) & a": (3, 3)})
    )
    assert [row.category for row in table.rows] == ["f & a"]
    assert table.unknown == 12


def test_a_scoring_rate_is_the_share_above_the_median():
    scores = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    groups = np.array(["a", "a", "a", "a", "b", "b", "b", "a"], dtype=object)
    table = scoring_table("sex", groups, scores)
    by = {row.category: row for row in table.rows}
    assert (by["a"].rate.value, by["b"].rate.value) == (pytest.approx(1 / 5), 1.0)
    assert by["a"].impact_ratio == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("groups", "below", "significant"),
    [
        ({"m": (1000, 500), "f": (1000, 300)}, True, True),
        ({"m": (20, 10), "f": (12, 4)}, True, False),
        ({"m": (10_000, 5000), "f": (10_000, 4600)}, False, True),
        ({"m": (100, 50), "f": (100, 48)}, False, False),
    ],
)
def test_the_four_fifths_rule_is_read_beside_statistical_significance(groups, below, significant):
    (found,) = adverse_impact(selected(groups))
    assert (found.group, found.reference) == ("f", "m")
    assert (found.below_four_fifths, found.significant) == (below, significant)
    assert found.reading


def test_with_few_people_fishers_exact_test_is_read():
    (found,) = adverse_impact(selected({"m": (6, 6), "f": (6, 2)}))
    assert found.score_p_value < 0.05 < found.fisher_p_value
    assert not found.significant


def test_people_of_unknown_group_are_neither_reference_nor_compared():
    found = adverse_impact(selected({"m": (100, 50), "f": (100, 48), "(missing)": (10, 10)}))
    assert [each.group for each in found] == ["f"]
    assert adverse_impact(selected({"m": (100, 50), "(missing)": (10, 10)})) == ()


def test_where_nobody_is_selected_there_is_no_ratio():
    (found,) = adverse_impact(selected({"m": (100, 0), "f": (100, 0)}))
    assert (found.ratio, found.below_four_fifths, found.significant) == (None, False, False)


def test_the_tables_of_the_census_are_those_of_its_rates(adult):
    groups, rich = adult["sex"].to_numpy(object), adult["rich"].to_numpy()
    table = selection_table("sex", count_cells(groups, rich, rich))
    by = {row.category: row for row in table.rows}
    assert by["Female"].impact_ratio == pytest.approx(0.359655, abs=1e-6)  # published
