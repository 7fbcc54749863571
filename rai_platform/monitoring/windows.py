"""What is kept of a time window: counts, from which everything about it can be computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import polars as pl

from rai_platform.monitoring.attributions import Attributed
from rai_platform.monitoring.bins import Bins, CategoryBins, Counts, NumberBins
from rai_platform.monitoring.classes import ClassOutcomes
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
        classes: of several classes what was decided for, as ``outcomes``; empty of two labels.
    """

    name: str
    columns: dict[str, Counts]
    outcomes: dict[str, Outcomes]
    attributed: Attributed | None = None
    classes: dict[str, ClassOutcomes] = field(default_factory=dict)

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
            classes={name: counts + other.classes[name] for name, counts in self.classes.items()},
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
        classes: the names of several classes; empty of two labels.
    """

    bins: dict[str, Bins]
    score_bins: NumberBins
    sensitive_features: tuple[str, ...]
    window: Window
    says: str
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """Decisions among several classes, by name.

    Attributes:
        classes: names.
        decided: the class decided for (rows,).
        label: (rows,); null where it is not known.
    """

    classes: tuple[str, ...]
    decided: pl.Series
    label: pl.Series

    def take(self, rows: pl.Series) -> Self:
        """The rows at some places."""
        return type(self)(classes=self.classes, decided=self.decided.gather(rows), label=self.label.gather(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Predictions, and what is known about them; all of the same length (rows,).

    Of several classes the answer itself is what is decided upon: the score is the chance of the class decided for, the decision is
    1, and the label is 1 where the answer is right. Accuracy, and what is expected of it, are then those of two labels.

    Attributes:
        features: what the model saw (rows, features).
        groups: of the people, by sensitive feature (rows, sensitive features); null where nobody knows.
        score: as the model gave it.
        decision: 1 or 0.
        label: 1 or 0; null where it is not known.
        classified: of several classes, which; None of two labels.
    """

    features: pl.DataFrame
    groups: pl.DataFrame
    score: pl.Series
    decision: pl.Series
    label: pl.Series
    classified: Classified | None = None

    def take(self, rows: pl.Series) -> Self:
        """The rows at some places."""
        return type(self)(
            classified=self.classified and self.classified.take(rows),
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
    return Reference(
        bins=bins,
        score_bins=score_bins,
        sensitive_features=people,
        window=window,
        says=says,
        classes=predicted.classified.classes if predicted.classified else (),
    )


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
        classes={}
        if predicted.classified is None
        else _by_class(predicted.classified, predicted.groups, sensitive_features),
    )


def _by_class(found: Classified, groups: pl.DataFrame, sensitive_features: Sequence[str]) -> dict[str, ClassOutcomes]:
    of: dict[str, pl.Series | None] = {ALL: None, **{name: groups[name] for name in sensitive_features}}
    return {
        name: ClassOutcomes.count(found.decided, found.label, group, classes=found.classes)
        for name, group in of.items()
    }
