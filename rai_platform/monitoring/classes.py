"""Decisions among several classes by group and label: the table that the share of each class, and how often it is found, come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rai_platform.data.sample import in_order
from rai_platform.monitoring.outcomes import EVERYBODY, NOBODY_KNOWS, Table
from rai_platform.statistics.estimates import Proportion

SHARE, RECALL = "share of ", "recall of "  # and the name of a class: what its rates are called
ByGroup = dict[str, dict[str, dict[str, Proportion]]]  # by rate, sensitive feature and group


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOutcomes:
    """How many rows of every group were decided for each class, and have which label.

    Attributes:
        groups: names (groups,).
        classes: names (classes,).
        counts: rows (groups, classes, classes + 1): by the class decided for, then by the label; last those without a label.
    """

    groups: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Table

    @classmethod
    def count(cls, decided: pl.Series, label: pl.Series, group: pl.Series | None, *, classes: tuple[str, ...]) -> Self:
        """Counts the groups of one column, or everybody.

        Args:
            decided: the class decided for, by name (rows,).
            label: by name (rows,); null where it is not known.
            group: (rows,); a row without a value is of ``(not known)``. None for everybody.
            classes: names.
        """
        known = list(range(len(classes)))
        rows = pl.DataFrame(
            {
                "who": pl.repeat(EVERYBODY, len(decided), eager=True)
                if group is None
                else group.cast(pl.String).fill_null(NOBODY_KNOWS),
                "decided": decided.replace_strict(classes, known, default=None, return_dtype=pl.Int64),
                "label": label.replace_strict(classes, known, default=len(classes), return_dtype=pl.Int64),
            }
        ).drop_nulls()
        counted = rows.group_by("who", "decided", "label").agg(rows=pl.len())
        names = in_order(counted["who"].unique().to_list())
        index = {name: at for at, name in enumerate(names)}
        table = np.zeros((len(names), len(classes), len(classes) + 1), dtype="int64")
        who = [index[name] for name in counted["who"]]
        table[who, counted["decided"].to_numpy(), counted["label"].to_numpy()] = counted["rows"].to_numpy()
        return cls.from_array(tuple(names), classes, table)

    @classmethod
    def from_array(cls, groups: tuple[str, ...], classes: tuple[str, ...], table: npt.NDArray[np.int64]) -> Self:
        """From an array (groups, classes, classes + 1)."""
        counts = tuple(tuple(tuple(cell.tolist()) for cell in group) for group in table)
        return cls(groups=groups, classes=classes, counts=counts)

    @property
    def array(self) -> npt.NDArray[np.int64]:
        """The counts (groups, classes, classes + 1)."""
        size = len(self.classes)
        return np.array(self.counts, dtype="int64").reshape(len(self.groups), size, size + 1)

    def shares(self, name: str) -> dict[str, Proportion]:
        """Of all rows of each group the share that was decided for a class."""
        at, table = self.classes.index(name), self.array
        return self._by_group(table[:, at].sum(axis=1), table.sum(axis=(1, 2)))

    def recalls(self, name: str) -> dict[str, Proportion]:
        """Of the rows of each group whose label is a class the share that was decided for it."""
        at, table = self.classes.index(name), self.array
        return self._by_group(table[:, at, at], table[:, :, at].sum(axis=1))

    def __add__(self, other: Self) -> Self:
        """Of two disjoint windows together."""
        groups = tuple(in_order(dict.fromkeys((*self.groups, *other.groups))))
        table = np.zeros((len(groups), *self.array.shape[1:]), dtype="int64")
        for each in (self, other):
            table[[groups.index(name) for name in each.groups]] += each.array
        return self.from_array(groups, self.classes, table)

    def _by_group(self, successes: npt.NDArray[np.int64], trials: npt.NDArray[np.int64]) -> dict[str, Proportion]:
        return {
            group: Proportion(successes=float(successes[at]), trials=float(trials[at]), n=int(trials[at]))
            for at, group in enumerate(self.groups)
            if trials[at]
        }


def class_shares(outcomes: Mapping[str, ClassOutcomes]) -> ByGroup:
    """The share of each class among the decisions, by sensitive feature and group."""
    return {
        f"{SHARE}{name}": {feature: each.shares(name) for feature, each in outcomes.items()}
        for name in _classes(outcomes)
    }


def class_recalls(outcomes: Mapping[str, ClassOutcomes]) -> ByGroup:
    """How often each class is found among the rows that have its label, by sensitive feature and group."""
    return {
        f"{RECALL}{name}": {feature: each.recalls(name) for feature, each in outcomes.items()}
        for name in _classes(outcomes)
    }


def _classes(outcomes: Mapping[str, ClassOutcomes]) -> tuple[str, ...]:
    return next((each.classes for each in outcomes.values()), ())
