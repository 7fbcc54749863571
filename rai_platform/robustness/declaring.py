"""From what a spec declares about an adversary to what the people of a table could change."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from rai_platform.errors import InvalidSpec, did_you_mean
from rai_platform.robustness.feasible_set import Axis, ChoiceAxis, FeasibleSet, Floats, NumberAxis
from rai_platform.spec.adversary import Adversary, FeasibleChange
from rai_platform.spec.relations import Following, Relation

SENSITIVE, DECLARED, NOT_NAMED = "a sensitive feature", "declared immutable", "not declared mutable"
ONE_VALUE = "holds one value alone"
LISTED = 12  # values in words


def feasible_set(adversary: Adversary, features: pd.DataFrame, *, left_alone: tuple[str, ...]) -> FeasibleSet:
    """What the people of a table could change.

    Args:
        adversary: the declaration.
        features: the table (rows, features), which gives the range of numbers and the known categories.
        left_alone: columns that nobody can change unless the declaration names them.

    Raises:
        InvalidSpec: it names no column of the table, or what the column cannot do; all problems are listed.
    """
    if problems := list(_problems(adversary, features)):
        raise InvalidSpec("\n".join(problems), where="adversary")
    grouped = {column: group for group in adversary.one_hot for column in group}
    follows = {each.column: f"follows from {' and '.join(each.columns[1:])}" for each in adversary.following}
    axes: list[Axis] = []
    immutable: dict[str, str] = {}
    for column in map(str, features):
        group = grouped.get(column, (column,))
        if column in follows:
            immutable[column] = follows[column]
        elif why := next(filter(None, (_why_not(adversary, name, left_alone) for name in group)), None):
            immutable[column] = why
        elif column != group[0]:
            continue
        elif axis := _axis(adversary.features.get(column, FeasibleChange()), features, group):
            axes.append(axis)
        else:
            immutable[column] = ONE_VALUE
    return FeasibleSet(
        features=features,
        axes=tuple(axes),
        relations=adversary.parsed_relations,
        following=adversary.following,
        origin=np.column_stack([coordinates(axis, features) for axis in axes])
        if axes
        else np.empty((len(features), 0)),
        immutable=immutable,
    )


def _why_not(adversary: Adversary, column: str, left_alone: tuple[str, ...]) -> str | None:
    if column in adversary.features:
        return DECLARED if adversary.features[column].immutable else None
    if column in left_alone:
        return SENSITIVE
    is_grouped = any(column in group for group in adversary.one_hot)
    return NOT_NAMED if adversary.others == "immutable" and not is_grouped else None


def _axis(change: FeasibleChange, features: pd.DataFrame, group: tuple[str, ...]) -> Axis | None:
    """What can change about a column or a group of columns; None where nothing can."""
    if len(group) > 1:
        return ChoiceAxis(columns=group, values=group, allowed=tuple(range(len(group))), cost=change.cost)
    column = features[group[0]]
    known = column.dropna()
    if column.dtype == object:
        values = tuple(sorted(set(known)))
        allowed = tuple(at for at, value in enumerate(values) if change.values is None or value in _texts(change))
        if len(values) < 2:
            return None
        return ChoiceAxis(columns=group, values=values, allowed=allowed, cost=change.cost)
    numbers = known.to_numpy("float64")
    spread = float(numbers.std()) if len(numbers) else 0.0
    if spread == 0:
        return None
    levels = tuple(sorted({float(value) for value in change.values or ()}))
    ends = levels or (numbers.min(), numbers.max())
    return NumberAxis(
        column=group[0],
        low=float(ends[0] if change.min is None else change.min),
        high=float(ends[-1] if change.max is None else change.max),
        sign={"increasing": 1, "decreasing": -1, None: 0}[change.monotone],
        whole=bool((numbers % 1 == 0).all()) if change.integer is None else change.integer,
        levels=levels,
        rate=change.cost / spread,
    )


def _texts(change: FeasibleChange) -> tuple[str, ...]:
    return tuple(str(value) for value in change.values or ())


def coordinates(axis: Axis, features: pd.DataFrame) -> Floats:
    """Where the people are on an axis (rows,); NaN where a cell is missing."""
    if isinstance(axis, NumberAxis):
        numbers: Floats = features[axis.column].to_numpy("float64", na_value=np.nan)
        return numbers
    if len(axis.columns) > 1:
        positions: Floats = np.argmax(features[list(axis.columns)].to_numpy("float64"), axis=1).astype("float64")
        return positions
    position = {value: float(at) for at, value in enumerate(axis.values)}
    return np.array([position.get(value, np.nan) for value in features[axis.columns[0]]], dtype="float64")


def in_words(axis: Axis) -> str:
    """What a person could change on an axis, and what it costs: ``18 to 75, whole, only up; 11.4 cost 1``."""
    if isinstance(axis, ChoiceAxis):
        values = [axis.values[at] for at in axis.allowed]
        shown = ", ".join(values[:LISTED]) + (f" and {len(values) - LISTED} more" if len(values) > LISTED else "")
        return f"to {shown}; a change costs {axis.cost:g}"
    bounds = (
        f"to {', '.join(f'{level:g}' for level in axis.levels)}" if axis.levels else f"{axis.low:g} to {axis.high:g}"
    )
    said = [
        bounds,
        *(["whole"] if axis.whole and not axis.levels else []),
        *{1: ["only up"], -1: ["only down"], 0: []}[axis.sign],
    ]
    return f"{', '.join(said)}; {1 / axis.rate:.3g} cost 1"


def _problems(adversary: Adversary, features: pd.DataFrame) -> Iterator[str]:
    known = [str(name) for name in features]
    grouped = [column for group in adversary.one_hot for column in group]
    relations: list[Relation | Following] = [*adversary.parsed_relations, *adversary.following]
    named: Mapping[str, list[str]] = {
        "features": list(adversary.features),
        "one_hot": grouped,
        **{f"relations, {each.text!r}": list(each.columns) for each in relations},
    }
    for where, columns in named.items():
        for column in columns:
            if column not in known:
                yield f"{where}: the model sees no column {column!r}{did_you_mean(column, known)}; it sees: {', '.join(known)}"
            elif where != "features" and features[column].dtype == object:
                yield f"{where}: {column!r} holds categories, and no numbers"
            elif where not in ("features", "one_hot") and column in grouped:
                yield f"{where}: {column!r} is one of a `one_hot` group, which no relation can be about"
    for column, change in adversary.features.items():
        if column in known and not change.immutable:
            yield from (f"features.{column}: {told}" for told in _told_of(change, features[column]))
    for group in adversary.one_hot:
        if all(column in known and features[column].dtype != object for column in group):
            cells = features[list(group)].to_numpy("float64")
            broken = ~(np.isin(cells, (0, 1)).all(axis=1) & (cells.sum(axis=1) == 1))
            if broken.any():
                yield f"one_hot: exactly one of {', '.join(group)} must be 1 and the others 0, which {int(broken.sum())} rows break"


def _told_of(change: FeasibleChange, column: pd.Series) -> Iterator[str]:
    """What the declaration asks of a column that it cannot do."""
    known = column.dropna()
    if column.dtype == object:
        for key in ("monotone", "min", "max", "integer"):
            if getattr(change, key) is not None:
                yield f"holds categories, which have no `{key}`; give the `values` it can be changed to"
        values = sorted(set(known))
        for text in _texts(change):
            if text not in values:
                yield f"no category {text!r} in the data{did_you_mean(text, values)}; there are: {', '.join(values[:30])}"
        return
    for value in change.values or ():
        if isinstance(value, str):
            yield f"holds numbers, got the value {value!r}"
    numbers = known.to_numpy("float64")
    if len(numbers) == 0:
        return
    low, high = float(numbers.min()), float(numbers.max())
    least, most = (change.min if change.min is not None else low), (change.max if change.max is not None else high)
    if least > most:
        yield f"from {least:g} to {most:g} there is no number: the data hold {low:g} to {high:g}"
    if change.integer and np.floor(most) < np.ceil(least):
        yield f"from {least:g} to {most:g} there is no whole number"
