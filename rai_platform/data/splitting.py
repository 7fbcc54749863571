"""Which rows are kept back for judging."""

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from rai_platform.errors import UnsuitableData
from rai_platform.spec.data import Split

Positions = npt.NDArray[np.int64]


def split_rows(split: Split, table: pd.DataFrame, y_true: npt.NDArray[np.int8]) -> tuple[Positions, Positions]:
    """Positions of the training rows and of the test rows, each in the table's order.

    Raises:
        UnsuitableData: too few rows or groups for two parts, or no time or group where the split needs one.
    """
    if split.time_column is not None:
        training, test = _latest_kept_back(table[split.time_column], split.test_size)
    elif split.group_column is not None:
        training, test = _whole_groups(table[split.group_column], split)
    else:
        training, test = _by_chance(y_true, split)
    if min(len(training), len(test)) < 2:
        raise UnsuitableData(
            f"{len(y_true)} rows leave {len(training)} to learn from and {len(test)} to be judged on", where="split"
        )
    return np.sort(training), np.sort(test)


def _by_chance(y_true: npt.NDArray[np.int8], split: Split) -> tuple[Positions, Positions]:
    positions = np.arange(len(y_true))
    each_label_twice = min(np.bincount(y_true, minlength=2)) >= 2
    try:
        training, test = train_test_split(
            positions, test_size=split.test_size, random_state=split.seed, stratify=y_true if each_label_twice else None
        )
    except ValueError as error:
        raise UnsuitableData(f"too few rows to split: {error}", where="split") from None
    return training, test


def _whole_groups(group: pd.Series, split: Split) -> tuple[Positions, Positions]:
    if group.isna().any():
        raise UnsuitableData(
            f"{int(group.isna().sum())} rows have no {group.name!r}, so nobody knows on which side they belong",
            where="split.group_column",
        )
    if group.nunique() < 2:
        raise UnsuitableData(f"expected several groups in {group.name!r}, got one", where="split.group_column")
    splitter = GroupShuffleSplit(n_splits=1, test_size=split.test_size, random_state=split.seed)
    try:
        training, test = next(splitter.split(np.zeros(len(group)), groups=pd.factorize(group)[0]))
    except ValueError as error:
        raise UnsuitableData(f"too few groups to split: {error}", where="split.group_column") from None
    return training, test


def _latest_kept_back(time: pd.Series, test_size: float) -> tuple[Positions, Positions]:
    """The latest rows are the test rows; rows of one moment stay together, on the later side."""
    if time.isna().any():
        raise UnsuitableData(f"{int(time.isna().sum())} rows have no {time.name!r}", where="split.time_column")
    moments = time
    if not pd.api.types.is_numeric_dtype(time):
        with warnings.catch_warnings():  # pandas warns that it guesses; what it cannot guess is an error below
            warnings.simplefilter("ignore", UserWarning)
            moments = pd.to_datetime(time, errors="coerce", utc=True)
        if moments.isna().any():
            raise UnsuitableData(
                f"expected dates or numbers, got {time[moments.isna()].iloc[0]!r}", where="split.time_column"
            )
    ordered = np.sort(moments.to_numpy())
    boundary = ordered[int(np.floor(len(ordered) * (1 - test_size)))]
    is_test = moments.to_numpy() >= boundary
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)
