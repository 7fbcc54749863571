"""Decisions by group, label, and score: the one table that rates, disparities, areas and estimates without labels come from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rai_platform.data.sample import in_order
from rai_platform.fairness.cells import Cells, Row
from rai_platform.statistics.areas import roc_auc
from rai_platform.statistics.estimates import NormalEstimate

BINS = 100  # of the score, at most
UNKNOWN = 2  # the place of rows whose label is not known
EVERYBODY = "(all)"
NOBODY_KNOWS = "(not known)"  # the group of whom the separate store says nothing
Table = tuple[tuple[tuple[int, ...], ...], ...]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How many rows of every group have a label, a decision, and a score in each bin of the reference.

    Attributes:
        groups: names (groups,).
        counts: rows (groups, 6, bins): label 0 and decision 0, label 0 and decision 1, label 1 and decision 0, label 1 and
            decision 1, then decision 0 and decision 1 without a label.
    """

    groups: tuple[str, ...]
    counts: Table

    @classmethod
    def count(cls, rows: pl.DataFrame, group: str | None) -> Self:
        """Counts the groups of one column, or everybody.

        Args:
            rows: with ``label`` (0, 1 or null), ``decision`` (0 or 1) and ``bin`` (the place of the score, 0 to 99).
            group: a column of it; a row without a value is of ``(not known)``.
        """
        who = pl.lit(EVERYBODY) if group is None else pl.col(group).cast(pl.String).fill_null(NOBODY_KNOWS)
        cell = pl.col("label").fill_null(UNKNOWN).cast(pl.Int64) * 2 + pl.col("decision").cast(pl.Int64)
        place = (cell * BINS + pl.col("bin")).alias("place")
        counted = rows.lazy().group_by(who.alias("who"), place).agg(rows=pl.len()).collect()
        names = in_order(counted["who"].unique().to_list())
        table = np.zeros((len(names), 6 * BINS), dtype="int64")
        index = {name: at for at, name in enumerate(names)}
        table[[index[name] for name in counted["who"]], counted["place"].to_numpy()] = counted["rows"].to_numpy()
        return cls.from_array(tuple(names), table.reshape(len(names), 6, BINS))

    @classmethod
    def from_array(cls, groups: tuple[str, ...], table: npt.NDArray[np.int64]) -> Self:
        """From an array (groups, 6, bins)."""
        return cls(groups=groups, counts=tuple(tuple(tuple(cell.tolist()) for cell in group) for group in table))

    @property
    def array(self) -> npt.NDArray[np.int64]:
        """The counts (groups, 6, bins)."""
        return np.array(self.counts, dtype="int64").reshape(len(self.groups), 6, BINS)

    @property
    def n(self) -> int:
        """All rows."""
        return int(self.array.sum())

    @property
    def labelled(self) -> int:
        """Rows whose label is known."""
        return int(self.array[:, :4].sum())

    def labelled_share(self, decision: int) -> float | None:
        """Share of the rows with a decision whose label is known; None where there is none."""
        by_cell = self.array.sum(axis=(0, 2))
        known, unknown = by_cell[decision] + by_cell[2 + decision], by_cell[4 + decision]
        return float(known / (known + unknown)) if known + unknown else None

    def cells(self) -> Cells:
        """The counts of rows whose label is known, by group."""
        return _cells(self.groups, self.array[:, :4].sum(axis=2).astype("float64"))

    def decided(self) -> Cells:
        """All rows by decision alone, as if nobody had a label of 1: of rates, only the selection rate has a meaning."""
        by_cell = self.array.sum(axis=2).astype("float64")
        decisions = by_cell[:, 0::2].sum(axis=1), by_cell[:, 1::2].sum(axis=1)
        return _cells(self.groups, np.stack([*decisions, 0 * decisions[0], 0 * decisions[0]], axis=1))

    def expected(self, positive: Numbers) -> Cells:
        """Expected counts of all rows, were the label 1 as often as is usual at each score.

        Args:
            positive: how often the label is 1 in each bin of the score (bins,).
        """
        table = self.array
        found = [
            (table[:, decision::2].sum(axis=1) * chance).sum(axis=1)
            for chance in (1 - positive, positive)
            for decision in (0, 1)
        ]
        return _cells(self.groups, np.stack(found, axis=1))

    def by_label(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows of label 0 and of label 1 by score, over all groups (bins,)."""
        summed = self.array.sum(axis=0)
        return summed[0] + summed[1], summed[2] + summed[3]

    def roc_auc(self) -> NormalEstimate | None:
        """The area under the ROC curve of the rows whose label is known, scores in one bin counting as equal."""
        negative, positive = self.by_label()
        if not negative.sum() or not positive.sum():
            return None
        places = np.arange(BINS, dtype="float64")
        scores = np.concatenate([np.repeat(places, negative), np.repeat(places, positive)])
        labels = np.repeat(np.array([0, 1], dtype="int8"), [int(negative.sum()), int(positive.sum())])
        return roc_auc(labels, scores, None)

    def won_pairs(self, rng: np.random.Generator) -> tuple[int, int]:
        """Disjoint pairs of one row of either label, drawn by chance: in how many the label 1 has the higher score, and of how many.

        Each pair is won with the chance that the area under the ROC curve is; equal scores are decided by a coin.
        """
        negative, positive = self.by_label()
        pairs = int(min(negative.sum(), positive.sum()))
        low, high = (rng.permutation(np.repeat(np.arange(BINS), side))[:pairs] for side in (negative, positive))
        won = (high > low) | ((high == low) & (rng.random(pairs) < 0.5))
        return int(won.sum()), pairs

    def only(self, group: str) -> Self:
        """One group alone."""
        at = self.groups.index(group)
        return type(self)(groups=(group,), counts=(self.counts[at],))

    def __add__(self, other: Self) -> Self:
        """Of two disjoint windows together."""
        groups = tuple(in_order(dict.fromkeys((*self.groups, *other.groups))))
        table = np.zeros((len(groups), 6, BINS), dtype="int64")
        for each in (self, other):
            table[[groups.index(name) for name in each.groups]] += each.array
        return self.from_array(groups, table)


def _cells(groups: tuple[str, ...], table: Numbers) -> Cells:
    rows: tuple[Row, ...] = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in table)
    return Cells(groups=groups, counts=rows, weights=rows, squares=rows)
