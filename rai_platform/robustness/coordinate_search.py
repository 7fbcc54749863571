"""An attack that changes one feature after the other."""

from collections.abc import Sequence

import numpy as np

from rai_platform.robustness.feasible_set import SLACK, ChoiceAxis, FeasibleSet, Floats, Indices
from rai_platform.robustness.found import BISECTIONS, TAKEN_BACK, Found, cheapen, first_of_each, go_back
from rai_platform.robustness.oracle import Oracle

FRACTIONS = (1.0, 0.5, 0.25)  # of the way that a person can go along one feature
RESERVED = 2 * BISECTIONS + TAKEN_BACK  # questions kept for making a change cheaper


def coordinate_search(oracle: Oracle, budgets: Sequence[float], seed: int) -> Found:  # noqa: ARG001 - draws nothing
    """Changes one feature after the other, each time the one by which the margin falls most for what it costs.

    For a linear score and features that change in any small step this finds the cheapest change there is: the budget goes
    to the feature that gives most for it, then to the next (a fractional knapsack).
    """
    found = Found.nothing(oracle)
    if oracle.feasible.axes:
        for budget in sorted(budgets):
            todo = np.flatnonzero(found.cost > budget + SLACK)
            cheapen(oracle, found, _descend(oracle, found, todo, budget))
    return found


def _descend(oracle: Oracle, found: Found, rows: Indices, budget: float) -> Indices:
    """Goes down from where people are until their decision turns; gives those for whom it did."""
    points, margins = oracle.feasible.origin[rows].copy(), oracle.start[rows].copy()
    turned, stood = [rows[:0]], [points[:0]]
    for _ in range(2 * len(oracle.feasible.axes) + 2):
        owner, moved, costs = _moves(oracle.feasible, rows, points, budget)
        counts = np.bincount(owner, minlength=len(rows))
        short = (counts > oracle.left(rows) - RESERVED) & (counts > 0)
        found.cut_short[rows[short]] = True
        kept = ~short[owner]
        owner, moved, costs = owner[kept], moved[kept], costs[kept]
        if not len(owner):
            break
        asked, flipped = oracle.ask(rows[owner], moved)
        found.keep(rows[owner[flipped]], moved[flipped], costs[flipped])
        done = np.zeros(len(rows), dtype=bool)
        done[owner[flipped]] = True
        turned.append(rows[done])
        stood.append(points[done])
        spent = oracle.feasible.costs(rows, points).sum(axis=1)
        gain = margins[owner] - asked
        worth = np.where(gain > 0, gain / np.maximum(costs - spent[owner], SLACK), -np.inf)
        best = first_of_each(owner, -worth)
        best = best[np.isfinite(worth[best]) & ~done[owner[best]]]
        rows, points, margins = rows[owner[best]], moved[best], asked[best]
    go_back(oracle, found, np.concatenate(turned), np.concatenate(stood))
    return np.concatenate(turned)


def _moves(feasible: FeasibleSet, rows: Indices, points: Floats, budget: float) -> tuple[Indices, Floats, Floats]:
    """Every move along one axis that people can make and afford.

    Returns:
        Whose it is, a position among the rows (moves,), where it leads (moves, axes), and what all changes then cost (moves,).
    """
    parts, everybody = feasible.costs(rows, points), np.arange(len(rows))
    moved = []
    for at in range(len(feasible.axes)):
        left = budget - (parts.sum(axis=1) - parts[:, at])
        for target in _targets(feasible, at, rows, points, left):
            there = points.copy()
            there[:, at] = target
            moved.append(there)
    owner, where = np.tile(everybody, len(moved)), np.concatenate(moved)
    costs = feasible.costs(rows[owner], where).sum(axis=1)
    fine = ((where != points[owner]) & ~np.isnan(where)).any(axis=1) & (costs <= budget + SLACK)
    fine[fine] = feasible.allows(rows[owner[fine]], where[fine])
    return owner[fine], where[fine], costs[fine]


def _targets(feasible: FeasibleSet, at: int, rows: Indices, points: Floats, left: Floats) -> list[Floats]:
    """Where people can go along one axis when so much of the budget is left for it (rows,), one array of each target."""
    axis, start = feasible.axes[at], feasible.origin[rows, at]
    if isinstance(axis, ChoiceAxis):
        return [np.where(np.isnan(start), np.nan, float(position)) for position in axis.allowed]
    low, high = feasible.reach(at, axis, rows, points)
    radius = np.maximum(left, 0.0) / axis.rate
    targets = []
    for fraction in FRACTIONS:
        up = start + fraction * np.minimum(radius, np.maximum(high - start, 0.0))
        down = start - fraction * np.minimum(radius, np.maximum(start - low, 0.0))
        for far, way in ((up, 1.0), (down, -1.0)):
            landed = axis.landing(start, far)
            if axis.whole and not axis.levels:
                landed = np.where(landed == start, start + way, landed)  # the smallest step there is
            targets.append(landed)
    return targets
