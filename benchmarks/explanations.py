"""What SHAP values of boosted trees cost in two processes, beside shap's own explainer in one; the values are compared first."""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import shap
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from benchmarks.table import Claim, Goal, report
from rai_platform.explanations.tree_workers import tree_values, tree_workers

WORKERS = 2
FASTER = 1.7
FEATURES = 20
FEW = 1000  # as many rows as a run explains
NO_SLOWER = 1.1


def measure(quick: bool) -> list[Claim]:
    """The claims; the best of several rounds, ours and the peer's taken in turn."""
    rows, rounds = (20_000, 2) if quick else (100_000, 3)
    with threadpool_limits(1):
        estimator, inputs = boosted(rows)
        return [*side_by_side(estimator, inputs, rounds), small_run(estimator, inputs[:FEW])]


def side_by_side(estimator: Any, inputs: npt.NDArray[np.float64], rounds: int) -> list[Claim]:
    """With processes that are ready, and what it takes until they are."""
    ours = peer = float("inf")
    started = time.perf_counter()
    with tree_workers(estimator, WORKERS) as pool:
        until_ready = time.perf_counter() - started
        for _ in range(rounds):
            took, found = timed(lambda: pool.values(inputs)[0])
            ours = min(ours, took)
            took, expected = timed(lambda: alone(estimator, inputs))
            peer = min(peer, took)
            must_be_the_same(found, expected)
    says = f"SHAP values of 100 boosted trees, {len(inputs):,} rows"
    return [
        Claim(
            says=f"{says}, {WORKERS} processes that are ready; peer: shap.TreeExplainer",
            ours=ours,
            peer=peer,
            unit="s",
            goal=Goal(of="ratio", at_most=1 / FASTER),
        ),
        Claim(
            says=f"starting these {WORKERS} processes; peer: as above", ours=until_ready, peer=peer, unit="s", goal=None
        ),
    ]


def small_run(estimator: Any, inputs: npt.NDArray[np.float64]) -> Claim:
    """As many rows as a run explains, for which no process is worth starting."""
    ours = peer = float("inf")
    for _ in range(20):
        took, found = timed(lambda: tree_values(estimator, inputs, workers=WORKERS)[0])
        ours = min(ours, took)
        took, expected = timed(lambda: alone(estimator, inputs))
        peer = min(peer, took)
        must_be_the_same(found, expected)
    return Claim(
        says=f"the same of {len(inputs):,} rows, {WORKERS} processes allowed and none started; peer: shap.TreeExplainer",
        ours=ours,
        peer=peer,
        unit="s",
        goal=Goal(of="ratio", at_most=NO_SLOWER),
    )


def boosted(rows: int) -> tuple[HistGradientBoostingClassifier, npt.NDArray[np.float64]]:
    """Trees that depend on half of the features, and rows (rows, features)."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((rows, FEATURES))
    y = np.sin(inputs[:, :5]).sum(axis=1) + inputs[:, 5] * inputs[:, 6] + rng.standard_normal(rows) > 0
    return HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(inputs[:20_000], y[:20_000]), inputs


def alone(estimator: Any, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By shap, without its check of the sums, which ours makes of the reported values as well."""
    return np.asarray(shap.TreeExplainer(estimator)(inputs, check_additivity=False).values)


def must_be_the_same(found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> None:
    """Raises where a single bit differs."""
    if not np.array_equal(found, expected):
        raise ValueError(f"shap gives other values: by up to {np.abs(found - expected).max()}")


def timed(task: Callable[[], npt.NDArray[np.float64]]) -> tuple[float, npt.NDArray[np.float64]]:
    """Seconds of a task, and what it gives."""
    started = time.perf_counter()
    found = task()
    return time.perf_counter() - started, found


if __name__ == "__main__":
    sys.exit(report("SHAP values", measure))
