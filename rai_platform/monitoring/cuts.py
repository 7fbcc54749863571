"""Where one window ends and the next begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from rai_platform.spec.monitoring import LENGTHS, WindowSize

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)  # weeks begin on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The predictions of one window, or of several in a row that are too small by themselves.

    Attributes:
        start: of the window.
        end: excluded.
        rows: the places of its predictions (rows of the window,).
        joined: how many windows it is more than one.
    """

    start: datetime
    end: datetime
    rows: pl.Series
    joined: int


def cut(recorded_at: pl.Series, size: WindowSize, *, least: int, now: datetime) -> Iterator[Cut]:
    """Windows that are over, in the order of time; one with fewer predictions than ``least`` is counted with the next."""
    length = LENGTHS[size]
    number = (recorded_at.dt.epoch("s") - int(MONDAY.timestamp())) // int(length.total_seconds())
    windows = pl.DataFrame({"number": number}).with_row_index("row").group_by("number").agg("row").sort("number")
    waiting: list[pl.Series] = []
    begun = MONDAY
    for each, rows in zip(windows["number"].to_list(), windows["row"], strict=True):
        start = MONDAY + each * length
        if start + length > now:
            break
        begun = begun if waiting else start
        waiting.append(rows)
        if sum(map(len, waiting)) >= least:
            yield Cut(start=begun, end=start + length, rows=pl.concat(waiting), joined=len(waiting) - 1)
            waiting = []


def name_of(start: datetime, size: WindowSize) -> str:
    """The name of the window that begins at a time, in the order of time where sorted."""
    return start.strftime("%Y-%m-%dT%H" if size == "hour" else "%Y-%m-%d")
