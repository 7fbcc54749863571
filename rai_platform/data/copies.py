"""Copies of people that whole rows do not show: a row id or a column of noise makes every copy look new.

Rows are compared on what the model sees and on the label. In a coarse table many people agree in all of that by chance, so
only rows count that are unmistakable: so rare that, if the columns were independent, fewer than ``BY_CHANCE`` rows of the
table would be like them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.images import fingerprints, is_packed
from rai_platform.data.sample import Sample

BY_CHANCE = 1e-8
ENOUGH = 50  # unmistakable rows, below which a share of them says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Rows by what the model sees of them.

    Attributes:
        identity: a hash of features and label (rows,).
        unmistakable: whether hardly anybody is like the row by chance (rows,).
    """

    identity: npt.NDArray[np.uint64]
    unmistakable: npt.NDArray[np.bool_]


def people_of(sample: Sample, training: Sample) -> People:
    """The rows of a sample, those that are like nobody by the frequencies of the training data marked."""
    values, known = _columns(sample), _columns(training)
    telling = [name for name in known if not _numbers_the_rows(known[name])]
    expected = np.full(sample.n, np.log(training.n))
    for name in telling:
        shares = known[name].value_counts(normalize=True)
        expected += np.log(values[name].map(shares).fillna(1 / training.n).to_numpy("float64"))
    identity = pd.util.hash_pandas_object(values[telling], index=False).to_numpy().astype("uint64")
    return People(identity=identity, unmistakable=expected < np.log(BY_CHANCE))


def repeated_share(people: People) -> float:
    """Share of unmistakable rows that repeat an earlier one; 0 where too few rows are unmistakable."""
    mine = people.identity[people.unmistakable]
    return float(pd.Series(mine).duplicated().mean()) if len(mine) >= ENOUGH else 0.0


def seen_share(people: People, training: People) -> float:
    """Share of unmistakable rows that were learned from, beyond the share that training rows have of each other.

    What training rows have of each other is natural (members of a household, say) or counted by ``repeated_share``.
    """
    mine, learned = people.identity[people.unmistakable], training.identity[training.unmistakable]
    if min(len(mine), len(learned)) < ENOUGH:
        return 0.0
    seen = float(np.isin(mine, training.identity).mean())
    return max(0.0, seen - float(pd.Series(learned).duplicated(keep=False).mean()))


def _columns(sample: Sample) -> pd.DataFrame:
    """Features and label, equal values and missing ones in one form."""
    features = {
        ("feature", name): fingerprints(column)
        if name in sample.free and is_packed(column)
        else column.fillna("\0").astype(str)
        if column.dtype == object
        else column.astype("float64") + 0.0
        for name, column in sample.features.items()
    }
    filled = {name: column.fillna(np.inf) if column.dtype != object else column for name, column in features.items()}
    return pd.DataFrame({**filled, ("label", ""): sample.y_true.astype("float64")})


def _numbers_the_rows(column: pd.Series) -> bool:
    whole = column.dtype == object or bool((column == column.round()).all())
    return bool(whole and len(column) > 1 and column.is_unique)
