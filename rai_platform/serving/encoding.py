"""The platform's own preprocessing, compiled: rows of a request are encoded without a table between.

A table costs scikit-learn several milliseconds, whatever its size. What is compiled here is read off the fitted preprocessing, or
asked of it, and held to what it gives when a model is loaded; where the two differ in a single bit, nothing is compiled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer

from rai_platform.serving.inputs import InputRules, Value
from rai_platform.training.estimators import CATEGORIES, MISSING, NUMBERS, encoded_columns, known_categories
from rai_platform.training.model import PREPROCESSING, TrainedModel

Floats = npt.NDArray[np.float64]
TRIED = 256  # rows that both ways encode before the compiled one is used
SPREAD = 3.0  # of the numbers in them, in standard deviations


@dataclass(frozen=True, slots=True)
class _Category:
    """What one category feature becomes.

    Attributes:
        name: of the feature.
        places: in ``codes``, by category and for None.
        codes: its encoded columns for each of them (categories, encoded columns).
    """

    name: str
    places: Mapping[Value, int]
    codes: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What fitted preprocessing makes of rows.

    Attributes:
        numbers: the number features in their order.
        medians: in the place of a missing number (numbers,).
        means: of standardization (numbers,).
        scales: of standardization (numbers,).
        incomplete: the places of those numbers that say in a column of their own where they are missing.
        categories: the category features in their order.
    """

    numbers: tuple[str, ...]
    medians: Floats
    means: Floats
    scales: Floats
    incomplete: tuple[int, ...]
    categories: tuple[_Category, ...]

    def encode(self, rows: Sequence[Mapping[str, Value]]) -> Floats:
        """Rows that the rules have read, as the estimator sees them (rows, encoded columns)."""
        given = np.array([[row[name] for name in self.numbers] for row in rows], dtype="float64")
        given = given.reshape(len(rows), len(self.numbers))
        is_missing = np.isnan(given)
        numbers = np.where(is_missing, self.medians, given)
        numbers -= self.means
        numbers /= self.scales
        codes = [each.codes[[each.places[row[each.name]] for row in rows]] for each in self.categories]
        return np.hstack([numbers, is_missing[:, list(self.incomplete)], *codes])


def compile_encoding(model: TrainedModel, rules: InputRules) -> Encoding | None:
    """The preprocessing of a model, compiled; None where it is another than the platform's own for numbers and categories."""
    fitted = model.parts.get(PREPROCESSING)
    if not isinstance(fitted, ColumnTransformer):
        return None
    steps = {name: (step, tuple(columns)) for name, step, columns in fitted.transformers_ if len(columns)}
    if not steps.keys() <= {NUMBERS, MISSING, CATEGORIES}:
        return None
    try:
        compiled = _compiled(fitted, steps, rules)
        rows = _tried(compiled, rules)
        expected = np.asarray(fitted.transform(rules.frame(rows)))
        return compiled if np.array_equal(compiled.encode(rows), expected) else None
    except (AttributeError, KeyError, TypeError, ValueError):  # not fitted as the platform does it
        return None


def _compiled(
    fitted: ColumnTransformer, steps: Mapping[str, tuple[Any, tuple[str, ...]]], rules: InputRules
) -> Encoding:
    numbers: tuple[str, ...] = ()
    medians = means = scales = np.empty(0)
    if NUMBERS in steps:
        (impute, scale), numbers = steps[NUMBERS]
        medians, means, scales = impute.statistics_, scale.mean_, scale.scale_
    _, incomplete = steps.get(MISSING, (None, ()))
    return Encoding(
        numbers=numbers,
        medians=medians,
        means=means,
        scales=scales,
        incomplete=tuple(numbers.index(name) for name in incomplete),
        categories=tuple(_category(fitted, name, rules) for name in steps.get(CATEGORIES, (None, ()))[1]),
    )


def _category(fitted: ColumnTransformer, name: str, rules: InputRules) -> _Category:
    """Asks the fitted preprocessing for the columns of every category."""
    kinds = {field.name: field.kind for field in rules.fields}
    values: list[Value] = [None, *sorted(known_categories(fitted)[name])]
    other: dict[str, Value] = {each: 0.0 if kind == "number" else None for each, kind in kinds.items()}
    encoded = np.asarray(fitted.transform(rules.frame([{**other, name: value} for value in values])))
    own = [place for place, behind in enumerate(encoded_columns(fitted)) if behind == name]
    return _Category(name, {value: place for place, value in enumerate(values)}, encoded[:, own])


def _tried(compiled: Encoding, rules: InputRules) -> list[dict[str, Value]]:
    """Rows of every kind: numbers as far out as people's are, every category, and what may be missing."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[Value]] = {}
    for place, name in enumerate(compiled.numbers):
        columns[name] = rng.normal(compiled.means[place], SPREAD * compiled.scales[place], TRIED).tolist()
    for each in compiled.categories:
        known = [value for value in each.places if value is not None]
        columns[each.name] = [known[at % len(known)] for at in rng.permutation(TRIED)]
    for field in rules.fields:
        if field.may_be_missing:
            columns[field.name] = [None if rng.random() < 0.2 else value for value in columns[field.name]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
