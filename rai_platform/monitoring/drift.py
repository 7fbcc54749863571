"""How far a column of a window is from the reference: the usual distances, from counts alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from rai_platform.monitoring.bins import CategoryBins, Counts, NumberBins

COARSE = 10  # bins of about equal share that PSI and the Jensen-Shannon distance of a number are taken over
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Distances of a window from the reference; None where a distance is not defined for the column or nothing was seen.

    Attributes:
        psi: population stability index, Σ (q - p) ln(q / p) over bins, half a row added to each; 0 for no difference.
        jensen_shannon: the distance, square root of the divergence in bits, 0 to 1.
        kolmogorov_smirnov: of a number, the largest difference of the two distribution functions at the reference's
            quantiles, 0 to 1.
        wasserstein: of a number, the area between the distribution functions, in its own units; what lies outside the range
            of the reference counts as at its edge.
        chi_square: of a category, the p-value of Pearson's test that both come from the same shares; with many rows it is
            small for differences that do not matter.
        missing_change: share of missing values minus the reference's, -1 to 1.
        new_share: share of rows with a category that the reference does not know, 0 to 1.
        largest_change: the largest change of the share of a category, or of the share below a decile; 0 to 1.
        moved: what it is the share of, in words.
        before: that share in the reference.
        now: that share in the window.
        n: rows of the window.
    """

    psi: float | None
    jensen_shannon: float | None
    kolmogorov_smirnov: float | None
    wasserstein: float | None
    chi_square: float | None
    missing_change: float
    new_share: float
    largest_change: float
    moved: str
    before: float
    now: float
    n: int


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the rows that has a name: of a category, below a value, missing.

    Attributes:
        says: what of.
        before: rows in the reference that are of it.
        now: rows in the window.
        kind: of the share.
    """

    says: str
    before: int
    now: int
    kind: Literal["category", "below", "new", "missing"]


def parts(bins: NumberBins | CategoryBins, reference: Counts, window: Counts) -> list[Part]:
    """The shares that a column is watched by: of every category, of new ones, below every decile of a number, and missing.

    Which shares these are is settled by the reference, and not by what the window holds.
    """
    if isinstance(bins, CategoryBins):
        names = [*map(repr, bins.categories), *(["a rare category"] if bins.rare else [])]
        found = [Part(name, a, b, "category") for name, a, b in zip(names, reference.bins, window.bins, strict=False)]
        new = f"a category that is new ({', '.join(window.new)})" if window.new else "a category that is new"
        found.append(Part(new, reference.new_rows, window.new_rows, "new"))
    else:
        below, now = np.cumsum(reference.bins), np.cumsum(window.bins)
        found = [
            Part(f"at most {bins.cuts[at]:g}", int(below[at]), int(now[at]), "below") for at in _deciles(reference)
        ]
    return [*found, Part("missing", reference.missing, window.missing, "missing")]


def measure_drift(bins: NumberBins | CategoryBins, reference: Counts, window: Counts) -> Drift:
    """The distances of a window's counts from the reference's."""
    told = [
        (part, part.before / max(reference.n, 1), part.now / max(window.n, 1))
        for part in parts(bins, reference, window)
    ]
    most, before, now = max(told, key=lambda each: abs(each[2] - each[1]))
    number = isinstance(bins, NumberBins)
    counted = (_coarse if number else _with_new)(reference, window)
    seen = all(side.sum() > 0 for side in counted)
    fine = np.array(reference.bins, dtype="float64"), np.array(window.bins, dtype="float64")
    apart = _apart(*fine) if number and seen else None
    return Drift(
        psi=_psi(*counted) if seen else None,
        jensen_shannon=_jensen_shannon(*counted) if seen else None,
        kolmogorov_smirnov=None if apart is None else float(np.abs(apart).max()),
        wasserstein=float((np.abs(apart[:-1]) * np.diff(bins.cuts)).sum())
        if apart is not None and isinstance(bins, NumberBins)
        else None,
        chi_square=None if number or not seen else _chi_square(*counted),
        missing_change=window.missing / max(window.n, 1) - reference.missing / max(reference.n, 1),
        new_share=window.new_rows / max(window.n, 1),
        largest_change=abs(now - before),
        moved=most.says,
        before=before,
        now=now,
        n=window.n,
    )


def _deciles(reference: Counts) -> list[int]:
    """The cuts next to the deciles of the reference; none at or above its largest value, below which is everything."""
    below = np.cumsum(reference.bins)[:-1]
    if not len(below) or not below[-1]:
        return []
    at = [int(np.searchsorted(below, share * below[-1])) for share in np.arange(1, COARSE) / COARSE]
    return [place for place in dict.fromkeys(at) if below[place] < below[-1]]


def _coarse(reference: Counts, window: Counts) -> tuple[Shares, Shares]:
    edges = [0, *(place + 1 for place in _deciles(reference))]
    first, second = (np.add.reduceat(np.array(each.bins, dtype="float64"), edges) for each in (reference, window))
    return first, second


def _with_new(reference: Counts, window: Counts) -> tuple[Shares, Shares]:
    first = np.array([*reference.bins, reference.new_rows], dtype="float64")
    second = np.array([*window.bins, window.new_rows], dtype="float64")
    used = (first + second) > 0
    return first[used], second[used]


def _shares(first: Shares, second: Shares, add: float) -> tuple[Shares, Shares]:
    return (first + add) / (first + add).sum(), (second + add) / (second + add).sum()


def _psi(first: Shares, second: Shares) -> float:
    p, q = _shares(first, second, 0.5)
    return float(((q - p) * np.log(q / p)).sum())


def _jensen_shannon(first: Shares, second: Shares) -> float:
    p, q = _shares(first, second, 0.0)
    middle = (p + q) / 2
    divergence = (stats.entropy(p, middle, base=2) + stats.entropy(q, middle, base=2)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _chi_square(first: Shares, second: Shares) -> float:
    if len(first) < 2:
        return 1.0
    return float(stats.chi2_contingency(np.stack([first, second]), correction=False).pvalue)


def _apart(first: Shares, second: Shares) -> Shares:
    """The second distribution function minus the first, at every cut (cuts,)."""
    before, now = np.cumsum(first), np.cumsum(second)
    apart: Shares = (now / now[-1] - before / before[-1])[:-1]
    return apart
