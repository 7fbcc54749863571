"""The cheapest changes that an attack has found so far, and how they are made cheaper."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from rai_platform.robustness.feasible_set import SLACK, Floats, Indices, Mask, NumberAxis
from rai_platform.robustness.oracle import Oracle

BISECTIONS = 10
TAKEN_BACK = 16  # changes of a person that are tried without, the dearest first


@dataclass(slots=True, kw_only=True)
class Found:
    """The cheapest change that turned each decision.

    Attributes:
        cost: what it costs (rows,); infinite where none was found.
        points: the people so changed (rows, axes).
        cut_short: whether the search ended because no question was left, and not because it knew nothing better (rows,).
        flat: whether there was no gradient to follow (rows,); None of an attack that follows none.
    """

    cost: Floats
    points: Floats
    cut_short: Mask
    flat: Mask | None = None

    @classmethod
    def nothing(cls, oracle: Oracle) -> Self:
        """What is known before the first question."""
        rows = len(oracle.decided)
        return cls(
            cost=np.full(rows, np.inf), points=oracle.feasible.origin.copy(), cut_short=np.zeros(rows, dtype=bool)
        )

    def keep(self, rows: Indices, points: Floats, costs: Floats) -> None:
        """Takes what is cheaper than what there was; of several points of a person the cheapest, the first of equals."""
        first = first_of_each(rows, costs)
        better = first[costs[first] < self.cost[rows[first]]]
        self.cost[rows[better]], self.points[rows[better]] = costs[better], points[better]


def first_of_each(owner: Indices, key: Floats) -> Indices:
    """For everybody who owns any the place of the smallest key, the first of equals (owners,)."""
    if not len(owner):
        return np.empty(0, dtype="intp")
    order = np.lexsort((np.arange(len(owner)), key, owner))
    first: Indices = order[np.r_[True, owner[order][1:] != owner[order][:-1]]]
    return first


def cheapen(oracle: Oracle, found: Found, rows: Indices) -> None:
    """Makes changes that turned a decision cheaper: takes back what was not needed, then goes back as far as it stays turned."""
    if not len(rows):
        return
    feasible, everybody = oracle.feasible, np.arange(len(rows))
    dearest = np.argsort(-feasible.costs(rows, found.points[rows]), axis=1, kind="stable")
    for rank in range(min(len(feasible.axes), TAKEN_BACK)):
        points, at = found.points[rows].copy(), dearest[:, rank]
        points[everybody, at] = feasible.origin[rows, at]
        _try(oracle, found, rows, points)
    go_back(oracle, found, rows, feasible.origin[rows])


def go_back(oracle: Oracle, found: Found, rows: Indices, towards: Floats) -> None:
    """Bisects the way from points where the decision stands (rows, axes) to those where it has turned, in all numbers at once."""
    feasible, there = oracle.feasible, found.points[rows].copy()
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(BISECTIONS):
        middle, points = (low + high) / 2, there.copy()
        for at, axis in enumerate(feasible.axes):
            if isinstance(axis, NumberAxis):
                between = towards[:, at] + middle * (there[:, at] - towards[:, at])
                points[:, at] = axis.landing(there[:, at], between)
        turned = _try(oracle, found, rows, points)
        high, low = np.where(turned, middle, high), np.where(turned, low, middle)


def _try(oracle: Oracle, found: Found, rows: Indices, points: Floats) -> Mask:
    """Asks about points that are cheaper than what was found, keeps those that turn the decision, and says which (rows,)."""
    costs = oracle.feasible.costs(rows, points).sum(axis=1)
    turned: Mask = np.abs(costs - found.cost[rows]) <= SLACK  # what is found itself
    cheaper = (costs < found.cost[rows] - SLACK) & (oracle.left(rows) > 0)
    cheaper[cheaper] = oracle.feasible.allows(rows[cheaper], points[cheaper])
    tried = np.flatnonzero(cheaper)
    turned[tried] = oracle.ask(rows[tried], points[tried])[1]
    kept = tried[turned[tried]]
    found.keep(rows[kept], points[kept], costs[kept])
    return turned
