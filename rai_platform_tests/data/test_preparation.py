"""From a table as it was read to samples: labels, types, groups and weights, and tables on which nothing can be learned."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.data.columns import group_of_rows, labels, typed_column, weights
from rai_platform.data.preparation import like
from rai_platform.errors import InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.spec.data import DataSpec, SensitiveFeature
from rai_platform_tests.data.declared import prepare, prepare_whole

PEOPLE = pd.DataFrame(
    {
        "age": [31, 45, 27, 60, 38, 52],
        "income": [2.5, np.nan, 4.0, 1.5, 3.5, 2.0],
        "town": ["Rome", "Oslo", None, "Rome", "Bern", "Oslo"],
        "member": [True, False, True, True, False, False],
        "label": ["good", "bad", "good", "good", "bad", "bad"],
        "household": [1, 1, 2, 2, 3, 3],
        "weight": [1.0, 2.0, 1.5, 0.5, 3.0, 1.0],
    }
)


@pytest.fixture
def people(tmp_path):
    """Writes the people, with some columns changed, and gives the file's path."""

    def write(name="people.parquet", **changed):
        path = tmp_path / name
        PEOPLE.assign(**changed).to_parquet(path)
        return path

    return write


def prepare_features(path, **declared):
    """The training rows, to look at what a model would see."""
    return prepare(path, positive_label="good", **{"split": {"test_size": 0.34}, **declared}).training


def test_every_column_but_target_and_weight_is_a_feature(people):
    sample = prepare_features(people(), weight="weight")
    assert list(sample.features) == ["age", "income", "town", "member", "household"]
    assert sample.weight.tolist() == PEOPLE["weight"].iloc[sample.row_key].tolist()


@pytest.mark.parametrize(
    ("declared", "features"),
    [
        ({"exclude": ["household", "weight"]}, ["age", "income", "town", "member"]),
        ({"features": ["town", "age"]}, ["town", "age"]),
        ({"features": ["town", "age", "weight"], "weight": "weight"}, ["town", "age"]),
        ({"features": ["town", "age"], "exclude": ["age"]}, ["town"]),
        (
            {"split": {"group_column": "household", "test_size": 0.34}, "exclude": ["weight"]},
            ["age", "income", "town", "member"],
        ),
    ],
)
def test_the_features_are_those_that_the_spec_leaves(people, declared, features):
    assert list(prepare_features(people(), **declared).features) == features


def test_a_sensitive_feature_may_be_kept_from_the_model(people):
    sample = prepare_features(people(), sensitive=["town"], exclude=["town"])
    assert "town" not in sample.features
    assert set(sample.sensitive_features["town"]) <= {"Rome", "Oslo", "Bern", "(missing)"}


def test_a_model_whose_predictions_come_alone_sees_nothing(people):
    sample = prepare_whole(people(), positive_label="good", sensitive=["town"])
    assert sample.features.shape == (6, 0)
    assert sample.y_true.tolist() == [1, 0, 1, 1, 0, 0]
    assert sample.row_key.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("declared", "where", "says"),
    [
        ({"target": "lable"}, "data.target", "no column 'lable' in the data; did you mean 'label'"),
        ({"weight": "wieght"}, "data.weight", "did you mean 'weight'"),
        ({"features": ["age", "twon"]}, "data.features", "no column 'twon' in the data; did you mean 'town'"),
        ({"exclude": ["Income"]}, "data.exclude", "no column 'Income' in the data; did you mean 'income'"),
        ({"sensitive": ["sex"]}, "sensitive_features", "no column 'sex' in the data; columns: age, income, town"),
        ({"sensitive": ["ages"]}, "sensitive_features", "no column 'ages' in the data; did you mean 'age'"),
        ({"split": {"time_column": "month"}}, "split.time_column", "no column 'month'"),
        ({"split": {"group_column": "houshold"}}, "split.group_column", "did you mean 'household'"),
    ],
)
def test_a_column_that_is_not_in_the_data_is_named_with_the_closest_that_is(people, declared, where, says):
    with pytest.raises(UnknownColumn, match=says) as told:
        prepare(people(), **{"positive_label": "good", **declared})
    assert told.value.where == where


def test_a_model_that_would_see_nothing_is_refused(people):
    with pytest.raises(InvalidSpec, match="no column is left for the model to see"):
        prepare(people(), positive_label="good", features=["age"], exclude=["age"])


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
    ],
)
def test_the_positive_label_is_found_however_it_is_written(values, positive, expected):
    assert labelled(values, positive) == expected


@pytest.mark.parametrize(
    ("values", "positive", "says"),
    [
        ([1, 1, 1], 1, "expected two labels, got only '1': there is nothing to tell apart"),
        (["a", "b", "c"], "a", "expected two labels, got 3: 'a', 'b', 'c'; merge them with `source: {replace:"),
        (["good", "bad"], "Good", "the positive label 'Good' does not occur; did you mean 'good'?; labels: 'bad', 'good'"),
        ([0, 1], 2, "the positive label '2' does not occur; labels: '0', '1'"),
        ([1, None, 0, None], 1, "2 of 4 rows have no label; leave them out of the file, or fill them in"),
        (list(range(50)), 1, "got 50: '0', '1', '10'"),
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


def test_what_no_model_can_use_may_be_excluded(people):
    nested = [[1], [2], [1, 2], [3], [], [1]]
    path = people(when=pd.to_datetime(["2020-01-01"] * 6), nested=nested, empty=[None] * 6)
    assert "when" not in prepare_features(path, exclude=["when", "nested", "empty"]).features
    for column in ("when", "nested", "empty"):
        others = [name for name in ("when", "nested", "empty") if name != column]
        with pytest.raises(UnsuitableData, match=f"column '{column}'"):
            prepare_features(path, exclude=others)


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
    ],
)
def test_groups_that_cannot_be_formed_are_refused(values, bins, says):
    with pytest.raises(UnsuitableData, match=says) as told:
        grouped(values, bins)
    assert told.value.where == "sensitive_features, x"


def test_a_sensitive_feature_is_read_from_another_column(people):
    sample = prepare_whole(
        people(), positive_label="good", sensitive=[{"name": "age_group", "column": "age", "bins": [40]}]
    )
    assert sample.sensitive_features["age_group"].tolist() == [
        "under 40",
        "40 and over",
        "under 40",
        "40 and over",
        "under 40",
        "40 and over",
    ]


def test_an_intersection_joins_the_groups_of_a_row(people):
    sample = prepare_whole(people(), positive_label="good", sensitive=["town", "member"])
    assert sample.groups("town_x_member").tolist() == [
        "Rome & 1",
        "Oslo & 0",
        "(missing) & 1",
        "Rome & 1",
        "Bern & 0",
        "Oslo & 0",
    ]
    assert sample.groups("town").tolist()[:3] == ["Rome", "Oslo", "(missing)"]


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


# Test data in a file of their own


@pytest.mark.parametrize(
    ("training", "test", "dtype", "expected"),
    [
        (["12", "x"], [12, 13], object, ["12", "13"]),
        (["12", "x"], [12.0, np.nan], object, ["12", None]),
        ([True, None], [True, False], object, ["1", "0"]),
        ([1, 2], ["3", None], "float64", [3.0, None]),
        ([1, 2], [3.0, np.nan], "float64", [3.0, None]),
        ([True, False], [True, None], "float64", [1.0, None]),
        (pd.Categorical(["1", "2"]), [1, 2], object, ["1", "2"]),
    ],
)
def test_test_data_are_read_in_the_types_of_the_training_data(training, test, dtype, expected):
    found = like(pd.DataFrame({"x": test}), pd.DataFrame({"x": training}), where="test.csv")
    learned = typed_column(pd.Series(training), where="here")
    typed = typed_column(found["x"], where="here")
    assert typed.dtype == dtype
    assert (typed.dtype == object) == (learned.dtype == object)
    assert typed.astype(object).where(typed.notna(), None).tolist() == expected


def test_text_among_the_numbers_of_the_test_data_is_refused():
    with pytest.raises(UnsuitableData, match="column 'x' holds numbers in the training data, got 'three' here"):
        like(pd.DataFrame({"x": ["3", "three"]}), pd.DataFrame({"x": [1, 2]}), where="test.csv")


def test_a_column_that_the_test_data_lack_is_named(tmp_path, people):
    PEOPLE.drop(columns="income").to_parquet(tmp_path / "test.parquet")
    with pytest.raises(UnknownColumn, match="no column 'income' in the data") as told:
        prepare(people(), positive_label="good", split={"test": str(tmp_path / "test.parquet")})
    assert told.value.where.endswith("test.parquet")


def test_test_data_in_a_file_of_their_own_are_judged_on_whole(tmp_path, people):
    PEOPLE.iloc[[5, 0, 1]][[*reversed(PEOPLE.columns)]].to_parquet(tmp_path / "test.parquet")
    prepared = prepare(people(), positive_label="good", split={"test": str(tmp_path / "test.parquet")})
    assert prepared.training.n == 6
    assert prepared.test.y_true.tolist() == [0, 1, 0]
    assert list(prepared.test.features) == list(prepared.training.features)
    assert prepared.test_table["age"].tolist() == [52, 31, 45]
    assert prepared.training.source == "people.parquet"
    assert prepared.test.source == "test.parquet"


def test_training_rows_with_one_label_are_refused(people):
    path = people(label=["bad", "bad", "bad", "bad", "good", "good"], day=[1, 2, 3, 4, 5, 6])
    with pytest.raises(UnsuitableData, match="the training rows hold only one of the two labels; split differently"):
        prepare(path, positive_label="good", split={"time_column": "day", "test_size": 0.3})


def test_equal_sources_and_specs_give_equal_samples(people):
    path = people()
    one, other = (prepare(path, positive_label="good", sensitive=["town"], weight="weight") for _ in range(2))
    assert one.training.digest == other.training.digest
    assert one.test.digest == other.test.digest
    assert one.training.digest != one.test.digest
