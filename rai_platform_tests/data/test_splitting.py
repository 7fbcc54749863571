"""What is kept back for judging: nothing that was learned from, and all of the rest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rai_platform.data.splitting import split_rows
from rai_platform.errors import UnsuitableData
from rai_platform.spec.data import Split


def must_be_a_split(training, test, rows):
    """Disjoint, complete, and in the table's order."""
    assert sorted([*training, *test]) == list(range(rows))
    assert list(training) == sorted(training)
    assert list(test) == sorted(test)
    assert min(len(training), len(test)) >= 2


def any_labels(rows):
    return (np.arange(rows) % 2).astype("int8")


@given(st.integers(8, 200), st.floats(0.1, 0.9), st.integers(0, 1000), st.floats(0.1, 0.9))
@settings(max_examples=50, deadline=None)
def test_chance_keeps_back_a_share_of_each_label(rows, test_size, seed, positive_rate):
    y_true = (np.random.default_rng(seed).random(rows) < positive_rate).astype("int8")
    assume(2 <= y_true.sum() <= rows - 2)
    split = Split(test_size=test_size, seed=seed)
    table = pd.DataFrame(index=range(rows))
    assume(2 < test_size * rows < rows - 2)
    training, test = split_rows(split, table, y_true)
    must_be_a_split(training, test, rows)
    assert abs(len(test) - test_size * rows) <= 1
    assert abs(y_true[test].sum() - test_size * y_true.sum()) <= 2
    again = split_rows(split, table, y_true)
    assert (training.tolist(), test.tolist()) == (again[0].tolist(), again[1].tolist())


def test_another_seed_keeps_back_other_rows():
    table = pd.DataFrame(index=range(50))
    one, other = (split_rows(Split(seed=seed), table, any_labels(50))[1].tolist() for seed in (0, 1))
    assert one != other


def test_a_label_that_occurs_once_does_not_stop_the_split():
    y_true = np.array([1] + [0] * 19, dtype="int8")
    must_be_a_split(*split_rows(Split(), pd.DataFrame(index=range(20)), y_true), 20)


@given(st.lists(st.integers(0, 12), min_size=6, max_size=80), st.floats(0.15, 0.8), st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_a_group_is_never_on_both_sides(household, test_size, seed):
    assume(len(set(household)) >= 2 and 1 <= test_size * len(set(household)) <= len(set(household)) - 1)
    table = pd.DataFrame({"household": [f"h{number}" for number in household]})
    split = Split(group_column="household", test_size=test_size, seed=seed)
    try:
        training, test = split_rows(split, table, any_labels(len(table)))
    except UnsuitableData:  # one of the two sides is a single row
        reject()
    must_be_a_split(training, test, len(table))
    sides = [set(table["household"].iloc[rows]) for rows in (training, test)]
    assert not sides[0] & sides[1]
    assert abs(len(sides[1]) - test_size * len(set(household))) <= 1
    again = split_rows(split, table, any_labels(len(table)))
    assert test.tolist() == again[1].tolist()


def moments(kind, days):
    dates = pd.Timestamp("2019-12-25") + pd.to_timedelta(days, unit="D")
    return {
        "numbers": pd.Series(days),
        "fractions": pd.Series(days) / 7,
        "dates": pd.Series(dates),
        "dates with a zone": pd.Series(dates).dt.tz_localize("Europe/Berlin"),
        "texts": pd.Series(dates).dt.strftime("%Y-%m-%d"),
        "American texts": pd.Series(dates).dt.strftime("%m/%d/%Y"),
        "times": pd.Series(dates).dt.strftime("%Y-%m-%dT%H:%M:%S"),
    }[kind]


KINDS = ["numbers", "fractions", "dates", "dates with a zone", "texts", "American texts", "times"]


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.integers(0, 400), min_size=8, max_size=60), st.floats(0.1, 0.9))
@settings(max_examples=15, deadline=None)
def test_no_test_row_is_earlier_than_a_training_row(kind, days, test_size):
    table = pd.DataFrame({"day": moments(kind, days)})
    split = Split(time_column="day", test_size=test_size)
    try:
        training, test = split_rows(split, table, any_labels(len(days)))
    except UnsuitableData:  # too many rows of one moment
        reject()
    must_be_a_split(training, test, len(days))
    days = np.array(days)
    assert days[training].max() < days[test].min()
    assert len(test) >= np.floor(test_size * len(days))


def test_the_latest_share_is_kept_back():
    table = pd.DataFrame({"year": [2015, 2018, 2016, 2017, 2019, 2014, 2012, 2013, 2011, 2010]})
    _, test = split_rows(Split(time_column="year", test_size=0.3), table, any_labels(10))
    assert table["year"].iloc[test].tolist() == [2018, 2017, 2019]


def test_rows_of_one_moment_stay_together_on_the_later_side():
    table = pd.DataFrame({"year": [1, 2, 3, 3, 3, 3, 4, 5]})
    _, test = split_rows(Split(time_column="year", test_size=0.4), table, any_labels(8))
    assert test.tolist() == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("split", "column", "says"),
    [
        ({"test_size": 0.1}, {"x": [1, 2, 3, 4]}, "too few rows to split"),
        ({}, {"x": [1, 2]}, "2 rows leave 1 to learn from and 1 to be judged on"),
        ({"group_column": "x"}, {"x": ["a", "a", "a"]}, "expected several groups in 'x', got one"),
        ({"group_column": "x"}, {"x": ["a", None, "b"]}, "1 rows have no 'x', so nobody knows on which side"),
        ({"group_column": "x", "test_size": 0.9}, {"x": ["a", "b", "b"]}, "too few groups to split"),
        ({"group_column": "x"}, {"x": ["a", "b", "b"]}, "3 rows leave . to learn from and . to be judged on"),
        ({"time_column": "x"}, {"x": [1.0, np.nan, 3.0]}, "1 rows have no 'x'"),
        (
            {"time_column": "x"},
            {"x": ["soon", "later", "now"]},
            "expected numbers or dates such as 2020-12-31, got 'soon'",
        ),
        ({"time_column": "x"}, {"x": ["Jan 2020", "Feb 2020", "2020-03-01 or so"]}, "got '2020-03-01 or so'"),
        (
            {"time_column": "x"},
            {"x": ["2020-01-01", "2020-01-02", "31/12/2020"]},
            "'2020-01-01' is written otherwise than '31/12/2020'; write them alike",
        ),
        (
            {"time_column": "x"},
            {"x": ["01/02/2020", "03/04/2020", "05/06/2020"]},
            "'01/02/2020' may be read with the day or the month first; write 2020-12-31 for",
        ),
        (
            {"time_column": "x"},
            {"x": ["13/01/2020", "01/13/2020", "01/01/2020"]},
            "may be read with the day or the month",
        ),
        (
            {"time_column": "x"},
            {"x": ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00", "2020-01-03T00:00:00+0100"]},
            "'2020-01-01T00:00:00Z' names its time zone and '2020-01-02T00:00:00' does not; write them alike",
        ),
        ({"time_column": "x"}, {"x": [7, 7, 7]}, "3 rows leave 0 to learn from and 3 to be judged on"),
    ],
)
def test_a_table_that_cannot_be_split_is_refused(split, column, says):
    table = pd.DataFrame(column)
    with pytest.raises(UnsuitableData, match=says) as told:
        split_rows(Split(**split), table, any_labels(len(table)))
    assert told.value.where.startswith("split")


@pytest.mark.parametrize(
    ("times", "latest"),
    [
        (["13.01.2020", "12.02.2020", "11.03.2020", "10.04.2020"], [2, 3]),
        (["04/10/2020", "03/11/2020", "02/12/2020", "01/13/2020"], [0, 1]),
        (["31-12-20", "1-1-21", "2-1-21 10:00", "2-1-21 11:00"], [2, 3]),
        (["2020-01-01", "2020-01-01 12:00", "2020-01-02", "2019-12-31T23:59:59.5"], [1, 2]),
        (
            ["2020-01-01T00:30:00+01:00", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00-05:00", "2019-12-31T12:00:00Z"],
            [1, 2],
        ),
        (["Jan 2020", "Feb 2020", "Mar 2020", "Dec 2019"], [1, 2]),
        (["2020Q1", "2020Q2", "2020Q3", "2019Q4"], [1, 2]),
    ],
)
def test_the_latest_are_kept_back_however_their_times_are_written(times, latest):
    _, test = split_rows(Split(time_column="x", test_size=0.5), pd.DataFrame({"x": times}), any_labels(4))
    assert test.tolist() == latest


def test_there_is_one_way_to_split():
    with pytest.raises(ValidationError, match="choose one way to split, got time_column and group_column"):
        Split(time_column="day", group_column="household")
