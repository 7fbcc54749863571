"""What leaves the inference log: copies as Parquet, a folder for each day; and what is old enough to be forgotten."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rai_platform.data.columns import as_text
from rai_platform.data.sample import FEATURE, SENSITIVE
from rai_platform.errors import BadInput, LogUnwritable, in_a_line
from rai_platform.serving.features import HASH
from rai_platform.serving.log_tables import chosen, open_to_write, opened_to_read, told_time, transaction
from rai_platform.serving.observed import TIMES, read_observed

if TYPE_CHECKING:
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
        BadInput: the folder cannot be written to.
    """
    days = _days(settings.inference_log, model, since=since, before=before)
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


def count_older(log: Path, model: str, *, before: datetime) -> int:
    """How many predictions of a model were recorded earlier than then.

    Raises:
        EvidenceMissing: there is no log.
    """
    with opened_to_read(log) as connection:
        query = "SELECT count(*) FROM predictions WHERE model = ? AND recorded_at < ?"
        return int(connection.execute(query, (model, told_time(before))).fetchone()[0])


def forget_older(log: Path, model: str, *, before: datetime) -> Iterator[int]:
    """Deletes predictions that were recorded earlier than then, with their labels, oldest first; tells how many are gone.

    What was deleted is overwritten in the file, which keeps its size and takes new rows in that place.

    Raises:
        LogUnwritable: the log cannot be written; what was told is gone.
    """
    gone = 0
    oldest = "SELECT id FROM predictions WHERE model = ? AND recorded_at < ? ORDER BY recorded_at LIMIT ?"
    try:
        with closing(open_to_write(log, seconds_for_a_lock=SECONDS_FOR_A_LOCK)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            while True:
                with transaction(connection):
                    rows = connection.execute(oldest, (model, told_time(before), FORGOTTEN_AT_ONCE)).fetchall()
                    connection.executemany("DELETE FROM predictions WHERE id = ?", rows)
                    connection.executemany("DELETE FROM labels WHERE prediction_id = ?", rows)
                if not rows:
                    break
                gone += len(rows)
                yield gone
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise LogUnwritable(
            f"the inference log cannot be written: {in_a_line(error)}; {gone} predictions were deleted", where=str(log)
        ) from None


def _days(log: Path, model: str, *, since: datetime | None, before: datetime | None) -> list[str]:
    conditions, values = chosen(model=model, since=since, before=before)
    query = f"SELECT DISTINCT substr(recorded_at, 1, 10) FROM predictions WHERE {conditions} ORDER BY 1"  # noqa: S608 - our own names
    with opened_to_read(log) as connection:
        return [row[0] for row in connection.execute(query, values)]


def _schema(
    settings: "Settings", model: str, *, since: datetime | None, before: datetime | None, with_groups: bool
) -> "pa.Schema":
    """The columns of every file: a number where all values are numbers, else a text."""
    import pyarrow as pa

    conditions, values = chosen(model=model, since=since, before=before)
    features = f"""
        SELECT each.key, max(each.type = 'text') FROM predictions, json_each(features) each
        WHERE {conditions} AND each.key <> '{HASH}' GROUP BY each.key ORDER BY min(predictions.rowid), min(each.id)
    """  # noqa: S608 - our own names
    texts = f"SELECT DISTINCT typeof(decision) FROM predictions WHERE {conditions}"  # noqa: S608 - our own names
    with opened_to_read(settings.inference_log) as connection:
        is_text = {name: bool(text) for name, text in connection.execute(features, values)}
        decided = pa.string() if ("text",) in connection.execute(texts, values).fetchall() else pa.int64()
    nobody = datetime(1, 1, 1, tzinfo=UTC)  # no prediction is as old: the columns alone
    columns = read_observed(settings, model, before=nobody, with_groups=with_groups).columns
    known = {"score": pa.float64(), "latency_ms": pa.float64(), "decision": decided, "label": decided}
    known |= dict.fromkeys(TIMES, pa.timestamp("us", tz="UTC"))
    own = [("model", pa.string())]
    own += [(name, known.get(name, pa.string())) for name in columns if not name.startswith(SENSITIVE)]
    own += [(f"{FEATURE}{name}", pa.string() if text else pa.float64()) for name, text in is_text.items()]
    own += [(name, pa.string()) for name in columns if name.startswith(SENSITIVE)]
    return pa.schema(own)


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
