"""Feasible changes of a table: numbers stay within the range seen and whole where they were whole, categories stay known."""

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.robustness.report import Perturbation

STRENGTHS: dict[Perturbation, tuple[float, ...]] = {
    "noise": (0.05, 0.1, 0.25, 0.5),
    "missing_values": (0.05, 0.1, 0.2, 0.4),
    "category_swaps": (0.02, 0.05, 0.1, 0.2),
    "shift": (0.1, 0.25, 0.5),
}

Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.number]


def with_noise(features: pd.DataFrame, columns: list[str], strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """Every number moved by normal noise of ``strength`` standard deviations of its column."""
    return _moved(features, columns, lambda spread, rows: strength * spread * rng.standard_normal(rows), rng)


def shifted(features: pd.DataFrame, columns: list[str], strength: float, rng: np.random.Generator) -> pd.DataFrame:
    """Every number moved the same way by ``strength`` standard deviations of its column."""
    return _moved(features, columns, lambda spread, rows: np.full(rows, strength * spread), rng)


def with_missing_values(
    features: pd.DataFrame, columns: list[str], strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """A share ``strength`` of the cells left blank, each cell by itself."""
    lost = {}
    for name in columns:
        blank = rng.random(len(features)) < strength
        column = features[name]
        lost[name] = column.mask(blank, None) if column.dtype == object else column.astype("float64").where(~blank)
    return _replaced(features, lost)


def with_category_swaps(
    features: pd.DataFrame, columns: list[str], strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """A share ``strength`` of the categories replaced by another one of the column, more often by a common one."""
    swapped = {}
    for name in columns:
        codes, categories = pd.factorize(features[name])  # -1 where the category is missing
        struck = (rng.random(len(codes)) < strength) & (codes >= 0)
        if len(categories) > 1:
            codes[struck] = _others(codes[struck], codes[codes >= 0], rng)
        cells = features[name].to_numpy(object, copy=True)
        cells[struck] = np.asarray(categories, dtype=object)[codes[struck]]
        swapped[name] = pd.Series(cells, index=features.index, dtype=object)
    return _replaced(features, swapped)


PERTURB: dict[Perturbation, Callable[[pd.DataFrame, list[str], float, np.random.Generator], pd.DataFrame]] = {
    "noise": with_noise,
    "missing_values": with_missing_values,
    "category_swaps": with_category_swaps,
    "shift": shifted,
}


def touched_columns(perturbation: Perturbation, features: pd.DataFrame, left_alone: tuple[str, ...]) -> list[str]:
    """The columns that a perturbation is about."""
    free = [str(name) for name in features if name not in left_alone]
    if perturbation == "missing_values":
        return free
    wants_text = perturbation == "category_swaps"
    return [name for name in free if (features[name].dtype == object) == wants_text]


def can_change(perturbation: Perturbation, column: pd.Series) -> bool:
    """Whether the perturbation can change the column: what holds one value alone has no range, and no other category."""
    return bool(column.notna().any() if perturbation == "missing_values" else column.nunique() > 1)


def signed(perturbation: Perturbation, strengths: list[float]) -> list[float]:
    """The strengths to try: a shift goes both ways."""
    return [sign * strength for strength in strengths for sign in ((1, -1) if perturbation == "shift" else (1,))]


def stream(seed: int, perturbation: Perturbation, strength: float) -> np.random.Generator:
    """The draws of one perturbation at one strength, whatever else is tried; the same for both ways of a shift."""
    return np.random.default_rng([seed, zlib.crc32(perturbation.encode()), round(abs(strength) * 1e9)])


def _moved(
    features: pd.DataFrame, columns: list[str], offset: Callable[[float, int], Floats], rng: np.random.Generator
) -> pd.DataFrame:
    moved = {}
    for name in columns:
        known = features[name].notna().to_numpy()
        if not known.any():
            continue
        cells = features[name].to_numpy(copy=True)
        cells[known] = _within_range(cells[known], offset, rng)
        moved[name] = pd.Series(cells, index=features.index)
    return _replaced(features, moved)


def _within_range(values: Numbers, offset: Callable[[float, int], Floats], rng: np.random.Generator) -> Numbers:
    """Numbers (rows,) moved, none beyond the smallest and the largest of them."""
    low, high = values.min(), values.max()
    steps = np.clip(offset(float(values.std()), len(values)), low - values, high - values)
    if (values % 1 == 0).all():  # a count with gaps is a column of floats
        # Rounded to the nearest, a column of small counts would not move at all. Rounded up as often as the fraction says,
        # it moves as far as was asked on average.
        steps = np.floor(steps + rng.random(len(values)))
    return np.clip(values + steps.astype(values.dtype), low, high)


def _others(struck: Codes, known: Codes, rng: np.random.Generator) -> Codes:
    """For each struck category (struck,) that of a cell drawn from those (cells,) that hold another one."""
    counts = np.bincount(known)
    ordered, start = np.sort(known), np.cumsum(counts) - counts
    drawn = rng.integers(0, len(known) - counts[struck])
    own = np.where(drawn >= start[struck], counts[struck], 0)  # the cells of one category lie side by side: skip them
    return ordered[drawn + own]


def _replaced(features: pd.DataFrame, columns: dict[str, pd.Series]) -> pd.DataFrame:
    table = features.copy()
    for name, column in columns.items():  # not assign: a column may be called self
        table[name] = column
    return table
