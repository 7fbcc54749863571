"""What is kept of a time window: counts, from which everything about it can be computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from rai_platform.monitoring.bins import Bins, CategoryBins, Counts, NumberBins
from rai_platform.monitoring.outcomes import Outcomes

SCORE = "(score)"
ALL = "(all)"
SCORE_BINS = NumberBins(cuts=tuple(number / 100 for number in range(1, 100)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The counts of the predictions of one window.

    Attributes:
        name: of the window, in the order of time where sorted: ``2026-11-30``.
        columns: of every feature, and of the score.
        outcomes: of everybody under ``(all)``, and by sensitive feature.
    """

    name: str
    columns: dict[str, Counts]
    outcomes: dict[str, Outcomes]

    @property
    def n(self) -> int:
        """Predictions."""
        return self.outcomes[ALL].n

    def __add__(self, other: Self) -> Self:
        """Two windows as one, with the name of the later."""
        return type(self)(
            name=max(self.name, other.name),
            columns={name: counts + other.columns[name] for name, counts in self.columns.items()},
            outcomes={name: counts + other.outcomes[name] for name, counts in self.outcomes.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What windows are compared with: how rows are counted, and the counts of the rows that count as normal.

    Attributes:
        bins: of every feature.
        sensitive_features: columns by which people are told apart.
        window: the counts.
        says: what the rows are, in words: ``the test data of version 3``.
    """

    bins: dict[str, Bins]
    sensitive_features: tuple[str, ...]
    window: Window
    says: str


def reference_of(
    rows: pl.DataFrame, *, features: Mapping[str, str], sensitive_features: Sequence[str], says: str
) -> Reference:
    """The reference that rows make.

    Args:
        rows: with the features, the sensitive features, ``label``, ``decision`` and ``score``, one for each prediction.
        features: ``number`` or ``category``, by name.
        sensitive_features: columns by which people are told apart.
        says: what the rows are.
    """
    bins: dict[str, Bins] = {
        name: NumberBins.of(rows[name]) if kind == "number" else CategoryBins.of(rows[name])
        for name, kind in features.items()
    }
    window = count_window(rows, bins=bins, sensitive_features=sensitive_features, name=says)
    return Reference(bins=bins, sensitive_features=tuple(sensitive_features), window=window, says=says)


def count_window(
    rows: pl.DataFrame, *, bins: Mapping[str, NumberBins | CategoryBins], sensitive_features: Sequence[str], name: str
) -> Window:
    """The counts of the predictions of one window, in the bins of a reference; arguments as of ``reference_of``."""
    return Window(
        name=name,
        columns={
            **{column: kind.count(rows[column]) for column, kind in bins.items()},
            SCORE: SCORE_BINS.count(rows["score"]),
        },
        outcomes={
            ALL: Outcomes.count(rows, None),
            **{feature: Outcomes.count(rows, feature) for feature in sensitive_features},
        },
    )
