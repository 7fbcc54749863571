"""Databases by URL, SQLite in a file or PostgreSQL: opened so that what was committed is on disk, and told without secrets.

Statements are SQLAlchemy's where both understand them. Nothing here waits for good: a lock, a server and a line each have
their time.
"""

import contextlib
import functools
import os
import select
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from rai_platform.errors import BadInput, Unreachable

SECONDS_FOR_A_LOCK = 2.0
SECONDS_TO_CONNECT = 10
SECONDS_OF_SILENCE = 10  # of a line to PostgreSQL, after which nobody is at its other end
SECONDS_FOR_A_STATEMENT = 5.0  # where somebody waits for an answer
SECONDS_TO_CONNECT_IN_A_HURRY = 3
FAILURES = (sa.exc.DBAPIError, OSError)  # what a database that cannot be used raises
_Use = Literal["read", "write"]


def file_of(url: str) -> Path | None:
    """The file of a database of SQLite; None of another."""
    parsed = _parsed(url)
    return Path(str(parsed.database)).absolute() if parsed.get_backend_name() == "sqlite" else None


def place_of(url: str) -> str:
    """Where a database is, in words that hold no password."""
    return str(file_of(url) or _parsed(url).set(query={}).render_as_string(hide_password=True))


def in_words(error: BaseException) -> str:
    """What a database says in a line: without the statement and the details below it, which may quote a person's features."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    if isinstance(cause, sa.exc.SQLAlchemyError):
        return type(cause).__name__
    first = str(cause).strip().partition("\n")[0].strip()
    return f"{type(cause).__name__}{first and f': {first}'}"[:500]


def open_to_write(url: str, *, seconds_for_a_lock: float = SECONDS_FOR_A_LOCK, hurried: bool = False) -> sa.Connection:
    """A connection whose transactions are on disk when they are committed; a file is created where there is none.

    Args:
        url: of the database; a file is readable by its owner alone.
        seconds_for_a_lock: how long to wait for another that writes.
        hurried: whether somebody waits for an answer: PostgreSQL is given seconds to connect and for a statement.

    Raises:
        BadInput: the URL is none.
        sqlalchemy.exc.DBAPIError, OSError: the database cannot be used.
    """
    if (path := file_of(url)) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return _engine(url, "write", seconds_for_a_lock, hurried).connect()


def open_to_read(url: str) -> sa.Connection:
    """A connection that changes no row; a file has to be there.

    Raises:
        BadInput: the URL is none.
        sqlalchemy.exc.DBAPIError: the database cannot be used.
    """
    return _engine(url, "read", SECONDS_FOR_A_LOCK, False).connect()


@contextlib.contextmanager
def read_from(url: str, *, what: str) -> Iterator[sa.Connection]:
    """A connection that changes no row; what goes wrong with it is told in a sentence.

    Raises:
        BadInput: the URL is none.
        Unreachable: the database cannot be read.
    """
    try:
        with open_to_read(url) as connection:
            yield connection
    except FAILURES as error:
        raise Unreachable(f"{what} cannot be read: {in_words(error)}", where=place_of(url)) from None


def leads_to_its_database(connection: sa.Connection) -> bool:
    """Whether a connection may be used again: its file is still the one in that place, its server has not hung up.

    SQLite would go on writing to a file that was removed. Whatever PostgreSQL has to say while nobody asks is a farewell.
    """
    if connection.closed or connection.invalidated:
        return False
    if connection.dialect.name == "sqlite":
        return bool(connection.info["file"] == _identity(connection.info["path"]))
    poll = select.poll()
    poll.register(connection.connection.driver_connection.fileno(), select.POLLIN)  # type: ignore[union-attr]
    return not poll.poll(0)


@contextlib.contextmanager
def hung_up_after(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """Cuts the line to a PostgreSQL that is silent for too long, whereupon whoever waits for it fails."""
    if connection.dialect.name == "sqlite":
        yield
        return
    line = socket.socket(fileno=os.dup(connection.connection.driver_connection.fileno()))  # type: ignore[union-attr]
    timer = threading.Timer(seconds, _hang_up, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        line.close()


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise BadInput("expected a URL such as sqlite:////folder/file.db or postgresql+psycopg2://user@host/database")
    # SQLAlchemy 2.1 takes "postgresql" for psycopg 3, and dagster-postgres is built on psycopg2.
    return parsed.set(drivername="postgresql+psycopg2" if backend == "postgresql" else "sqlite")


@functools.lru_cache(maxsize=32)
def _engine(url: str, use: _Use, seconds_for_a_lock: float, hurried: bool) -> sa.Engine:
    """An engine that keeps no connection, but what it learned of the database."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(Path(str(parsed.database)).absolute(), use, seconds_for_a_lock)
    return _postgresql(parsed, use, seconds_for_a_lock, hurried)


def _sqlite(path: Path, use: _Use, seconds_for_a_lock: float) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        uri = f"{path.as_uri()}?mode={'ro' if use == 'read' else 'rw'}"
        connection = sqlite3.connect(uri, uri=True, timeout=seconds_for_a_lock, isolation_level=None)
        if use == "write":
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def _remember(_connection: Any, record: Any) -> None:
        record.info["path"], record.info["file"] = path, _identity(path)

    if use == "write":

        @sa.event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql(url: sa.URL, use: _Use, seconds_for_a_lock: float, hurried: bool) -> sa.Engine:
    session = {"timezone": "UTC", "synchronous_commit": "on", "lock_timeout": str(int(seconds_for_a_lock * 1000))}
    if hurried:
        session["statement_timeout"] = str(int(SECONDS_FOR_A_STATEMENT * 1000))
    if use == "read":
        session["default_transaction_read_only"] = "on"
    given = url.query.get("options", "")
    waits = {
        "connect_timeout": SECONDS_TO_CONNECT_IN_A_HURRY if hurried else SECONDS_TO_CONNECT,
        "tcp_user_timeout": SECONDS_OF_SILENCE * 1000,
        "keepalives_idle": SECONDS_OF_SILENCE // 2,
        "keepalives_interval": 1,
        "keepalives_count": SECONDS_OF_SILENCE // 2,
        "application_name": "rai",
    }
    options = " ".join([str(given), *(f"-c {name}={value}" for name, value in session.items())])
    return sa.create_engine(
        url,
        poolclass=sa.NullPool,
        hide_parameters=True,
        use_native_hstore=False,  # which asks the server for it in every connection
        connect_args={**waits, "options": options.strip()},
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
