"""The attacks, each on the same people; every change they put forward is checked before it counts."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.processes import made_of_each, seconds_of
from rai_platform.robustness.attack_report import Attack
from rai_platform.robustness.coordinate_search import coordinate_search
from rai_platform.robustness.declaring import coordinates, feasible_set
from rai_platform.robustness.feasibility import infeasible_changes
from rai_platform.robustness.feasible_set import FeasibleSet, Floats, Indices, Mask
from rai_platform.robustness.found import Found
from rai_platform.robustness.look_alike_search import look_alike_search
from rai_platform.robustness.oracle import BATCH, Oracle
from rai_platform.robustness.random_search import random_search
from rai_platform.spec.adversary import Adversary
from rai_platform.training.model import TrainedModel

Search = Callable[[Oracle, Sequence[float], int], Found]
LOG = logging.getLogger(__name__)
ATTACKS: dict[Attack, Search] = {
    "coordinate_search": coordinate_search,
    "look_alike_search": look_alike_search,
    "random_search": random_search,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model, and people who would be decided about otherwise.

    Attributes:
        model: the model.
        adversary: what they could change, as declared.
        left_alone: columns that they cannot change unless the declaration names them.
        data: the table whose ranges, categories and spread count.
        feasible: the people, and what they could change.
        sensitive_features: their groups (rows, sensitive features).
        row_key: their rows in the source (rows,).
        decided: the decisions about them as they are (rows,).
        right: whether these agree with the label (rows,).
        batch: rows of one call of the model.
    """

    model: TrainedModel
    adversary: Adversary
    left_alone: tuple[str, ...]
    data: pd.DataFrame
    feasible: FeasibleSet
    sensitive_features: pd.DataFrame
    row_key: npt.NDArray[np.int64]
    decided: npt.NDArray[np.int8]
    right: Mask
    batch: int = BATCH

    @classmethod
    def drawn(
        cls,
        model: TrainedModel,
        sample: Sample,
        adversary: Adversary,
        *,
        left_alone: tuple[str, ...],
        rows: Indices,
        batch: int = BATCH,
    ) -> "Target":
        """Some people of a sample.

        Raises:
            InvalidSpec: the declaration does not fit the sample.
            UnscorableRows: the model refuses them as they are.
        """
        people = sample.take(rows)
        decided = model.decide(people.features, people.sensitive_features)
        return cls(
            model=model,
            adversary=adversary,
            left_alone=left_alone,
            data=sample.features,
            feasible=feasible_set(adversary, sample.features, left_alone=left_alone).of(rows),
            sensitive_features=people.sensitive_features,
            row_key=people.row_key,
            decided=decided,
            right=decided == people.y_true,
            batch=batch,
        )

    @property
    def attacks(self) -> dict[Attack, Search]:
        """The attacks that can be tried on the model: those that follow gradients where it has some."""
        if not self.model.has_gradients:
            return ATTACKS
        from rai_platform.robustness.gradient_search import SEARCHES  # torch and Foolbox take seconds to load

        return ATTACKS | SEARCHES

    def first(self, count: int) -> "Target":
        """The first of the people."""
        rows = np.arange(min(count, len(self.decided)))
        return replace(
            self,
            feasible=self.feasible.of(rows),
            sensitive_features=self.sensitive_features.iloc[rows],
            **{name: getattr(self, name)[rows] for name in ("row_key", "decided", "right")},
        )

    def lifted(self) -> "Target":
        """The same people when they could change everything, to whatever the data know."""
        free = feasible_set(Adversary(), self.data, left_alone=())
        features, axes = self.feasible.features, free.axes
        origin = (
            np.column_stack([coordinates(axis, features) for axis in axes]) if axes else self.feasible.origin[:, :0]
        )
        return replace(
            self, adversary=Adversary(), left_alone=(), feasible=replace(free, features=features, origin=origin)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What one attack found.

    Attributes:
        cost: of the cheapest change that turns each decision (rows,); infinite where none was found, or none was looked for.
        points: the people so changed (rows, axes).
        attacked: who was attacked (rows,).
        asked: questions about them (rows,).
        cut_short: whether no question was left before the attack was done (rows,).
        moved: whether any change moved the margin (rows,).
        infeasible: changes that the check refused.
        flat: whether there was no gradient to follow (rows,); None of an attack that follows none.
    """

    cost: Floats
    points: Floats
    attacked: Mask
    asked: npt.NDArray[np.int64]
    cut_short: Mask
    moved: Mask
    infeasible: int
    flat: Mask | None


def search(
    target: Target, attack: Attack, budgets: Sequence[float], *, attacked: Mask, queries: int, seed: int
) -> Searched:
    """What an attack finds against some people of a target (rows,); raises UnscorableRows where the model refuses them so changed."""
    rows = np.flatnonzero(attacked)
    feasible = target.feasible.of(rows)
    oracle = Oracle(
        model=target.model,
        feasible=feasible,
        sensitive_features=target.sensitive_features.iloc[rows].reset_index(drop=True),
        decided=target.decided[rows],
        keys=target.row_key[rows],
        limit=queries,
        batch=target.batch,
    )
    found = target.attacks[attack](oracle, budgets, seed)
    found.cost[found.cost > max(budgets)] = np.inf
    refused = _refused(target, oracle, found, max(budgets))
    found.cost[refused] = np.inf

    cost, points = np.full(len(attacked), np.inf), target.feasible.origin.copy()
    asked, cut_short, moved = np.zeros(len(attacked), dtype="int64"), np.zeros_like(attacked), np.zeros_like(attacked)
    cost[rows], points[rows] = found.cost, found.points
    flat = None if found.flat is None else np.zeros_like(attacked)
    if flat is not None:
        flat[rows] = found.flat
    asked[rows], cut_short[rows], moved[rows] = oracle.asked, found.cut_short, oracle.moved
    return Searched(
        cost=cost,
        points=points,
        attacked=attacked,
        asked=asked,
        cut_short=cut_short,
        moved=moved,
        infeasible=len(refused),
        flat=flat,
    )


def search_with_all(
    target: Target, budgets: Sequence[float], *, queries: int, seed: int, workers: int = 1
) -> dict[Attack, Searched]:
    """What every attack finds against those who are decided about rightly; raises as ``search`` does.

    Args:
        target: the model and the people.
        budgets: what changes may cost.
        queries: questions about a person at most, of each attack.
        seed: of every draw.
        workers: processes at most, which are started where there is much to do; nothing depends on it.
    """
    attacks = list(target.attacks)
    once = seconds_of(lambda: target.model.decide(target.feasible.features, target.sensitive_features))
    found = made_of_each(
        _search,
        (target, tuple(budgets), queries, seed),
        attacks,
        workers=workers,
        seconds=once * queries * len(attacks),
        progress=lambda done, of: LOG.info("attacks on people: %d of %d", done, of),
    )
    return dict(zip(attacks, found, strict=True))


def _search(shared: tuple[Target, tuple[float, ...], int, int], attack: Attack) -> Searched:
    target, budgets, queries, seed = shared
    return search(target, attack, budgets, attacked=target.right, queries=queries, seed=seed)


def _refused(target: Target, oracle: Oracle, found: Found, budget: float) -> Indices:
    """The people whose change does not count: nobody could bring it about, or the model, asked again, decides as before."""
    turned = np.flatnonzero(np.isfinite(found.cost))
    if not len(turned):
        return turned
    before, after = oracle.feasible.features.iloc[turned], oracle.feasible.table(turned, found.points[turned])
    told = infeasible_changes(target.adversary, before, after, target.data, left_alone=target.left_alone, budget=budget)
    groups = oracle.sensitive_features.iloc[turned].reset_index(drop=True)
    same = target.model.decide(after, groups) == oracle.decided[turned]
    refused: Indices = turned[same | np.array([bool(reasons) for reasons in told])]
    return refused
