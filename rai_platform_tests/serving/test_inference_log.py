"""The log by itself: what is done is on disk, once; what is not done says so, and the next row is written again."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rai_platform.errors import EvidenceMissing, LogUnwritable
from rai_platform.serving import inference_log
from rai_platform.serving.inference_log import InferenceLog, LoggedPrediction, read_predictions
from rai_platform.serving.log_tables import told_time
from rai_platform_tests.serving.conftest import file_at, held, in_a_file, without_room

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def row(
    identity: str,
    *,
    model: str = "fair",
    minute: int = 0,
    at: datetime = NOON,
    decision: int | str = 1,
    key: str | None = None,
    features: str = '{"income":null,"purpose":"Zürich \U0001f600"}',
) -> LoggedPrediction:
    return LoggedPrediction(
        id=identity,
        request_id=identity.partition("-")[0],
        key=key,
        recorded_at=told_time(at + timedelta(minutes=minute)),
        model=model,
        version="3",
        digest="d" * 64,
        score=0.1 + 0.2,
        decision=decision,
        latency_ms=1.5,
        features=features,
    )


@pytest.fixture
def path(url: str) -> Path:
    return file_at(url)


@pytest.fixture
def log(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[InferenceLog]:
    monkeypatch.setattr(inference_log, "SECONDS_FOR_A_LOCK", 0.1)
    opened = InferenceLog(url)
    yield opened
    opened.close()


def refusal(done: "Future[None]") -> str:
    error = done.exception(30)
    assert isinstance(error, LogUnwritable)
    return error.message


def test_what_is_done_can_be_read_as_it_was_written(log: InferenceLog, url: str) -> None:
    log.record([row("a-0"), row("a-1", decision="cat")]).result(30)
    frame = read_predictions(url)
    assert frame["id"].tolist() == ["a-0", "a-1"]
    assert frame["decision"].tolist() == [1, "cat"]
    assert frame["score"].tolist() == [0.1 + 0.2] * 2
    assert frame["recorded_at"].tolist() == [NOON, NOON]
    assert frame["features"].tolist() == [{"income": None, "purpose": "Zürich \U0001f600"}] * 2


@in_a_file
def test_it_is_durable_and_for_its_owner_alone(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0")]).result(30)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name(f"{path.name}-wal").stat().st_mode) == 0o600
    reader = sqlite3.connect(path)
    assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    reader.close()


def test_many_threads_write_every_row_once(log: InferenceLog, url: str) -> None:
    def write(thread: int) -> None:
        for request in range(50):
            log.record([row(f"{thread}.{request}-{place}") for place in range(3)]).result(30)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_predictions(url)["id"]) == sorted(
        f"{thread}.{request}-{place}" for thread in range(8) for request in range(50) for place in range(3)
    )


def test_rows_are_chosen_by_model_and_time(log: InferenceLog, url: str) -> None:
    log.record([row(f"a-{minute}", minute=minute) for minute in range(5)]).result(30)
    log.record([row("b-0", model="other", minute=2)]).result(30)
    chosen = read_predictions(url, model="fair", since=NOON + timedelta(minutes=1), before=NOON + timedelta(minutes=3))
    assert chosen["id"].tolist() == ["a-1", "a-2"]


def test_a_log_that_was_never_written_is_missing(url: str) -> None:
    with pytest.raises(EvidenceMissing, match="no prediction was recorded yet"):
        read_predictions(url)


def test_a_row_that_the_database_refuses_fails_and_the_next_is_written(log: InferenceLog, url: str) -> None:
    log.record([row("a-0")]).result(30)
    with without_room(url):
        assert "database or disk is full" in refusal(log.record([row("b-0")]))
        assert "database or disk is full" in refusal(log.probe())
    log.probe().result(30)
    log.record([row("c-0")]).result(30)
    assert read_predictions(url)["id"].tolist() == ["a-0", "c-0"]


def test_a_request_is_recorded_whole_or_not_at_all(log: InferenceLog, url: str) -> None:
    log.record([row("a-0")]).result(30)
    assert "unique" in refusal(log.record([row("b-0"), row("a-0")])).lower()
    assert read_predictions(url)["id"].tolist() == ["a-0"]


def test_a_locked_database_fails_after_its_time_and_is_written_again_when_free(log: InferenceLog, url: str) -> None:
    log.record([row("a-0")]).result(30)
    with held(url):
        assert "lock" in refusal(log.record([row("b-0")]))
    log.record([row("c-0")]).result(30)
    assert read_predictions(url)["id"].tolist() == ["a-0", "c-0"]


@in_a_file
def test_a_file_that_was_removed_is_not_written_to_unseen(log: InferenceLog, path: Path, url: str) -> None:
    log.record([row("a-0")]).result(30)
    for file in path.parent.iterdir():
        file.unlink()
    log.record([row("b-0")]).result(30)
    assert read_predictions(url)["id"].tolist() == ["b-0"]


@in_a_file
def test_no_database_at_all_is_said(log: InferenceLog, path: Path) -> None:
    path.parent.parent.mkdir(exist_ok=True)
    path.parent.write_text("a file where the folder should be")
    assert "cannot be written" in refusal(log.record([row("a-0")]))
    path.parent.unlink()
    log.record([row("b-0")]).result(30)


def test_more_requests_than_may_wait_are_refused_at_once(url: str) -> None:
    log = InferenceLog(url, most_waiting=2)
    log.record([row("a-0")]).result(30)
    taken = []
    refused = pytest.raises(LogUnwritable, match="too many predictions wait")
    with held(url), refused:  # how many fit depends on the writer
        while len(taken) < 10:
            taken.append(log.record([row(f"b-{len(taken)}")]))
    for done in taken:
        done.result(30)
    log.close()
    assert read_predictions(url)["id"].tolist() == ["a-0", *(f"b-{place}" for place in range(len(taken)))]


def test_what_nobody_waits_for_any_more_harms_nobody(log: InferenceLog, url: str) -> None:
    log.record([row("a-0")]).result(30)
    for place in range(20):
        log.record([row(f"b-{place}")]).cancel()
    log.record([row("c-0")]).result(30)
    assert {"a-0", "c-0"} <= set(read_predictions(url)["id"])


def test_closing_writes_what_waits_and_takes_no_more(url: str) -> None:
    log = InferenceLog(url)
    waiting = [log.record([row(f"a-{place}")]) for place in range(20)]
    log.close()
    assert all(done.done() for done in waiting)
    assert len(read_predictions(url)) == 20
    with pytest.raises(LogUnwritable, match="closed"):
        log.record([row("b-0")])
