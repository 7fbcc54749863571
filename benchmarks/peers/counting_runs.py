"""Counts a Parquet file of predictions by day, group, label and decision, and tells the seconds and memory that took.

Run as a process, once for each way of counting, so that the memory is of that way alone.
"""

import json
import resource
import sys
import time
from collections.abc import Callable

import polars as pl

from rai_platform.monitoring.exported import days_from_parquet

KIB_IN_GIB = 1024**2


def platform(path: str) -> int:
    """By the platform; gives how many rows were counted."""
    return sum(each.decided.n for each in days_from_parquet(path, group="group"))


def bare(path: str) -> int:
    """By polars alone."""
    keys = [pl.col("recorded_at").dt.date().alias("day"), "group", "label", "decision"]
    counted = pl.scan_parquet(path).group_by(keys).agg(pl.len()).collect(engine="streaming")
    return int(counted["len"].sum())


WAYS: dict[str, Callable[[str], int]] = {"platform": platform, "bare": bare}


def main(way: str, path: str) -> None:
    """Writes seconds, gibibytes and rows as JSON."""
    started = time.perf_counter()
    rows = WAYS[way](path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_IN_GIB  # of Linux, where it counts kibibytes
    print(json.dumps({"seconds": seconds, "gib": peak, "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
