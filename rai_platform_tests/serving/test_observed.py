"""What monitoring reads: predictions with their labels as they were known, features in columns, groups by key."""

import contextlib
import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from rai_platform.data.columns import group_of_rows
from rai_platform.errors import EvidenceMissing, LogUnwritable, UnknownColumn, UnsuitableData
from rai_platform.serving import protected
from rai_platform.serving.inference_log import InferenceLog, read_predictions
from rai_platform.serving.labels import NewLabel, record_labels
from rai_platform.serving.log_tables import open_to_write, transaction
from rai_platform.serving.observed import label_history, read_observed
from rai_platform.serving.protected import groups_of_keys, read_groups, write_groups
from rai_platform.settings import Settings
from rai_platform.spec.data import SensitiveFeature
from rai_platform_tests.serving.conftest import file_at, in_a_file
from rai_platform_tests.serving.test_inference_log import NOON, row

HOUR = timedelta(hours=1)
SEX = SensitiveFeature(name="sex")
AGE = SensitiveFeature(name="age", column="years", bins=(30, 60))
OLD_TABLES = """
CREATE TABLE IF NOT EXISTS predictions (
    id TEXT PRIMARY KEY, request_id TEXT NOT NULL, recorded_at TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    digest TEXT NOT NULL, score REAL NOT NULL, decision NOT NULL, latency_ms REAL NOT NULL, features TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS predictions_by_time ON predictions (model, recorded_at);
CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY CHECK (id = 1), times INTEGER NOT NULL);
"""


def fill(settings: Settings, rows: int = 4) -> None:
    log = InferenceLog(settings.inference_log_url)
    log.record([row(f"a-{place}", minute=place, key=f"k{place}") for place in range(rows)]).result(30)
    log.close()


def label(settings: Settings, identity: str, value: int | str, *, hours: int) -> None:
    connection = open_to_write(settings.inference_log_url)
    with transaction(connection):
        record_labels(connection, [NewLabel(id=identity, label=value)], model="fair", now=NOON + hours * HOUR)
    connection.close()


def test_the_label_is_the_one_that_was_known_at_a_time(settings: Settings) -> None:
    fill(settings)
    label(settings, "a-0", 1, hours=1)
    label(settings, "a-1", 1, hours=2)
    label(settings, "a-0", 0, hours=3)

    now = read_observed(settings, "fair").set_index("id")
    assert now["label"].isna().tolist() == [False, False, True, True]
    assert now["label"].dropna().to_dict() == {"a-0": 0, "a-1": 1}
    assert now["label"].dtype == "float64"
    assert now["label_arrived_at"].dropna().to_dict() == {"a-0": NOON + 3 * HOUR, "a-1": NOON + 2 * HOUR}
    assert now["label_observed_at"].isna().all()
    then = read_observed(settings, "fair", known_at=NOON + 2 * HOUR)
    assert then["label"].tolist()[:2] == [1, 1]
    assert read_observed(settings, "fair", known_at=NOON)["label"].isna().all()
    assert [each.label for each in label_history(settings, "a-0")] == [1, 0]
    assert label_history(settings, "a-3") == []


def test_rows_are_chosen_by_model_and_time_and_keep_their_columns_where_there_are_none(settings: Settings) -> None:
    fill(settings)
    chosen = read_observed(settings, "fair", since=NOON + timedelta(minutes=1), before=NOON + timedelta(minutes=3))
    assert chosen["id"].tolist() == ["a-1", "a-2"]
    none = read_observed(settings, "nobody")
    assert none.empty
    assert none.dtypes.drop(["feature:income", "feature:purpose"], errors="ignore").to_dict() == (
        chosen.dtypes.drop(["feature:income", "feature:purpose"]).to_dict()
    )


def test_features_are_columns_whatever_version_had_them(settings: Settings) -> None:
    log = InferenceLog(settings.inference_log_url)
    told = ['{"income":1,"label":"x"}', '{"income":2.5,"home":null}', '{"hmac_sha256":"ab"}']
    log.record([row(f"a-{place}", features=text) for place, text in enumerate(told)]).result(30)
    log.close()
    frame = read_observed(settings, "fair").filter(like="feature:")
    assert list(frame) == ["feature:income", "feature:label", "feature:home"]
    assert frame["feature:income"].dtype == "float64"
    assert frame["feature:income"].tolist()[:2] == [1, 2.5]
    assert frame["feature:income"].isna().tolist() == [False, False, True]
    assert frame["feature:label"].tolist() == ["x", None, None]


def test_of_several_classes_labels_are_names(settings: Settings) -> None:
    log = InferenceLog(settings.inference_log_url)
    log.record([row("a-0", decision="cat"), row("a-1", decision="dog")]).result(30)
    log.close()
    label(settings, "a-0", "dog", hours=1)
    frame = read_observed(settings, "fair")
    assert frame["decision"].tolist() == ["cat", "dog"]
    assert frame["label"].tolist()[0] == "dog"
    assert frame["label"].isna().tolist() == [False, True]


def test_groups_are_joined_by_key_as_training_forms_them(settings: Settings) -> None:
    fill(settings)
    table = pd.DataFrame(
        {"key": ["k0", "k1", "k2", "z"], "sex": ["female", "male", None, "male"], "years": [20, 30, None, 70]}
    )
    groups = groups_of_keys(table, [SEX, AGE], where="people")
    assert list(write_groups(settings.protected_attributes_url, groups, model="fair")) == [4]
    assert list(write_groups(settings.protected_attributes_url, groups.iloc[:1].assign(sex="male"), model="other")) == [
        1
    ]
    frame = read_observed(settings, "fair")
    assert frame["sensitive:sex"].tolist() == ["female", "male", pd.NA, pd.NA]
    assert frame["sensitive:age"].tolist() == ["under 30", "30 to under 60", pd.NA, pd.NA]
    assert frame["sensitive:age"].tolist()[:2] == group_of_rows(table, AGE).tolist()[:2]
    assert "sensitive:sex" not in read_observed(settings, "fair", with_groups=False)
    changed = groups_of_keys(table.assign(sex=[None, "female", "male", "male"]).head(3), [SEX, AGE], where="people")
    list(write_groups(settings.protected_attributes_url, changed, model="fair"))
    again = read_groups(settings.protected_attributes_url, pd.Series(["k0", "k1", "k2", None, "z"]), model="fair")
    assert again["sex"].tolist() == [pd.NA, "female", "male", pd.NA, "male"]


@in_a_file
def test_the_file_of_groups_is_for_its_owner_alone(settings: Settings) -> None:
    groups = groups_of_keys(pd.DataFrame({"key": ["k0"], "sex": ["male"]}), [SEX], where="people")
    list(write_groups(settings.protected_attributes_url, groups, model="fair"))
    assert file_at(settings.protected_attributes_url).stat().st_mode & 0o777 == 0o600


def test_many_keys_are_looked_up_in_parts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protected, "LOOKED_UP_AT_ONCE", 2)
    table = pd.DataFrame({"key": [f"k{place}" for place in range(5)], "sex": ["male", "female", "male", None, "male"]})
    list(write_groups(settings.protected_attributes_url, groups_of_keys(table, [SEX], where=""), model="fair"))
    read = read_groups(settings.protected_attributes_url, table["key"], model="fair")
    assert read["sex"].tolist() == ["male", "female", "male", pd.NA, "male"]


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        ({"key": ["a"], "sx": ["f"]}, UnknownColumn, "no column 'sex' in the data; did you mean 'sx'"),
        ({"sex": ["f"]}, UnknownColumn, "no column 'key'"),
        ({"key": ["a"], "sex": ["f"], "name": ["Ada"]}, UnsuitableData, "the columns key, sex alone, got 'name' too"),
        (
            {"key": ["a", None], "sex": ["f", "m"]},
            UnsuitableData,
            "row 2: expected a key of 1 to 200 letters, got None",
        ),
        ({"key": ["a", "b", "a"], "sex": ["f", "m", "m"]}, UnsuitableData, "row 3: the key 'a' is there twice"),
        ({"key": ["a"], "sex": [None]}, UnsuitableData, "nobody's group is known"),
    ],
)
def test_a_table_of_groups_is_held_to_its_columns(table: dict[str, list[str]], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        groups_of_keys(pd.DataFrame(table), [SEX], where="people")


def test_a_log_that_was_never_written_is_missing(settings: Settings) -> None:
    with pytest.raises(EvidenceMissing, match="no prediction was recorded yet"):
        read_observed(settings, "fair")


# --- an older log -----------------------------------------------------------------------------------------------------


def old_log(path: Path) -> list[tuple[object, ...]]:
    """A log in the form that had neither keys nor labels, with two predictions."""
    path.parent.mkdir(parents=True)
    rows: list[tuple[object, ...]] = [
        ("a-0", "a", "2026-01-01T12:00:00.000000+00:00", "fair", "1", "d", 0.25, 0, 1.5, '{"income":1}'),
        ("a-1", "a", "2026-01-01T12:00:00.000000+00:00", "fair", "1", "d", 0.75, 1, 1.5, '{"income":null}'),
    ]
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(OLD_TABLES)
        database.executemany("INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.close()
    return rows


@in_a_file
def test_an_older_log_is_read_and_brought_to_todays_form_without_a_loss(settings: Settings) -> None:
    rows = old_log(file_at(settings.inference_log_url))
    frame = read_observed(settings, "fair")
    assert frame["id"].tolist() == ["a-0", "a-1"]
    assert frame["key"].isna().all()
    assert frame["label"].isna().all()
    label(settings, "a-1", 1, hours=1)
    assert read_observed(settings, "fair")["label"].tolist()[1] == 1
    kept = read_predictions(settings.inference_log_url)
    told = [
        (*each[:2], each[2].isoformat(timespec="microseconds"), *each[3:9], json.dumps(each[9], separators=(",", ":")))
        for each in kept.drop(columns="key").itertuples(index=False)
    ]
    assert told == rows


@in_a_file
def test_an_older_log_is_written_on(settings: Settings) -> None:
    old_log(file_at(settings.inference_log_url))
    log = InferenceLog(settings.inference_log_url)
    log.record([row("b-0", key="k")]).result(30)
    assert log.record_labels([NewLabel(key="k", label=1), NewLabel(id="a-0", label=0)], model="fair").result(30)
    log.close()
    frame = read_observed(settings, "fair").set_index("id")
    assert frame["label"].dropna().to_dict() == {"a-0": 0, "b-0": 1}
    assert frame.loc["b-0", "key"] == "k"


def test_a_log_of_a_later_form_is_left_alone(settings: Settings) -> None:
    fill(settings)
    later = "PRAGMA user_version = 99"
    if settings.inference_log_url.startswith("postgresql"):
        later = "UPDATE inference_log_form SET form = 99"
    with contextlib.closing(open_to_write(settings.inference_log_url)) as connection, transaction(connection):
        connection.exec_driver_sql(later)
    with pytest.raises(LogUnwritable, match="the inference log has form 99"):
        read_observed(settings, "fair")
    log = InferenceLog(settings.inference_log_url)
    with pytest.raises(LogUnwritable, match="cannot be written: the inference log has form 99"):
        log.record([row("b-0")]).result(30)
    log.close()
