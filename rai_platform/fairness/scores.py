"""Binned scores by group and label: what thresholds and calibration are functions of, at any number of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rai_platform.errors import UnsuitableData
from rai_platform.fairness.cells import Cells, Row
from rai_platform.statistics.estimates import Proportion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SCORE_BINS = 100  # thresholds are known to one point in a hundred
CALIBRATION_BINS = 10
Binned = tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Rows of a group whose score lies in one tenth of the scale.

    Attributes:
        mean_score: what the model said, on average.
        observed: how often it was so.
    """

    mean_score: float
    observed: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCells:
    """How many people of every group and label have a score in each hundredth of the scale.

    Attributes:
        groups: names (groups,).
        counts: rows (groups, 2 labels, bins).
        weights: sums of sampling weights (groups, 2, bins).
        squares: sums of squared weights (groups, 2, bins).
        score_sums: weighted sums of the scores themselves (groups, 2), so that means are exact.
    """

    groups: tuple[str, ...]
    counts: Binned
    weights: Binned
    squares: Binned
    score_sums: tuple[tuple[float, float], ...]

    @classmethod
    def from_arrays(
        cls,
        groups: Sequence[str],
        counts: "npt.NDArray[np.float64]",
        weights: "npt.NDArray[np.float64]",
        squares: "npt.NDArray[np.float64]",
        score_sums: "npt.NDArray[np.float64]",
    ) -> Self:
        """From arrays (groups, 2, bins)."""

        def nested(table: "npt.NDArray[np.float64]") -> Binned:
            return tuple((tuple(negative.tolist()), tuple(positive.tolist())) for negative, positive in table)

        return cls(
            groups=tuple(groups),
            counts=nested(counts),
            weights=nested(weights),
            squares=nested(squares),
            score_sums=tuple((float(negative), float(positive)) for negative, positive in score_sums.sum(axis=2)),
        )

    def at_threshold(self, threshold: float) -> Cells:
        """The cells of the decision "a score of at least ``threshold``", a whole number of hundredths.

        Raises:
            UnsuitableData: the threshold lies inside a bin, where nobody knows who is above it.
        """
        edge = round(threshold * SCORE_BINS)
        if abs(edge - threshold * SCORE_BINS) > 1e-9:
            raise UnsuitableData(
                f"expected a threshold of whole hundredths, got {threshold}", where="threshold of binned scores"
            )

        def split(table: Binned) -> tuple[Row, ...]:
            return tuple(
                (sum(negative[:edge]), sum(negative[edge:]), sum(positive[:edge]), sum(positive[edge:]))
                for negative, positive in table
            )

        return Cells(
            groups=self.groups, counts=split(self.counts), weights=split(self.weights), squares=split(self.squares)
        )

    def mean_score(self, group: str, label: int) -> float | None:
        """The mean score of a group's rows with a label, AIF360's generalized true (label 1) or false (0) positive rate.

        Returns:
            A mean from 0 to 1; None where the group has no such rows.
        """
        at = self.groups.index(group)
        weight = sum(self.weights[at][label])
        return self.score_sums[at][label] / weight if weight > 0 else None

    def calibration(self, group: str) -> tuple[Calibrated, ...]:
        """Score against observed rate within a group, over ten bins of equal width; empty bins are left out.

        The mean score of a bin is taken over hundredths, each at its middle.
        """
        at, step, found = self.groups.index(group), SCORE_BINS // CALIBRATION_BINS, []
        for start in range(0, SCORE_BINS, step):
            inside = range(start, start + step)
            weight = [sum(self.weights[at][label][bin_] for label in (0, 1)) for bin_ in inside]
            if (total := sum(weight)) <= 0:
                continue
            positives = sum(self.weights[at][1][bin_] for bin_ in inside)
            effective = total**2 / sum(self.squares[at][label][bin_] for label in (0, 1) for bin_ in inside)
            rows = round(sum(self.counts[at][label][bin_] for label in (0, 1) for bin_ in inside))
            middle = sum(each * (bin_ + 0.5) / SCORE_BINS for each, bin_ in zip(weight, inside, strict=True)) / total
            found.append(
                Calibrated(
                    mean_score=middle,
                    observed=Proportion(successes=positives / total * effective, trials=effective, n=rows),
                )
            )
        return tuple(found)
