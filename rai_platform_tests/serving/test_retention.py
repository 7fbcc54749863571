"""What leaves the log: whole files of the same columns for every day, and old predictions with their labels."""

import stat
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds
import pytest
import sqlalchemy as sa

from rai_platform.errors import BadInput, LogUnwritable
from rai_platform.serving import retention
from rai_platform.serving.inference_log import InferenceLog, read_predictions
from rai_platform.serving.labels import NewLabel
from rai_platform.serving.log_tables import LABELS, opened_to_read
from rai_platform.serving.observed import read_observed
from rai_platform.serving.protected import groups_of_keys, write_groups
from rai_platform.serving.retention import count_older, export_log, forget_older
from rai_platform.settings import Settings
from rai_platform_tests.serving.conftest import file_at, held, in_a_file
from rai_platform_tests.serving.test_inference_log import NOON, row
from rai_platform_tests.serving.test_observed import SEX

DAY = timedelta(days=1)
TOLD = ['{"income":1,"savings":null}', '{"income":2.5,"savings":7}', '{"income":3,"savings":null,"home":"own"}']


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Predictions of three days with labels on two, and a group that is known."""
    log = InferenceLog(settings.inference_log_url)
    log.record(
        [
            row(f"{place}-{day}", minute=day * 24 * 60, key=f"k{day}", features=TOLD[day])
            for day in range(3)
            for place in "ab"
        ]
    ).result(30)
    log.record([row("z-0", model="other")]).result(30)
    log.record_labels([NewLabel(id="a-0", label=1), NewLabel(id="a-2", label=0)], model="fair").result(30)
    log.close()
    groups = groups_of_keys(pd.DataFrame({"key": ["k1"], "sex": ["female"]}), [SEX], where="people")
    list(write_groups(settings.protected_attributes_url, groups, model="fair"))
    return settings


def read(folder: Path) -> pd.DataFrame:
    frame: pd.DataFrame = ds.dataset(folder, partitioning="hive").to_table().to_pandas()
    return frame.sort_values("id").reset_index(drop=True)


def test_every_day_is_a_file_with_the_same_columns(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    files = list(export_log(settings, "fair", folder))
    assert [(str(path.relative_to(folder)), count) for path, count in files] == [
        (f"day=2026-01-0{day}/part-fair.parquet", 2) for day in (1, 2, 3)
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path, _ in files} == {0o600}
    schemas = {str(ds.dataset(path).schema) for path, _ in files}
    assert len(schemas) == 1
    frame = read(folder)
    known = read_observed(settings, "fair", with_groups=False).sort_values("id").reset_index(drop=True)
    assert set(frame) == {*known, "model", "day"}
    for name in ("id", "score", "decision", "version", "digest", "latency_ms", "key", "recorded_at", "feature:income"):
        assert frame[name].tolist() == known[name].tolist(), name
    assert frame["label"].dropna().tolist() == [1, 0]
    assert frame["feature:savings"].dropna().tolist() == [7, 7]
    assert frame["feature:home"].tolist() == [None, None, "own", None, None, "own"]
    assert not [name for name in frame if name.startswith("sensitive:")]


def test_groups_go_with_them_where_they_are_asked_for(settings: Settings, tmp_path: Path) -> None:
    list(export_log(settings, "fair", tmp_path / "out", with_groups=True))
    assert read(tmp_path / "out")["sensitive:sex"].tolist() == [None, "female", None, None, "female", None]


def test_a_time_is_exported_alone_and_a_file_again_replaces_itself(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for _ in range(2):
        files = list(export_log(settings, "fair", folder, since=NOON + DAY, before=NOON + 2 * DAY))
        assert [path.parent.name for path, _ in files] == ["day=2026-01-02"]
    assert [path for path in folder.rglob("*") if path.is_file()] == [files[0][0]]
    assert read(folder)["id"].tolist() == ["a-1", "b-1"]
    assert list(export_log(settings, "nobody", folder)) == []


def test_decisions_among_several_classes_are_exported(settings: Settings, tmp_path: Path) -> None:
    log = InferenceLog(settings.inference_log_url)
    log.record([row("c-0", model="animals", decision="cat"), row("c-1", model="animals", decision="dog")]).result(30)
    log.record_labels([NewLabel(id="c-0", label="dog")], model="animals").result(30)
    log.close()
    list(export_log(settings, "animals", tmp_path / "out"))
    frame = read(tmp_path / "out")
    assert (frame["decision"].tolist(), frame["label"].tolist()) == (["cat", "dog"], ["dog", None])


def test_a_folder_that_cannot_be_written_is_said(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(BadInput, match="--to: nothing can be written to"):
        list(export_log(settings, "fair", tmp_path / "out"))


def test_old_predictions_go_with_their_labels_and_the_rest_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FORGOTTEN_AT_ONCE", 3)
    log, before = settings.inference_log_url, NOON + DAY + timedelta(minutes=1)
    assert count_older(log, "fair", before=before) == 4
    assert list(forget_older(log, "fair", before=before)) == [3, 4]
    assert count_older(log, "fair", before=before) == 0
    assert read_predictions(log)["id"].tolist() == ["z-0", "a-2", "b-2"]
    with opened_to_read(log) as connection:
        assert connection.execute(sa.select(LABELS.c.prediction_id)).scalars().all() == ["a-2"]
    assert list(forget_older(log, "fair", before=before)) == []


@in_a_file
def test_what_was_deleted_is_in_none_of_the_files(settings: Settings) -> None:
    log = InferenceLog(settings.inference_log_url)
    secret = "a-secret-of-somebody"
    log.record([row(f"s-{place}", model="old", features=f'{{"name":"{secret}"}}') for place in range(50)]).result(30)
    log.close()
    list(forget_older(settings.inference_log_url, "old", before=NOON + DAY))
    folder = file_at(settings.inference_log_url).parent
    assert not [file for file in folder.iterdir() if secret.encode() in file.read_bytes()]


def test_a_log_that_another_process_holds_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SECONDS_FOR_A_LOCK", 0.1)
    with held(settings.inference_log_url), pytest.raises(LogUnwritable, match=r"lock.*; 0 predictions were deleted"):
        list(forget_older(settings.inference_log_url, "fair", before=NOON + DAY))
