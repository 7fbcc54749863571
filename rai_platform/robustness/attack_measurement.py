"""Accuracy of a tabular model when people change what they could change, to be decided about otherwise."""

import zlib
from collections.abc import Iterable, Mapping

import numpy as np

from rai_platform.data.sample import Sample
from rai_platform.errors import UnscorableRows
from rai_platform.robustness.attack_report import (
    AdversarialRow,
    Attack,
    AttackedAccuracy,
    Change,
    ConstrainedAttack,
    Direction,
    Effort,
)
from rai_platform.robustness.credibility import credibility, without_limits
from rai_platform.robustness.declaring import in_words
from rai_platform.robustness.ensemble import Searched, Target, search_with_all
from rai_platform.robustness.feasible_set import SLACK, ChoiceAxis, FeasibleSet, Floats
from rai_platform.robustness.oracle import BATCH
from rai_platform.robustness.people import People
from rai_platform.spec.adversary import Adversary
from rai_platform.statistics.estimates import Proportion, weighted_proportion
from rai_platform.training.model import TrainedModel

EXAMPLES = 3  # people shown of each direction
DIRECTIONS: dict[Direction, int] = {"selected_to_refused": 1, "refused_to_selected": 0}
NOTHING_MUTABLE = "nobody could change any column that the model sees"


def measure_constrained_attack(
    model: TrainedModel,
    sample: Sample,
    adversary: Adversary,
    *,
    left_alone: tuple[str, ...],
    extra_budgets: Iterable[float] = (),
    seed: int,
    batch: int = BATCH,
    workers: int = 1,
) -> ConstrainedAttack:
    """What becomes of accuracy when people, drawn by chance, change what they could change.

    Args:
        model: the trained model.
        sample: the test data.
        adversary: what people could change.
        left_alone: columns that they cannot change unless the declaration names them.
        extra_budgets: to try besides the declared ones, because a policy limits them.
        seed: of who is drawn, and of every draw of an attack.
        batch: rows of one call of the model; nothing depends on it.
        workers: processes at most; nothing depends on it.

    Raises:
        InvalidSpec: the declaration does not fit the sample.
    """
    budgets = sorted({*adversary.budget, *extra_budgets})
    drawn = np.random.default_rng([seed, zlib.crc32(b"people")]).permutation(sample.n)[: adversary.rows]
    try:
        target = Target.drawn(model, sample, adversary, left_alone=left_alone, rows=drawn, batch=batch)
        if not target.feasible.axes:
            return ConstrainedAttack(not_possible=NOTHING_MUTABLE, immutable=dict(target.feasible.immutable))
        searched = search_with_all(target, budgets, queries=adversary.queries, seed=seed, workers=workers)
        unlimited = without_limits(target, queries=adversary.queries, seed=seed)
    except UnscorableRows as error:
        return ConstrainedAttack(not_possible=error.message)
    people = People.of(sample).take(drawn)
    curve = tuple(
        _attacked(target, people, attack, costs, budget)
        for attack, costs in _costs(searched).items()
        for budget in budgets
    )
    efforts = tuple(_effort(attack, found) for attack, found in searched.items()) if target.right.any() else ()
    exhausted = _exhausted(searched) if efforts else None
    return ConstrainedAttack(
        not_possible=None,
        n=len(drawn),
        queries=adversary.queries,
        accuracy=people.share(target.right),
        curve=curve,
        efforts=efforts,
        exhausted=exhausted,
        examples=tuple(_examples(target, searched)),
        checks=credibility(curve, efforts, exhausted, unlimited, _flat(searched)) if exhausted else (),
        mutable={" / ".join(axis.columns): in_words(axis) for axis in target.feasible.axes},
        immutable=dict(target.feasible.immutable),
        relations=adversary.relations,
    )


def _costs(searched: Mapping[Attack, Searched]) -> dict[Attack, Floats]:
    """What the cheapest change of each person costs, by attack (rows,), and over all of them."""
    costs: dict[Attack, Floats] = {attack: found.cost for attack, found in searched.items()}
    return costs | {"worst_case": np.min(list(costs.values()), axis=0)}


def _attacked(target: Target, people: People, attack: Attack, costs: Floats, budget: float) -> AttackedAccuracy:
    turned = costs <= budget + SLACK
    right, stands = target.right, target.right & ~turned
    asked = {name: right & (target.decided == decision) for name, decision in DIRECTIONS.items()}
    return AttackedAccuracy(
        attack=attack,
        budget=budget,
        accuracy=people.share(stands),
        drop=people.drop(right, stands),
        by_group=people.by_group(stands),
        turned={name: people.take(among).share(turned[among]) for name, among in asked.items() if among.any()},
    )


def _exhausted(searched: Mapping[Attack, Searched]) -> Proportion:
    """The share of the people attacked whose decision stands, and about whom an attack had no question left."""
    stands = np.all([np.isinf(found.cost) for found in searched.values()], axis=0)
    cut_short = np.any([found.cut_short for found in searched.values()], axis=0)
    attacked = next(iter(searched.values())).attacked
    return weighted_proportion((stands & cut_short)[attacked], None)


def _flat(searched: Mapping[Attack, Searched]) -> Proportion | None:
    """The share of the people attacked about whom the model gave no gradient to follow; None where no attack follows any."""
    found = next((found for found in searched.values() if found.flat is not None), None)
    return None if found is None or found.flat is None else weighted_proportion(found.flat[found.attacked], None)


def _effort(attack: Attack, found: Searched) -> Effort:
    attacked = found.attacked
    turned, costs = np.isfinite(found.cost[attacked]), found.cost[attacked]
    return Effort(
        attack=attack,
        queries=float(found.asked[attacked].mean()),
        turned=weighted_proportion(turned, None),
        mean_cost=float(costs[turned].mean()) if turned.any() else None,
        cut_short=weighted_proportion(found.cut_short[attacked] & ~turned, None),
        infeasible=found.infeasible,
    )


def _examples(target: Target, searched: Mapping[Attack, Searched]) -> Iterable[AdversarialRow]:
    """The people of each direction who would have to change least, each as the cheapest attack on them changed them."""
    attacks = list(searched)
    costs = np.array([found.cost for found in searched.values()])
    cheapest, least = costs.argmin(axis=0), costs.min(axis=0)
    for direction, decision in DIRECTIONS.items():
        rows = np.flatnonzero(np.isfinite(least) & (target.decided == decision))
        for row in rows[np.lexsort((target.row_key[rows], least[rows]))][:EXAMPLES]:
            attack = attacks[cheapest[row]]
            yield AdversarialRow(
                row_key=int(target.row_key[row]),
                direction=direction,
                attack=attack,
                changes=tuple(_changes(target.feasible, int(row), searched[attack].points[row])),
                cost=float(least[row]),
            )


def _changes(feasible: FeasibleSet, row: int, point: Floats) -> Iterable[Change]:
    start, at = feasible.origin[row], np.array([row])
    costs = feasible.costs(at, point[None, :])[0]
    for number in np.argsort(-costs, kind="stable"):
        if costs[number] == 0:
            continue
        axis = feasible.axes[number]
        here, there = float(start[number]), float(point[number])
        if isinstance(axis, ChoiceAxis):
            before, after = axis.values[int(here)], axis.values[int(there)]
        else:
            before, after = _told(here, there)
        yield Change(feature=" / ".join(axis.columns), before=before, after=after, cost=float(costs[number]))


def _told(before: float, after: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    if before.is_integer() and after.is_integer():
        return f"{before:.0f}", f"{after:.0f}"
    least = max(0, 5 - len(f"{max(abs(before), abs(after)):.0f}"))
    told = ((f"{before:.{decimals}f}", f"{after:.{decimals}f}") for decimals in range(least, 17))
    return next((pair for pair in told if pair[0] != pair[1]), (repr(before), repr(after)))
