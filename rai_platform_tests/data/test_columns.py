"""What a column says: labels, types, groups and weights, and columns that say nothing."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.data.columns import MOST_GROUPS, group_of_rows, labels, must_be_comparable, typed_column, weights
from rai_platform.errors import UnsuitableData
from rai_platform.spec.data import DataSpec, SensitiveFeature

# Labels


def labelled(values, positive):
    return labels(pd.Series(values, name="y"), DataSpec(source="t.csv", target="y", positive_label=positive)).tolist()


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        (["good", "bad", "good"], "good", [1, 0, 1]),
        ([1, 2, 1], 1, [1, 0, 1]),
        ([1.0, 2.0, 1.0], 1, [1, 0, 1]),
        ([0, 1, 1], True, [0, 1, 1]),
        ([True, False, True], True, [1, 0, 1]),
        ([True, False, True], 1, [1, 0, 1]),
        (["1", "0", "1"], 1, [1, 0, 1]),
        ([0.5, 1.5, 0.5], 0.5, [1, 0, 1]),
        (pd.Categorical(["yes", "no", "yes"]), "yes", [1, 0, 1]),
        ([True, False, True], "True", [1, 0, 1]),
        ([True, False, True], "false", [0, 1, 0]),
        ([decimal.Decimal("1.0"), decimal.Decimal("0.0")], 1, [1, 0]),
        ([decimal.Decimal("1.5"), decimal.Decimal("2.5")], "2.5", [0, 1]),
    ],
)
def test_the_positive_label_is_found_however_it_is_written(values, positive, expected):
    assert labelled(values, positive) == expected


@pytest.mark.parametrize(
    ("values", "positive", "says"),
    [
        ([1, 1, 1], 1, "expected two labels, got only '1': there is nothing to tell apart"),
        (["a", "b", "c"], "a", "expected two labels, got 3: 'a', 'b', 'c'; merge them with `source: {replace:"),
        (
            ["good", "bad"],
            "Good",
            "the positive label 'Good' does not occur; did you mean 'good'?; labels: 'bad', 'good'",
        ),
        ([0, 1], 2, "the positive label '2' does not occur; labels: '0', '1'"),
        ([1, None, 0, None], 1, "2 of 4 rows have no label; leave them out of the file, or fill them in"),
        (list(range(50)), 1, "got 50: '0', '1', '10'"),
        (["good ", "bad"], "good", "does not occur; did you mean 'good '?; labels: 'bad', 'good '"),
        ([True, False], "yes", "the positive label 'yes' does not occur; labels: 'false', 'true'"),
        ([True, True], True, "expected two labels, got only '1'"),
        ([[1], [0]], 1, "holds values such as [1]"),
    ],
)
def test_labels_that_nothing_can_be_learned_from_are_refused(values, positive, says):
    with pytest.raises(UnsuitableData) as told:
        labelled(values, positive)
    assert says in str(told.value)
    assert len(str(told.value)) < 300


# Types


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (pd.Series([1, 2], dtype="int32"), "int64", [1, 2]),
        (pd.Series([1, None], dtype="Int64"), "float64", [1.0, None]),
        (pd.Series([1.5, 2.5], dtype="float32"), "float64", [1.5, 2.5]),
        (pd.Series([True, False]), "int64", [1, 0]),
        (pd.Series([True, None], dtype="boolean"), "float64", [1.0, None]),
        (pd.Series(["a", None]), object, ["a", None]),
        (pd.Series(["a", "b"], dtype="category"), object, ["a", "b"]),
        (pd.Series([2, 1], dtype="category"), object, ["2", "1"]),
        (pd.Series(["a", 1, 2.0, True], dtype=object), object, ["a", "1", "2", "1"]),
        (pd.Series([decimal.Decimal("1.50"), None], dtype=object), "float64", [1.5, None]),
        (pd.Series([2**63, 1], dtype="uint64"), "float64", [2.0**63, 1.0]),
        (pd.Series([2**63 - 1, 1], dtype="int64"), "int64", [2**63 - 1, 1]),
        (pd.Series([7, 1], dtype="uint8"), "int64", [7, 1]),
        (pd.Series(["a", "b"], dtype="string"), object, ["a", "b"]),
    ],
)
def test_a_column_becomes_numbers_or_text(values, dtype, expected):
    found = typed_column(values, where="here")
    assert found.dtype == dtype
    assert found.astype(object).where(found.notna(), None).tolist() == expected


DAY = datetime.date(2020, 2, 29)
NOON = datetime.datetime(2020, 2, 29, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([None, None], "every value is missing; put it under `data.exclude`"),
        ([1.0, np.inf], "holds infinite values; replace them or exclude the column"),
        ([-np.inf, 0.0], "holds infinite values"),
        (
            [1e151, 0.0],
            "holds numbers as large as 1e+151, and their squares would be infinite; write it in another unit",
        ),
        ([None, -1e300], "holds numbers as large as 1e+300"),
        ([b"ab", b"cd"], "holds values such as b'ab'"),
        ([pd.Timestamp("2020-02-29"), pd.NaT], "holds dates, which no model here can use as they are; turn it into"),
        ([NOON, NOON], "holds dates"),
        ([DAY, None], "holds dates"),
        ([NOON.time(), None], "holds dates"),
        ([pd.Timedelta("1d"), pd.NaT], "holds dates"),
        ([pd.Period("2020-02"), pd.Period("2020-03")], "holds dates"),
        ([[1, 2], None], "holds values such as [1, 2]; spread them over several columns, or exclude it"),
        ([{"a": 1}, {"a": 2}], "holds values such as {'a': 1}"),
    ],
)
def test_a_column_that_no_model_can_use_is_refused(values, says):
    with pytest.raises(UnsuitableData) as told:
        typed_column(pd.Series(values), where="data.features, column 'x'")
    assert says in told.value.message
    assert str(told.value).startswith("data.features, column 'x': ")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1, 2, None]), ["1", "2", None]),
        (pd.Series(["01", "1"]), ["01", "1"]),
        (pd.Series([f"{code:05}" for code in range(60)]), [f"{code:05}" for code in range(60)]),
        (pd.Series([decimal.Decimal("1.50")], dtype=object), ["1.50"]),
    ],
)
def test_a_column_of_names_stays_text_whatever_its_values_look_like(values, expected):
    found = typed_column(values, where="here", is_category=True)
    assert found.dtype == object
    assert found.tolist() == expected


# Groups


def grouped(values, bins=None):
    feature = SensitiveFeature(name="x", bins=bins)
    return group_of_rows(pd.DataFrame({"x": values}), feature).tolist()


@pytest.mark.parametrize(
    ("values", "bins", "expected"),
    [
        (["f", None, "m"], None, ["f", "(missing)", "m"]),
        ([1, 2, 1], None, ["1", "2", "1"]),
        ([1.0, np.nan, 2.5], None, ["1", "(missing)", "2.5"]),
        ([True, False], None, ["1", "0"]),
        (
            [17, 25, 39.9, 40, 71, np.nan],
            (25, 40),
            ["under 25", "25 to under 40", "25 to under 40", "40 and over", "40 and over", "(missing)"],
        ),
        ([0.1, 0.25, 0.9], (0.25,), ["under 0.25", "0.25 and over", "0.25 and over"]),
        ([True, False], (0.5,), ["0.5 and over", "under 0.5"]),
        (
            ["A91", "A92", "A95", "B1", None],
            {"female": ("A92", "A95"), "male": ("A91",)},
            ["male", "female", "female", "(other)", "(missing)"],
        ),
        ([1, 2.0, 9, np.nan], {"male": (1,), "female": (2,)}, ["male", "female", "(other)", "(missing)"]),
        ([decimal.Decimal("17.5"), decimal.Decimal(40)], (18,), ["under 18", "18 and over"]),
    ],
)
def test_every_row_belongs_to_a_group(values, bins, expected):
    assert grouped(values, bins) == expected


def test_groups_keep_their_names_apart_however_long_the_numbers_are():
    edges = (20200101.0, 20200102.0, 20200103.0)
    found = grouped([20200100, 20200101, 20200102, 20200103], edges)
    assert found == ["under 20200101", "20200101 to under 20200102", "20200102 to under 20200103", "20200103 and over"]


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6, unique=True).map(sorted).map(tuple),
    st.lists(st.floats(-1e9, 1e9) | st.none(), min_size=1, max_size=30).filter(any),
)
@settings(max_examples=40, deadline=None)
def test_there_is_one_group_for_every_interval_between_the_edges(edges, values):
    values = np.array([np.nan if value is None else value for value in values])
    found = grouped(values, edges)
    interval = [-1 if np.isnan(value) else sum(value >= edge for edge in edges) for value in values]
    assert len(set(zip(found, interval, strict=True))) == len(set(found)) == len(set(interval))


@pytest.mark.parametrize(
    ("values", "bins", "says"),
    [
        ([None, None], None, "every value is missing: nobody's group is known"),
        ([np.nan, np.nan], (25,), "every value is missing"),
        (["young", "old"], (25,), "`bins` are edges of numbers, but the column holds object values"),
        (["f", "m"], {"female": ("F",), "male": ("M",)}, "no value is in any of the `bins`; values: 'f', 'm'"),
        ([["f"], ["m"]], None, r"holds values such as \['f'\]"),
        (list(range(501)), None, "expected up to 500 groups, got 501; take values together with `bins`"),
    ],
)
def test_groups_that_cannot_be_formed_are_refused(values, bins, says):
    with pytest.raises(UnsuitableData, match=says) as told:
        grouped(values, bins)
    assert told.value.where == "sensitive_features, x"


def test_as_many_groups_as_can_be_compared_are_taken():
    assert len(set(grouped(list(range(MOST_GROUPS))))) == MOST_GROUPS
    must_be_comparable(MOST_GROUPS, where="here")
    with pytest.raises(UnsuitableData, match="here: expected up to 500 groups, got 501"):
        must_be_comparable(MOST_GROUPS + 1, where="here")


# Weights


def test_weights_are_read_as_numbers_however_they_are_stored():
    assert weights(pd.Series(["1.5", "2"], name="w")).tolist() == [1.5, 2.0]
    assert weights(pd.Series([1, 2], dtype="Int64", name="w")).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0, -2.0, -1.0], "got 0 that are no numbers, 2 negative and 0 that are 0"),
        ([1.0, 0.0, 2.0], "0 negative and 1 that are 0; leave rows that stand for nobody out of the file"),
        ([1.0, np.nan, np.inf], "got 2 that are no numbers"),
        (["1", "heavy", "2"], "got 1 that are no numbers"),
        (pd.array([1, None, 3], dtype="Int64"), "got 1 that are no numbers"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(values, says):
    with pytest.raises(UnsuitableData, match=f"expected numbers above 0, none missing; .*{says}") as told:
        weights(pd.Series(values, name="w"))
    assert told.value.where == "data.weight, column 'w'"


@pytest.mark.parametrize("values", [[1e-300, 1e-300], [1.0, 1e300], [1e-13, 1.0]])
def test_weights_that_no_computer_can_sum_are_refused(values):
    with pytest.raises(
        UnsuitableData, match=r"expected weights from 1e-12 to 1e\+12, got .* divide them all by one number"
    ):
        weights(pd.Series(values, name="w"))
