"""The tables of the inference log, in SQLite and in PostgreSQL; an older file is brought to today's form in place."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from rai_platform.errors import EvidenceMissing, LogUnwritable
from rai_platform.serving import databases
from rai_platform.serving.databases import SECONDS_FOR_A_LOCK, file_of, place_of, read_from

INSERTED_AT_ONCE = 5_000  # rows in one statement
FORM = 1  # of today's tables; 0 in SQLite is one without keys and labels
WRITERS_OF_LABELS = 0x5241494C  # PostgreSQL's advisory lock: one adds labels, deletes or makes tables at a time


class Moment(sa.TypeDecorator[str]):
    """A time as ``told_time`` tells it: in SQLite as that text, in PostgreSQL as its own type."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """The type in the database."""
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else sa.Text())

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """SQLite's texts stay as they are, without a call for each."""
        return (lambda time: time and told_time(time)) if dialect.name == "postgresql" else None


def word() -> "sa.types.TypeEngine[Any]":
    """1, 0 or the name of a class, which stay apart: '1' may be a name. A column without a type in SQLite, JSON in PostgreSQL."""
    return sa.types.NullType().with_variant(JSONB(), "postgresql")


PREDICTIONS = sa.table(
    "predictions",
    sa.column("rowid", sa.BigInteger),  # SQLite's own
    sa.column("id", sa.Text),
    sa.column("request_id", sa.Text),
    sa.column("key", sa.Text),
    sa.column("recorded_at", Moment),
    sa.column("model", sa.Text),
    sa.column("version", sa.Text),
    sa.column("digest", sa.Text),
    sa.column("score", sa.Float),
    sa.column("decision", word()),
    sa.column("latency_ms", sa.Float),
    sa.column("features", sa.Text),
)
LABELS = sa.table(
    "labels",
    sa.column("place", sa.BigInteger),
    sa.column("prediction_id", sa.Text),
    sa.column("label", word()),
    sa.column("observed_at", Moment),
    sa.column("arrived_at", Moment),
)
SQLITE_PREDICTIONS = """
CREATE TABLE IF NOT EXISTS predictions (
    id TEXT PRIMARY KEY, request_id TEXT NOT NULL, key TEXT, recorded_at TEXT NOT NULL, model TEXT NOT NULL,
    version TEXT NOT NULL, digest TEXT NOT NULL, score REAL NOT NULL, decision NOT NULL, latency_ms REAL NOT NULL,
    features TEXT NOT NULL
)
"""
SQLITE_OTHERS = (
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
POSTGRESQL = (
    """
    CREATE TABLE predictions (
        rowid BIGINT GENERATED ALWAYS AS IDENTITY, id TEXT PRIMARY KEY, request_id TEXT NOT NULL, key TEXT,
        recorded_at TIMESTAMPTZ NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,
        score DOUBLE PRECISION NOT NULL, decision JSONB NOT NULL, latency_ms DOUBLE PRECISION NOT NULL, features TEXT NOT NULL
    )
    """,
    "CREATE INDEX predictions_by_time ON predictions (model, recorded_at)",
    "CREATE INDEX predictions_by_key ON predictions (model, key) WHERE key IS NOT NULL",
    """
    CREATE TABLE labels (
        place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, prediction_id TEXT NOT NULL, label JSONB NOT NULL,
        observed_at TIMESTAMPTZ, arrived_at TIMESTAMPTZ NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX labels_once ON labels (prediction_id, label, coalesce(observed_at, '-infinity'))",
    # Without it PostgreSQL looks for the last label of a prediction from the end of all labels.
    "CREATE INDEX labels_of_predictions ON labels (prediction_id, place)",
    """
    CREATE FUNCTION labels_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'UPDATE' THEN
            RAISE EXCEPTION 'a label on record is never changed: another one is added';
        ELSIF EXISTS (SELECT 1 FROM predictions WHERE id = OLD.prediction_id) THEN
            RAISE EXCEPTION 'a label is deleted with its prediction alone';
        END IF;
        RETURN OLD;
    END $$
    """,
    "CREATE TRIGGER labels_keep BEFORE UPDATE OR DELETE ON labels FOR EACH ROW EXECUTE FUNCTION labels_keep()",
    "CREATE TABLE inference_log_form (form INTEGER NOT NULL)",
    f"INSERT INTO inference_log_form VALUES ({FORM})",  # noqa: S608 - our own number
)


def told_time(time: datetime) -> str:
    """A time as the log has it, UTC, so that texts are in the order of times."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def chosen(*, model: str | None, since: datetime | None, before: datetime | None) -> sa.ColumnElement[bool]:
    """What SQL says after WHERE to choose predictions by model and time."""
    table = PREDICTIONS.c
    conditions = [
        None if model is None else table.model == model,
        None if since is None else table.recorded_at >= told_time(since),
        None if before is None else table.recorded_at < told_time(before),
    ]
    return sa.and_(sa.true(), *(condition for condition in conditions if condition is not None))


def open_to_write(url: str, *, seconds_for_a_lock: float = SECONDS_FOR_A_LOCK, hurried: bool = False) -> sa.Connection:
    """A connection whose transactions are on disk when they are committed; the tables are made where there are none.

    Args:
        url: of the database.
        seconds_for_a_lock: how long to wait for another process that writes.
        hurried: whether somebody waits for an answer, so that a server has seconds for everything.

    Raises:
        BadInput: the URL is none.
        LogUnwritable: a later version of the platform wrote it.
        sqlalchemy.exc.DBAPIError, OSError: it is no database, or cannot be written.
    """
    connection = databases.open_to_write(url, seconds_for_a_lock=seconds_for_a_lock, hurried=hurried)
    try:
        if _form(connection) != FORM:
            connection.rollback()
            with transaction(connection):
                _bring_to_todays_form(connection, url)
        connection.rollback()
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def opened_to_read(url: str) -> Iterator[sa.Connection]:
    """A connection that changes no row.

    Raises:
        BadInput: the URL is none.
        EvidenceMissing: there is no log.
        LogUnwritable: a later version of the platform wrote it.
        Unreachable: the database cannot be read.
    """
    missing = EvidenceMissing("no prediction was recorded yet", where=place_of(url))
    if (path := file_of(url)) is not None and not path.exists():
        raise missing
    with read_from(url, what="the inference log") as connection:
        form = _form(connection)
        if form is None:
            raise missing
        if form == FORM:
            yield connection
            return
    with read_from(url, what="the inference log"):
        open_to_write(url).close()
    with read_from(url, what="the inference log") as connection:
        yield connection


def insert(connection: sa.Connection, table: sa.TableClause, rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds rows, whose values are those of the table's columns after the first, in their order; the first counts by itself.

    The driver does it, in SQLite row by row and in PostgreSQL by an array for each column: SQLAlchemy's own way takes half as
    long again in the one and several times as long in the other.
    """
    names = tuple(table.columns.keys()[1:])
    if connection.dialect.name == "sqlite":
        if rows:
            connection.exec_driver_sql(_insertion(table.name, names), list(rows))
        return
    statement, tells = _insertion_of_arrays(table, connection.dialect)
    for start in range(0, len(rows), INSERTED_AT_ONCE):
        columns = zip(*rows[start : start + INSERTED_AT_ONCE], strict=True)
        arrays = [
            [value if tell is None else tell(value) for value in column]
            for tell, column in zip(tells, columns, strict=True)
        ]
        connection.exec_driver_sql(statement, tuple(arrays))


@functools.cache
def _insertion(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - our own names


@functools.cache
def _insertion_of_arrays(table: sa.TableClause, dialect: sa.Dialect) -> tuple[str, list[Callable[[Any], Any] | None]]:
    """The statement, and how the values of each column are told to PostgreSQL."""
    columns = list(table.columns)[1:]
    arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in columns)
    names = ", ".join(column.name for column in columns)
    tells: list[Callable[[Any], Any] | None]
    tells = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})", tells  # noqa: S608 - our own names


def count_recorded(url: str, model: str) -> tuple[int, int]:
    """Predictions of a model on record, and the labels of all models that have ever arrived.

    Raises:
        EvidenceMissing: there is no log.
        Unreachable: the database cannot be read.
    """
    predictions = sa.select(sa.func.count()).select_from(PREDICTIONS).where(PREDICTIONS.c.model == model)
    labels = sa.select(sa.func.coalesce(sa.func.max(LABELS.c.place), 0))
    with opened_to_read(url) as connection:
        return int(connection.execute(predictions).scalar_one()), int(connection.execute(labels).scalar_one())


@contextlib.contextmanager
def transaction(connection: sa.Connection) -> Iterator[None]:
    """Commits what is written within, or takes all of it back."""
    with connection.begin():
        yield


def one_at_a_time(connection: sa.Connection) -> None:
    """Has whoever adds labels, deletes or makes tables wait for the other, until the transaction ends.

    SQLite's transactions write one after the other anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITERS_OF_LABELS)))


def _bring_to_todays_form(connection: sa.Connection, url: str) -> None:
    one_at_a_time(connection)
    form = _form(connection)
    if form == FORM:  # another process was here first
        return
    if form is not None and form > FORM:
        raise LogUnwritable(
            f"the inference log has form {form}, and this version of the platform knows forms up to {FORM}; use the version that "
            "wrote it, or a later one",
            where=place_of(url),
        )
    statements = POSTGRESQL if connection.dialect.name == "postgresql" else _of_sqlite(connection)
    for statement in statements:
        connection.exec_driver_sql(statement)


def _of_sqlite(connection: sa.Connection) -> Iterator[str]:
    yield SQLITE_PREDICTIONS
    if "key" not in {column[1] for column in connection.exec_driver_sql("PRAGMA table_info(predictions)")}:
        yield "ALTER TABLE predictions ADD COLUMN key TEXT"
    yield from SQLITE_OTHERS
    yield f"PRAGMA user_version = {FORM}"


def _form(connection: sa.Connection) -> int | None:
    """The form of the tables; None where PostgreSQL has none."""
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if not sa.inspect(connection).has_table("inference_log_form"):
        return None
    return int(connection.exec_driver_sql("SELECT form FROM inference_log_form").scalar_one())
