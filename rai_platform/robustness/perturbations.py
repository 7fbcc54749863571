"""Feasible changes of a table: numbers stay within the range seen and whole where they were whole, categories stay known."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from rai_platform.robustness.report import Perturbation

STRENGTHS: dict[Perturbation, tuple[float, ...]] = {
    "noise": (0.05, 0.1, 0.25, 0.5),
    "missing_values": (0.05, 0.1, 0.2, 0.4),
    "category_swaps": (0.02, 0.05, 0.1, 0.2),
    "shift": (0.1, 0.25, 0.5),
}


def with_noise(features: pd.DataFrame, columns: list[str], strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """Every number moved by normal noise of ``strength`` standard deviations of its column."""
    return _with_numbers(features, columns, lambda spread, rows: strength * spread * rng.standard_normal(rows))


def shifted(features: pd.DataFrame, columns: list[str], strength: float, _rng: np.random.Generator) -> pd.DataFrame:
    """Every number moved the same way by ``strength`` standard deviations of its column."""
    return _with_numbers(features, columns, lambda spread, rows: np.full(rows, strength * spread))


def with_missing_values(
    features: pd.DataFrame, columns: list[str], strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """A share ``strength`` of the cells left blank, each cell by itself."""
    lost = {}
    for name in columns:
        blank = rng.random(len(features)) < strength
        column = features[name]
        lost[name] = column.mask(blank, None) if column.dtype == object else column.astype("float64").where(~blank)
    return features.assign(**lost)


def with_category_swaps(
    features: pd.DataFrame, columns: list[str], strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """A share ``strength`` of the categories replaced by one drawn from the column, so that common ones stay common."""
    swapped = {}
    for name in columns:
        column, known = features[name].to_numpy(object), features[name].notna().to_numpy()
        struck = (rng.random(len(column)) < strength) & known
        if struck.any():
            swapped[name] = np.where(struck, rng.choice(column[known], len(column)), column)
    return features.assign(**swapped)


PERTURB: dict[Perturbation, Callable[[pd.DataFrame, list[str], float, np.random.Generator], pd.DataFrame]] = {
    "noise": with_noise,
    "missing_values": with_missing_values,
    "category_swaps": with_category_swaps,
    "shift": shifted,
}


def touched_columns(perturbation: Perturbation, features: pd.DataFrame, left_alone: tuple[str, ...]) -> list[str]:
    """The columns that a perturbation changes."""
    free = [str(name) for name in features if name not in left_alone]
    if perturbation == "missing_values":
        return free
    wants_text = perturbation == "category_swaps"
    return [name for name in free if (features[name].dtype == object) == wants_text]


def _with_numbers(
    features: pd.DataFrame, columns: list[str], offset: Callable[[float, int], "np.typing.NDArray[np.float64]"]
) -> pd.DataFrame:
    moved = {}
    for name in columns:
        column = features[name]
        values = column.astype("float64")
        changed = (values + offset(float(values.std(ddof=0)), len(values))).clip(values.min(), values.max())
        was_whole = bool((values.dropna() % 1 == 0).all())  # a count with gaps is a column of floats
        moved[name] = changed.round().astype(column.dtype) if was_whole else changed
    return features.assign(**moved)
