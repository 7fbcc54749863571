"""What is kept of a time window: counts, from which everything about it can be computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from rai_platform.monitoring.bins import Bins, CategoryBins, Counts, NumberBins
from rai_platform.monitoring.outcomes import BINS, Outcomes

SCORE = "(score)"
ALL = "(all)"
HUNDREDTHS = NumberBins(cuts=tuple(number / BINS for number in range(1, BINS)))


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
        score_bins: of the score, a hundred at most.
        sensitive_features: columns by which people are told apart.
        window: the counts.
        says: what the rows are, in words: ``the test data of version 3``.
    """

    bins: dict[str, Bins]
    score_bins: NumberBins
    sensitive_features: tuple[str, ...]
    window: Window
    says: str


def reference_of(
    rows: pl.DataFrame, *, features: Mapping[str, str], sensitive_features: Sequence[str], says: str
) -> Reference:
    """The reference that rows make.

    Args:
        rows: with the features, the sensitive features, ``label`` (0, 1 or null), ``decision`` (0 or 1) and ``score``, one for
            each prediction.
        features: ``number`` or ``category``, by name.
        sensitive_features: columns by which people are told apart.
        says: what the rows are.
    """
    bins: dict[str, Bins] = {
        name: NumberBins.of(rows[name]) if kind == "number" else CategoryBins.of(rows[name])
        for name, kind in features.items()
    }
    return Reference(
        bins=bins,
        score_bins=(score_bins := _score_bins(rows["score"])),
        sensitive_features=tuple(sensitive_features),
        window=_counted(rows, bins, score_bins, sensitive_features, says),
        says=says,
    )


def count_window(rows: pl.DataFrame, reference: Reference, *, name: str) -> Window:
    """The counts of the predictions of one window, in the bins of a reference; rows as of ``reference_of``."""
    return _counted(rows, reference.bins, reference.score_bins, reference.sensitive_features, name)


def _score_bins(scores: pl.Series) -> NumberBins:
    """Hundredths of the scale where scores are from 0 to 1, else bins of about equal share."""
    if scores.is_between(0, 1).all():
        return HUNDREDTHS
    found = NumberBins.of(scores, quantiles=BINS - 1)
    return NumberBins(cuts=found.cuts[: BINS - 1])


def _counted(
    rows: pl.DataFrame,
    bins: Mapping[str, Bins],
    score_bins: NumberBins,
    sensitive_features: Sequence[str],
    name: str,
) -> Window:
    scored = rows.with_columns(bin=score_bins.places(rows["score"]))
    return Window(
        name=name,
        columns={
            **{column: kind.count(rows[column]) for column, kind in bins.items()},
            SCORE: score_bins.count(rows["score"]),
        },
        outcomes={
            ALL: Outcomes.count(scored, None),
            **{feature: Outcomes.count(scored, feature) for feature in sensitive_features},
        },
    )
