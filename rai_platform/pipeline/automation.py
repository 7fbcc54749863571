"""Jobs, schedules and sensors of a model; all of them off until somebody switches them on."""

from dataclasses import dataclass

import dagster as dg

from rai_platform.errors import RaiError
from rai_platform.spec.reading import ModelDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """What runs a model besides a person."""

    jobs: list[dg.JobDefinition]
    schedules: list[dg.ScheduleDefinition]
    sensors: list[dg.SensorDefinition]


def build_automation(definition: ModelDefinition) -> Automation:
    """The model's job, a schedule that trains and judges again, and a sensor that runs it when its data change."""
    name = definition.name
    job = dg.define_asset_job(
        job_name(name),
        selection=dg.AssetSelection.groups(name),
        tags={"rai/model": name},
        description=f"Train {name}, gather the evidence about it, judge it, and promote it if the evidence allows.",
    )
    schedule = dg.ScheduleDefinition(
        name=f"retrain_{name}",
        job=job,
        cron_schedule=definition.spec.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Trains and judges again; what is in production changes only where the evidence allows it.",
    )

    @dg.sensor(
        name=f"watch_data_of_{name}",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Runs the model when the data at its source change. The first look only remembers what is there.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            seen = _fingerprint_of_sources(definition)
        except RaiError as error:
            return dg.SkipReason(f"could not look: {error}")
        if context.cursor == seen:
            return dg.SkipReason("the data have not changed")
        if context.cursor is None:
            return dg.SensorResult(skip_reason="watching from now on", cursor=seen)
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=seen)], cursor=seen)

    return Automation(jobs=[job], schedules=[schedule], sensors=[watch])  # type: ignore[list-item]  # an unresolved job is one


def job_name(model: str) -> str:
    """The name of a model's job."""
    return f"run_{model}"


def run_all_models(names: list[str]) -> dg.JobDefinition:
    """One job for every model."""
    return dg.define_asset_job(  # type: ignore[return-value]  # an unresolved job is one
        "run_all_models",
        selection=dg.AssetSelection.groups(*names),
        description="Train, judge and promote every model.",
    )


def _fingerprint_of_sources(definition: ModelDefinition) -> str:
    from rai_platform.data.sources import fingerprint
    from rai_platform.spec.digests import digest_of

    spec = definition.spec
    given = spec.predictions.table if spec.predictions else None
    return digest_of([fingerprint(table) for table in (spec.data.table, spec.split.test_table, given) if table])
