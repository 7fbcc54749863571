"""The screen of data: schema, missing values, the same person twice, and how every group is represented."""

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from rai_platform.data.generators import lending
from rai_platform.data.preparation import record_hashes, telling_columns
from rai_platform.data.repeats import not_by_chance
from rai_platform.data.report import DataReport
from rai_platform.data.schema import check_schema, infer_schema, read_schema
from rai_platform.data.screening import screen_test_data, screen_training_data
from rai_platform.errors import InvalidSpec
from rai_platform.spec.model import ModelSpec
from rai_platform_tests.data.declared import declare, prepare

RULES = """
schema_type: dataframe
columns:
  age:
    dtype: int64
    nullable: false
    checks:
      in_range: {min_value: 18, max_value: 99}
  town:
    dtype: object
    nullable: true
    checks:
      isin: [Rome, Oslo, Bern]
checks: null
index: null
coerce: false
"""


def table(rows=60, **changed):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(20, 60, rows),
            "income": rng.normal(3, 1, rows).round(6),
            "town": rng.choice(["Rome", "Oslo", "Bern"], rows),
            "sex": np.where(np.arange(rows) % 3 == 0, "f", "m"),
            "label": np.arange(rows) % 2,
        }
    ).assign(**changed)


@pytest.fixture
def screened(tmp_path):
    """Screens a training table and a test table, each from a file of its own."""

    def screen(training, test, **declared):
        training.to_parquet(tmp_path / "training.parquet")
        test.to_parquet(tmp_path / "test.parquet")
        split = {"test": str(tmp_path / "test.parquet")}
        spec = declare(tmp_path / "training.parquet", sensitive=["sex"], split=split, **declared)
        prepared = prepare(tmp_path / "training.parquet", sensitive=["sex"], split=split, **declared)
        return screen_training_data(prepared, spec), screen_test_data(prepared, spec)

    return screen


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


# The schema of the training data, on further rows


def violations(training, further):
    broken, found = check_schema(further, infer_schema(training))
    return broken.tolist(), [(each.column, each.rows, each.example) for each in found]


LEARNED = pd.DataFrame({"age": [20, 40, 60], "town": ["Rome", "Oslo", "Rome"], "income": [1.0, None, 3.0]})


def test_the_rows_a_schema_was_inferred_from_satisfy_it():
    assert violations(LEARNED, LEARNED) == ([False] * 3, [])
    assert violations(LEARNED, LEARNED.iloc[[2, 0]]) == ([False] * 2, [])


@pytest.mark.parametrize(
    ("changed", "broken", "found"),
    [
        ({"town": ["Rome", "Paris", "Oslo"]}, [False, True, False], [("town", 1, "Paris")]),
        ({"age": [16, 64, 40]}, [False, False, False], []),
        ({"age": [15, 64, 65]}, [True, False, True], [("age", 2, "15")]),
        ({"town": ["Rome", None, None]}, [False, True, True], [("town", 2, "None")]),
        ({"age": [20.0, None, 60.0]}, [False, True, False], [("age", 1, "nan")]),
        ({"income": [None, None, 2.0]}, [False, False, False], []),
        (
            {"age": [99, 40, 40], "town": ["Paris", "Paris", "Oslo"]},
            [True, True, False],
            [("town", 2, "Paris"), ("age", 1, "99")],
        ),
    ],
)
def test_rows_unlike_those_learned_from_are_found_and_counted(changed, broken, found):
    assert violations(LEARNED, LEARNED.assign(**changed)) == (broken, found)


def test_a_column_of_another_type_breaks_every_row():
    broken, found = violations(LEARNED, LEARNED.assign(age=["a", "b", "c"]))
    assert broken == [True, True, True]
    assert ("age", 3) in [(column, rows) for column, rows, _ in found]


def test_a_whole_number_that_is_missing_somewhere_is_still_a_number():
    learned = pd.DataFrame({"age": [20, 40, 60]})
    assert violations(learned, pd.DataFrame({"age": [20.0, 40.5, 60.0]})) == ([False] * 3, [])


def test_a_column_that_is_gone_breaks_every_row():
    broken, found = violations(LEARNED, LEARNED[["age", "income"]])
    assert broken == [True, True, True]
    assert "town" in found[0][2]


# Declared rules


def test_declared_rules_are_read_from_a_pandera_yaml(screened, rules):
    training, test = screened(table(), table(age=[17, 100] + [30] * 58), rules=rules)
    assert training.violations == ()
    assert training.measured["schema_violation_rate"].value == 0.0
    by_rule = {(each.column, each.rule): each for each in test.violations}
    declared = by_rule["age", "in_range(18, 99)"]
    assert (declared.rows, declared.example) == (2, "17")
    assert test.measured["schema_violation_rate"].value == pytest.approx(2 / 60)


def test_declared_rules_hold_for_columns_that_the_model_does_not_see(screened, rules):
    training, _ = screened(table(town="Paris"), table(), rules=rules, exclude=["town"])
    assert [(each.column, each.rows, each.example) for each in training.violations] == [("town", 60, "Paris")]
    assert training.measured["schema_violation_rate"].value == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no such file"),
        ("- a list\n", "not a pandera schema"),
        ("columns: {age: {dtype: no_such_type}}\n", "not a pandera schema"),
        ("columns: [\n", "not a pandera schema"),
    ],
)
def test_rules_that_cannot_be_read_are_refused(tmp_path, text, says):
    path = tmp_path / "rules.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidSpec, match=says) as told:
        read_schema(str(path))
    assert told.value.where == f"data.rules, {path}"


# The same person twice


def with_ids(frame, first):
    return frame.assign(id=np.arange(first, first + len(frame)))


def test_rows_that_occur_more_than_once_are_counted(screened):
    people = table()
    training, _ = screened(pd.concat([people, people.iloc[:6], people.iloc[:6]], ignore_index=True), table())
    assert training.measured["duplicate_rate"].value == pytest.approx(12 / 72)
    assert training.measured["duplicate_rate"].n == 72


def test_the_same_person_is_found_under_another_id(screened):
    people = table()
    doubled = with_ids(pd.concat([people, people.iloc[:6]], ignore_index=True), 1000)
    training, test = screened(doubled, with_ids(table().iloc[50:], 1), exclude=["id"])
    assert training.measured["duplicate_rate"].value == pytest.approx(6 / 66)
    assert test.measured["leakage_rate"].value == 1.0


def test_test_rows_that_were_learned_from_are_found(screened):
    rng = np.random.default_rng(1)
    fresh = table(40, income=rng.normal(3, 1, 40).round(6))
    _, test = screened(table(), pd.concat([fresh, table().iloc[:10]], ignore_index=True))
    assert test.measured["leakage_rate"].value == pytest.approx(10 / 50)


def test_a_repeated_row_in_training_does_not_hide_what_leaked_with_its_id(screened):
    training = with_ids(table(), 1)
    training = pd.concat([training, training.iloc[:1]], ignore_index=True)  # its ids are no longer unique
    _, test = screened(training, with_ids(table(), 1).iloc[20:40])
    assert test.measured["leakage_rate"].value == 1.0


def test_a_number_that_happens_to_be_unique_in_a_small_test_file_still_tells_people_apart(screened):
    training = table(label=1 - np.arange(60) % 2, income=1.0, town="Rome", age=np.arange(60) % 30 + 20)
    strangers = pd.DataFrame(
        {"age": [61, 62, 63, 64], "income": 1.0, "town": "Rome", "sex": "m", "label": [0, 1, 0, 1]}
    )
    _, test = screened(training, strangers)
    assert test.measured["leakage_rate"].value == 0.0


def test_a_split_by_chance_finds_leakage_too(tmp_path):
    people = table(200)
    pd.concat([people, people], ignore_index=True).to_parquet(tmp_path / "t.parquet")
    spec, prepared = (step(tmp_path / "t.parquet", sensitive=["sex"]) for step in (declare, prepare))
    assert screen_test_data(prepared, spec).measured["leakage_rate"].value > 0.5


def test_rows_are_compared_by_value_not_by_type():
    one = pd.DataFrame({"a": [1, 2, 2], "b": ["x", None, None], "c": [True, False, False], "d": [[1], [2], [3]]})
    other = pd.DataFrame({"a": [1.0, 2.0, 2.0], "b": pd.Categorical(["x", None, None]), "c": [1, 0, 0], "d": [0, 0, 0]})
    telling = telling_columns(one, other)
    assert telling == ("a", "b", "c")
    hashes = record_hashes(one, telling)
    assert hashes.tolist() == record_hashes(other, telling).tolist()
    assert hashes[1] == hashes[2] != hashes[0]


# The report


def test_the_report_says_what_was_found(screened):
    training = table(income=[np.nan] * 15 + [2.0] * 45, town=["Rome"] * 40 + ["Oslo"] * 20)
    report, test = screened(training, table(30, town=["Rome"] * 29 + ["Paris"]))
    assert (report.role, report.n, report.label_rate) == ("training", 60, 0.5)
    assert (test.role, test.n) == ("test", 30)
    assert report.measured["missing_rate"].value == 0.25
    assert set(report.measured) == {"schema_violation_rate", "missing_rate", "duplicate_rate", "label_conflict_rate"}
    assert set(test.measured) == {"schema_violation_rate", "duplicate_rate", "leakage_rate"}
    columns = {column.name: column for column in report.columns}
    assert columns["town"].values == "Rome 67%, Oslo 33%"
    assert (columns["town"].kind, columns["town"].missing_rate) == ("category", 0.0)
    assert columns["income"].values == "2 to 2, median 2"
    assert (columns["income"].kind, columns["income"].missing_rate) == ("number", 0.25)
    low, middle, high = training["age"].min(), training["age"].median(), training["age"].max()
    assert columns["age"].values == f"{low:g} to {high:g}, median {middle:g}"
    assert [each.example for each in test.violations if each.column == "town"] == ["Paris"]


def test_the_report_is_about_exactly_the_sample(tmp_path):
    table().to_parquet(tmp_path / "t.parquet")
    spec, prepared = (step(tmp_path / "t.parquet", sensitive=["sex"]) for step in (declare, prepare))
    assert screen_training_data(prepared, spec).data_digest == prepared.training.digest
    assert screen_test_data(prepared, spec).data_digest == prepared.test.digest


def test_every_group_shows_its_share_and_its_label_rate(screened):
    sex = ["f"] * 20 + ["m"] * 30 + [None] * 10
    label = [1] * 5 + [0] * 15 + [1] * 24 + [0] * 6 + [0, 1] * 5
    report, _ = screened(table(sex=sex, label=label), table())
    groups = {group.group: group for group in report.groups["sex"]}
    assert list(groups) == ["f", "m", "(missing)"]
    assert {name: group.n for name, group in groups.items()} == {"f": 20, "m": 30, "(missing)": 10}
    assert groups["f"].share == pytest.approx(1 / 3)
    assert [group.label_rate for group in groups.values()] == pytest.approx([0.25, 0.8, 0.5])


def test_intersections_are_groups_like_any_other(tmp_path):
    table().to_parquet(tmp_path / "t.parquet")
    plain = declare(tmp_path / "t.parquet", sensitive=["sex", "town"])
    spec = ModelSpec.model_validate({**plain.model_dump(), "intersections": [["sex", "town"]]})
    prepared = prepare(tmp_path / "t.parquet", sensitive=["sex", "town"])
    report = screen_training_data(prepared, spec)
    assert set(report.groups) == {"sex", "town", "sex_x_town"}
    assert [group.group for group in report.groups["sex_x_town"]] == [
        *("f & Bern", "f & Oslo", "f & Rome"),
        *("m & Bern", "m & Oslo", "m & Rome"),
    ]
    assert sum(group.n for group in report.groups["sex_x_town"]) == report.n


def test_label_rates_are_weighted_and_rest_on_the_effective_size(screened):
    weight = np.tile([1.0, 3.0], 30)
    report, _ = screened(table(weight=weight), table(weight=weight), weight="weight")
    assert report.label_rate == pytest.approx(0.75)
    for group in report.groups["sex"]:
        member = weight[: group.n]
        assert group.label_rate == pytest.approx(0.75)
        assert group.trials == pytest.approx(member.sum() ** 2 / (member**2).sum())
        assert group.trials < group.n


def test_a_row_without_any_feature_breaks_the_schema(screened):
    empty = {"age": [np.nan] + [30] * 59, "income": [np.nan] + [1.0] * 59, "town": [None] + ["Rome"] * 59}
    training, _ = screened(table(**empty), table(), features=["age", "income", "town"])
    assert [(each.rule, each.rows) for each in training.violations] == [("a row has at least one feature", 1)]
    assert training.measured["schema_violation_rate"].value == pytest.approx(1 / 60)


def test_a_column_without_a_value_on_one_side_of_the_split_shows_no_numbers(tmp_path):
    people = table(60, income=[np.nan] * 40 + [2.0] * 20, town=[None] * 40 + ["Rome"] * 20, day=np.arange(60))
    people.to_parquet(tmp_path / "t.parquet")
    declared = {"sensitive": ["sex"], "split": {"time_column": "day", "test_size": 0.33}, "exclude": ["day"]}
    spec, prepared = (step(tmp_path / "t.parquet", **declared) for step in (declare, prepare))
    report = screen_training_data(prepared, spec)
    shown = {column.name: (column.values, column.missing_rate) for column in report.columns}
    assert shown["income"] == ("all missing", 1.0)
    assert shown["town"] == ("all missing", 1.0)


def test_predictions_alone_have_no_training_data_to_leak_from(tmp_path):
    table(score=0.5).to_parquet(tmp_path / "t.parquet")
    declared = {"sensitive": ["sex"], "predictions": {"score": "score", "threshold": 0.5}}
    spec, prepared = (step(tmp_path / "t.parquet", **declared) for step in (declare, prepare))
    report = screen_test_data(prepared, spec)
    assert report.not_estimable == {"leakage_rate": "predictions alone: nobody knows what their model learned from"}
    assert report.measured["schema_violation_rate"].value == 0.0
    assert report.columns == ()
    with pytest.raises(ValueError, match="no training data"):
        screen_training_data(prepared, spec)


def test_a_report_comes_back_from_json_as_it_was(screened, rules):
    adapter = TypeAdapter(DataReport)
    for report in screened(table(), table(30, town="Paris"), rules=rules):
        assert adapter.validate_json(adapter.dump_json(report)) == report


def test_people_who_are_repeated_in_the_test_data_are_counted(screened):
    """Twenty copies of two hundred people make intervals of four thousand."""
    people = table(30, income=np.arange(30) + 0.5)
    training, test = screened(table(), pd.concat([people] * 20, ignore_index=True))
    assert training.measured["duplicate_rate"].value == 0.0
    assert test.measured["duplicate_rate"].value == pytest.approx(19 / 20)
    assert test.measured["duplicate_rate"].n == 600
    assert screened(table(), people)[1].measured["duplicate_rate"].value == 0.0


# Copies behind a column of noise


def loans(rows=2000, seed=3):
    return lending(rows=rows, seed=seed).rename(columns={"repaid": "label"}).drop(columns="approved")


def with_noise(frame, seed):
    return frame.assign(drawn=np.random.default_rng(seed).random(len(frame)))


def test_a_column_of_noise_that_the_model_does_not_see_hides_no_leakage(screened):
    people = loans()
    _, test = screened(with_noise(people, 0), with_noise(people.iloc[:800], 1), exclude=["drawn"])
    assert test.measured["leakage_rate"].value == pytest.approx(1.0)
    half = pd.concat([people.iloc[:400], loans(400, seed=4)], ignore_index=True)
    _, test = screened(with_noise(people, 0), with_noise(half, 1), exclude=["drawn"])
    assert test.measured["leakage_rate"].value == pytest.approx(0.5, abs=0.03)
    _, test = screened(with_noise(people, 0), with_noise(loans(800, seed=4), 1), exclude=["drawn"])
    assert test.measured["leakage_rate"].value == 0.0


def test_a_table_that_was_doubled_under_noise_before_it_was_split_has_duplicates(screened):
    people = pd.concat([loans(1000), loans(1000)], ignore_index=True).sample(frac=1, random_state=0)
    training, test = screened(with_noise(people.iloc[:1400], 0), with_noise(people.iloc[1400:], 1), exclude=["drawn"])
    assert training.measured["duplicate_rate"].value > 0.2
    assert test.measured["duplicate_rate"].value > 0.1


def test_people_who_are_alike_by_chance_are_no_copies(screened):
    """In a coarse table nearly everybody is like somebody in all that a model sees."""
    coarse = [loans(2000, seed)[["late_payments", "home", "sex", "label"]].copy() for seed in (5, 6)]
    training, test = screened(with_noise(coarse[0], 0), with_noise(coarse[1], 1), exclude=["drawn"])
    assert training.measured["duplicate_rate"].value == 0.0
    assert test.measured["duplicate_rate"].value == test.measured["leakage_rate"].value == 0.0


# Rows that are alike by chance


def coarse(rows=4000, seed=0):
    """People told by a few answers, some of which hang together: two rows in three are like another."""
    rng = np.random.default_rng(seed)
    home = rng.integers(0, 4, rows)
    return pd.DataFrame(
        {
            "home": np.array(["own", "rent", "kin", "none"])[home],
            "district": home * 10 + rng.integers(0, 3, rows),
            "postcode": home * 10 + rng.integers(0, 3, rows) // 2,
            "children": rng.poisson(1.0, rows),
            "sex": rng.choice(["f", "m"], rows),
            "label": (rng.random(rows) < 0.2 + 0.1 * home).astype(int),
        }
    )


def rates(report):
    return {name: report.measured[name].value for name in ("duplicate_rate", "leakage_rate") if name in report.measured}


def test_people_who_are_alike_in_a_coarse_table_are_people_of_their_own(screened):
    people, others = coarse(), coarse(2000, seed=1)
    assert people.duplicated().mean() > 0.6
    training, test = screened(people, others)
    assert rates(training)["duplicate_rate"] < 0.01
    assert max(rates(test).values()) < 0.01


@pytest.mark.parametrize(("drawn", "copies"), [(100, 20), (100, 40)])
def test_a_coarse_table_of_few_people_taken_many_times_is_found_out(screened, drawn, copies):
    people = pd.concat([coarse(drawn, seed=1)] * copies, ignore_index=True)
    training, _ = screened(people, coarse(500))
    assert rates(training)["duplicate_rate"] > 0.05


def test_one_exact_column_is_enough_for_every_repeat_to_count(screened):
    exact = coarse(400).assign(paid=np.random.default_rng(2).normal(size=400))
    training, test = screened(pd.concat([exact, exact.iloc[:40]], ignore_index=True), exact.iloc[:100])
    assert rates(training)["duplicate_rate"] == pytest.approx(40 / 440)
    assert rates(test)["leakage_rate"] == 1.0


@pytest.mark.parametrize("columns", [["a"], ["a", "b"]])
def test_columns_that_copy_each_other_explain_nothing_that_one_does_not(columns):
    values = np.repeat(np.arange(50.0), 2)
    normal = pd.DataFrame(dict.fromkeys(columns, values))
    assert len(not_by_chance(normal, values.astype("uint64"))) == 50


def test_of_rows_that_are_all_alike_none_explains_another():
    normal = pd.DataFrame({"a": [1.0] * 30})
    assert not_by_chance(normal, np.zeros(30, dtype="uint64")).tolist() == [0]
