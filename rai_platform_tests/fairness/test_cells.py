"""The table of counts: group x label x decision."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rai_platform.errors import EvidenceMismatch
from rai_platform.fairness.cells import FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE, TRUE_POSITIVE, Cells, count_cells
from rai_platform.fairness.measurement import measure_fairness
from rai_platform.fairness.report import FairnessReport
from rai_platform_tests.fairness.people import a_sample, predictions_for

ROWS = [  # group, label, decision
    ("b", 0, 0),
    ("b", 0, 1),
    ("a", 1, 0),
    ("a", 1, 0),
    ("b", 1, 1),
    ("(missing)", 1, 1),
]


def columns(rows):
    groups, y_true, y_pred = zip(*rows, strict=True)
    return np.array(groups, dtype=object), np.array(y_true, dtype="int8"), np.array(y_pred, dtype="int8")


def test_every_row_lies_in_the_cell_of_its_group_label_and_decision():
    cells = count_cells(*columns(ROWS))
    assert cells.groups == ("a", "b", "(missing)")
    assert cells.counts == ((0, 0, 2, 0), (1, 1, 0, 1), (0, 0, 0, 1))
    assert cells.sizes == (2, 3, 1)
    assert cells.n == 6


@pytest.mark.parametrize(
    ("label", "decision", "cell"),
    [(0, 0, TRUE_NEGATIVE), (0, 1, FALSE_POSITIVE), (1, 0, FALSE_NEGATIVE), (1, 1, TRUE_POSITIVE)],
)
def test_the_cells_are_named_for_what_was_right_or_wrong_about_the_decision(label, decision, cell):
    counts = count_cells(*columns([("a", label, decision)])).counts[0]
    assert [at for at, count in enumerate(counts) if count] == [cell]


def test_everybody_in_one_cell_is_counted_there():
    cells = count_cells(*columns([("a", 1, 1)] * 50))
    assert cells.counts == ((0, 0, 0, 50),)
    assert cells.overall.counts == cells.counts


def test_only_keeps_the_groups_asked_for_in_their_own_order():
    cells = count_cells(*columns(ROWS))
    some = cells.only(["(missing)", "a", "nobody"])
    assert some.groups == ("a", "(missing)")
    assert some.counts == (cells.counts[0], cells.counts[2])
    assert cells.only([]).n == 0


def test_overall_is_everybody_as_one_group():
    weight = np.array([0.5, 1.0, 2.0, 1.0, 1.0, 3.0])
    cells = count_cells(*columns(ROWS), weight)
    assert cells.overall == Cells(
        groups=("(all)",), counts=((1, 1, 2, 2),), weights=((0.5, 1.0, 3.0, 4.0),), squares=((0.25, 1.0, 5.0, 10.0),)
    )


def test_without_weights_a_row_weighs_one():
    cells = count_cells(*columns(ROWS))
    assert cells.weights == cells.squares == cells.counts
    assert count_cells(*columns(ROWS), np.ones(len(ROWS))) == cells


@pytest.mark.parametrize(
    ("groups", "order"),
    [
        (
            ["60 and over", "under 25", "25 to under 40", "40 to under 60"],
            ["under 25", "25 to under 40", "40 to under 60", "60 and over"],
        ),
        (["(missing)", "10", "9", "-2"], ["-2", "9", "10", "(missing)"]),
        (["(missing)", "(other)", "z", "a"], ["a", "z", "(other)", "(missing)"]),
        (
            ["male & 9", "female & (missing)", "female & 10", "male & 10", "female & 9"],
            ["female & 9", "female & 10", "female & (missing)", "male & 9", "male & 10"],
        ),
        (["1.2.3", "...", "under the sea", "2"], ["1.2.3", "2", "...", "under the sea"]),
        (["1.5 to under 2e+30", "2e+30 and over", "under 1.5"], ["under 1.5", "1.5 to under 2e+30", "2e+30 and over"]),
    ],
)
def test_groups_come_in_the_order_in_which_a_person_lists_them(groups, order):
    cells = count_cells(*columns([(group, 0, 0) for group in groups]))
    assert list(cells.groups) == order


@st.composite
def labelled_rows(draw):
    rows = draw(
        st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=80)
    )
    weight = draw(st.lists(st.floats(0, 100), min_size=len(rows), max_size=len(rows)))
    return rows, np.array(weight)


@given(labelled_rows())
@settings(max_examples=40, deadline=None)
def test_the_table_is_what_grouping_and_summing_gives(labelled):
    rows, weight = labelled
    cells = count_cells(*columns(rows), weight)
    frame = pd.DataFrame(rows, columns=["group", "label", "decision"]).assign(one=1, weight=weight, square=weight**2)
    sums = frame.groupby(["group", "label", "decision"])[["one", "weight", "square"]].sum()
    for at, group in enumerate(cells.groups):
        for cell in range(4):
            one, total, square = (
                sums.loc[(group, *divmod(cell, 2))] if (group, *divmod(cell, 2)) in sums.index else (0, 0, 0)
            )
            assert cells.counts[at][cell] == one
            assert cells.weights[at][cell] == pytest.approx(total)
            assert cells.squares[at][cell] == pytest.approx(square)
    assert cells.n == len(rows)
    assert cells.overall.sizes == (len(rows),)


@given(labelled_rows(), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_rows_does_not_matter(labelled, random):
    rows, _ = labelled
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert count_cells(*columns(rows)) == count_cells(*columns(shuffled))


def test_a_report_counts_every_feature_and_every_intersection():
    sample = a_sample([1, 0, 0, 1], sex=["f", "m", "f", "m"], race=["x", "x", "y", "(missing)"])
    report = measure_fairness(
        predictions_for(sample, y_pred=[1, 0, 1, 0]),
        sample,
        features=("sex", "race", "sex_x_race"),
        seed=0,
        code_version="7",
    )
    assert report.cells["sex"].counts == ((0, 1, 0, 1), (1, 0, 1, 0))
    assert report.cells["race"].groups == ("x", "y", "(missing)")
    assert report.cells["sex_x_race"].groups == ("f & x", "f & y", "m & x", "m & (missing)")
    assert report.cells["sex_x_race"].counts == ((0, 0, 0, 1), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0))
    assert (report.n, report.weighted, report.code_version) == (4, False, "7")
    assert report.subject.data_digest == sample.digest


def test_a_report_counts_sampling_weights():
    sample = a_sample([1, 0], sex=["f", "m"], weight=np.array([2.0, 0.5]))
    report = measure_fairness(
        predictions_for(sample, y_pred=[1, 1]), sample, features=("sex",), seed=0, code_version="7"
    )
    assert report.weighted
    assert report.cells["sex"].weights == ((0, 0, 0, 2.0), (0, 0.5, 0, 0))
    assert report.cells["sex"].squares == ((0, 0, 0, 4.0), (0, 0.25, 0, 0))


def test_a_report_comes_back_from_json_as_it_was():
    sample = a_sample([1, 0], sex=["f", "m"], weight=np.array([2.0, 0.5]))
    report = measure_fairness(
        predictions_for(sample, y_pred=[1, 1]), sample, features=("sex",), seed=0, code_version="7"
    )
    adapter = TypeAdapter(FairnessReport)
    assert adapter.validate_json(adapter.dump_json(report)) == report


def test_predictions_about_other_data_are_refused():
    sample = a_sample([1, 0], sex=["f", "m"])
    other = a_sample([1, 1], sex=["f", "m"])
    with pytest.raises(EvidenceMismatch, match=f"data {other.digest[:12]}.*are now {sample.digest[:12]}.*again"):
        measure_fairness(
            predictions_for(sample, y_pred=[1, 0], about=other), sample, features=("sex",), seed=0, code_version="7"
        )


def test_predictions_are_refused_when_a_single_persons_group_has_changed():
    sample = a_sample([1, 0, 1], sex=["f", "m", "m"])
    changed = dataclasses.replace(sample, sensitive_features=pd.DataFrame({"sex": ["f", "m", "f"]}, dtype=object))
    with pytest.raises(EvidenceMismatch):
        measure_fairness(
            predictions_for(sample, y_pred=[1, 0, 1]), changed, features=("sex",), seed=0, code_version="7"
        )
