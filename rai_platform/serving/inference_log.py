"""The inference log: one row for every prediction that was given, on disk before it is given; and the labels that arrive later.

One thread writes. Whatever has gathered while it was busy goes into one transaction (group commit), so that many requests
share one wait for the disk. SQLite in WAL mode with ``synchronous=FULL``, PostgreSQL with ``synchronous_commit=on``: a
transaction is on disk when it is committed.
"""

import contextlib
import itertools
import json
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from rai_platform.errors import BadInput, LogUnwritable, RaiError
from rai_platform.home import utc_now
from rai_platform.serving.databases import hung_up_after, in_words, leads_to_its_database
from rai_platform.serving.labels import LabelCounts, NewLabel, record_labels
from rai_platform.serving.log_tables import PREDICTIONS, chosen, insert, open_to_write, opened_to_read, transaction

if TYPE_CHECKING:
    import pandas as pd

MOST_WAITING = 1024  # requests
MOST_TOGETHER = 256  # requests in one transaction
SECONDS_FOR_A_LOCK = 2.0
SECONDS_FOR_A_TRANSACTION = 20.0  # of a server, of which nothing is heard meanwhile
COLUMNS = (
    "id",
    "request_id",
    "key",
    "recorded_at",
    "model",
    "version",
    "digest",
    "score",
    "decision",
    "latency_ms",
    "features",
)
PROBE = ("probe", "probe", None, "2000-01-01T00:00:00+00:00", "", "", "", 0.0, 0, 0.0, "{}")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrediction:
    """One prediction.

    Attributes:
        id: of the prediction.
        request_id: of the request it was asked for in.
        key: the pseudonym of the person, as the request gave it; None where it gave none.
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
    key: str | None = None
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
    """Something to write, within a transaction; and who waits for the answer.

    Attributes:
        rows: predictions to add; those of neighbours are added together.
        write: what is done in their place; None where rows are added.
        done: of who waits.
    """

    rows: Sequence[tuple[Any, ...]]
    write: Callable[[sa.Connection], Any] | None
    done: "Future[Any]"


class InferenceLog:
    """The log of one service, and the thread that writes it.

    Args:
        url: of the database; a file is created where there is none, readable by its owner alone.
        most_waiting: requests that may wait to be written.
        clock: the time, UTC; when labels arrive.
    """

    def __init__(self, url: str, *, most_waiting: int = MOST_WAITING, clock: Callable[[], datetime] = utc_now) -> None:
        self._url = url
        self._clock = clock
        self._queue: queue.Queue[_Asked | None] = queue.Queue(most_waiting)
        self._connection: sa.Connection | None = None
        self._closed = False
        self._writer = threading.Thread(target=self._write_forever, name="inference-log", daemon=True)
        self._writer.start()

    def record(self, rows: Sequence[LoggedPrediction]) -> "Future[None]":
        """Done when the rows are on disk; fails with ``LogUnwritable`` where they are not.

        Raises:
            LogUnwritable: more requests wait already than may.
        """
        return self._put(rows=[row.row for row in rows])

    def record_labels(self, labels: Sequence[NewLabel], *, model: str) -> "Future[LabelCounts]":
        """Done when the labels are on disk, all of them; fails and raises as ``record`` does.

        It also fails with ``UnusableRequest`` where the log does not have a prediction of the model that a label is for; then
        none of the labels is recorded.
        """
        return self._put(lambda connection: record_labels(connection, labels, model=model, now=self._clock()))

    def probe(self) -> "Future[None]":
        """Done when a row could be written, which is then taken back; fails as ``record`` does, and raises as it does."""
        return self._put(_probe)

    def close(self) -> None:
        """Writes what waits, and ends."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._writer.join()

    def _put(
        self, write: Callable[[sa.Connection], Answer] | None = None, *, rows: Sequence[tuple[Any, ...]] = ()
    ) -> "Future[Any]":
        asked = _Asked(rows, write, Future())
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
        try:
            answers = self._commit(together)
        except Exception as error:  # whatever it is, whoever waits is told, and the thread goes on
            self._drop_connection()
            told = error.message if isinstance(error, RaiError) else in_words(error)
            answers = [LogUnwritable(f"the inference log cannot be written: {told}")] * len(together)
        for asked, answer in zip(together, answers, strict=True):
            if isinstance(answer, Exception):
                asked.done.set_exception(answer)
            else:
                asked.done.set_result(answer)

    def _commit(self, together: Sequence[_Asked]) -> list[Any]:
        """What every request wrote, or why it was refused; one that is refused has written nothing, and stops no other."""
        connection = self._connected()
        answers: list[Any] = []
        with hung_up_after(connection, SECONDS_FOR_A_TRANSACTION), transaction(connection):
            for write, neighbours in itertools.groupby(together, key=lambda asked: asked.write):
                if write is None:
                    alike = list(neighbours)
                    insert(connection, PREDICTIONS, [row for asked in alike for row in asked.rows])
                    answers += [None] * len(alike)
                    continue
                for _ in neighbours:
                    try:
                        answers.append(write(connection))
                    except BadInput as refusal:
                        answers.append(refusal)
        return answers

    def _connected(self) -> sa.Connection:
        """The connection; a new one where the old one leads nowhere, which would be noticed too late or not at all."""
        if self._connection is not None and leads_to_its_database(self._connection):
            return self._connection
        self._drop_connection()
        self._connection = open_to_write(self._url, seconds_for_a_lock=SECONDS_FOR_A_LOCK, hurried=True)
        return self._connection

    def _drop_connection(self) -> None:
        """Closes the connection, by which the database takes back what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError, OSError):
                connection.invalidate()
                connection.close()


def read_predictions(
    url: str, *, model: str | None = None, since: datetime | None = None, before: datetime | None = None
) -> "pd.DataFrame":
    """The predictions on record, oldest first: the columns of ``LoggedPrediction``, times as UTC, features as mappings.

    Args:
        url: of the database.
        model: of this name; of every one where None.
        since: recorded then or later; a time with its zone.
        before: recorded earlier than then; a time with its zone.

    Raises:
        EvidenceMissing: there is no log.
        Unreachable: the database cannot be read.
    """
    import pandas as pd

    table = PREDICTIONS.c
    query = (
        sa.select(*(table[name] for name in COLUMNS))
        .where(chosen(model=model, since=since, before=before))
        .order_by(table.recorded_at, table.request_id, table.rowid)
    )
    with opened_to_read(url) as connection:
        rows = connection.execute(query).all()
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["recorded_at"] = pd.to_datetime(frame["recorded_at"], utc=True, format="ISO8601")
    frame["features"] = pd.Series([json.loads(text) for text in frame["features"]], dtype=object)
    return frame.astype({"score": "float64", "latency_ms": "float64"})


def _probe(connection: sa.Connection) -> None:
    """Writes a row and takes it back; SQLite then writes another that stays, since it had not touched the disk otherwise."""
    with connection.begin_nested() as taken_back:
        insert(connection, PREDICTIONS, [PROBE])
        taken_back.rollback()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO probe VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET times = times + 1")
