"""What further rows should satisfy, as plain values: pandera's schema and the rules of a request are made from them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

LEEWAY = 0.1  # how far outside the range seen in training a number may lie, as a share of that range


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """What one column of the rows that were learned from tells of further ones.

    Attributes:
        name: of the column.
        kind: what it holds.
        nullable: whether a value may be missing, as some were.
        low: the smallest number that is expected; None of anything but numbers.
        high: the largest.
        categories: those that there were; None of anything else.
        shape: of every image (height, width, channels); None of anything else.
    """

    name: str
    kind: Literal["number", "category", "text", "image"]
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None
    shape: tuple[int, int, int] | None = None


def column_rules(features: "pd.DataFrame", *, free: tuple[str, ...] = ()) -> tuple[ColumnRule, ...]:
    """The types, categories and ranges of these rows, and missing values only where these have some.

    Args:
        features: the rows that were learned from (rows, features).
        free: columns of texts, or of images.
    """
    return tuple(_whole(features[name]) if name in free else _column(features[name]) for name in features.columns)


def _whole(values: "pd.Series[Any]") -> ColumnRule:
    from rai_platform.data.images import is_packed, shape_of

    name = str(values.name)
    if is_packed(values):
        return ColumnRule(name=name, kind="image", shape=shape_of(values.iloc[0]))
    return ColumnRule(name=name, kind="text")


def _column(values: "pd.Series[Any]") -> ColumnRule:
    name, nullable = str(values.name), bool(values.isna().any())
    if values.dtype == object:
        seen = tuple(sorted(values.dropna().unique()))
        return ColumnRule(name=name, kind="category", nullable=nullable, categories=seen)
    low, high = float(values.min()), float(values.max())
    leeway = LEEWAY * (high - low)
    return ColumnRule(name=name, kind="number", nullable=nullable, low=low - leeway, high=high + leeway)
