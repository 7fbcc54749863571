"""Incidents by script: what goes wrong with the rows that reach a model, or with the world that it was trained on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.errors import UnsuitableData

Incident = Literal["none", "drift", "broken_feature", "biased_upstream", "outcomes"]
INCIDENTS: tuple[Incident, ...] = get_args(Incident)
DRIFT = 1.5  # standard deviations that everybody's value moves by
FLIPPED = 0.35  # of the outcomes turn out the other way
Select = Callable[[pd.DataFrame], npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """People on one day: what the model will see, which groups they are of, and what became of them.

    Attributes:
        features: (rows, features).
        groups: (rows, sensitive features).
        outcome: 1 or 0 (rows,).
    """

    features: pd.DataFrame
    groups: pd.DataFrame
    outcome: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An incident, settled in its details.

    Attributes:
        incident: its kind.
        says: what goes wrong, in words.
        happen: what the incident makes of a day's people.
    """

    incident: Incident
    says: str
    happen: Callable[[Rows], Rows]


def script(incident: Incident, people: Rows, *, numbers: list[str], select: Select, seed: int) -> Script:
    """The incident that does this model most harm among those of its kind.

    Args:
        incident: its kind.
        people: to find out on.
        numbers: features that are numbers.
        select: what the model decides about features (rows,).
        seed: of what is drawn.

    Raises:
        UnsuitableData: the model has no number that could go wrong, or no groups.
    """
    if incident == "none":
        return Script(incident=incident, says="nothing goes wrong", happen=lambda rows: rows)
    if incident == "outcomes":
        return Script(
            incident=incident,
            says=f"the world has changed: {FLIPPED:.0%} of the outcomes are other than they were",
            happen=lambda rows: _flipped(rows, seed),
        )
    if not numbers:
        raise UnsuitableData(f"the incident {incident!r} is about a number, and the model sees none: take `outcomes`")
    if incident == "biased_upstream":
        return _biased(people, numbers, select)
    changed = {name: _change(people.features[name], incident) for name in numbers}
    before = select(people.features)

    def harm(name: str) -> float:
        return float((select(people.features.assign(**{name: changed[name](people.features[name])})) != before).mean())

    name = max(numbers, key=harm)
    says = f"{name} {'moves for everybody' if incident == 'drift' else 'is broken: one value for everybody'}"
    return Script(incident=incident, says=says, happen=lambda rows: _assigned(rows, name, changed[name]))


def taken_within(rows: Rows, ranges: Mapping[str, tuple[float, float]]) -> Rows:
    """The rows as a service takes them: a number beyond its range becomes the nearest one inside."""
    clipped = {}
    for name, (low, high) in ranges.items():
        column = rows.features[name]
        is_whole = pd.api.types.is_integer_dtype(column.dtype)
        inside = (math.ceil(low), math.floor(high)) if is_whole else (low, high)
        clipped[name] = column.clip(*inside)
    return Rows(features=rows.features.assign(**clipped), groups=rows.groups, outcome=rows.outcome)


def _change(values: "pd.Series[float]", incident: Incident) -> Callable[["pd.Series[float]"], "pd.Series[float]"]:
    if incident == "drift":
        step = DRIFT * float(values.std())
        return lambda column: _typed(column + step, column)
    lowest = values.min()
    return lambda column: _typed(pd.Series(lowest, index=column.index), column)


def _biased(people: Rows, numbers: list[str], select: Select) -> Script:
    """For one group a number comes from a source that is wrong: its lowest or highest value, whichever refuses most."""
    if people.groups.empty or not len(people.groups.columns):
        raise UnsuitableData("the incident 'biased_upstream' is about a group, and no sensitive feature is declared")
    feature = str(people.groups.columns[0])
    group = people.groups[feature].value_counts().index[-1]
    of_group = people.groups[feature] == group
    options = [
        (name, value) for name in numbers for value in (people.features[name].min(), people.features[name].max())
    ]

    def selected(option: tuple[str, float]) -> float:
        changed = people.features.assign(**{option[0]: people.features[option[0]].mask(of_group, option[1])})
        return float(select(changed)[of_group.to_numpy()].mean())

    name, value = min(options, key=selected)

    def happen(rows: Rows) -> Rows:
        theirs = rows.groups[feature] == group
        return _assigned(rows, name, lambda column: _typed(column.mask(theirs, value), column))

    return Script(
        incident="biased_upstream", says=f"{name} is {value:g} for everybody with {feature} = {group}", happen=happen
    )


def _assigned(rows: Rows, name: str, change: Callable[["pd.Series[float]"], "pd.Series[float]"]) -> Rows:
    return Rows(
        features=rows.features.assign(**{name: change(rows.features[name])}), groups=rows.groups, outcome=rows.outcome
    )


def _typed(changed: "pd.Series[float]", like: "pd.Series[float]") -> "pd.Series[float]":
    """Whole numbers stay whole."""
    return changed.round().astype(like.dtype) if pd.api.types.is_integer_dtype(like.dtype) else changed


def _flipped(rows: Rows, seed: int) -> Rows:
    draw = np.random.default_rng([seed, len(rows.outcome), int(rows.outcome.sum())]).random(len(rows.outcome))
    return Rows(
        features=rows.features, groups=rows.groups, outcome=np.where(draw < FLIPPED, 1 - rows.outcome, rows.outcome)
    )
