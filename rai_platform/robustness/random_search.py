"""An attack that draws feasible changes and keeps what brings it nearer."""

import zlib
from collections.abc import Sequence

import numpy as np

from rai_platform.robustness.feasible_set import SLACK, FeasibleSet, Floats, Indices, NumberAxis
from rai_platform.robustness.found import BISECTIONS, TAKEN_BACK, Found, cheapen, first_of_each
from rai_platform.robustness.oracle import Oracle

PROPOSALS = 12  # at once, for each person
AT_THE_END = 0.25  # of the draws of a number go all the way to one of its ends, and as many to the other


def random_search(oracle: Oracle, budgets: Sequence[float], seed: int) -> Found:
    """Changes a few features at random, as far as the budget goes, and goes on from what is decided about least firmly.

    Draws depend on the seed and the person alone. In the manner of the square attack (Andriushchenko et al., ECCV 2020),
    for the columns of a table.
    """
    found = Found.nothing(oracle)
    if not oracle.feasible.axes:
        return found
    rounds = (oracle.limit - BISECTIONS - TAKEN_BACK) // (PROPOSALS * len(budgets))
    if rounds < 1:
        found.cut_short[:] = True
    chance = [_stream(seed, int(key)) for key in oracle.keys]
    for budget in sorted(budgets):
        rows = np.flatnonzero(found.cost > budget + SLACK)
        cheapen(oracle, found, _wander(oracle, found, rows, budget, rounds, chance))
    return found


def _wander(
    oracle: Oracle, found: Found, rows: Indices, budget: float, rounds: int, chance: list[np.random.Generator]
) -> Indices:
    """Goes on for some rounds or until the decision turns; gives those for whom it did."""
    points, margins, turned = oracle.feasible.origin[rows].copy(), oracle.start[rows].copy(), [rows[:0]]
    for _ in range(rounds):
        if not len(rows):
            break
        owner = np.repeat(np.arange(len(rows)), PROPOSALS)
        drawn = np.concatenate([_drawn(chance[row], len(oracle.feasible.axes)) for row in rows])
        moved, costs = proposals(oracle.feasible, rows[owner], points[owner], budget, drawn)
        fine = oracle.feasible.allows(rows[owner], moved) & (costs <= budget + SLACK) & (costs > 0)
        owner, moved, costs = owner[fine], moved[fine], costs[fine]
        asked, flipped = oracle.ask(rows[owner], moved)
        found.keep(rows[owner[flipped]], moved[flipped], costs[flipped])
        best = first_of_each(owner, asked)
        best = best[asked[best] <= margins[owner[best]]]
        points[owner[best]], margins[owner[best]] = moved[best], asked[best]
        done = np.zeros(len(rows), dtype=bool)
        done[owner[flipped]] = True
        turned.append(rows[done])
        rows, points, margins = rows[~done], points[~done], margins[~done]
    return np.concatenate(turned)


def _drawn(chance: np.random.Generator, axes: int) -> Floats:
    """The draws of one person's round (proposals, 3 axes + 1): which axes, where to, in which order they are paid for, how many."""
    return chance.random((PROPOSALS, 3 * axes + 1))


def proposals(
    feasible: FeasibleSet, rows: Indices, points: Floats, budget: float, drawn: Floats
) -> tuple[Floats, Floats]:
    """Points near others (points, axes) that cost no more than the budget, and what they cost (points,).

    Some axes of each point go to where the draws say; then all changes are paid for in the order that is drawn, and what
    the budget does not reach for is cut short (a number) or left out (a category).
    """
    axes = len(feasible.axes)
    which, where, order, many = np.split(drawn, [axes, 2 * axes, 3 * axes], axis=1)
    chosen = np.argsort(np.argsort(which, axis=1), axis=1) < 1 + np.floor(axes * many**2)
    start, moved = feasible.origin[rows], points.copy()
    for at, axis in enumerate(feasible.axes):
        if isinstance(axis, NumberAxis):
            low, high = feasible.reach(at, axis, rows, points)
            radius = budget / axis.rate
            low, high = np.maximum(low, start[:, at] - radius), np.minimum(high, start[:, at] + radius)
            share = np.clip((where[:, at] - AT_THE_END) / (1 - 2 * AT_THE_END), 0, 1)
            target = axis.landing(start[:, at], low + share * np.maximum(high - low, 0.0))
        else:
            positions = np.array(axis.allowed, dtype="float64")
            target = positions[(where[:, at] * len(positions)).astype("intp")]
        moved[:, at] = np.where(chosen[:, at] & ~np.isnan(start[:, at]), target, moved[:, at])
    return paid_for(feasible, rows, moved, budget, np.argsort(order, axis=1))


def paid_for(
    feasible: FeasibleSet, rows: Indices, moved: Floats, budget: float, order: Indices
) -> tuple[Floats, Floats]:
    """Points (points, axes) with their changes paid for in some order (points, axes), and what they cost (points,).

    What the budget does not reach for is cut short (a number) or left out (a category).
    """
    everybody, start = np.arange(len(rows)), feasible.origin[rows]
    parts, left = feasible.costs(rows, moved), np.full(len(rows), budget)
    for rank in range(order.shape[1]):
        at = order[:, rank]
        for number, axis in enumerate(feasible.axes):
            dear = (at == number) & (parts[:, number] > np.maximum(left, 0.0) + SLACK)
            if not dear.any():
                continue
            here, there = start[dear, number], moved[dear, number]
            if isinstance(axis, NumberAxis):
                share = np.maximum(left[dear], 0.0) / parts[dear, number]
                moved[dear, number] = axis.landing(here, here + share * (there - here))
                parts[dear, number] = np.abs(moved[dear, number] - here) * axis.rate
            else:
                moved[dear, number], parts[dear, number] = here, 0.0
        left -= parts[everybody, at]
    return moved, parts.sum(axis=1)


def _stream(seed: int, key: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(b"random_search"), key])
