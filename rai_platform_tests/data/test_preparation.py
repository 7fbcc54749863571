"""From a table as it was read to samples: which columns, of which file, and tables on which nothing can be learned."""

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.columns import typed_column
from rai_platform.data.preparation import like
from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, UnknownColumn, UnsuitableData
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
    ("label", "positive", "other"),
    [
        (["good", "bad"] * 3, "good", "bad"),
        ([1, 2] * 3, 1, "2"),
        ([True, False] * 3, "false", "1"),
        ([1.0, 0.0] * 3, 0, "1"),
    ],
)
def test_it_is_known_how_the_data_write_the_label_that_is_not_selected(people, label, positive, other):
    prepared = prepare(people(label=label), positive_label=positive, split={"test_size": 0.34})
    for sample in (prepared.training, prepared.test):
        assert sample.negative_label == other
        assert Sample.from_bytes(sample.to_bytes()).negative_label == other


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


def test_the_column_that_tells_the_time_is_no_feature_unless_it_is_listed(people):
    path, split = people(), {"time_column": "household", "test_size": 0.34}
    assert "household" not in prepare_features(path, split=split).features
    assert list(prepare_features(path, split=split, features=["age", "household"]).features) == ["age", "household"]


def test_a_second_column_of_a_name_that_was_kept_from_the_model_is_no_feature_by_accident(tmp_path):
    (tmp_path / "twice.csv").write_text("age,label,sex,label,sex\n" + "31,1,f,1,f\n45,0,m,0,m\n" * 4)
    for declared in ({"exclude": ["sex"]}, {"exclude": ["sex", "sex.1"]}, {"exclude": ["sex", "label.1"]}):
        with pytest.raises(
            InvalidSpec, match=r"there are two columns .(label|sex)., and the second, read as .(label|sex)\.1"
        ):
            prepare(tmp_path / "twice.csv", **declared)
    sample = prepare(tmp_path / "twice.csv", exclude=["sex", "sex.1", "label.1"]).training
    assert list(sample.features) == ["age"]
    assert list(prepare(tmp_path / "twice.csv", features=["sex.1"]).training.features) == ["sex.1"]


def test_the_numbers_of_the_rows_are_no_feature_by_accident(tmp_path):
    PEOPLE.to_csv(tmp_path / "numbered.csv")
    with pytest.raises(InvalidSpec, match="'Unnamed: 0' has no name in the file and a number of its own for every row"):
        prepare_features(tmp_path / "numbered.csv")
    assert "Unnamed: 0" not in prepare_features(tmp_path / "numbered.csv", exclude=["Unnamed: 0"]).features
    assert list(prepare_features(tmp_path / "numbered.csv", features=["Unnamed: 0"]).features) == ["Unnamed: 0"]


def test_a_column_of_names_is_a_category_and_keeps_its_zeros(tmp_path):
    (tmp_path / "codes.csv").write_text("code,zip,label\n" + "1,01067,1\n2,10115,0\n" * 4)
    sample = prepare(tmp_path / "codes.csv", categories=["code", "zip"]).training
    assert set(sample.features["code"]) == {"1", "2"}
    assert set(sample.features["zip"]) == {"01067", "10115"}
    with pytest.raises(UnknownColumn, match="did you mean 'code'") as told:
        prepare(tmp_path / "codes.csv", categories=["cod"])
    assert told.value.where == "data.categories"


def test_people_of_more_groups_than_can_be_compared_are_refused(people):
    rows = pd.concat([PEOPLE] * 100, ignore_index=True)
    rows["one"], rows["other"] = rows.index % 25, rows.index % 24
    path = people()
    rows.to_parquet(path)
    sensitive = ["one", "other"]
    assert prepare_whole(path, positive_label="good", sensitive=sensitive).n == 600
    with pytest.raises(UnsuitableData, match="intersections, one_x_other: expected up to 500 groups, got 600"):
        prepare_whole(path, positive_label="good", sensitive=sensitive, intersections=[sensitive])


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


def test_what_no_model_can_use_may_be_excluded(people):
    nested = [[1], [2], [1, 2], [3], [], [1]]
    path = people(when=pd.to_datetime(["2020-01-01"] * 6), nested=nested, empty=[None] * 6)
    assert "when" not in prepare_features(path, exclude=["when", "nested", "empty"]).features
    for column in ("when", "nested", "empty"):
        others = [name for name in ("when", "nested", "empty") if name != column]
        with pytest.raises(UnsuitableData, match=f"column '{column}'"):
            prepare_features(path, exclude=others)


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


def written(path, table):
    table.to_csv(path, index=False)
    return str(path)


def test_texts_that_look_like_numbers_are_texts_in_the_test_data_as_well(tmp_path):
    training = pd.DataFrame(
        {"code": ["01", "A2"] * 4, "known": ["True", "unknown"] * 4, "kept": [True, None] * 4, "label": [1, 0] * 4}
    )
    test = pd.DataFrame({"code": ["01", "02"], "known": ["True", "False"], "kept": [True, False], "label": [1, 0]})
    prepared = prepare(
        written(tmp_path / "training.csv", training), split={"test": written(tmp_path / "test.csv", test)}
    )
    assert prepared.test.features["code"].tolist() == ["01", "02"]
    assert prepared.test.features["known"].tolist() == ["True", "False"]
    assert prepared.test.features["kept"].tolist() == ["1", "0"]
    assert prepared.training.features["kept"].tolist()[:2] == ["1", None]


@pytest.mark.parametrize(
    ("training", "test", "says"),
    [
        (
            [0, 1],
            [2, 1],
            "column 'label' holds the label '2' here, and in the training data only '0', '1'; write them alike",
        ),
        (["no", "yes"], ["No", "yes"], "holds the label 'No' here, and in the training data only 'no', 'yes'"),
        ([0, 1], [1, 1], "expected two labels, got only '1'"),
        ([0, 1], [1, None], "1 of 2 rows have no label"),
    ],
)
def test_the_labels_of_the_test_data_are_those_of_the_training_data(tmp_path, training, test, says):
    paths = [
        written(tmp_path / f"{name}.csv", pd.DataFrame({"age": [31, 45], "label": labels}))
        for name, labels in (("training", training), ("test", test))
    ]
    with pytest.raises(UnsuitableData, match=says):
        prepare(paths[0], positive_label=training[1], split={"test": paths[1]})


def test_the_test_data_may_lack_what_nobody_needs(tmp_path, people):
    PEOPLE.drop(columns=["household", "town"]).to_parquet(tmp_path / "test.parquet")
    prepared = prepare(
        people(),
        positive_label="good",
        exclude=["household", "town"],
        weight="weight",
        split={"test": str(tmp_path / "test.parquet")},
    )
    assert prepared.training.record.tolist() == prepared.test.record.tolist()
    with pytest.raises(UnknownColumn, match="no column 'town'"):
        prepare(
            people(),
            positive_label="good",
            exclude=["household", "town"],
            sensitive=["town"],
            split={"test": str(tmp_path / "test.parquet")},
        )


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


# Names that mean something to Python, pandas or the libraries below

LOADED_NAMES = (
    "self",
    "cls",
    "other",
    "df",
    "index",
    "columns",
    "dtype",
    "T",
    "None",
    "class",
    "lambda",
    "level_0",
    "a.b",
    "{x}",
    "é",
)


@pytest.mark.parametrize("name", LOADED_NAMES)
@pytest.mark.parametrize(
    ("training", "test", "becomes"), [(["1a", "2a"], [1, 2], ["1", "2"]), ([1, 2], ["3", "4"], [3, 4])]
)
def test_a_column_may_be_called_what_it_likes(name, training, test, becomes):
    given = pd.DataFrame({name: test, "label": [0, 1]})
    found = like(given, pd.DataFrame({name: training, "label": [0, 1]}), where="test.csv")
    assert found[name].tolist() == becomes
    assert given[name].tolist() == test, "the table that was given stays as it is"


@pytest.mark.parametrize("target", ["self", "index", "None"])
def test_a_table_of_such_columns_is_prepared_and_split(tmp_path, target):
    rng = np.random.default_rng(0)
    columns = {
        name: rng.normal(size=80) if at % 2 else rng.choice(["x", "y"], 80) for at, name in enumerate(LOADED_NAMES)
    }
    people = pd.DataFrame({**columns, target: np.arange(80) % 2, "values": rng.choice(["f", "m"], 80)})
    people.to_csv(tmp_path / "t.csv", index=False)
    prepared = prepare(tmp_path / "t.csv", target=target, sensitive=["values"], exclude=["values"])
    assert set(prepared.test.features.columns) == set(LOADED_NAMES) - {target}
    assert set(prepared.test.sensitive_features["values"]) == {"f", "m"}
