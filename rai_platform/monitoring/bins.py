"""How the values of one column are counted: bins that the reference lays down and every later window is counted in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

QUANTILES = 200  # bins of a number at most, of about equal share in the reference
MOST_CATEGORIES = 200  # of a column; rarer ones are counted together
MOST_NEW = 10  # new categories told by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often the values of a window fell into each bin.

    Attributes:
        bins: rows in each (bins,).
        missing: rows without a value.
        new: of categories that the reference does not know, the rows of the most frequent by name.
        new_rows: rows with any of them.
    """

    bins: tuple[int, ...]
    missing: int = 0
    new: dict[str, int]
    new_rows: int = 0

    @property
    def n(self) -> int:
        """All rows."""
        return sum(self.bins) + self.missing + self.new_rows

    def __add__(self, other: Self) -> Self:
        """Of two disjoint windows together."""
        new = {name: self.new.get(name, 0) + other.new.get(name, 0) for name in (*self.new, *other.new)}
        most = dict(sorted(new.items(), key=lambda item: (-item[1], item[0]))[:MOST_NEW])
        return type(self)(
            bins=tuple(a + b for a, b in zip(self.bins, other.bins, strict=True)),
            missing=self.missing + other.missing,
            new=most,
            new_rows=self.new_rows + other.new_rows,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberBins:
    """Bins of a number: the first holds x ≤ cuts[0], each next one cuts[i - 1] < x ≤ cuts[i], the last what is above.

    Attributes:
        cuts: increasing (cuts,): quantiles of the reference, its smallest and largest value among them.
    """

    cuts: tuple[float, ...]
    kind: Literal["number"] = "number"

    @classmethod
    def of(cls, values: pl.Series, *, quantiles: int = QUANTILES) -> Self:
        """Bins of about equal share of the values of a reference; a value that many rows share has a bin of its own."""
        known = _finite(values)
        if not len(known):
            return cls(cuts=())
        cuts = np.unique(np.quantile(known, np.linspace(0, 1, quantiles + 1), method="inverted_cdf"))
        return cls(cuts=tuple(float(cut) for cut in cuts))

    def count(self, values: pl.Series) -> Counts:
        """Values (n,) by bin; a value that is no finite number counts as missing."""
        known = np.sort(_finite(values))  # far faster than to look each value up among the cuts
        below = np.searchsorted(known, np.asarray(self.cuts), side="right")
        bins = np.diff(below, prepend=0, append=len(known))
        return Counts(bins=tuple(int(each) for each in bins), missing=len(values) - len(known), new={})

    def places(self, values: pl.Series) -> npt.NDArray[np.int64]:
        """The bin of each of some finite values (n,)."""
        return np.searchsorted(np.asarray(self.cuts), values.cast(pl.Float64).to_numpy(), side="left")


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryBins:
    """A bin for each category of the reference, and the last one for those too rare to have one.

    Attributes:
        categories: by name, the most frequent first.
        rare: the other categories that the reference has.
    """

    categories: tuple[str, ...]
    rare: tuple[str, ...] = ()
    kind: Literal["category"] = "category"

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """A bin for every category of a reference."""
        found = _by_name(values)
        names = sorted(found, key=lambda name: (-found[name], name))
        return cls(categories=tuple(names[:MOST_CATEGORIES]), rare=tuple(names[MOST_CATEGORIES:]))

    def count(self, values: pl.Series) -> Counts:
        """Values (n,) by category."""
        found = _by_name(values)
        bins = [found.pop(name, 0) for name in self.categories]
        rare = sum(found.pop(name, 0) for name in self.rare)
        most = dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MOST_NEW])
        return Counts(
            bins=(*bins, rare),
            missing=len(values) - sum(bins) - rare - sum(found.values()),
            new=most,
            new_rows=sum(found.values()),
        )


Bins = Annotated[NumberBins | CategoryBins, Field(discriminator="kind")]


def _finite(values: pl.Series) -> npt.NDArray[np.float64]:
    known = values.drop_nulls().cast(pl.Float64).to_numpy()
    finite: npt.NDArray[np.float64] = known[np.isfinite(known)]
    return finite


def _by_name(values: pl.Series) -> dict[str, int]:
    counted = values.drop_nulls().value_counts(name="rows")
    names: Sequence[str] = counted[values.name].cast(pl.String).to_list()
    return dict(zip(names, counted["rows"].to_list(), strict=True))
