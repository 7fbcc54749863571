"""An attack that makes people like others who were decided about otherwise."""

from collections.abc import Sequence

import numpy as np

from rai_platform.robustness.feasible_set import FeasibleSet, Floats, Indices, NumberAxis
from rai_platform.robustness.found import Found, cheapen
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
    owner = np.repeat(np.arange(len(nearest)), [len(points) for points in nearest])
    if not len(owner):
        return found
    points, attempts = np.concatenate(nearest), oracle.apart(owner, limit=oracle.limit // LOOK_ALIKES)
    everybody, tried = np.arange(len(owner)), Found.nothing(attempts)
    turned = everybody[attempts.ask(everybody, points)[1]]
    tried.keep(turned, points[turned], attempts.feasible.costs(turned, points[turned]).sum(axis=1))
    cheapen(attempts, tried, turned)
    found.keep(owner[turned], tried.points[turned], tried.cost[turned])
    oracle.count(owner, attempts)
    return found


def _nearest(oracle: Oracle, row: int) -> Floats:
    """A person as others who were decided about otherwise, the cheapest to become first (look-alikes, axes)."""
    feasible = oracle.feasible
    models = np.flatnonzero(oracle.decided != oracle.decided[row])[:MODELS]
    points, mine = _like(feasible, row, models), np.full(len(models), row)
    costs = feasible.costs(mine, points).sum(axis=1)
    fine = feasible.allows(mine, points) & (costs > 0)
    nearest: Floats = points[fine][np.argsort(costs[fine], kind="stable")[:LOOK_ALIKES]]
    return nearest


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
