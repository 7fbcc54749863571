"""What fairness costs: bootstrap on counts, a whole report from ten million rows, and the search for subgroups."""

import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from benchmarks.table import Claim, Goal, report
from rai_platform.fairness.disparities import MeasuredDisparity, measure_disparities
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import ACCURACY, ERROR_RATE, FALSE_POSITIVE_RATE, SELECTION_RATE, TRUE_POSITIVE_RATE
from rai_platform.fairness.subgroups import discover, encode_attributes
from rai_platform.fairness.tabulation import Columns, tabulate
from rai_platform.statistics.resampling import redrawn_counts

FEATURES = (("sex",), ("race",), ("age_group",), ("sex", "race"), ("sex", "age_group"), ("sex", "race", "age_group"))
COLUMNS = Columns(groups=("sex", "race", "age_group"), named={"age_group": "age"}, bins={"age_group": (30, 50)})
BOOTSTRAPPED = (SELECTION_RATE, TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE, ACCURACY)
REPLICATES = 1000
GIBIBYTE = 2**30
ROUNDS = 7  # of a task that takes a fraction of a second


def measure(quick: bool) -> list[Claim]:
    """The claims; a short form with fewer rows."""
    warnings.simplefilter("ignore")  # Fairlearn's about its own bootstrap
    # Of a million rows the peer takes half a minute a replicate, and as long before the first.
    bootstraps = {50_000: 4} if quick else {50_000: 10, 1_000_000: 2}
    return [
        *(bootstrap_claim(rows, replicates=replicates) for rows, replicates in bootstraps.items()),
        *report_claims(4_000_000 if quick else 10_000_000),
        search_claim(200_000 if quick else 1_000_000),
    ]


def bootstrap_claim(rows: int, *, replicates: int) -> Claim:
    """One replicate of every rate of ten groups: from counts, and by Fairlearn from rows."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    frame = people(rows, groups=10)
    metrics = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "accuracy": accuracy_score,
    }
    arguments = {"y_true": frame["y_true"], "y_pred": frame["y_pred"], "sensitive_features": frame["race"]}
    once = seconds(lambda: MetricFrame(metrics=metrics, **arguments))
    drawn = seconds(
        lambda: MetricFrame(metrics=metrics, **arguments, n_boot=replicates, ci_quantiles=[0.5], random_state=0)
    )
    counts = np.asarray(tabulate(frame, Columns(groups=("race",))).cells("race").counts)
    ours = min(seconds(lambda: bootstrapped_rates(counts)) for _ in range(5)) / REPLICATES
    return Claim(
        says=f"one bootstrap replicate of 4 rates of 10 groups, {rows:,} rows; peer: MetricFrame(n_boot=…)",
        ours=ours,
        peer=(drawn - once) / replicates,
        unit="s",
        goal=Goal(of="ratio", at_most=1e-4),
    )


def bootstrapped_rates(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A thousand replicates of four rates (rates, replicates, groups)."""
    drawn = redrawn_counts(counts, replicates=REPLICATES, seed=0)
    return np.array(
        [drawn[..., list(rate.of)].sum(axis=-1) / drawn[..., list(rate.among)].sum(axis=-1) for rate in BOOTSTRAPPED]
    )


def report_claims(rows: int) -> list[Claim]:
    """Every disparity of three attributes and three intersections from Parquet, beside a bare group-by of the columns."""
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "people.parquet")
        pl.from_pandas(people(rows, groups=6)).write_parquet(path)
        (ours, memory), (peer, theirs) = (alone(task, path) for task in (whole_report, bare_group_by))
    says = f"fairness report of 6 features and intersections, {rows:,} rows of Parquet"
    return [
        Claim(
            says=f"{says}; peer: polars group_by", ours=ours, peer=peer, unit="s", goal=Goal(of="ratio", at_most=2.0)
        ),
        Claim(
            says=f"{says}: share of 1.5 GiB that it takes; peer: polars group_by",
            ours=memory / (1.5 * GIBIBYTE),
            peer=theirs / (1.5 * GIBIBYTE),
            unit="%",
            goal=Goal(of="ours", at_most=1.0),
        ),
    ]


def whole_report(path: str) -> dict[str, list[MeasuredDisparity]]:
    """Counts by every feature and intersection, and every disparity that a policy may limit, with its bounds."""
    counted = tabulate(path, COLUMNS)
    cells = {" x ".join(feature): counted.cells(*feature) for feature in FEATURES}
    return measure_disparities(cells, list(DISPARITIES.values()), minimum_group_size=100)


def bare_group_by(path: str) -> pl.DataFrame:
    """The counts of the same columns, and nothing else."""
    keys = ["sex", "race", "age", "y_true", "y_pred"]
    return pl.scan_parquet(path).group_by(keys).len().collect(engine="streaming")


def alone(task: Callable[[str], Any], path: str) -> tuple[float, int]:
    """Seconds of a task, the best of several, and the peak memory in bytes of a process that does nothing else."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(task, path, sender))
    process.start()
    sender.close()
    took, memory = receiver.recv()
    process.join()
    return took, memory


def _measured(task: Callable[[str], Any], path: str, sender: Any) -> None:
    took = min(seconds(lambda: task(path)) for _ in range(ROUNDS))
    sender.send((took, peak_memory()))


def peak_memory() -> int:
    """The most memory this process has held, in bytes; getrusage would count that of the process it was started from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def search_claim(rows: int) -> Claim:
    """The search for subgroups in which the error rate differs; the peer is one group-by for every pair of attributes."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        f"c{at}": rng.choice([f"v{value}" for value in range(2 + at % 6)], rows) for at in range(10)
    }
    columns |= {f"x{at}": rng.standard_normal(rows) for at in range(10)}
    table = pd.DataFrame(columns)
    y_true, y_pred = (rng.integers(0, 2, rows).astype("int8") for _ in range(2))
    ours = seconds(lambda: discover(encode_attributes(table), ERROR_RATE, y_true, y_pred, support=200, seed=0))
    coded = pl.DataFrame({each.name: each.codes for each in encode_attributes(table)}).with_columns(
        wrong=y_true != y_pred
    )
    names = [name for name in coded.columns if name != "wrong"]
    peer = seconds(
        lambda: [
            coded.group_by(one, other).agg(pl.len(), pl.col("wrong").sum())
            for at, one in enumerate(names)
            for other in names[at + 1 :]
        ]
    )
    return Claim(
        says=f"subgroups of up to 3 of 20 attributes, {rows:,} rows; peer: polars group_by of the 190 pairs alone",
        ours=ours,
        peer=peer,
        unit="s",
        goal=Goal(of="ours", at_most=30.0),
    )


def people(rows: int, *, groups: int) -> pd.DataFrame:
    """Random people with an attribute of so many values."""
    rng = np.random.default_rng(rows)
    y_true = rng.random(rows) < 0.4
    return pd.DataFrame(
        {
            "sex": rng.choice(["female", "male"], rows),
            "race": rng.choice([f"group {number}" for number in range(groups)], rows),
            "age": rng.integers(18, 90, rows).astype("int16"),
            "y_true": y_true.astype("int8"),
            "y_pred": (rng.random(rows) < np.where(y_true, 0.7, 0.2)).astype("int8"),
        }
    )


def seconds(task: Callable[[], object]) -> float:
    """How long a task takes."""
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(report("Fairness", measure))
