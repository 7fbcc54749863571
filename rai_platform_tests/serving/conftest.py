"""The databases that the log may be in: a file of SQLite, and a PostgreSQL that a test process starts for itself."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from rai_platform.serving.databases import file_of
from rai_platform.serving.log_tables import open_to_write
from rai_platform.settings import Settings, read_settings
from rai_platform_tests.servers import postgres

NUMBERS = itertools.count()
in_a_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A server of PostgreSQL, by the URL of one of its databases."""
    with postgres("rai") as url:
        yield url.replace("postgresql:", "postgresql+psycopg2:")


def file_at(url: str) -> Path:
    """The file of a database of SQLite."""
    file = file_of(url)
    assert file is not None
    return file


def new_database(server: str) -> str:
    """The URL of another database of a server, which is empty."""
    name = f"log_{next(NUMBERS)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a log may be that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/serving/inference_log.db"
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    """The settings of a home whose log is there, and people's groups in another database of the same kind."""
    variables = {"RAI_HOME": str(tmp_path), "RAI_INFERENCE_LOG_URL": url}
    if url.startswith("postgresql"):
        variables["RAI_PROTECTED_ATTRIBUTES"] = new_database(url)
    return read_settings(variables, working_folder=tmp_path)


@contextlib.contextmanager
def held(url: str) -> Iterator[None]:
    """A log that another process writes to, so that nobody else can."""
    with contextlib.closing(open_to_write(url)) as other, other.begin():
        if other.dialect.name == "postgresql":
            other.exec_driver_sql("LOCK TABLE predictions, labels IN EXCLUSIVE MODE")
        yield


@contextlib.contextmanager
def without_room(url: str, table: str = "predictions", *, for_row: str = "true") -> Iterator[None]:
    """A log whose disk is full, as far as the rows of a table are concerned for which a condition on NEW holds."""
    full = "database or disk is full"
    begin, end = f"BEFORE INSERT ON {table}", "DROP TRIGGER no_room"
    statements = [f"CREATE TRIGGER no_room {begin} WHEN {for_row} BEGIN SELECT RAISE(ABORT, '{full}'); END"]
    if url.startswith("postgresql"):
        end += f" ON {table}"
        statements = [
            "CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN RAISE EXCEPTION '{full}'; END $$",
            f"CREATE TRIGGER no_room {begin} FOR EACH ROW WHEN ({for_row}) EXECUTE FUNCTION no_room()",
        ]
    with contextlib.closing(open_to_write(url)) as connection:
        for statement in statements:
            with connection.begin():
                connection.exec_driver_sql(statement)
        yield
        with connection.begin():
            connection.exec_driver_sql(end)
