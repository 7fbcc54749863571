"""`rai init` on tables of every kind: what it writes can be read, and the table satisfies the rules written for it."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rai_platform.console.initialize import NewModel, initialize
from rai_platform.data.preparation import PreparedData, prepare_data
from rai_platform.data.screening import screen_training_data
from rai_platform.errors import BadInput, InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.spec.model import ModelSpec
from rai_platform_tests.world import World

ROWS = 60
X = np.linspace(-1, 1, ROWS)
Y = np.tile([0, 1], ROWS // 2)
AB = np.tile(["a", "b", "b"], ROWS // 3)


@dataclasses.dataclass(frozen=True)
class Started:
    """A model that was just written, and read again."""

    made: NewModel
    spec: ModelSpec
    data: PreparedData

    @property
    def sensitive(self) -> dict[str, Any]:
        return {feature.name: (feature.source_column, feature.bins) for feature in self.spec.sensitive_features}


def start(folder: Path, table: pd.DataFrame, *, name: str = "loans", target: str = "y", **given: Any) -> Started:
    """Writes a first YAML for a table, reads it, and holds the table against the rules written for it."""
    world = World(folder)
    table.to_parquet(folder / "table.parquet")
    asked: dict[str, Any] = {"positive_label": None, "sensitive": [], "estimator": "sklearn.svm.SVC", **given}
    made = initialize(name, "table.parquet", target, settings=world.settings, **asked)
    spec = world.model(name).spec
    prepared = prepare_data(spec)
    screened = screen_training_data(prepared, spec)
    assert screened.violations == ()
    return Started(made=made, spec=spec, data=prepared)


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": X, "y": Y, **columns})


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "given", "positive", "remarked"),
    [
        ([0, 1], None, 1, False),
        ([False, True], None, 1, False),
        ([0.0, 1.0], None, 1, False),
        (["0", "1"], None, 1, False),
        ([1, 2], None, 2, True),
        ([1, 2], "1", 1, False),
        (["no", "yes"], None, "yes", True),
        (["no", "yes"], "no", "no", False),
        (["01", "02"], None, "02", True),
        ([-1, 1], "-1", -1, False),
        ([1.5, 2.5], None, "2.5", True),
        (["null", "~"], None, "~", True),
        (["2020-01-01", "2021-01-01"], None, "2021-01-01", True),
        ([" a", "größer: #1"], None, "größer: #1", True),
    ],
)
def test_the_positive_label_is_found_or_taken_and_means_the_same_when_read_again(
    tmp_path: Path, labels: list[Any], given: str | None, positive: Any, remarked: bool
) -> None:
    told = np.tile(np.array(labels, dtype=object), ROWS // 2)
    started = start(tmp_path, table(y=pd.Series(told.tolist())), positive_label=given)
    assert started.spec.data.positive_label == positive
    assert started.data.training is not None
    rows = np.concatenate([sample.row_key for sample in (started.data.training, started.data.test)])
    labelled = np.concatenate([sample.y_true for sample in (started.data.training, started.data.test)])
    assert {told[row] for row in rows[labelled == 1]} == {labels[0] if given == str(labels[0]) else labels[1]}
    assert any("positive label" in remark for remark in started.made.remarks) == remarked


@pytest.mark.parametrize(
    ("labels", "given", "says"),
    [
        ([1, 1], None, "expected two labels, got only '1'"),
        (["a", "b", "c"], None, "expected two labels, got 3: 'a', 'b', 'c'"),
        (["a", "b", None], None, "20 of 60 rows have no label"),
        (["a", "b"], "c", "--positive-label: the positive label 'c' does not occur; labels: a, b"),
    ],
)
def test_a_target_without_two_labels_is_refused_before_anything_is_written(
    tmp_path: Path, labels: list[Any], given: str | None, says: str
) -> None:
    told = list(itertools.islice(itertools.cycle(labels), ROWS))
    with pytest.raises(UnsuitableData) as refused:
        start(tmp_path, table(y=told), positive_label=given)
    assert says in str(refused.value)
    assert not (tmp_path / "models").exists()


# --- sensitive features ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        "sex",
        "Sex",
        "SEX",
        "applicant_gender",
        "marital-status",
        "native.country",
        "Marital Status",
        "ageGroup",
        "RAC1P",
    ],
)
def test_a_column_that_looks_sensitive_is_guessed_and_said_to_be(tmp_path: Path, column: str) -> None:
    started = start(tmp_path, table(**{column: AB}))
    assert [feature.source_column for feature in started.spec.sensitive_features] == [column]
    assert f"guessed as sensitive: {column}; correct this in the YAML" in started.made.remarks


@pytest.mark.parametrize("column", ["wage", "stage", "bisexual_film", "racecar", "x"])
def test_a_column_that_only_sounds_like_it_is_not_guessed(tmp_path: Path, column: str) -> None:
    started = start(tmp_path, table(**{column: AB}))
    assert started.sensitive == {}
    assert "no column looks like a sensitive feature" in started.made.remarks[0]


def test_columns_that_are_named_are_taken_as_they_are(tmp_path: Path) -> None:
    started = start(tmp_path, table(sex=AB, region=AB), sensitive=["region", "region"])
    assert started.sensitive == {"region": ("region", None)}
    assert started.made.remarks == ()


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["größe"], ["grosse"]),
        (["Sex", "sex", "SEX "], ["sex", "sex_2", "sex_3"]),
        (["性別", "年齢"], ["feature", "feature_2"]),
        (["1st language", "!!"], ["feature_1st_language", "feature"]),
        (["a b", "a-b", "a_b_2", "a.b"], ["a_b", "a_b_2", "a_b_2_2", "a_b_3"]),
    ],
)
def test_odd_names_become_names_that_the_spec_allows_and_no_two_are_the_same(
    tmp_path: Path, columns: list[str], names: list[str]
) -> None:
    started = start(tmp_path, table(**dict.fromkeys(columns, AB)), sensitive=columns)
    assert list(started.sensitive) == names
    assert [column for column, _ in started.sensitive.values()] == columns


AGES = np.r_[np.full(15, 20), np.full(15, 35), np.arange(40, 70)]


@pytest.mark.parametrize(
    ("values", "bins"),
    [
        (AGES, (31.0, 38.0, 54.0)),
        (np.r_[np.zeros(45), np.arange(1, 16)], (1.0,)),
        (np.r_[np.full(45, 18), np.arange(19, 34)], (19.0,)),
        (np.r_[np.zeros(59), 0.5], None),
        (np.linspace(0, 1, ROWS), (0.25, 0.5, 0.75)),
        (np.linspace(1000, 2000, ROWS), (1250.0, 1500.0, 1750.0)),
        (np.where(np.arange(ROWS) % 4 == 0, np.nan, AGES), (35.0, 40.0, 55.0)),
        (np.arange(ROWS) % 12, None),
        (np.arange(ROWS) % 13, (3.0, 6.0, 9.0)),
    ],
)
def test_numbers_are_cut_into_groups_of_about_a_quarter_that_have_people_in_them(
    tmp_path: Path, values: Any, bins: tuple[float, ...] | None
) -> None:
    started = start(tmp_path, table(age=values))
    ((_, found),) = started.sensitive.values()
    assert found == bins
    groups = set(started.data.test.groups("age"))
    assert started.data.training is not None
    groups |= set(started.data.training.groups("age"))
    if isinstance(found, tuple):
        assert len(groups - {"(missing)"}) == len(found) + 1


@pytest.mark.parametrize(
    ("columns", "sensitive", "error", "says"),
    [
        ({}, ["y"], UnsuitableData, "it is the outcome itself"),
        ({"sex": None}, ["sex"], UnsuitableData, "every value is missing"),
        ({"sex": AB}, ["gendr"], UnknownColumn, "no column 'gendr'"),
        ({"gender": AB}, ["gendr"], UnknownColumn, "did you mean 'gender'"),
    ],
)
def test_a_sensitive_feature_that_tells_nothing_about_people_is_refused(
    tmp_path: Path, columns: dict[str, Any], sensitive: list[str], error: type[BadInput], says: str
) -> None:
    with pytest.raises(error, match=says):
        start(tmp_path, table(**columns), sensitive=sensitive)


# --- what the model does not see -------------------------------------------------------------------------------------


def test_identifiers_and_what_no_model_can_use_are_left_out_and_said_to_be(tmp_path: Path) -> None:
    started = start(
        tmp_path,
        table(
            id=range(ROWS),
            code=[f"c{at}" for at in range(ROWS)],
            signed=pd.date_range("2020", periods=ROWS).repeat(2)[:ROWS],
            empty=None,
            tags=[[1, 2]] * ROWS,
            endless=np.r_[np.inf, X[1:]],
            kind=AB,
        ),
    )
    assert started.spec.data.exclude == ("id", "code", "signed", "empty", "tags", "endless")
    assert list(started.data.test.features) == ["x", "kind"]
    told = " ".join(started.made.remarks)
    assert "every row has a value of its own: id, code" in told
    for column, why in (
        ("signed", "holds dates"),
        ("empty", "missing"),
        ("tags", "holds values"),
        ("endless", "infinite"),
    ):
        assert f"left out: {column}, " in told
        assert why in told


def test_the_rules_hold_for_every_type_that_a_table_may_have(tmp_path: Path) -> None:
    started = start(
        tmp_path,
        table(
            text=AB,
            category=pd.Categorical(AB),
            string=pd.array(AB, dtype="string"),
            truth=AB == "a",
            small=np.arange(ROWS, dtype="int8"),
            gaps=np.where(AB == "a", np.nan, X),
            maybe=pd.array([None, True, False] * (ROWS // 3), dtype="boolean"),
            half=np.where(AB == "a", None, AB),
        ),
    )
    rules = pa.DataFrameSchema.from_yaml(started.made.rules.read_text()).columns
    assert [check.statistics for check in rules["text"].checks] == [{"allowed_values": ["a", "b"]}]
    assert [check.name for check in rules["small"].checks] == ["greater_than_or_equal_to"]
    assert {name for name, column in rules.items() if column.nullable} == {"gaps", "maybe", "half"}


# --- names of models, and places of tables ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Loans", "1st", "a-b", "", "a" * 61, "../up", "ä", "a\n"])
def test_a_name_that_no_model_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSpec, match="a name is up to 60 lower-case letters"):
        start(tmp_path, table(), name=name)


def test_the_longest_name_that_a_model_can_have_is_taken(tmp_path: Path) -> None:
    assert start(tmp_path, table(), name="a" * 60).spec.name == "a" * 60


def test_no_model_is_written_over_and_no_name_is_taken_twice(tmp_path: Path) -> None:
    written = start(tmp_path, table()).made.spec.read_text()
    with pytest.raises(InvalidSpec, match=r"loans/defs\.yaml declares a model of that name already"):
        start(tmp_path, table())
    assert (tmp_path / "models" / "loans" / "defs.yaml").read_text() == written
    with pytest.raises(InvalidSpec, match=r"lending/defs\.yaml declares a model of that name already"):
        start(tmp_path, table(), name="lending")
    World(tmp_path).write("elsewhere")
    (tmp_path / "models" / "elsewhere").rename(tmp_path / "models" / "another_folder")
    with pytest.raises(InvalidSpec, match=r"another_folder/defs\.yaml declares a model of that name already"):
        start(tmp_path, table(), name="elsewhere")


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "loans"
    folder.mkdir(parents=True)
    (folder / "defs.yaml").symlink_to(tmp_path / "gone.yaml")
    with pytest.raises(InvalidSpec, match="declares a model of that name already"):
        start(tmp_path, table())
    assert not (tmp_path / "gone.yaml").exists()


@pytest.mark.parametrize("file", ["a:b.csv", "with space.csv", "größer.csv"])
def test_a_table_is_found_again_from_wherever_the_yaml_lies(tmp_path: Path, file: str) -> None:
    table().to_csv(tmp_path / file, index=False)
    world = World(tmp_path)
    initialize("loans", file, "y", positive_label=None, sensitive=[], estimator="x.Y", settings=world.settings)
    spec = world.model("loans").spec
    assert spec.data.table.path == str(tmp_path / file)
    assert prepare_data(spec).test.n == 18


def test_an_embedded_data_set_is_named_as_it_was_given(tmp_path: Path) -> None:
    world = World(tmp_path)
    initialize(
        "cancer",
        "sklearn:breast_cancer",
        "target",
        positive_label=None,
        sensitive=[],
        estimator="x.Y",
        settings=world.settings,
    )
    assert world.model("cancer").spec.data.table.path == "sklearn:breast_cancer"


# --- any table -------------------------------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
    lambda name: "{{" not in name and name not in ("x", "y")
)
columns = st.sampled_from([AB, AGES, X, AB == "a", np.where(AB == "a", None, AB), np.tile(["#", ": ", "- 'q\""], 20)])


@given(st.dictionaries(names, columns, min_size=1, max_size=4), st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_columns_are_called_what_is_written_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, named: dict[str, Any], data: st.DataObject
) -> None:
    sensitive = data.draw(st.lists(st.sampled_from(sorted(named)), unique=True))
    started = start(tmp_path_factory.mktemp("any"), table(**named), sensitive=sensitive)
    if sensitive:
        assert [column for column, _ in started.sensitive.values()] == sensitive
    assert set(started.data.test.features) == {"x", *named}
