"""An attack that makes people like others who were decided about otherwise."""

from collections.abc import Sequence

import numpy as np

from rai_platform.robustness.feasible_set import FeasibleSet, Floats, Indices, NumberAxis
from rai_platform.robustness.found import BISECTIONS, TAKEN_BACK, Found, cheapen
from rai_platform.robustness.oracle import Oracle

LOOK_ALIKES = 8
MODELS = 400  # people who are looked at as an example, of each decision


def look_alike_search(oracle: Oracle, budgets: Sequence[float], seed: int) -> Found:  # noqa: ARG001 - draws nothing
    """Makes a person like those decided about otherwise who are the cheapest to become, and goes back from there.

    It looks at decisions alone, so that neither a rounded score nor a flat one misleads it: a boundary attack (Brendel,
    Rauber and Bethge, Decision-based adversarial attacks, ICLR 2018) that starts from the nearest unlike neighbours.
    """
    found = Found.nothing(oracle)
    if not oracle.feasible.axes:
        return found
    nearest = [_nearest(oracle, row) for row in range(len(oracle.decided))]
    for rank in range(LOOK_ALIKES):
        rows = np.array([row for row, points in enumerate(nearest) if rank < len(points)], dtype="intp")
        rows = rows[oracle.left(rows) > 1 + TAKEN_BACK + BISECTIONS]
        if not len(rows):
            break
        points = np.array([nearest[row][rank] for row in rows])
        turned = oracle.ask(rows, points)[1]
        tried = Found.nothing(oracle)
        rows, points = rows[turned], points[turned]
        tried.keep(rows, points, oracle.feasible.costs(rows, points).sum(axis=1))
        cheapen(oracle, tried, rows)
        found.keep(rows, tried.points[rows], tried.cost[rows])
    return found


def _nearest(oracle: Oracle, row: int) -> Floats:
    """A person as others who were decided about otherwise, the cheapest to become first (look-alikes, axes)."""
    feasible = oracle.feasible
    models = np.flatnonzero(oracle.decided != oracle.decided[row])[:MODELS]
    points, mine = _like(feasible, row, models), np.full(len(models), row)
    costs = feasible.costs(mine, points).sum(axis=1)
    fine = feasible.allows(mine, points) & (costs > 0)
    return points[fine][np.argsort(costs[fine], kind="stable")[:LOOK_ALIKES]]


def _like(feasible: FeasibleSet, row: int, models: Indices) -> Floats:
    """A person with all that can change as others have it (others, axes)."""
    start, points = feasible.origin[row], feasible.origin[models].copy()
    for at, axis in enumerate(feasible.axes):
        theirs, mine = points[:, at], np.full(len(models), start[at])
        if isinstance(axis, NumberAxis):
            theirs = axis.landing(mine, np.clip(theirs, axis.low, axis.high))
            impossible = (theirs - mine) * axis.sign < 0
        else:
            impossible = ~np.isin(theirs, axis.allowed)
        points[:, at] = np.where(impossible | np.isnan(theirs) | np.isnan(mine), mine, theirs)
    return points
