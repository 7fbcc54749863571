"""Inequality indices: how unequally the benefit of decisions is spread over people, and between groups.

The benefit of a person is ``b = y_pred - y_true + 1``: 0 for who was wrongly passed over, 1 for a right decision, 2 for who
was wrongly selected. So every index here is a function of the four counts of each group.

Source: Speicher et al., A unified approach to quantifying algorithmic unfairness, KDD 2018; names as in AIF360.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rai_platform.fairness.cells import Cells
from rai_platform.statistics.clusters import size_from_moments
from rai_platform.statistics.estimates import Replicates
from rai_platform.statistics.resampling import replicated

Floats = npt.NDArray[np.float64]
BENEFIT = np.array([1.0, 2.0, 0.0, 1.0])  # of a true negative, false positive, false negative, true positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One number for everybody, 0 when all people (or all groups) have the same benefit, larger the less equal they are.

    Attributes:
        name: its name in the field.
        symbols: its definition, with b a person's benefit and m the mean benefit.
        between_groups: whether each person has the mean benefit of the group, so that only groups differ.
        of: the index of counts (..., groups, 4), giving (...,).
    """

    name: str
    symbols: str
    between_groups: bool
    of: Callable[[Floats], Floats]


def generalized_entropy(counts: Floats, *, alpha: float = 2.0) -> Floats:
    """``mean((b / m) ** alpha - 1) / (alpha * (alpha - 1))`` over people; counts (..., groups, 4)."""
    people, total, mean = _people(counts)
    relative = BENEFIT / mean[..., None]
    return _entropy(people, relative, total, alpha)


def between_group_entropy(counts: Floats, *, alpha: float = 2.0) -> Floats:
    """The generalized entropy of people who each have their group's mean benefit; counts (..., groups, 4)."""
    _, total, mean = _people(counts)
    size = counts.sum(axis=-1)
    of_group = np.divide(counts @ BENEFIT, size, out=np.zeros_like(size), where=size > 0)
    return _entropy(size, of_group / mean[..., None], total, alpha)


def theil(counts: Floats) -> Floats:
    """``mean(b / m * ln(b / m))`` over people, the generalized entropy for alpha = 1; counts (..., groups, 4)."""
    people, total, mean = _people(counts)
    return _theil(people, BENEFIT / mean[..., None], total)


def coefficient_of_variation(counts: Floats) -> Floats:
    """Standard deviation of the benefit divided by its mean, ``sqrt(2 * GE(2))``; counts (..., groups, 4)."""
    return np.sqrt(2 * generalized_entropy(counts))


INDICES = {
    index.name: index
    for index in (
        Index(
            name="generalized_entropy_index",
            symbols="mean((b / m)^2 - 1) / 2",
            between_groups=False,
            of=generalized_entropy,
        ),
        Index(name="theil_index", symbols="mean(b / m * ln(b / m))", between_groups=False, of=theil),
        Index(name="coefficient_of_variation", symbols="sd(b) / m", between_groups=False, of=coefficient_of_variation),
        Index(
            name="between_group_entropy_index",
            symbols="mean((b_group / m)^2 - 1) / 2",
            between_groups=True,
            of=between_group_entropy,
        ),
    )
}


def measure_index(cells: Cells, index: Index, *, seed: int) -> Replicates | None:
    """An index with its bootstrap distribution; None where nobody has any benefit.

    Weighted rows enter with their effective number, rows of clusters with that of their mean benefit.
    """
    weights = np.asarray(cells.weights, dtype=float)
    squares = float(np.sum(cells.squares))
    effective = weights * (float(weights.sum()) / squares) if squares > 0 else weights
    if cells.moments is not None:
        effective = effective / _design_effect(cells)
    return replicated(index.of, effective, n=cells.n, seed=seed)


def _design_effect(cells: Cells) -> float:
    """How much larger clusters make the variance of the mean benefit, at least 1."""
    weights, squares = (np.asarray(part, dtype=float).sum(axis=0) for part in (cells.weights, cells.squares))
    moments = np.asarray(cells.moments, dtype=float).sum(axis=0).reshape(4, 4)
    distance = BENEFIT - weights @ BENEFIT / weights.sum()
    size = size_from_moments(
        total=float(weights.sum()),
        independent=float(squares @ distance**2),
        clustered=float(distance @ moments @ distance),
        squares=float(squares.sum()),
        cluster_squares=float(moments.sum()),
        clusters=sum(cells.clusters or (cells.n,)),
        rows=cells.n,
    )
    return float(weights.sum()) ** 2 / float(squares.sum()) / size


def _people(counts: Floats) -> tuple[Floats, Floats, Floats]:
    people = counts.sum(axis=-2)
    total = people.sum(axis=-1)
    return people, total, people @ BENEFIT / total


def _entropy(people: Floats, relative: Floats, total: Floats, alpha: float) -> Floats:
    spread: Floats = np.sum(people * (relative**alpha - 1), axis=-1) / total / (alpha * (alpha - 1))
    return spread


def _theil(people: Floats, relative: Floats, total: Floats) -> Floats:
    logarithm = np.log(relative, out=np.zeros_like(relative), where=relative > 0)  # x ln x is 0 at 0
    spread: Floats = np.sum(people * relative * logarithm, axis=-1) / total
    return spread
