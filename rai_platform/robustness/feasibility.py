"""Whether a changed row is one that a person could bring about: checked on the tables, from the declaration alone.

It shares no code with the search for such rows, so that a mistake in one shows in the other.
"""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from rai_platform.spec.adversary import Adversary, FeasibleChange

LEEWAY = 1e-6  # of numbers that went through sums in floating point


def infeasible_changes(
    adversary: Adversary,
    before: pd.DataFrame,
    after: pd.DataFrame,
    data: pd.DataFrame,
    *,
    left_alone: tuple[str, ...],
    budget: float = math.inf,
) -> list[list[str]]:
    """What nobody could have done, in words, for every changed row (rows,); empty lists where all of it is feasible.

    Args:
        adversary: what can be changed.
        before: the rows as they are.
        after: the same rows, changed.
        data: the table whose ranges, categories and spread count.
        left_alone: columns that nobody can change unless the declaration names them.
        budget: what all changes of a row may cost together.
    """
    checks = _Checks(adversary, data, left_alone)
    return [
        list(checks.of(old, new, budget))
        for old, new in zip(before.to_dict("records"), after.to_dict("records"), strict=True)
    ]


class _Checks:
    """What is asked about a row, with what has to be known of the data looked up once."""

    def __init__(self, adversary: Adversary, data: pd.DataFrame, left_alone: tuple[str, ...]) -> None:
        self._adversary, self._left_alone = adversary, left_alone
        self._is_text = {name: data[name].dtype == object for name in data}
        self._known = {name: set(data[name].dropna()) for name in data if self._is_text[name]}
        numbers = {name: data[name].dropna().astype("float64") for name in data if not self._is_text[name]}
        self._range = {name: (column.min(), column.max()) for name, column in numbers.items()}
        self._spread = {name: float(column.std(ddof=0)) for name, column in numbers.items()}
        self._whole = {name: bool((column % 1 == 0).all()) for name, column in numbers.items()}
        self._group = {column: group for group in adversary.one_hot for column in group}

    def of(self, old: dict[Any, Any], new: dict[Any, Any], budget: float) -> Iterator[str]:
        follows = {each.column for each in self._adversary.following}
        changed = [name for name in old if name not in follows and not _same(old[name], new[name])]
        spent = 0.0
        for name in changed:
            yield from self._may_change(name, old[name], new[name])
            if name not in self._group:
                spent += self._cost(name, old[name], new[name])
        touched = {self._group[name] for name in changed if name in self._group}
        for group in touched:
            spent += 1.0
            if sorted(float(new[name]) for name in group) != [0.0] * (len(group) - 1) + [1.0]:
                yield f"not exactly one of {', '.join(group)} is 1"
        for relation in self._adversary.parsed_relations:
            if not set(relation.columns) & set(changed):
                continue
            total = math.fsum(factor * float(new[name]) for name, factor in relation.coefficients) + relation.constant
            if not (total < 0 if relation.strict else total <= LEEWAY):
                yield f"{relation.text} does not hold"
        for each in self._adversary.following:
            moved = math.fsum(
                factor * (float(new[name]) - float(old[name]))
                for name, factor in each.coefficients
                if not _same(old[name], new[name])
            )
            here, there = old[each.column], new[each.column]
            if (
                not _same(here, there)
                if pd.isna(here)
                else not abs(float(there) - float(here) - moved) <= LEEWAY * max(1.0, abs(moved))
            ):
                yield f"{each.text} does not hold"
        if not spent <= budget * (1 + LEEWAY) + LEEWAY:
            yield f"costs {spent:g}, more than {budget:g}"

    def _may_change(self, name: Any, old: Any, new: Any) -> Iterator[str]:
        named = name in self._adversary.features
        change = self._adversary.features.get(name, FeasibleChange())
        left_alone = not named and (
            name in self._left_alone or (self._adversary.others == "immutable" and name not in self._group)
        )
        if change.immutable or left_alone:
            yield f"{name} is immutable"
        if pd.isna(old) or pd.isna(new):
            yield f"{name} is missing, or goes missing"
        elif self._is_text[name]:
            allowed = self._known[name] if change.values is None else {str(value) for value in change.values}
            if new not in allowed:
                yield f"{name} cannot be {new!r}"
        elif name not in self._group:
            yield from self._number(name, change, float(old), float(new))

    def _number(self, name: Any, change: FeasibleChange, old: float, new: float) -> Iterator[str]:
        if change.monotone == "increasing" and new < old:
            yield f"{name} falls"
        if change.monotone == "decreasing" and new > old:
            yield f"{name} grows"
        if change.values is not None:
            if not any(float(value) == new for value in change.values):
                yield f"{name} cannot be {new:g}"
            return
        low, high = self._range[name]
        low, high = (low if change.min is None else change.min), (high if change.max is None else change.max)
        if not low - LEEWAY <= new <= high + LEEWAY:
            yield f"{name} is {new:g}, not from {low:g} to {high:g}"
        if (self._whole[name] if change.integer is None else change.integer) and new != int(new):
            yield f"{name} is {new:g}, and not whole"

    def _cost(self, name: Any, old: Any, new: Any) -> float:
        cost = self._adversary.features.get(name, FeasibleChange()).cost
        if self._is_text[name]:
            return cost
        return cost * abs(float(new) - float(old)) / self._spread[name]


def _same(old: Any, new: Any) -> bool:
    return bool(old == new) or bool(pd.isna(old) and pd.isna(new))
