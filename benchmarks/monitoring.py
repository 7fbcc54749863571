"""What monitoring costs beside Evidently and a bare polars group-by, and how often and how late its alarms come.

Evidently (0.7.23, with pandas 2) is installed for this alone, into an environment of its own beside the benchmarks.
"""

import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.table import Claim, Goal, report
from rai_platform.monitoring.alarms import Detector
from rai_platform.monitoring.drift import measure_drift
from rai_platform.monitoring.monitors import Tolerances, looks
from rai_platform.monitoring.windows import Predicted, Reference, count_window, reference_of
from rai_platform.statistics.e_values import log_e_value_outside, restarted

PEER = "evidently==0.7.23"
NEEDED = (PEER, "pandas<3", "pyarrow")
PROJECT = Path(__file__).parents[1]
ENVIRONMENT = PROJECT / "benchmarks" / "peers" / ".environments" / PEER.replace("==", "-")

FASTER_DRIFT = 50
SLOWER_COUNTING, MOST_GIB = 1.5, 2.0
NUMBERS, CATEGORIES = 8, 2  # columns of the drift
GROUPS, DAYS = 12, 90
ROWS_IN_A_CHUNK = 1_000_000
LOOKS, LOOKS_TO_A_FALSE_ALARM = 1_000, 10_000
RATE, TOLERANCE, ROWS_IN_A_LOOK = 0.30, 0.05, 500
BEYOND = (0.02, 0.05, 0.10)  # past the tolerance


def measure(quick: bool) -> list[Claim]:
    """All claims."""
    return [
        *drift(rows=100_000 if quick else 1_000_000, rounds=3),
        *counting(rows=5_000_000 if quick else 100_000_000, rounds=3),
        false_alarms(streams=1_000 if quick else 10_000),
        false_alarms_of_whole_detectors(streams=20 if quick else 200),
        *(delay(beyond, streams=500 if quick else 5_000) for beyond in BEYOND),
    ]


# --- drift ---------------------------------------------------------------------------------------------------------------


def drift(*, rows: int, rounds: int) -> list[Claim]:
    """Ours counts a window and measures every distance; the peer's import and both sides' reading of files do not count."""
    reference, current = table(rows, seed=0, moved=0.0), table(rows, seed=1, moved=0.1)
    predicted, window = as_predicted(reference, seed=2), as_predicted(current, seed=3)
    kinds = {name: "category" if name.startswith("category") else "number" for name in reference.columns}
    laid_down, ours = float("inf"), float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        known = reference_of(predicted, kinds=kinds, says="the benchmark's own")
        between = time.perf_counter()
        counted = count_window(window, known, name="2026-11-30")
        for name, bins in known.bins.items():
            measure_drift(bins, known.window.columns[name], counted.columns[name])
        ended = time.perf_counter()
        laid_down, ours = min(laid_down, ended - started), min(ours, ended - between)
    peer = by_evidently(reference, current, rounds=1)
    says = f"drift of {rows:,} rows, {NUMBERS + CATEGORIES} columns"
    return [
        Claim(
            says=f"{says}, outcomes counted too; peer: Evidently's DataDriftPreset",
            ours=ours,
            peer=peer,
            unit="s",
            goal=Goal(of="ratio", at_most=1 / FASTER_DRIFT),
        ),
        Claim(
            says=f"{says}, with a reference of as many rows laid down first; peer: as above",
            ours=laid_down,
            peer=peer,
            unit="s",
            goal=None,
        ),
    ]


def table(rows: int, *, seed: int, moved: float) -> pl.DataFrame:
    """Numbers and categories, moved by so many standard deviations."""
    rng = np.random.default_rng(seed)
    names = np.array([f"kind {number}" for number in range(8)])
    return pl.DataFrame(
        {
            **{f"number {at}": rng.normal(moved, 1 + at, rows) for at in range(NUMBERS)},
            **{f"category {at}": names[rng.binomial(7, 0.4 + moved, rows)] for at in range(CATEGORIES)},
        }
    )


def as_predicted(features: pl.DataFrame, *, seed: int) -> Predicted:
    """Predictions of rows, half of which have a label."""
    rng = np.random.default_rng(seed)
    rows = len(features)
    score = rng.random(rows)
    labels = pl.Series((rng.random(rows) < score).astype("int8"))
    return Predicted(
        features=features,
        groups=pl.DataFrame(
            {"group": np.array([f"group {at}" for at in range(GROUPS)])[rng.integers(0, GROUPS, rows)]}
        ),
        score=pl.Series(score),
        decision=pl.Series((score >= 0.5).astype("int8")),
        label=labels.zip_with(pl.Series(rng.random(rows) < 0.5), pl.Series([None], dtype=pl.Int8)),
    )


def by_evidently(reference: pl.DataFrame, current: pl.DataFrame, *, rounds: int) -> float:
    """Seconds of the peer, in its own environment."""
    if not (ENVIRONMENT / "bin" / "python").exists():
        venv.create(ENVIRONMENT, with_pip=True)
    python = str(ENVIRONMENT / "bin" / "python")
    if subprocess.run([python, "-c", "import evidently"], capture_output=True, check=False).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDED], check=True)
    with TemporaryDirectory() as name:
        for of, side in (("reference", reference), ("current", current)):
            side.write_parquet(Path(name) / f"{of}.parquet")
        script = str(PROJECT / "benchmarks" / "peers" / "evidently_runs.py")
        subprocess.run([python, "-W", "ignore", script, name, str(rounds)], check=True)
        seconds: float = json.loads((Path(name) / "seconds.json").read_text(encoding="utf-8"))
        return seconds


# --- counting ------------------------------------------------------------------------------------------------------------


def counting(*, rows: int, rounds: int) -> list[Claim]:
    """The best of several rounds, taken in turn, each a process of its own."""
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "predictions.parquet")
        write_predictions(path, rows)
        told: dict[str, list[dict[str, Any]]] = {"platform": [], "bare": []}
        for _ in range(rounds):
            for way, runs in told.items():
                runs.append(counted_by(way, path))
    if any(run["rows"] != rows for runs in told.values() for run in runs):
        raise ValueError(f"expected {rows} rows to be counted")
    ours, peer = (
        {key: agg(run[key] for run in told[way]) for key, agg in (("seconds", min), ("gib", max))} for way in told
    )
    says = f"{rows:,} predictions in Parquet by day ({DAYS}), group ({GROUPS}), label and decision"
    return [
        Claim(
            says=f"{says}, as cells; peer: a bare polars group-by",
            ours=ours["seconds"],
            peer=peer["seconds"],
            unit="s",
            goal=Goal(of="ratio", at_most=SLOWER_COUNTING),
        ),
        Claim(
            says="memory of that process at its peak; peer: as above",
            ours=ours["gib"],
            peer=peer["gib"],
            unit="GiB",
            goal=Goal(of="ours", at_most=MOST_GIB),
        ),
    ]


def counted_by(way: str, path: str) -> dict[str, Any]:
    """What a process of its own tells."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.counting_runs", way, path],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def write_predictions(path: str, rows: int) -> None:
    """Predictions of some days in the order of time, a third of them without a label, a chunk at a time."""
    names = pa.array([f"group {at}" for at in range(GROUPS)])
    kind = pa.timestamp("us", tz="UTC")
    schema = pa.schema([("recorded_at", kind), ("group", pa.string()), ("label", pa.int64()), ("decision", pa.int64())])
    start = np.datetime64("2026-09-01", "us").astype("int64")
    step = DAYS * 86_400_000_000 / rows
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, rows, ROWS_IN_A_CHUNK):
            n = min(ROWS_IN_A_CHUNK, rows - first)
            rng = np.random.default_rng(first)
            columns = [
                pa.array((start + (first + np.arange(n)) * step).astype("int64")).cast(kind),
                names.take(pa.array(rng.integers(0, GROUPS, n))),
                pa.array(rng.integers(0, 2, n), mask=rng.random(n) < 1 / 3),
                pa.array(rng.integers(0, 2, n)),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


# --- alarms --------------------------------------------------------------------------------------------------------------


def false_alarms(*, streams: int) -> Claim:
    """Streams whose share stays exactly at the edge of its tolerance, each looked at by one monitor."""
    first = first_alarms(RATE + TOLERANCE, streams=streams, looks_at_most=LOOKS, seed=0)
    return Claim(
        says=f"streams with a false alarm within {LOOKS:,} looks, of {streams:,} that stay at the edge of the tolerance; "
        f"peer: the bound declared, {LOOKS:,} / {LOOKS_TO_A_FALSE_ALARM:,}",
        ours=float((first > 0).mean()),
        peer=LOOKS / LOOKS_TO_A_FALSE_ALARM,
        unit="%",
        goal=Goal(of="ratio", at_most=1.0),
    )


def delay(beyond: float, *, streams: int) -> Claim:
    """Looks from a change to the alarm, the first of them counted; streams without an alarm count as all looks."""
    first = first_alarms(RATE + TOLERANCE + beyond, streams=streams, looks_at_most=LOOKS, seed=1)
    return Claim(
        says=f"looks at {ROWS_IN_A_LOOK} rows to the alarm, of a share of {RATE:.0%} that may move by {100 * TOLERANCE:g} and "
        f"moves by {100 * (TOLERANCE + beyond):g} points; mean of {streams:,} streams",
        ours=float(np.where(first > 0, first, LOOKS).mean()),
        peer=None,
        unit="looks",
        goal=None,
    )


def first_alarms(rate: float, *, streams: int, looks_at_most: int, seed: int) -> npt.NDArray[np.int64]:
    """The look at which each stream is first told of (streams,); 0 where it never is."""
    rng = np.random.default_rng(seed)
    evidence = np.full(streams, -np.inf)
    first = np.zeros(streams, dtype="int64")
    for look in range(1, looks_at_most + 1):
        successes = rng.binomial(ROWS_IN_A_LOOK, rate, streams)
        seen = log_e_value_outside(successes, ROWS_IN_A_LOOK, RATE - TOLERANCE, RATE + TOLERANCE)
        evidence = restarted(evidence, seen)
        first[(first == 0) & (evidence >= np.log(LOOKS_TO_A_FALSE_ALARM))] = look
        if first.all():
            break
    return first


def false_alarms_of_whole_detectors(*, streams: int) -> Claim:
    """Whole windows, counted and looked at as in production; every share of the selected moves to the edge of its tolerance."""
    rows, kinds = 200_000, {"number": "number", "category": "category"}
    reference = reference_of(
        drawn(rows, np.random.default_rng(0), selected=RATE), kinds=kinds, says="the benchmark's own"
    )
    looks_each = LOOKS // 10
    alarmed = sum(has_alarm(reference, seed=seed, looks_each=looks_each) for seed in range(1, streams + 1))
    return Claim(
        says=f"whole detectors with a false alarm within {looks_each} looks, of {streams}, the selection rate at the edge; "
        f"peer: the bound declared, {looks_each} / {LOOKS_TO_A_FALSE_ALARM:,}",
        ours=alarmed / streams,
        peer=looks_each / LOOKS_TO_A_FALSE_ALARM,
        unit="%",
        goal=Goal(of="difference", at_most=chance_of_so_many(streams, looks_each / LOOKS_TO_A_FALSE_ALARM)),
    )


def has_alarm(reference: Reference, *, seed: int, looks_each: int) -> bool:
    """Whether a detector tells of a stream of windows."""
    rng = np.random.default_rng(seed)
    detector = Detector(about="data and predictions", looks_to_a_false_alarm=LOOKS_TO_A_FALSE_ALARM)
    for look in range(looks_each):
        window = count_window(drawn(ROWS_IN_A_LOOK, rng, selected=RATE + TOLERANCE), reference, name=f"{look:04}")
        detector.look(window.name, looks(reference, window, Tolerances(), labels=False))
        if detector.alerts:
            return True
    return False


def drawn(rows: int, rng: np.random.Generator, *, selected: float) -> Predicted:
    """Predictions that differ in nothing but how many are selected, in each of two groups."""
    decision = (rng.random(rows) < selected).astype("int8")
    return Predicted(
        features=pl.DataFrame(
            {"number": rng.normal(size=rows), "category": np.array(["a", "b", "c"])[rng.integers(0, 3, rows)]}
        ),
        groups=pl.DataFrame({"sex": np.array(["female", "male"])[rng.integers(0, 2, rows)]}),
        score=pl.Series(rng.random(rows)),
        decision=pl.Series(decision),
        label=pl.Series([None] * rows, dtype=pl.Int8),
    )


def chance_of_so_many(streams: int, rate: float) -> float:
    """How far a share of so few streams may lie above its mean: three standard errors."""
    return 3 * float(np.sqrt(rate * (1 - rate) / streams))


if __name__ == "__main__":
    sys.exit(report("Monitoring", measure))
