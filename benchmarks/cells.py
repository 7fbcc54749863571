"""What bounds for disparities cost: from counts, beside one replicate of Fairlearn's bootstrap over rows.

Fairlearn's interval takes at least a hundred replicates; ours is the whole of counting and bounding. The estimates are
compared first, so that both are known to measure the same.
"""

import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score

from benchmarks.table import Claim, Goal, report
from rai_platform.fairness.cells import count_cells
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.metrics import DISPARITIES

METRICS = {
    "demographic_parity_difference": selection_rate,
    "equal_opportunity_difference": true_positive_rate,
    "false_positive_rate_difference": false_positive_rate,
    "accuracy_difference": accuracy_score,
}
GROUPS = 10
OF_ONE_REPLICATE = 0.5
TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Random people: group, label and decision of each (rows,)."""

    group: npt.NDArray[np.object_]
    y_true: npt.NDArray[np.int8]
    y_pred: npt.NDArray[np.int8]


def measure(quick: bool) -> list[Claim]:
    """One claim for every size of table."""
    warnings.simplefilter("ignore")  # Fairlearn's about its own bootstrap
    sizes, replicates, repeats = ((50_000,), 4, 5) if quick else ((5_000, 50_000, 500_000), 10, 10)
    return [_claim(people(rows, seed=rows), replicates=replicates, repeats=repeats) for rows in sizes]


def people(rows: int, *, seed: int) -> People:
    """Rows in ten groups of different sizes."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, GROUPS + 1) / sum(range(1, GROUPS + 1))
    y_true = rng.random(rows) < 0.4
    return People(
        group=rng.choice([f"group {number}" for number in range(GROUPS)], rows, p=shares).astype(object),
        y_true=y_true.astype("int8"),
        y_pred=(rng.random(rows) < np.where(y_true, 0.7, 0.2)).astype("int8"),
    )


def _claim(sample: People, *, replicates: int, repeats: int) -> Claim:
    ours, seconds = min((_from_counts(sample) for _ in range(repeats)), key=lambda pair: pair[1])
    theirs, once = _by_fairlearn(sample)
    for name, value in theirs.items():
        if abs(ours[name] - value) > TOLERANCE:
            raise ValueError(f"{name}: Fairlearn says {value}, the counts say {ours[name]}")
    _, drawn = _by_fairlearn(sample, n_boot=replicates, ci_quantiles=[0.025, 0.975], random_state=0)
    return Claim(
        says=f"bounds of {len(METRICS)} disparities over {GROUPS} groups, {len(sample.y_true):,} rows; "
        "peer: one replicate of MetricFrame(n_boot=…)",
        ours=seconds,
        peer=(drawn - once) / replicates,
        unit="s",
        goal=Goal(of="ratio", at_most=OF_ONE_REPLICATE),
    )


def _from_counts(sample: People) -> tuple[dict[str, float], float]:
    started = time.perf_counter()
    cells = count_cells(sample.group, sample.y_true, sample.y_pred)
    found = {name: measure_disparity(cells, DISPARITIES[name]) for name in METRICS}
    seconds = time.perf_counter() - started
    return {name: value.estimate for name, value in found.items() if value.estimate is not None}, seconds


def _by_fairlearn(sample: People, **bootstrap: Any) -> tuple[dict[str, float], float]:
    started = time.perf_counter()
    frame = MetricFrame(
        metrics=METRICS, y_true=sample.y_true, y_pred=sample.y_pred, sensitive_features=sample.group, **bootstrap
    )
    found = frame.difference().to_dict()
    if bootstrap:
        frame.difference_ci()
    return found, time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(report("Bounds of disparities", measure))
