"""Counting in one pass: from any kind of table, shard by shard, and what cannot be counted says so."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.errors import UnknownColumn, UnsuitableData
from rai_platform.fairness.cells import Cells, count_cells, merge
from rai_platform.fairness.scores import SCORE_BINS
from rai_platform.fairness.tabulation import MOST_GROUPS, Columns, tabulate
from rai_platform.performance.measurement import calibration_bins

COLUMNS = Columns(
    groups=("sex", "age_group"), y_score="y_score", named={"age_group": "age"}, bins={"age_group": (30, 50)}
)


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    rows = 500
    return pd.DataFrame(
        {
            "sex": rng.choice(["female", "male", None], rows, p=[0.45, 0.5, 0.05]),
            "age": rng.integers(18, 80, rows),
            "y_true": rng.integers(0, 2, rows),
            "y_pred": rng.integers(0, 2, rows).astype(bool),
            "y_score": rng.random(rows),
            "weight": rng.lognormal(size=rows),
        }
    )


def kinds_of_table(frame, folder):
    path = folder / "people.parquet"
    frame.to_parquet(path)
    arrow = pa.Table.from_pandas(frame)
    return {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "lazy": pl.from_pandas(frame).lazy(),
        "arrow": arrow,
        "parquet": str(path),
    }


def test_every_kind_of_table_gives_the_same_counts(people, tmp_path):
    expected = count_cells(
        people["sex"].fillna("(missing)").to_numpy(object),
        people["y_true"].to_numpy("int8"),
        people["y_pred"].to_numpy("int8"),
    )
    for kind, table in kinds_of_table(people, tmp_path).items():
        counted = tabulate(table, COLUMNS)
        assert counted.n == len(people), kind
        assert counted.cells("sex") == expected, kind
        crossed = counted.cells("sex", "age_group")
        assert "female & 30 to under 50" in crossed.groups, kind
        assert crossed.n == len(people), kind


def test_several_parquet_files_are_counted_together(people, tmp_path):
    for at, part in enumerate(np.array_split(np.arange(len(people)), 3)):
        people.iloc[part].to_parquet(tmp_path / f"{at}.parquet")
    assert tabulate(str(tmp_path / "*.parquet"), COLUMNS).cells("sex") == tabulate(people, COLUMNS).cells("sex")


@given(st.lists(st.integers(0, 4), min_size=40, max_size=40))
@settings(max_examples=10, deadline=None)
def test_shards_add_up_and_a_window_is_a_difference(shard_of):
    rng = np.random.default_rng(1)
    shard, groups = np.array(shard_of), rng.choice(["a", "b", "c"], 40).astype(object)
    y_true, y_pred, weight = (
        rng.integers(0, 2, 40).astype("int8"),
        rng.integers(0, 2, 40).astype("int8"),
        rng.random(40),
    )

    def counted(rows):
        return count_cells(groups[rows], y_true[rows], y_pred[rows], weight[rows])

    whole = counted(np.ones(40, dtype=bool))
    shards = [counted(shard == at) for at in range(5) if (shard == at).any()]
    together = merge(shards)
    assert (together.groups, together.counts) == (whole.groups, whole.counts)
    assert np.allclose(together.weights, whole.weights)
    left = whole - shards[0]
    assert left.n == whole.n - shards[0].n
    assert np.allclose((left + shards[0]).squares, whole.squares)


def test_more_people_than_there_are_cannot_be_taken_away():
    rows = ((1.0, 0.0, 0.0, 2.0),)
    few = Cells(groups=("a",), counts=rows, weights=rows, squares=rows)
    with pytest.raises(ValueError, match="not among them"):
        few - (few + few)


def test_a_tabulation_adds_up_over_shards_and_is_taken_apart_by_a_control_feature(people):
    halves = [tabulate(people.iloc[:200], COLUMNS), tabulate(people.iloc[200:], COLUMNS)]
    whole = tabulate(people, COLUMNS)
    both = halves[0] + halves[1]
    assert both.cells("sex") == whole.cells("sex")
    assert np.allclose(both.scores("sex").score_sums, whole.scores("sex").score_sums)
    young = people[people["age"] < 30]
    assert whole.where("age_group", "under 30").cells("sex") == tabulate(young, COLUMNS).cells("sex")


def test_scores_give_the_decisions_of_every_threshold_and_the_calibration_of_every_group(people):
    scores = tabulate(people, COLUMNS).scores("sex")
    known = people[people["sex"] == "female"]
    for threshold in (0.0, 0.25, 0.5, 1.0):
        expected = count_cells(
            known["sex"].to_numpy(object),
            known["y_true"].to_numpy("int8"),
            (known["y_score"] >= threshold).to_numpy("int8"),
        )
        assert scores.at_threshold(threshold).only(["female"]) == expected
    bins = calibration_bins(known["y_score"].to_numpy(), known["y_true"].to_numpy("int8"), None)
    for ours, exact in zip(scores.calibration("female"), bins, strict=True):
        assert ours.observed == exact.observed
        assert ours.mean_score == pytest.approx(exact.mean_score, abs=0.5 / SCORE_BINS)
    assert scores.mean_score("female", 1) == pytest.approx(known[known["y_true"] == 1]["y_score"].mean())
    with pytest.raises(UnsuitableData, match="whole hundredths"):
        scores.at_threshold(0.123)


def test_expected_counts_from_probabilities_may_be_fractional():
    # Who has the outcome is not known yet: a selected person with a chance of 0.3 counts as 0.3 true positives.
    rows = ((0.0, 0.7, 0.0, 0.3), (0.5, 0.25, 0.0, 0.25))
    expected = Cells(groups=("a", "b"), counts=rows, weights=rows, squares=rows)
    assert (expected + expected).counts[0] == (0.0, 1.4, 0.0, 0.6)
    assert expected.overall.counts == ((0.5, 0.95, 0.0, 0.55),)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("y_true", [0, 1, 2], "expected 0 and 1, got 0, 1, 2"),
        ("y_pred", ["yes", "no", "yes"], "None: missing, or no number"),
        ("y_true", [0, None, 1], "expected 0 and 1"),
        ("y_score", [0.5, float("nan"), 0.2], "expected numbers from 0 to 1, got 1 that are none"),
        ("y_score", [0.5, 1.5, None], "got 2 that are none"),
        ("weight", [1.0, -1.0, 2.0], "expected numbers of at least 0, got 1"),
        ("weight", [1.0, float("inf"), None], "got 2 that are none"),
    ],
)
def test_what_cannot_be_counted_is_said(column, values, says):
    table = pd.DataFrame(
        {"sex": ["a", "b", "a"], "y_true": [0, 1, 1], "y_pred": [0, 1, 0], "y_score": [0.1, 0.2, 0.3], "weight": 1.0}
    )
    table[column] = values
    with pytest.raises(UnsuitableData, match=says):
        tabulate(table, Columns(groups=("sex",), y_score="y_score", weight="weight"))


def test_a_column_that_is_not_there_is_named_with_the_one_that_was_meant(people):
    with pytest.raises(UnknownColumn, match="did you mean 'y_score'"):
        tabulate(people, Columns(groups=("sex",), y_score="yscore"))


def test_no_rows_and_too_many_groups_are_said():
    with pytest.raises(UnsuitableData, match="expected rows, got none"):
        tabulate(pd.DataFrame({"sex": [], "y_true": [], "y_pred": []}), Columns(groups=("sex",)))
    rows = MOST_GROUPS + 1
    many = pd.DataFrame({"id": [f"p{at}" for at in range(rows)], "y_true": 0, "y_pred": 1})
    with pytest.raises(UnsuitableData, match="501 groups are more than anybody can compare"):
        tabulate(many, Columns(groups=("id",)))


def test_numbers_and_truth_values_name_groups_as_a_person_writes_them():
    table = pd.DataFrame(
        {"flag": [True, False, True], "code": [1.0, 2.0, np.nan], "y_true": [0, 1, 1], "y_pred": [1, 1, 0]}
    )
    counted = tabulate(table, Columns(groups=("flag", "code")))
    assert counted.cells("flag").groups == ("0", "1")
    assert counted.cells("code").groups == ("1", "2", "(missing)")


def test_counting_a_table_in_memory_gives_the_same_to_the_last_bit_on_any_number_of_threads():
    script = """
import numpy as np, pandas as pd
from rai_platform.fairness.tabulation import Columns, tabulate
rng = np.random.default_rng(0)
rows = 200_000
frame = pd.DataFrame({"sex": rng.choice(["f", "m"], rows), "y_true": rng.integers(0, 2, rows), "y_pred": rng.integers(0, 2, rows)})
frame["y_score"], frame["weight"] = rng.random(rows), rng.lognormal(size=rows)
counted = tabulate(frame, Columns(groups=("sex",), y_score="y_score", weight="weight"))
print(counted.cells("sex"), counted.scores("sex").score_sums)
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "POLARS_MAX_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "3", "2")
    }
    assert len(told) == 1
