"""Attacks of Foolbox on torch networks that decide about rows of a table: gradient ascent within an L1 ball of what moves cost."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from eagerpy.astensor import astensor
from foolbox.attacks.gradient_descent_base import L1BaseGradientDescent
from foolbox.attacks.projected_gradient_descent import L1ProjectedGradientDescentAttack
from foolbox.attacks.sparse_l1_descent_attack import SparseL1DescentAttack
from foolbox.models.pytorch import PyTorchModel

from rai_platform.robustness.attack_report import Attack
from rai_platform.robustness.feasible_set import SLACK, FeasibleSet, Floats, Indices, NumberAxis
from rai_platform.robustness.found import BISECTIONS, TAKEN_BACK, Found, cheapen
from rai_platform.robustness.oracle import Oracle
from rai_platform.robustness.random_search import paid_for
from rai_platform.robustness.relaxation import Move, Relaxation, moves_of

STEPS = 40  # gradients at each budget
REACH = 2.5  # all steps together lead this many times the budget far: to the boundary and along it (Madry et al., ICLR 2018)
SHARES = (0.02, 0.5, np.inf)  # of the way to a category from which on it is taken; the last: never
NEARLY = 1e-4  # in units of cost: what a move in 32 bits may miss a whole number by
TOGETHER = 100  # people at once
DIGITS = 6  # of a move: sums in 32 bits differ behind
RESERVED = BISECTIONS + TAKEN_BACK + 2 * len(SHARES)  # questions kept for rounding, and for making a change cheaper


class WithinReach(L1BaseGradientDescent):
    """Before it is projected onto the L1 ball, every step ends where a person can go no further; mixed into attacks of Foolbox."""

    reach: tuple[Any, Any]

    def project(self, x: Any, x0: Any, epsilon: float) -> Any:
        """Points (people, moves) within reach and no further than epsilon from where they began."""
        low, high = self.reach
        return super().project(x.maximum(low).minimum(high), x0, epsilon)


class L1ProjectedGradient(WithinReach, L1ProjectedGradientDescentAttack):
    """Steps along the gradient itself."""


class SparseL1Descent(WithinReach, SparseL1DescentAttack):
    """Steps along the move alone that gains most for its cost."""


Follower = L1ProjectedGradient | SparseL1Descent
KINDS: dict[Attack, type[Follower]] = {
    "l1_projected_gradient": L1ProjectedGradient,
    "sparse_l1_descent": SparseL1Descent,
}


def gradient_search(attack: Attack, oracle: Oracle, budgets: Sequence[float], seed: int) -> Found:  # noqa: ARG001 - draws nothing
    """Follows the gradient of the cross-entropy, with numbers and shares of categories moving at once, then rounds to what can be.

    ``sparse_l1_descent`` (Tramèr and Boneh, Adversarial training and robustness for multiple perturbations, NeurIPS 2019) moves
    what gains most for its cost, ``l1_projected_gradient`` (Madry et al., ICLR 2018) everything in proportion to its gain. Every
    gradient counts as a question.
    """
    found = Found.nothing(oracle)
    if not moves_of(oracle.feasible) or not len(oracle.decided):
        return found
    steps = min(STEPS, (oracle.limit - RESERVED) // len(budgets))
    everybody = np.arange(len(oracle.decided))
    if steps < 1:
        found.cut_short[:] = True
        return found
    run = KINDS[attack](rel_stepsize=REACH / steps, steps=steps, random_start=False)
    parts = np.array_split(everybody, -(-len(everybody) // TOGETHER))
    relaxed = [Relaxation(oracle.model, oracle.feasible, rows, oracle.decided[rows]) for rows in parts]
    found.flat = np.concatenate([part.flat() for part in relaxed])
    for budget in sorted(budgets):
        todo = np.flatnonzero(found.cost > budget + SLACK)
        nearest = np.concatenate([_ascend(run, part, budget) for part in relaxed])
        oracle.charge(todo, steps)
        cheapen(oracle, found, _rounded(oracle, found, todo, nearest[todo], relaxed[0].moves, budget))
    found.cut_short |= (steps < STEPS) & np.isinf(found.cost)
    return found


SEARCHES: dict[Attack, Callable[[Oracle, Sequence[float], int], Found]] = {
    attack: partial(gradient_search, attack) for attack in KINDS
}


def _ascend(run: Follower, relaxed: Relaxation, budget: float) -> Floats:
    """The moves within the budget that came nearest to turning each decision, of all that the ascent saw (people, moves)."""
    epsilon = min(budget, float((relaxed.high - relaxed.low).sum(dim=1).max()))
    if epsilon <= 0:
        return np.zeros(tuple(relaxed.low.shape))
    furthest = float(torch.maximum(relaxed.high, -relaxed.low).max()) + epsilon
    model = PyTorchModel(relaxed, bounds=(-furthest, furthest), device=relaxed.base.device)
    run.reach = (astensor(relaxed.low), astensor(relaxed.high))
    relaxed.forget()
    labels = (relaxed.side > 0).long()
    relaxed(run.run(model, torch.zeros_like(relaxed.low), labels, epsilon=epsilon))  # the last step is looked at too
    return np.round(relaxed.nearest.cpu().numpy().astype("float64"), DIGITS)


def _rounded(
    oracle: Oracle, found: Found, rows: Indices, nearest: Floats, moves: Sequence[Move], budget: float
) -> Indices:
    """Asks about people as they could be who are near the moves (people, moves), and gives those whose decision turned."""
    turned = [rows[:0]]
    for share in SHARES:
        for stretched in (False, True):
            points, costs = _near(oracle.feasible, rows, nearest, moves, budget, share=share, stretched=stretched)
            fine = (costs > 0) & (costs <= budget + SLACK) & (oracle.left(rows) > 0)
            fine[fine] = oracle.feasible.allows(rows[fine], points[fine])
            flipped = np.flatnonzero(fine)[oracle.ask(rows[fine], points[fine])[1]]
            found.keep(rows[flipped], points[flipped], costs[flipped])
            turned.append(rows[flipped])
    return np.unique(np.concatenate(turned))


def _near(
    feasible: FeasibleSet,
    rows: Indices,
    nearest: Floats,
    moves: Sequence[Move],
    budget: float,
    *,
    share: float,
    stretched: bool,
) -> tuple[Floats, Floats]:
    """People as they could be (people, axes), and what that costs (people,).

    A category goes to the value to which it was moved most, where that is ``share`` of the way or more. ``stretched`` lets the
    numbers have what the categories leave of the budget.
    """
    origin = feasible.origin[rows]
    points, most = origin.copy(), np.full(origin.shape, share)
    for number, move in enumerate(moves):
        gone = nearest[:, number] / move.rate
        if move.value is None:
            points[:, move.at] = origin[:, move.at] + gone
            continue
        further = (gone >= most[:, move.at]) & (gone > 0) & ~np.isnan(origin[:, move.at])
        points[further, move.at], most[further, move.at] = float(move.value), gone[further]
    if stretched:
        points = _stretched(feasible, rows, points, budget)
    dearest = np.argsort(-feasible.costs(rows, points), axis=1, kind="stable")
    for rank, at in enumerate(dearest.T):  # one thing after the other, so that relations keep holding on the way
        points = _landed(feasible, rows, points, at, dearest[:, rank + 1 :])
    return paid_for(feasible, rows, points, budget, dearest)


def _stretched(feasible: FeasibleSet, rows: Indices, points: Floats, budget: float) -> Floats:
    parts = feasible.costs(rows, points)
    numbers = np.array([isinstance(axis, NumberAxis) for axis in feasible.axes])
    moved, left = parts[:, numbers].sum(axis=1), budget - parts[:, ~numbers].sum(axis=1)
    factor = np.where((moved > 0) & (left > moved) & np.isfinite(left), left / np.where(moved > 0, moved, 1.0), 1.0)
    origin = feasible.origin[rows]
    return np.where(numbers, origin + factor[:, None] * (points - origin), points)


def _landed(feasible: FeasibleSet, rows: Indices, points: Floats, at: Indices, later: Indices) -> Floats:
    """The points with one number of each (people,) where it can be while what comes later (people, axes) is as it was."""
    settled, everybody = points.copy(), np.arange(len(rows))
    origin = feasible.origin[rows]
    settled[everybody[:, None], later] = origin[everybody[:, None], later]
    settled[everybody, at] = origin[everybody, at]
    landed = points.copy()
    for number, axis in enumerate(feasible.axes):
        mine = np.flatnonzero(at == number)
        if not isinstance(axis, NumberAxis) or not len(mine):
            continue
        low, high = feasible.reach(number, axis, rows[mine], settled[mine])
        start = origin[mine, number]
        nudged = points[mine, number] + np.sign(points[mine, number] - start) * NEARLY / axis.rate
        target = nudged if axis.whole or axis.levels else points[mine, number]
        target = np.clip(target, np.minimum(low, start), np.maximum(high, start))
        there = axis.landing(start, target)
        # Somebody who began outside the bounds cannot stay on the way to them.
        outside = (there < axis.low - SLACK) | (there > axis.high + SLACK)
        landed[mine, number] = np.where(outside, start, there)
    return landed
