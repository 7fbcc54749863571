"""What is kept of a time window: counts, from which everything about it can be computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from rai_platform.monitoring.attributions import Attributed
from rai_platform.monitoring.bins import Bins, CategoryBins, Counts, NumberBins
from rai_platform.monitoring.outcomes import BINS, Outcomes

SCORE = "(score)"
ALL = "(all)"
GROUP = "(group)"
HUNDREDTHS = NumberBins(cuts=tuple(number / BINS for number in range(1, BINS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The counts of the predictions of one window.

    Attributes:
        name: of the window, in the order of time where sorted: ``2026-11-30``.
        columns: of every feature, and of the score.
        outcomes: of everybody under ``(all)``, and by sensitive feature.
        attributed: what moved the score of some of its rows; None where nobody knows.
    """

    name: str
    columns: dict[str, Counts]
    outcomes: dict[str, Outcomes]
    attributed: Attributed | None = None

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
            attributed=self.attributed + other.attributed
            if self.attributed and other.attributed
            else self.attributed or other.attributed,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Predictions, and what is known about them; all of the same length (rows,).

    Attributes:
        features: what the model saw (rows, features).
        groups: of the people, by sensitive feature (rows, sensitive features); null where nobody knows.
        score: as the model gave it.
        decision: 1 or 0.
        label: 1 or 0; null where it is not known.
    """

    features: pl.DataFrame
    groups: pl.DataFrame
    score: pl.Series
    decision: pl.Series
    label: pl.Series

    def take(self, rows: pl.Series) -> Self:
        """The rows at some places."""
        return type(self)(
            features=_taken(self.features, rows),
            groups=_taken(self.groups, rows),
            score=self.score.gather(rows),
            decision=self.decision.gather(rows),
            label=self.label.gather(rows),
        )


def _taken(table: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """The rows at some places; a table without columns has none to choose from."""
    return table[rows] if table.width else table


def reference_of(predicted: Predicted, *, kinds: Mapping[str, str], says: str) -> Reference:
    """The reference that predictions make.

    Args:
        predicted: the rows that count as normal.
        kinds: ``number`` or ``category``, by feature.
        says: what the rows are.
    """
    bins: dict[str, Bins] = {
        name: NumberBins.of(predicted.features[name]) if kind == "number" else CategoryBins.of(predicted.features[name])
        for name, kind in kinds.items()
    }
    score_bins, people = _score_bins(predicted.score), tuple(predicted.groups.columns)
    window = _counted(predicted, bins, score_bins, people, says)
    return Reference(bins=bins, score_bins=score_bins, sensitive_features=people, window=window, says=says)


def count_window(predicted: Predicted, reference: Reference, *, name: str) -> Window:
    """The counts of the predictions of one window, in the bins of a reference."""
    return _counted(predicted, reference.bins, reference.score_bins, reference.sensitive_features, name)


def _score_bins(scores: pl.Series) -> NumberBins:
    """Hundredths of the scale where scores are from 0 to 1, else bins of about equal share."""
    if scores.is_between(0, 1).all():
        return HUNDREDTHS
    return NumberBins(cuts=NumberBins.of(scores, quantiles=BINS - 1).cuts[: BINS - 1])


def _counted(
    predicted: Predicted,
    bins: Mapping[str, Bins],
    score_bins: NumberBins,
    sensitive_features: Sequence[str],
    name: str,
) -> Window:
    rows = pl.DataFrame(
        {
            "label": predicted.label,
            "decision": predicted.decision,
            "bin": pl.Series(score_bins.places(predicted.score), dtype=pl.Int64),
        }
    )
    return Window(
        name=name,
        columns={
            **{column: kind.count(predicted.features[column]) for column, kind in bins.items()},
            SCORE: score_bins.count(predicted.score),
        },
        outcomes={
            ALL: Outcomes.count(rows, None),
            **{
                feature: Outcomes.count(rows.with_columns(predicted.groups[feature].alias(GROUP)), GROUP)
                for feature in sensitive_features
            },
        },
    )
