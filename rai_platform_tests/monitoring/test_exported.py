"""Exported predictions are counted by day and group, exactly, however many files there are."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rai_platform.errors import UnknownColumn, UnsuitableData
from rai_platform.monitoring.exported import days_from_parquet
from rai_platform.monitoring.outcomes import Outcomes

START = datetime(2026, 11, 1, tzinfo=UTC)


def predictions(rows: int, *, seed: int) -> pl.DataFrame:
    """A few days of predictions, most of them with a label, of people of whom some are not known."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(0, 3 * 86_400, rows).tolist()
    return pl.DataFrame(
        {
            "recorded_at": [START + timedelta(seconds=second) for second in seconds],
            "sensitive:sex": rng.choice(["female", "male", None], rows, p=[0.5, 0.4, 0.1]).tolist(),
            "label": [None if value == 2 else int(value) for value in rng.integers(0, 3, rows)],
            "decision": rng.integers(0, 2, rows),
        },
        schema_overrides={"recorded_at": pl.Datetime("us", "UTC"), "label": pl.Int64},
    )


def written(folder: Path, *frames: pl.DataFrame) -> str:
    for number, frame in enumerate(frames):
        (folder / f"day={number}").mkdir(parents=True)
        frame.write_parquet(folder / f"day={number}" / "part-loans.parquet")
    return str(folder / "**" / "*.parquet")


def test_every_day_has_the_counts_of_its_rows(tmp_path: Path) -> None:
    parts = [predictions(700, seed=1), predictions(500, seed=2)]
    found = days_from_parquet(written(tmp_path, *parts), group="sensitive:sex")
    everything = pl.concat(parts)
    assert [each.day for each in found] == [date(2026, 11, day) for day in (1, 2, 3)]
    assert sum(each.decided.n for each in found) == 1200
    for each in found:
        of_the_day = everything.filter(pl.col("recorded_at").dt.date() == each.day)
        outcomes = Outcomes.count(of_the_day.with_columns(bin=pl.lit(0)), "sensitive:sex")
        assert each.known == outcomes.cells()
        assert each.decided == outcomes.decided()


def test_days_are_those_of_utc(tmp_path: Path) -> None:
    late = pl.Series([datetime(2026, 11, 1, 23, 30, tzinfo=UTC)]).dt.convert_time_zone("Asia/Tokyo")
    frame = predictions(1, seed=0).with_columns(late.alias("recorded_at"))
    (found,) = days_from_parquet(written(tmp_path, frame), group="sensitive:sex")
    assert found.day == date(2026, 11, 1)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_labels_may_be_numbers_of_any_kind_and_absent_in_either_way(tmp_path: Path, missing: float | None) -> None:
    labels = pl.Series([1.0, 0.0, missing, 1.0], dtype=pl.Float64)
    frame = predictions(4, seed=0).with_columns(
        labels.alias("label"), pl.Series([True, True, False, False]).alias("decision"), pl.lit("all").alias("who")
    )
    days = days_from_parquet(written(tmp_path, frame), group="who")
    totals = np.array([each.known.counts[0] for each in days]).sum(axis=0)
    assert totals.tolist() == [0, 1, 1, 1]
    assert sum(each.decided.n for each in days) == 4


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("label", pl.Series([2, 1]), "expected 0, 1 or null, got 2"),
        ("label", pl.Series(["good", "1"]), "expected 0, 1 or null, got '1', 'good'"),
        ("decision", pl.Series([None, 1], dtype=pl.Int64), "expected 0 and 1, got None"),
        ("recorded_at", pl.Series([None, START]), "expected a time in every row, got none in some"),
        ("recorded_at", pl.Series([1, 2]), "expected times, got values of the type Int64"),
    ],
)
def test_what_is_no_prediction_is_refused_with_the_column_and_what_came(
    tmp_path: Path, column: str, values: Any, said: str
) -> None:
    path = written(tmp_path, predictions(2, seed=0).with_columns(values.alias(column)))
    with pytest.raises(UnsuitableData, match=column) as refused:
        days_from_parquet(path, group="sensitive:sex")
    assert said in str(refused.value)


def test_no_rows_and_unknown_columns_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, predictions(0, seed=0))
    with pytest.raises(UnsuitableData, match="expected predictions, got none"):
        days_from_parquet(path, group="sensitive:sex")
    with pytest.raises(UnknownColumn, match=r"sensitive:sex"):
        days_from_parquet(path, group="sensitive:sx")
