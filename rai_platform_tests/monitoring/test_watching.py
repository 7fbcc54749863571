"""From predictions with times to a report: which windows there are, when labels are enough, and what is said of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rai_platform.monitoring.cuts import cut, name_of
from rai_platform.monitoring.report import MonitoringReport
from rai_platform.monitoring.watching import Acknowledged, Watched, label_rates, watch
from rai_platform.spec.monitoring import Monitoring, duration
from rai_platform_tests.monitoring.test_alarms import REFERENCE, as_predicted, people

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
WATCHED = Watched(model="loans", version="3", digest="d" * 64)


def watched(
    days: int, *, change: Any = lambda rows, _: rows, now: datetime | None = None, **others: Any
) -> MonitoringReport:
    """A report on a thousand people a day."""
    each = [change(people(1000, seed=50 + day), day) for day in range(days)]
    times = [BEGIN + day * DAY + second * timedelta(seconds=80) for day in range(days) for second in range(1000)]
    settings = Monitoring(**{"labels": {"after": "5d", "least_share": 0.5}, **others.pop("settings", {})})
    return watch(
        as_predicted(pl.concat(each)),
        pl.Series(times, dtype=pl.Datetime("us", "UTC")),
        pl.Series(["3"] * len(times)),
        REFERENCE,
        settings,
        watched=WATCHED,
        now=now or BEGIN + days * DAY,
        **others,
    )


def test_windows_are_days_that_are_over() -> None:
    report = watched(4, now=BEGIN + 3.5 * DAY)
    assert [window.name for window in report.windows] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert {window.n for window in report.windows} == {1000}
    assert report.windows[0].versions == {"3": 1000}
    assert report.alerts == ()


@pytest.mark.parametrize(
    ("size", "names"), [("hour", ["2026-03-02T00", "2026-03-02T01"]), ("week", ["2026-03-02", "2026-03-09"])]
)
def test_hours_and_weeks_are_windows_too(size: Any, names: list[str]) -> None:
    step = timedelta(hours=1) if size == "hour" else timedelta(weeks=1)
    times = pl.Series([BEGIN, BEGIN + step - timedelta(seconds=1), BEGIN + step, BEGIN + 2 * step])
    found = list(cut(times, size, least=1, now=BEGIN + 2 * step))
    assert [name_of(each.start, size) for each in found] == names
    assert [len(each.rows) for each in found] == [2, 1]


def test_a_window_with_too_few_predictions_is_counted_with_the_next() -> None:
    times = pl.Series([BEGIN, *[BEGIN + DAY] * 3, *[BEGIN + 2 * DAY] * 5, BEGIN + 3 * DAY])
    found = list(cut(times, "day", least=4, now=BEGIN + 4 * DAY))
    assert [(each.start, each.end, len(each.rows), each.joined) for each in found] == [
        (BEGIN, BEGIN + 2 * DAY, 4, 1),
        (BEGIN + 2 * DAY, BEGIN + 3 * DAY, 5, 0),
    ]


@given(
    hours=st.lists(st.integers(0, 200), max_size=40),
    least=st.integers(1, 6),
    size=st.sampled_from(["hour", "day", "week"]),
)
def test_every_prediction_of_a_window_that_is_over_is_in_one_of_them_unless_too_few_are_left(
    hours: list[int], least: int, size: Any
) -> None:
    times, now = [BEGIN + hour * timedelta(hours=1) for hour in hours], BEGIN + 150 * timedelta(hours=1)
    found = list(cut(pl.Series(times, dtype=pl.Datetime("us", "UTC")), size, least=least, now=now))
    placed = [row for each in found for row in each.rows.to_list()]
    assert len(set(placed)) == len(placed)
    for each in found:
        assert len(each.rows) >= least
        assert all(each.start <= times[row] < each.end <= now for row in each.rows.to_list())
    last = found[-1].end if found else BEGIN
    over = now.replace(hour=0, minute=0) if size != "hour" else now
    over = BEGIN + (over - BEGIN) // timedelta(weeks=1) * timedelta(weeks=1) if size == "week" else over
    assert {row for row, time in enumerate(times) if time < last} == set(placed)
    assert sum(last <= time < over for time in times) < least


def without_labels(share: float) -> Any:
    def change(rows: pl.DataFrame, day: int) -> pl.DataFrame:
        known = pl.int_range(pl.len()) >= share * pl.len()
        return rows.with_columns(label=pl.when(known | (day != 1)).then("label"))

    return change


def test_labels_are_waited_for_and_then_taken_as_they_are_or_given_up() -> None:
    early = watched(4, change=without_labels(0.3))
    assert [window.maturity for window in early.windows] == ["mature", "waiting", "mature", "mature"]
    later = watched(4, change=without_labels(0.3), now=BEGIN + 8 * DAY)
    assert later.windows[1].maturity == "mature"
    assert later.windows[1].labelled == pytest.approx(0.7)
    few = watched(4, change=without_labels(0.9), now=BEGIN + 8 * DAY)
    assert few.windows[1].maturity == "never"


def worse(rows: pl.DataFrame, day: int) -> pl.DataFrame:
    """From the third day on labels are drawn by chance."""
    if day < 2:
        return rows
    return rows.with_columns(label=pl.Series(np.random.default_rng(day).integers(0, 2, size=len(rows))))


def test_a_model_that_fails_raises_an_alert_once_the_labels_of_the_windows_before_are_there() -> None:
    (alert,) = watched(6, change=worse).alerts
    assert (alert.about, alert.opened) == ("performance and fairness", "2026-03-04")
    assert "accuracy" in {finding.look.monitor.metric for finding in alert.findings}

    def late(rows: pl.DataFrame, day: int) -> pl.DataFrame:
        return without_labels(1.0)(worse(rows, day), day)

    assert watched(6, change=late).alerts == (), "the second day still waits"


def test_what_was_acknowledged_is_the_new_normal() -> None:
    def richer(rows: pl.DataFrame, day: int) -> pl.DataFrame:
        return rows.with_columns(income=pl.col("income") + (0.5 if day >= 2 else 0.0))

    (alert,) = watched(10, change=richer).alerts
    assert alert.closed is None
    said = Acknowledged(about=alert.about, opened=alert.opened, until="2026-03-07")
    (ended,) = watched(10, change=richer, acknowledged=[said]).alerts
    assert (ended.ending, ended.closed) == ("acknowledged", "2026-03-07")


def test_estimates_without_labels_are_near_the_truth_where_scores_are_calibrated() -> None:
    report = watched(1)
    (window,) = report.windows
    for rate in ("accuracy", "true_positive_rate", "false_positive_rate"):
        expected, truth = window.expected[rate]["(all)"]["(all)"], window.rates[rate]["(all)"]["(all)"]
        assert expected.value == pytest.approx(truth.value, abs=0.05)
        assert expected.value != truth.value
    assert label_rates(REFERENCE)[10] < 0.3 < 0.7 < label_rates(REFERENCE)[90]


def test_labels_of_those_selected_alone_are_told_of() -> None:
    def selective(rows: pl.DataFrame, _: int) -> pl.DataFrame:
        return rows.with_columns(label=pl.when(pl.col("decision") == 1).then("label"))

    (window,) = watched(1, change=selective, now=BEGIN + 8 * DAY).windows
    assert "100% of those selected and 0% of those passed over" in window.notes[0]
    assert watched(1).windows[0].notes == ()


def test_disparities_are_told_with_the_groups_and_without_those_nobody_knows() -> None:
    def unknown(rows: pl.DataFrame, _: int) -> pl.DataFrame:
        return rows.with_columns(sex=pl.when(pl.int_range(pl.len()) < 900).then("sex"))

    (window,) = watched(1, change=unknown).windows
    parity = next(each for each in window.disparities if each.metric == "demographic_parity_difference")
    rates = window.rates["selection_rate"]["sex"]
    assert parity.estimate == pytest.approx(abs(rates["male"].value - rates["female"].value))
    assert {parity.lowest, parity.highest} == {"male", "female"}
    assert "10% of the people" in window.notes[-1]


def test_a_report_is_stored_and_read_as_it_was() -> None:
    report = watched(6, change=worse)
    kind = TypeAdapter(MonitoringReport)
    assert kind.validate_json(kind.dump_json(report)) == report


def test_where_nothing_was_predicted_there_is_no_window() -> None:
    report = watch(
        as_predicted(people(1, seed=0).head(0)),
        pl.Series([], dtype=pl.Datetime("us", "UTC")),
        pl.Series([], dtype=pl.String),
        REFERENCE,
        Monitoring(),
        watched=WATCHED,
        now=BEGIN,
    )
    assert (report.windows, report.alerts) == ((), ())


@pytest.mark.parametrize("text", ["", "30", "d", "1m", "-1d", "1.5d"])
def test_a_length_of_time_is_a_number_and_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match="12h, 30d or 4w"):
        duration(text)
    assert duration("2w") == timedelta(days=14)
