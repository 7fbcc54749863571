"""SHAP values of a sum of trees, in this process or in several; the values are the same to the last bit.

TreeSHAP takes every row by itself. Rows go out in batches whose size does not depend on the number of processes.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from rai_platform.explanations.mixing import Floats
from rai_platform.processes import ready_processes

BATCH = 250  # rows: a fraction of a second of work, and a few kilobytes of values to send back
WORTH_STARTING = 2e10  # units of `work`, about a nanosecond each; a process takes some seconds to load its libraries

Values = tuple[Floats, Floats]

_explainer: Any = None  # of a worker's process


def tree_values(estimator: Any, inputs: npt.NDArray[Any], *, workers: int = 1) -> Values:
    """The values of ``shap.TreeExplainer``, and the expected output that they are added to.

    Args:
        estimator: trees of scikit-learn.
        inputs: encoded rows (rows, columns).
        workers: processes at most; none is started where that would take longer than it saves.

    Returns:
        Values (rows, columns), or (rows, columns, classes) of trees that give chances; base values (rows,) or (rows, classes).
    """
    import shap

    explainer = shap.TreeExplainer(estimator)
    useful = min(workers, -(-len(inputs) // BATCH))
    if useful <= 1 or work(explainer, len(inputs)) < WORTH_STARTING:
        return _explained(explainer, inputs)
    with tree_workers(estimator, useful) as pool:
        return pool.values(inputs)


def work(explainer: Any, rows: int) -> float:
    """What TreeSHAP has to do: rows · leaves · depth².

    Source: Lundberg et al., From local explanations to global understanding with explainable AI for trees, 2020, algorithm 2.
    """
    trees = explainer.model
    splits = (
        np.asarray(trees.children_left) >= 0
    )  # (trees, nodes), where shorter trees are filled up with nodes of no use
    leaves = int(splits.sum()) + len(splits)
    return float(rows) * leaves * int(trees.max_depth) ** 2


class TreeWorkers:
    """Processes that hold the same trees.

    Args:
        pool: the processes, told of the trees.
    """

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def values(self, inputs: npt.NDArray[Any]) -> Values:
        """What ``tree_values`` gives for inputs (rows, columns)."""
        batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
        parts = list(self._pool.map(_explain, batches))
        return np.concatenate([values for values, _ in parts]), np.concatenate([base for _, base in parts])


@contextmanager
def tree_workers(estimator: Any, count: int) -> Iterator[TreeWorkers]:
    """So many processes that hold the trees, all of them ready; they end with the context."""
    with ready_processes(count, _begin, (estimator,)) as pool:
        yield TreeWorkers(pool)


def _begin(estimator: Any) -> None:
    import shap

    global _explainer
    _explainer = shap.TreeExplainer(estimator)


def _explain(inputs: npt.NDArray[Any]) -> Values:
    return _explained(_explainer, inputs)


def _explained(explainer: Any, inputs: npt.NDArray[Any]) -> Values:
    found = explainer(inputs, check_additivity=False)
    return np.asarray(found.values), np.asarray(found.base_values)
