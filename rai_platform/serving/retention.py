"""What leaves the inference log: copies as Parquet, a folder for each day; and what is old enough to be forgotten."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from rai_platform.data.columns import as_text
from rai_platform.data.sample import FEATURE, SENSITIVE
from rai_platform.errors import BadInput, LogUnwritable
from rai_platform.serving.databases import FAILURES, in_words, place_of
from rai_platform.serving.features import HASH
from rai_platform.serving.log_tables import (
    LABELS,
    PREDICTIONS,
    chosen,
    one_at_a_time,
    open_to_write,
    opened_to_read,
    transaction,
)
from rai_platform.serving.observed import TIMES, read_observed

if TYPE_CHECKING:
    import sqlite3

    import pandas as pd
    import pyarrow as pa

    from rai_platform.settings import Settings

FORGOTTEN_AT_ONCE = 1_000  # predictions in one transaction: a service that writes the same log waits for it
SECONDS_FOR_A_LOCK = 30.0
ONE_DAY = timedelta(days=1)


def export_log(
    settings: "Settings",
    model: str,
    folder: Path,
    *,
    since: datetime | None = None,
    before: datetime | None = None,
    with_groups: bool = False,
) -> Iterator[tuple[Path, int]]:
    """Writes the predictions of a model with their labels, ``day=2026-01-31/part-MODEL.parquet`` for each day (UTC).

    The columns are those of ``read_observed``, of the same types in every file. A file is whole or not there; one of the same
    day and model is replaced. Tells every file and its number of predictions.

    Args:
        settings: where the log is.
        model: by name.
        folder: created where there is none.
        since: recorded then or later; a time with its zone.
        before: recorded earlier than then; a time with its zone.
        with_groups: whether people's groups go with them.

    Raises:
        EvidenceMissing: there is no log.
        Unreachable: the database cannot be read.
        BadInput: the folder cannot be written to.
    """
    days = _days(settings.inference_log_url, model, since=since, before=before)
    if not days:
        return
    schema = _schema(settings, model, since=since, before=before, with_groups=with_groups)
    for day in days:
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        frame = read_observed(
            settings,
            model,
            since=max(start, since or start),
            before=min(start + ONE_DAY, before or start + ONE_DAY),
            with_groups=with_groups,
        )
        if frame.empty:  # forgotten meanwhile
            continue
        path = folder / f"day={day}" / f"part-{model}.parquet"
        try:
            _write(frame, schema, path)
        except OSError as error:
            raise BadInput(f"nothing can be written to {folder}: {error.strerror or error}", where="--to") from None
        yield path, len(frame)


def count_older(log: str, model: str, *, before: datetime) -> int:
    """How many predictions of a model were recorded earlier than then.

    Raises:
        EvidenceMissing: there is no log.
        Unreachable: the database cannot be read.
    """
    query = sa.select(sa.func.count()).where(chosen(model=model, since=None, before=before)).select_from(PREDICTIONS)
    with opened_to_read(log) as connection:
        return int(connection.execute(query).scalar_one())


def forget_older(log: str, model: str, *, before: datetime) -> Iterator[int]:
    """Deletes predictions that were recorded earlier than then, with their labels, oldest first; tells how many are gone.

    What was deleted is overwritten in the file of SQLite, which keeps its size and takes new rows in that place. PostgreSQL
    clears it away in its own time (VACUUM).

    Raises:
        LogUnwritable: the log cannot be written; what was told is gone.
    """
    gone = 0
    is_old = chosen(model=model, since=None, before=before)
    oldest = sa.select(PREDICTIONS.c.id).where(is_old).order_by(PREDICTIONS.c.recorded_at).limit(FORGOTTEN_AT_ONCE)
    try:
        with closing(open_to_write(log, seconds_for_a_lock=SECONDS_FOR_A_LOCK)) as connection:
            _overwrite(connection)
            while True:
                with transaction(connection):
                    one_at_a_time(connection)
                    ids = connection.execute(oldest).scalars().all()
                    connection.execute(sa.delete(PREDICTIONS).where(PREDICTIONS.c.id.in_(ids)))
                    connection.execute(sa.delete(LABELS).where(LABELS.c.prediction_id.in_(ids)))
                if not ids:
                    break
                gone += len(ids)
                yield gone
            _empty_the_journal(connection)
    except FAILURES as error:
        raise LogUnwritable(
            f"the inference log cannot be written: {in_words(error)}; {gone} predictions were deleted",
            where=place_of(log),
        ) from None


def _overwrite(connection: sa.Connection) -> None:
    """Has SQLite write zeros over what is deleted."""
    if connection.dialect.name == "sqlite":
        _of_the_driver(connection).execute("PRAGMA secure_delete = ON")


def _empty_the_journal(connection: sa.Connection) -> None:
    """Has SQLite bring what its journal holds into the file, and forget the journal."""
    if connection.dialect.name == "sqlite":
        _of_the_driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _of_the_driver(connection: sa.Connection) -> "sqlite3.Connection":
    """The connection outside of any transaction, in which these cannot be set."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _days(log: str, model: str, *, since: datetime | None, before: datetime | None) -> list[str]:
    day = sa.func.substr(sa.cast(PREDICTIONS.c.recorded_at, sa.Text), 1, 10)
    query = sa.select(day).where(chosen(model=model, since=since, before=before)).distinct().order_by(day)
    with opened_to_read(log) as connection:
        return list(connection.execute(query).scalars())


def _schema(
    settings: "Settings", model: str, *, since: datetime | None, before: datetime | None, with_groups: bool
) -> "pa.Schema":
    """The columns of every file: a number where all values are numbers, else a text."""
    import pyarrow as pa

    conditions = chosen(model=model, since=since, before=before)
    with opened_to_read(settings.inference_log_url) as connection:
        is_text = _features(connection, conditions)
        kind = "typeof" if connection.dialect.name == "sqlite" else "jsonb_typeof"
        kinds = sa.select(getattr(sa.func, kind)(PREDICTIONS.c.decision)).where(conditions).distinct()
        decided = pa.string() if {"text", "string"} & set(connection.execute(kinds).scalars()) else pa.int64()
    nobody = datetime(1, 1, 1, tzinfo=UTC)  # no prediction is as old: the columns alone
    columns = read_observed(settings, model, before=nobody, with_groups=with_groups).columns
    known = {"score": pa.float64(), "latency_ms": pa.float64(), "decision": decided, "label": decided}
    known |= dict.fromkeys(TIMES, pa.timestamp("us", tz="UTC"))
    own = [("model", pa.string())]
    own += [(name, known.get(name, pa.string())) for name in columns if not name.startswith(SENSITIVE)]
    own += [(f"{FEATURE}{name}", pa.string() if text else pa.float64()) for name, text in is_text.items()]
    own += [(name, pa.string()) for name in columns if name.startswith(SENSITIVE)]
    return pa.schema(own)


def _features(connection: sa.Connection, conditions: "sa.ColumnElement[bool]") -> dict[str, bool]:
    """The features that the log knows, in the order they first came in; whether one of its values is a text."""
    text = PREDICTIONS.c.features
    if connection.dialect.name == "sqlite":
        each = sa.func.json_each(text).table_valued("key", "type", "id", name="each")
        is_text = each.c.type == "text"
    else:
        each = (
            sa.func.json_each(sa.cast(text, sa.JSON))
            .table_valued("key", "value", with_ordinality="id", name="each")
            .render_derived()
        )
        is_text = sa.func.json_typeof(each.c.value) == "string"
    query = (
        sa.select(each.c.key, sa.func.max(sa.case((is_text, 1), else_=0)))
        .select_from(PREDICTIONS.join(each, sa.true()))
        .where(conditions, each.c.key != HASH)
        .group_by(each.c.key)
        .order_by(sa.func.min(PREDICTIONS.c.rowid), sa.func.min(each.c.id))
    )
    return {name: bool(text) for name, text in connection.execute(query)}


def _write(frame: "pd.DataFrame", schema: "pa.Schema", path: Path) -> None:
    """The file as a whole, readable by its owner alone, or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    model = path.stem.removeprefix("part-")
    columns = {"model": [model] * len(frame), **{str(name): frame[name] for name in frame}}
    arrays = [_array(columns.get(field.name, [None] * len(frame)), field.type) for field in schema]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.touch(mode=0o600)
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), partial, compression="zstd")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _array(values: Any, kind: "pa.DataType") -> "pa.Array":
    import pandas as pd
    import pyarrow as pa

    column = pd.Series(values, dtype=object if isinstance(values, list) else None)
    if pa.types.is_string(kind):
        return pa.array(as_text(column), type=kind, from_pandas=True)
    return pa.array(column, type=kind, from_pandas=True)
