"""Histories of production that are watched for real, of people who are made up."""

from datetime import UTC, datetime, timedelta

import polars as pl

from rai_platform.dashboard.history import Change, ProductionHistory, Stretch
from rai_platform.monitoring.monitors import Tolerances
from rai_platform.monitoring.report import MonitoringReport
from rai_platform.monitoring.watching import Watched, watch
from rai_platform.monitoring.windows import reference_of
from rai_platform.release.rollbacks import Seen
from rai_platform.spec.monitoring import Monitoring
from rai_platform.spec.verdict import Limit
from rai_platform_tests.monitoring.test_alarms import as_predicted, people

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
OLD, NEW = "a" * 64, "b" * 64
EVIL = "<script>alert(1)</script> & $x_1$ \u202egnp"


def days_of(
    count: int,
    *,
    n: int = 400,
    first: int = 0,
    unfair_from: int | None = None,
    richer_from: int | None = None,
    unlabelled: int = 0,
    version: str = "1",
    digest: str = OLD,
    names: dict[str, str] | None = None,
) -> MonitoringReport:
    """What is said of some days of people.

    Args:
        count: of days.
        n: people on each.
        first: day, counted from the beginning.
        unfair_from: the day from which on no woman is selected.
        richer_from: the day from which on everybody has more income.
        unlabelled: last days whose labels are to come.
        version: that answers.
        digest: of its model.
        names: of groups, in the place of ``female`` and ``male``.
    """
    rows = []
    for day in range(first, first + count):
        table = people(n, seed=90 + day)
        if unfair_from is not None and day >= unfair_from:
            table = table.with_columns(decision=pl.when(pl.col("sex") == "male").then("decision").otherwise(0))
        if richer_from is not None and day >= richer_from:
            table = table.with_columns(income=pl.col("income") + 1.5)
        if day >= first + count - unlabelled:
            table = table.with_columns(label=pl.lit(None, dtype=pl.Int64))
        rows.append(table.with_columns(pl.col("sex").replace(names or {})))
    table = pl.concat(rows)
    times = [BEGIN + day * DAY + (DAY / n) * place for day in range(first, first + count) for place in range(n)]
    normal = people(4000, seed=1).with_columns(pl.col("sex").replace(names or {}))
    kinds = {"income": "number", "housing": "category"}
    return watch(
        as_predicted(table),
        pl.Series(times, dtype=pl.Datetime("us", "UTC")),
        pl.Series([version] * len(table), dtype=pl.String),
        reference_of(as_predicted(normal), kinds=kinds, says="4,000 rows of test data"),
        Monitoring.model_validate({"labels": {"after": "30d"}}),
        watched=Watched(model="loans", version=version, digest=digest),
        now=BEGIN + (first + count) * DAY,
    )


def history_of(
    *stretches: Stretch, changes: tuple[Change, ...] | None = None, model: str = "loans"
) -> ProductionHistory:
    """A history of some stretches; that each was promoted where nothing else is said."""
    promoted = tuple(Change(kind="promotion", at=each.since, version=each.version) for each in stretches)
    ends = [datetime.fromisoformat(window.end) for each in stretches for window in each.windows]
    return ProductionHistory(
        model=model,
        made_at=max(ends, default=BEGIN),
        stretches=stretches,
        changes=promoted if changes is None else changes,
        told={(OLD, "data and predictions", "2026-03-05"): BEGIN + 4 * DAY},
        tolerances=Tolerances(),
        limits={("disparate_impact", "sex"): Limit(minimum=0.8)},
    )


def quiet(days: int = 4, *, unlabelled: int = 1) -> ProductionHistory:
    """Nothing goes wrong."""
    return history_of(Stretch(version="1", digest=OLD, since=BEGIN, report=days_of(days, unlabelled=unlabelled)))


def gone_back() -> ProductionHistory:
    """Version 2 selects no woman from its third day on, and production goes back to version 1 after its fourth."""
    back = BEGIN + 4 * DAY
    seen = Seen(endpoint="http://127.0.0.1:1", expected=OLD, digest=OLD, verified=True, seconds=0.4, problem=None)
    newer = days_of(4, unfair_from=3, version="2", digest=NEW)
    return history_of(
        Stretch(version="2", digest=NEW, since=BEGIN, until=back, report=newer),
        Stretch(version="1", digest=OLD, since=back, report=days_of(3, first=4)),
        changes=(
            Change(kind="promotion", at=BEGIN, version="2"),
            Change(
                kind="rollback",
                at=back,
                version="1",
                left="2",
                reason="No woman is selected any more.",
                actor="monitoring",
                by_policy=True,
                seen=seen,
            ),
        ),
    )
