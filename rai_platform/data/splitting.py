"""Which rows are kept back for judging."""

import re
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from rai_platform.errors import UnsuitableData
from rai_platform.spec.data import Split

Positions = npt.NDArray[np.int64]
DAY_AND_MONTH = re.compile(r"^\s*(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}\b.*")
ZONE = re.compile(r".*\d(Z|[+-]\d\d:?\d\d)\s*")


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
    moments = (time if pd.api.types.is_numeric_dtype(time) else _dates(time)).to_numpy()
    ordered = np.sort(moments)
    boundary = ordered[int(np.floor(len(ordered) * (1 - test_size)))]
    is_test = moments >= boundary
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _dates(time: pd.Series) -> pd.Series:
    """The moments, in UTC; one without a zone is taken to be there.

    Raises:
        UnsuitableData: a text is no date, or may be one of two, or some have a zone and others have none.
    """
    where = "split.time_column"
    if time.dtype != object or pd.api.types.infer_dtype(time) != "string":
        return _read_dates(time)
    zoned = time.str.fullmatch(ZONE)
    if zoned.any() and not zoned.all():
        raise UnsuitableData(
            f"{time[zoned].iloc[0]!r} names its time zone and {time[~zoned].iloc[0]!r} does not; write them alike",
            where=where,
        )
    parts = time.str.extract(DAY_AND_MONTH).astype("float64")
    if parts.notna().any(axis=None):
        if parts.isna().any(axis=None):
            raise UnsuitableData(
                f"{time[parts[0].isna()].iloc[0]!r} is written otherwise than {time[parts[0].notna()].iloc[0]!r}; write them alike",
                where=where,
            )
        if (day_first := bool((parts[0] > 12).any())) == bool((parts[1] > 12).any()):
            raise UnsuitableData(
                f"{time.iloc[0]!r} may be read with the day or the month first; write 2020-12-31 for the last of December",
                where=where,
            )
        return _read_dates(time, dayfirst=day_first, format="mixed")
    return _read_dates(time)


def _read_dates(time: pd.Series, **notation: Any) -> pd.Series:
    moments = pd.to_datetime(time, errors="coerce", utc=True, **(notation or {"format": "ISO8601"}))
    if moments.isna().any() and not notation:
        with warnings.catch_warnings():  # pandas warns that it guesses; what it cannot guess is an error below
            warnings.simplefilter("ignore", UserWarning)
            moments = pd.to_datetime(time, errors="coerce", utc=True)
    if (unread := time[moments.isna()]).size:
        raise UnsuitableData(
            f"expected numbers or dates such as 2020-12-31, got {unread.iloc[0]!r}", where="split.time_column"
        )
    return moments
