"""Monitoring in Dagster: the inference log that is observed, a report for every window, its checks, and what looks by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from rai_platform.errors import EvidenceMissing, RaiError
from rai_platform.home import Home
from rai_platform.pipeline.automation import job_name
from rai_platform.pipeline.metadata_values import table
from rai_platform.serving.log_tables import count_recorded
from rai_platform.spec.monitoring import LENGTHS
from rai_platform.spec.policy import ServiceLevel
from rai_platform.spec.reading import ModelDefinition

if TYPE_CHECKING:
    from rai_platform.monitoring.report import AttributionDrift, MonitoringReport, WatchedWindow

CHECKS: dict[ServiceLevel, tuple[str, str]] = {
    "data": ("data_drift", "What the model sees moved no further than it may."),
    "prediction": ("prediction_drift", "What the model says, of all and of each group, moved no further than it may."),
    "attribution": ("attribution_drift", "The score is moved by the same features as in the released explanation."),
    "performance": ("performance", "The model is right as often as it was, overall and for each group."),
    "fairness": ("fairness", "Each group is rightly, and wrongly, selected as often as it was."),
}
LATE = ("performance", "fairness")
CRON = {"hour": "5 * * * *", "day": "15 0 * * *", "week": "30 0 * * 1"}
MOST_ROWS = 12  # of a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What watches a model, beside the assets it is made of."""

    assets: list[dg.AssetsDefinition | dg.AssetSpec]
    jobs: list[dg.JobDefinition]
    schedules: list[dg.ScheduleDefinition]
    sensors: list[dg.SensorDefinition]


def build_monitoring(definition: ModelDefinition) -> Monitoring:
    """The assets, the schedule and the sensors by which a model in production is watched; off until switched on."""
    report, log = _monitoring_report(definition), _inference_log(definition)
    job = dg.define_asset_job(
        f"watch_{definition.name}",
        selection=dg.AssetSelection.assets(*report.keys),
        tags={"rai/model": definition.name},
        description=f"Hold what {definition.name} predicted against what is normal, tell what is not, and do what the policy says.",
    )
    schedule = dg.ScheduleDefinition(
        name=f"watch_{definition.name}_by_the_clock",
        job=job,
        cron_schedule=CRON[definition.spec.monitoring.window],
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        execution_fn=lambda context: _last_window(definition, context.scheduled_execution_time),
        description="Looks at every window once it is over.",
    )
    return Monitoring(
        assets=[log, report],
        jobs=[job],  # type: ignore[list-item]  # an unresolved job is one
        schedules=[schedule],
        sensors=[_watch_labels(definition, job), _retrain_on_drift(definition)],
    )


def partitions(definition: ModelDefinition) -> dg.TimeWindowPartitionsDefinition:
    """The windows of a model, in UTC."""
    since = definition.spec.monitoring.since.isoformat()
    size = definition.spec.monitoring.window
    if size == "hour":
        return dg.HourlyPartitionsDefinition(start_date=f"{since}-00:00")
    if size == "week":
        return dg.WeeklyPartitionsDefinition(start_date=since, day_offset=1)
    return dg.DailyPartitionsDefinition(start_date=since)


def _group(definition: ModelDefinition) -> str:
    return f"{definition.name}_in_production"


def _inference_log(definition: ModelDefinition) -> dg.AssetSpec:
    """The log as something that is outside of Dagster, and that every look observes."""
    return dg.AssetSpec(
        _key(definition, "inference_log"),
        group_name=_group(definition),
        description="Every prediction that the service gave, and the labels that arrived since.",
        owners=list(definition.spec.owners),
        kinds={"sql"},
    )


def _key(definition: ModelDefinition, asset: str) -> dg.AssetKey:
    return dg.AssetKey([definition.name, asset])


def _observed(home: Home, definition: ModelDefinition) -> dg.AssetObservation:
    predictions, labels = _counts(home, definition.name)
    return dg.AssetObservation(
        asset_key=_key(definition, "inference_log"), metadata={"predictions": predictions, "labels": labels}
    )


def _counts(home: Home, name: str) -> tuple[int, int]:
    """Predictions of a model on record, and the labels of all models that have arrived."""
    try:
        return count_recorded(home.settings.inference_log_url, name)
    except EvidenceMissing:
        return 0, 0


def _monitoring_report(definition: ModelDefinition) -> dg.AssetsDefinition:
    key = _key(definition, "monitoring_report")

    @dg.asset(
        key=key,
        group_name=_group(definition),
        description="What a window of production says, held against what is normal, and what is told of it.",
        deps=[_key(definition, name) for name in ("inference_log", "production_model")],
        partitions_def=partitions(definition),
        kinds={"polars"},
        owners=list(definition.spec.owners),
        required_resource_keys={"home"},
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=says, blocking=False) for name, says in CHECKS.values()
        ],
        output_required=False,
    )
    def monitoring_report(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from rai_platform.monitoring.cuts import name_of
        from rai_platform.pipeline.watching import look_at_production

        home: Home = context.resources.home
        name = name_of(context.partition_time_window.start.astimezone(UTC), definition.spec.monitoring.window)
        try:
            context.log_event(_observed(home, definition))
            looked = look_at_production(home, definition, now=home.clock(), endpoint=home.settings.service_url)
        except RaiError as error:
            yield from (_could_not_look(check, str(error)) for check, _ in CHECKS.values())
            return
        window = next((each for each in looked.report.windows if each.name == name), None)
        shown = {} if window is None else _page(window)
        rolled_back = {} if looked.rolled_back is None else {"rollback": looked.rolled_back.outcome}
        yield dg.MaterializeResult(metadata={"reference": looked.report.reference, **shown, **rolled_back})
        for level, (check, _) in CHECKS.items():
            yield _result(check, level, looked.report, window, name)

    return monitoring_report


def _could_not_look(check: str, why: str) -> dg.AssetCheckResult:
    """A monitor that is broken never passes, and stops nothing."""
    return dg.AssetCheckResult(
        check_name=check, passed=False, severity=dg.AssetCheckSeverity.WARN, description=f"could not look: {why}"
    )


def _result(
    check: str, level: ServiceLevel, report: "MonitoringReport", window: "WatchedWindow | None", name: str
) -> dg.AssetCheckResult:
    from rai_platform.monitoring.telling import sentence

    if window is None:
        return _could_not_look(
            check, f"the window {name} has too few predictions of the model in production, or is not over"
        )
    if level in LATE and window.maturity != "mature":
        return _could_not_look(check, f"labels are known for {window.labelled:.0%} of the predictions of {name}")
    if level == "attribution" and window.attributions is None:
        why = report.not_attributed or "; ".join(window.notes)
        return _could_not_look(check, why)
    against = report.findings(level, name)
    told = list(dict.fromkeys(f"since {each.window}: {sentence(each)}" for each in against))[:MOST_ROWS]
    return dg.AssetCheckResult(
        check_name=check,
        passed=not against,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(told) or "nothing moved further than it may",
        metadata={"predictions": window.n, "labels": window.labelled},
    )


def _page(window: "WatchedWindow") -> dict[str, Any]:
    from rai_platform.monitoring.windows import ALL

    moved = sorted(window.drift.items(), key=lambda item: -item[1].largest_change)[:MOST_ROWS]
    rates = [
        {
            "rate": rate.replace("_", " "),
            "of": "all" if feature == ALL else f"{feature} = {group}",
            "is": f"{share.value:.3f}",
        }
        for rate, features in window.rates.items()
        for feature, groups in features.items()
        for group, share in groups.items()
    ]
    return {
        "predictions": window.n,
        "labelled": window.labelled,
        "labels": window.maturity,
        "notes": "; ".join(window.notes) or "none",
        "rates": table(rates[: 4 * MOST_ROWS]),
        "drift": table(
            [
                {"column": name, "share": drift.moved, "was": f"{drift.before:.3f}", "is": f"{drift.now:.3f}"}
                for name, drift in moved
            ]
        ),
        **({} if window.attributions is None else _attributions(window.attributions)),
    }


def _attributions(found: "AttributionDrift") -> dict[str, Any]:
    shares = sorted(found.shares.items(), key=lambda item: -item[1].now.value)[:MOST_ROWS]
    return {
        "attribution distance (1 - NDCG)": found.distance if found.distance is not None else "not defined",
        "share of attribution": table(
            [
                {"feature": name, "was": f"{share.before.value:.3f}", "is": f"{share.now.value:.3f}"}
                for name, share in shares
            ]
        ),
    }


def _last_window(definition: ModelDefinition, now: datetime) -> dg.RunRequest | dg.SkipReason:
    """A run for the last window that is over."""
    monitoring, windows = definition.spec.monitoring, partitions(definition)
    begun = now - LENGTHS[monitoring.window]
    if begun.date() < monitoring.since:
        return dg.SkipReason("no window is over yet")
    key = windows.get_partition_key_for_timestamp(begun.timestamp())
    return dg.RunRequest(run_key=f"{definition.name}:{key}", partition_key=key)


def _watch_labels(definition: ModelDefinition, job: Any) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"watch_labels_of_{definition.name}",
        job=job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.STOPPED,
        required_resource_keys={"home"},
        description="Looks again when labels have arrived. The first look only remembers how many there are.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        home: Home = context.resources.home
        try:
            _, labels = _counts(home, definition.name)
        except RaiError as error:
            return dg.SkipReason(f"could not look: {error}")
        if context.cursor == str(labels):
            return dg.SkipReason("no label has arrived")
        if context.cursor is None:
            return dg.SensorResult(skip_reason="watching from now on", cursor=str(labels))
        request = _last_window(definition, home.clock())
        if isinstance(request, dg.SkipReason):
            return request
        again = dg.RunRequest(run_key=f"{definition.name}:labels:{labels}", partition_key=request.partition_key)
        return dg.SensorResult(run_requests=[again], cursor=str(labels))

    return watch


def _retrain_on_drift(definition: ModelDefinition) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"retrain_{definition.name}_on_drift",
        job_name=job_name(definition.name),
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.STOPPED,
        required_resource_keys={"home"},
        description="Trains and judges again when an alert was opened; what is in production changes only where the evidence "
        "allows it. The first look only remembers which alerts there are.",
    )
    def retrain(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        home: Home = context.resources.home
        with home.ledger.read() as reader:
            alerts = [
                entry
                for entry in reader.entries(model=definition.name, kinds=["alert"], after=int(context.cursor or 0))
                if entry.body["event"] == "opened"
            ]
        last = alerts[-1].sequence if alerts else int(context.cursor or 0)
        if context.cursor is None:
            return dg.SensorResult(skip_reason="watching from now on", cursor=str(last))
        if not alerts:
            return dg.SkipReason("no alert was opened")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"alert:{last}")], cursor=str(last))

    return retrain
