"""The tables of the inference log in SQLite, and how its file is opened; an older file is brought to today's form in place."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rai_platform.errors import EvidenceMissing, LogUnwritable

FORM = 1  # PRAGMA user_version of today's form; 0 is one without keys and labels
SECONDS_FOR_A_LOCK = 2.0
PREDICTIONS = """
CREATE TABLE IF NOT EXISTS predictions (
    id TEXT PRIMARY KEY, request_id TEXT NOT NULL, key TEXT, recorded_at TEXT NOT NULL, model TEXT NOT NULL,
    version TEXT NOT NULL, digest TEXT NOT NULL, score REAL NOT NULL, decision NOT NULL, latency_ms REAL NOT NULL,
    features TEXT NOT NULL
)
"""
OTHERS = (
    "CREATE INDEX IF NOT EXISTS predictions_by_time ON predictions (model, recorded_at)",
    "CREATE INDEX IF NOT EXISTS predictions_by_key ON predictions (model, key) WHERE key IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY CHECK (id = 1), times INTEGER NOT NULL)",
    # A column without a type keeps 1 and '1' apart: a number of two labels, and a name of several.
    """
    CREATE TABLE IF NOT EXISTS labels (
        place INTEGER PRIMARY KEY AUTOINCREMENT, prediction_id TEXT NOT NULL, label NOT NULL, observed_at TEXT,
        arrived_at TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS labels_once ON labels (prediction_id, label, ifnull(observed_at, ''))",
    """
    CREATE TRIGGER IF NOT EXISTS labels_are_never_changed BEFORE UPDATE ON labels
    BEGIN SELECT RAISE(ABORT, 'a label on record is never changed: another one is added'); END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS labels_stay_with_their_prediction BEFORE DELETE ON labels
    WHEN EXISTS (SELECT 1 FROM predictions WHERE id = OLD.prediction_id)
    BEGIN SELECT RAISE(ABORT, 'a label is deleted with its prediction alone'); END
    """,
)


def told_time(time: datetime) -> str:
    """A time as the log has it, UTC, so that texts are in the order of times."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def chosen(*, model: str | None, since: datetime | None, before: datetime | None) -> tuple[str, list[str]]:
    """What SQL says after WHERE to choose predictions by model and time, and the values for it."""
    given = {
        "model = ?": model,
        "recorded_at >= ?": None if since is None else told_time(since),
        "recorded_at < ?": None if before is None else told_time(before),
    }
    wanted = {condition: value for condition, value in given.items() if value is not None}
    return " AND ".join(wanted) or "true", list(wanted.values())


def open_to_write(path: Path, *, seconds_for_a_lock: float = SECONDS_FOR_A_LOCK) -> sqlite3.Connection:
    """A connection whose transactions are on disk when they are committed; the file is created where there is none.

    Args:
        path: of the database; readable by its owner alone.
        seconds_for_a_lock: how long to wait for another process that writes.

    Raises:
        LogUnwritable: a later version of the platform wrote it.
        sqlite3.Error: it is no database, or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=seconds_for_a_lock, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        if _form(connection) != FORM:
            with transaction(connection):
                _bring_to_todays_form(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes no row.

    Raises:
        EvidenceMissing: there is no log.
        LogUnwritable: a later version of the platform wrote it.
    """
    if not path.exists():
        raise EvidenceMissing("no prediction was recorded yet", where=str(path))
    connection = _reader(path)
    try:
        if _form(connection) != FORM:
            connection.close()
            open_to_write(path).close()
            connection = _reader(path)
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits what is written within, or takes all of it back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _bring_to_todays_form(connection: sqlite3.Connection, path: Path) -> None:
    if (form := _form(connection)) > FORM:
        raise LogUnwritable(
            f"the inference log has form {form}, and this version of the platform knows forms up to {FORM}; use the version that "
            "wrote it, or a later one",
            where=str(path),
        )
    connection.execute(PREDICTIONS)
    if "key" not in {column[1] for column in connection.execute("PRAGMA table_info(predictions)")}:
        connection.execute("ALTER TABLE predictions ADD COLUMN key TEXT")
    for statement in OTHERS:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORM}")


def _form(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=SECONDS_FOR_A_LOCK)
