"""Labels from a file, without a service that runs: read whole, looked up whole, and recorded part by part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rai_platform.data.columns import as_text
from rai_platform.data.sources import read_table
from rai_platform.errors import LogUnwritable, UnknownColumn, UnsuitableData, UnusableRequest, did_you_mean
from rai_platform.serving.databases import FAILURES, in_words, place_of
from rai_platform.serving.labels import (
    LabelCounts,
    LabelRules,
    NewLabel,
    Numbering,
    each_label,
    prediction_ids,
    record_labels,
)
from rai_platform.serving.log_tables import open_to_write, opened_to_read, transaction
from rai_platform.spec.data import Source

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 1_000  # labels in one transaction: a service that writes the same log waits for it
SECONDS_FOR_A_LOCK = 30.0
COLUMNS = ("id", "key", "label", "observed_at")


def read_label_file(path: Path, rules: LabelRules) -> list[NewLabel]:
    """The labels of a CSV, Parquet or JSON file: columns ``id`` or ``key``, ``label`` and perhaps ``observed_at``.

    Raises:
        UnreadableData: it is no such file, or empty.
        UnknownColumn: a column is missing.
        UnsuitableData: another column is there, or a row is not what is expected; with its number, counted from 1.
    """
    table = read_table(Source(path=str(path)), texts=("id", "key", "label"))
    _must_have_the_columns(table, where=str(path))
    for name in {"id", "key"} & set(table.columns):
        table[name] = as_text(table[name])
    try:
        return each_label(_items(table), rules, numbering=Numbering("row", 1))
    except UnusableRequest as error:
        raise UnsuitableData(error.message, where=str(path)) from None


def record_label_file(
    log: str, labels: Sequence[NewLabel], *, model: str, clock: Callable[[], datetime], where: str
) -> Iterator[tuple[int, LabelCounts]]:
    """Records labels part by part, each on disk before the next; tells how many are done, and what became of a part.

    Args:
        log: URL of the inference log.
        labels: as ``read_label_file`` gives them.
        model: that they are for.
        clock: the time, UTC.
        where: the file that they are from.

    Raises:
        EvidenceMissing: there is no log.
        Unreachable: the log cannot be read.
        UnsuitableData: there is no prediction of the model that a row is for; before anything was recorded, unless
            predictions were deleted meanwhile.
        LogUnwritable: the log cannot be written; the parts that were told are on record.
    """
    parts = [(Numbering("row", start + 1), labels[start : start + AT_ONCE]) for start in range(0, len(labels), AT_ONCE)]
    done = 0
    try:
        with opened_to_read(log) as reader:
            for numbering, part in parts:
                prediction_ids(reader, part, model=model, numbering=numbering)
        with closing(open_to_write(log, seconds_for_a_lock=SECONDS_FOR_A_LOCK)) as connection:
            for numbering, part in parts:
                with transaction(connection):
                    counts = record_labels(connection, part, model=model, now=clock(), numbering=numbering)
                done += len(part)
                yield done, counts
    except UnusableRequest as error:
        raise UnsuitableData(error.message, where=where) from None
    except FAILURES as error:
        raise LogUnwritable(
            f"the inference log cannot be written: {in_words(error)}; {done} of {len(labels)} labels are on record, and the "
            "file can be given again",
            where=place_of(log),
        ) from None


def _must_have_the_columns(table: "pd.DataFrame", *, where: str) -> None:
    if unknown := [name for name in table.columns if name not in COLUMNS]:
        raise UnsuitableData(
            f"expected the columns id or key, label and perhaps observed_at; got {unknown[0]!r} too"
            f"{did_you_mean(unknown[0], COLUMNS)}",
            where=where,
        )
    if "label" not in table or not {"id", "key"} & set(table.columns):
        raise UnknownColumn("id" if "label" in table else "label", table.columns, where=where)


def _items(table: "pd.DataFrame") -> Iterator[dict[str, object]]:
    """The rows as a request has them: what is missing is absent."""
    names = [str(name) for name in table]
    rows = zip(*(table[name].astype(object).tolist() for name in names), strict=True)
    for row, present in zip(rows, table.notna().to_numpy().tolist(), strict=True):
        yield {name: value for name, value, is_there in zip(names, row, present, strict=True) if is_there}
