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
def path(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "inference_log.db"


@pytest.fixture
def log(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InferenceLog]:
    monkeypatch.setattr(inference_log, "SECONDS_FOR_A_LOCK", 0.1)
    opened = InferenceLog(path)
    yield opened
    opened.close()


def refusal(done: "Future[None]") -> str:
    error = done.exception(30)
    assert isinstance(error, LogUnwritable)
    return error.message


def test_what_is_done_can_be_read_as_it_was_written(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0"), row("a-1", decision="cat")]).result(30)
    frame = read_predictions(path)
    assert frame["id"].tolist() == ["a-0", "a-1"]
    assert frame["decision"].tolist() == [1, "cat"]
    assert frame["score"].tolist() == [0.1 + 0.2] * 2
    assert frame["recorded_at"].tolist() == [NOON, NOON]
    assert frame["features"].tolist() == [{"income": None, "purpose": "Zürich \U0001f600"}] * 2


def test_it_is_durable_and_for_its_owner_alone(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0")]).result(30)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name(f"{path.name}-wal").stat().st_mode) == 0o600
    reader = sqlite3.connect(path)
    assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    reader.close()


def test_many_threads_write_every_row_once(log: InferenceLog, path: Path) -> None:
    def write(thread: int) -> None:
        for request in range(50):
            log.record([row(f"{thread}.{request}-{place}") for place in range(3)]).result(30)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_predictions(path)["id"]) == sorted(
        f"{thread}.{request}-{place}" for thread in range(8) for request in range(50) for place in range(3)
    )


def test_rows_are_chosen_by_model_and_time(log: InferenceLog, path: Path) -> None:
    log.record([row(f"a-{minute}", minute=minute) for minute in range(5)]).result(30)
    log.record([row("b-0", model="other", minute=2)]).result(30)
    chosen = read_predictions(path, model="fair", since=NOON + timedelta(minutes=1), before=NOON + timedelta(minutes=3))
    assert chosen["id"].tolist() == ["a-1", "a-2"]


def test_a_log_that_was_never_written_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EvidenceMissing, match="no prediction was recorded yet"):
        read_predictions(tmp_path / "none.db")


def test_a_row_that_the_database_refuses_fails_and_the_next_is_written(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0")]).result(30)
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON predictions BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    assert "database or disk is full" in refusal(log.record([row("b-0")]))
    assert "database or disk is full" in refusal(log.probe())
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER full")
    database.close()
    log.probe().result(30)
    log.record([row("c-0")]).result(30)
    assert read_predictions(path)["id"].tolist() == ["a-0", "c-0"]


def test_a_request_is_recorded_whole_or_not_at_all(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0")]).result(30)
    assert "UNIQUE" in refusal(log.record([row("b-0"), row("a-0")]))
    assert read_predictions(path)["id"].tolist() == ["a-0"]


def test_a_locked_database_fails_after_its_time_and_is_written_again_when_free(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0")]).result(30)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in refusal(log.record([row("b-0")]))
    other.execute("ROLLBACK")
    other.close()
    log.record([row("c-0")]).result(30)
    assert read_predictions(path)["id"].tolist() == ["a-0", "c-0"]


def test_a_file_that_was_removed_is_not_written_to_unseen(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0")]).result(30)
    for file in path.parent.iterdir():
        file.unlink()
    log.record([row("b-0")]).result(30)
    assert read_predictions(path)["id"].tolist() == ["b-0"]


def test_no_database_at_all_is_said(log: InferenceLog, path: Path) -> None:
    path.parent.parent.mkdir(exist_ok=True)
    path.parent.write_text("a file where the folder should be")
    assert "cannot be written" in refusal(log.record([row("a-0")]))
    path.parent.unlink()
    log.record([row("b-0")]).result(30)


def test_more_requests_than_may_wait_are_refused_at_once(path: Path) -> None:
    log = InferenceLog(path, most_waiting=2)
    log.record([row("a-0")]).result(30)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    taken = []
    with pytest.raises(LogUnwritable, match="too many predictions wait"):  # noqa: PT012 - how many fit depends on the writer
        while len(taken) < 10:
            taken.append(log.record([row(f"b-{len(taken)}")]))
    other.execute("ROLLBACK")
    other.close()
    for done in taken:
        done.result(30)
    log.close()
    assert read_predictions(path)["id"].tolist() == ["a-0", *(f"b-{place}" for place in range(len(taken)))]


def test_what_nobody_waits_for_any_more_harms_nobody(log: InferenceLog, path: Path) -> None:
    log.record([row("a-0")]).result(30)
    for place in range(20):
        log.record([row(f"b-{place}")]).cancel()
    log.record([row("c-0")]).result(30)
    assert {"a-0", "c-0"} <= set(read_predictions(path)["id"])


def test_closing_writes_what_waits_and_takes_no_more(path: Path) -> None:
    log = InferenceLog(path)
    waiting = [log.record([row(f"a-{place}")]) for place in range(20)]
    log.close()
    assert all(done.done() for done in waiting)
    assert len(read_predictions(path)) == 20
    with pytest.raises(LogUnwritable, match="closed"):
        log.record([row("b-0")])
