"""The inference log: one row for every prediction that was given, on disk before it is given.

One thread writes. Whatever has gathered while it was busy goes into one transaction (group commit), so that many requests
share one wait for the disk. SQLite in WAL mode with ``synchronous=FULL``: a transaction is on disk when it is committed.
"""

import contextlib
import json
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rai_platform.errors import EvidenceMissing, LogUnwritable, in_a_line

if TYPE_CHECKING:
    import pandas as pd

MOST_WAITING = 1024  # requests
MOST_TOGETHER = 256  # requests in one transaction
SECONDS_FOR_A_LOCK = 2.0
TABLES = """
CREATE TABLE IF NOT EXISTS predictions (
    id TEXT PRIMARY KEY, request_id TEXT NOT NULL, recorded_at TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    digest TEXT NOT NULL, score REAL NOT NULL, decision NOT NULL, latency_ms REAL NOT NULL, features TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS predictions_by_time ON predictions (model, recorded_at);
CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY CHECK (id = 1), times INTEGER NOT NULL);
"""
COLUMNS = (
    "id",
    "request_id",
    "recorded_at",
    "model",
    "version",
    "digest",
    "score",
    "decision",
    "latency_ms",
    "features",
)
INSERT = f"INSERT INTO predictions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our own names
PROBE = ("probe", "probe", "", "", "", "", 0.0, 0, 0.0, "{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrediction:
    """One prediction.

    Attributes:
        id: of the prediction.
        request_id: of the request it was asked for in.
        recorded_at: ISO 8601, UTC, with microseconds.
        model: name of the model.
        version: in the registry.
        digest: of the model.
        score: as the model gave it; of several classes, the chance of the one decided for.
        decision: 1 or 0; of several classes, the label decided for.
        latency_ms: from the arrival of the request to its score.
        features: what the model saw, as canonical JSON.
    """

    id: str
    request_id: str
    recorded_at: str
    model: str
    version: str
    digest: str
    score: float
    decision: int | str
    latency_ms: float
    features: str

    @property
    def row(self) -> tuple[Any, ...]:
        """The values of the row, in the order of ``COLUMNS``."""
        return tuple(getattr(self, name) for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows to write, or none to find out whether some could be written; and who waits for them."""

    rows: Sequence[LoggedPrediction]
    done: "Future[None]"


class InferenceLog:
    """The log of one service, and the thread that writes it.

    Args:
        path: of the database; created where there is none, readable by its owner alone.
        most_waiting: requests that may wait to be written.
    """

    def __init__(self, path: Path, *, most_waiting: int = MOST_WAITING) -> None:
        self._path = path
        self._queue: queue.Queue[_Asked | None] = queue.Queue(most_waiting)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._closed = False
        self._writer = threading.Thread(target=self._write_forever, name="inference-log", daemon=True)
        self._writer.start()

    def record(self, rows: Sequence[LoggedPrediction]) -> "Future[None]":
        """Done when the rows are on disk; fails with ``LogUnwritable`` where they are not.

        Raises:
            LogUnwritable: more requests wait already than may.
        """
        return self._put(_Asked(rows, Future()))

    def probe(self) -> "Future[None]":
        """Done when a row could be written, which is then taken back; fails as ``record`` does, and raises as it does."""
        return self._put(_Asked((), Future()))

    def close(self) -> None:
        """Writes what waits, and ends."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._writer.join()

    def _put(self, asked: _Asked) -> "Future[None]":
        if self._closed:
            raise LogUnwritable("the inference log is closed")
        try:
            self._queue.put_nowait(asked)
        except queue.Full:
            raise LogUnwritable("too many predictions wait to be recorded; ask again later") from None
        return asked.done

    def _write_forever(self) -> None:
        while (first := self._queue.get()) is not None:
            together, ends = [first], False
            with contextlib.suppress(queue.Empty):
                while len(together) < MOST_TOGETHER:
                    following = self._queue.get_nowait()
                    if following is None:
                        ends = True
                        break
                    together.append(following)
            self._write([asked for asked in together if asked.done.set_running_or_notify_cancel()])
            if ends:
                break
        self._drop_connection()

    def _write(self, together: Sequence[_Asked]) -> None:
        failure: LogUnwritable | None = None
        try:
            self._commit(
                [row.row for asked in together for row in asked.rows], any(not asked.rows for asked in together)
            )
        except Exception as error:  # whatever it is, whoever waits is told, and the thread goes on
            self._drop_connection()
            failure = LogUnwritable(f"the inference log cannot be written: {in_a_line(error)}")
        for asked in together:
            if failure is None:
                asked.done.set_result(None)
            else:
                asked.done.set_exception(failure)

    def _commit(self, rows: Sequence[tuple[Any, ...]], probed: bool) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        if probed:
            connection.execute("SAVEPOINT probe")
            connection.execute(INSERT, PROBE)
            connection.execute("ROLLBACK TO probe")
            connection.execute("INSERT INTO probe VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET times = times + 1")
        connection.executemany(INSERT, rows)
        connection.execute("COMMIT")

    def _connected(self) -> sqlite3.Connection:
        """The connection; a new one where the file is no longer the one that was opened, which SQLite would not notice."""
        if self._connection is not None and self._file == _identity(self._path):
            return self._connection
        self._drop_connection()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=SECONDS_FOR_A_LOCK, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(TABLES)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection, self._file = connection, _identity(self._path)
        return connection

    def _drop_connection(self) -> None:
        """Closes the connection, by which SQLite takes back what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def read_predictions(
    path: Path, *, model: str | None = None, since: datetime | None = None, before: datetime | None = None
) -> "pd.DataFrame":
    """The predictions on record, oldest first: the columns of ``LoggedPrediction``, times as UTC, features as mappings.

    Args:
        path: of the database.
        model: of this name; of every one where None.
        since: recorded then or later; a time with its zone.
        before: recorded earlier than then; a time with its zone.

    Raises:
        EvidenceMissing: there is no log.
    """
    import pandas as pd

    if not path.exists():
        raise EvidenceMissing("no prediction was recorded yet", where=str(path))
    wanted = {"model = ?": model, "recorded_at >= ?": told_time(since), "recorded_at < ?": told_time(before)}
    given = {condition: value for condition, value in wanted.items() if value is not None}
    query = f"SELECT {', '.join(COLUMNS)} FROM predictions"  # noqa: S608 - our own names
    query += f" WHERE {' AND '.join(given)}" * bool(given) + " ORDER BY recorded_at, request_id, rowid"
    with _opened_to_read(path) as connection:
        rows = connection.execute(query, list(given.values())).fetchall()
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["recorded_at"] = pd.to_datetime(frame["recorded_at"], utc=True, format="ISO8601")
    frame["features"] = pd.Series([json.loads(text) for text in frame["features"]], dtype=object)
    return frame.astype({"score": "float64", "latency_ms": "float64"})


def told_time(time: datetime | None) -> str | None:
    """A time as the log has it, so that texts are in the order of times."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="microseconds")


@contextlib.contextmanager
def _opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=SECONDS_FOR_A_LOCK)
    try:
        yield connection
    finally:
        connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
