"""Running a model through Dagster from here, in this process, with its events told as they happen."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg

import rai_platform.errors
from rai_platform.pipeline.assets import build_model_definitions
from rai_platform.pipeline.automation import job_name
from rai_platform.pipeline.location import shared_resources
from rai_platform.settings import Settings
from rai_platform.spec.reading import ModelDefinition

Listener = Callable[[dg.EventLogEntry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepError:
    """An exception that ended a step.

    Attributes:
        asset: the asset whose step it was.
        kind: the class of the exception.
        message: its message.
    """

    asset: str
    kind: str
    message: str

    @property
    def as_error(self) -> rai_platform.errors.RaiError:
        """The platform's own error again, or one that names the foreign exception."""
        known = getattr(rai_platform.errors, self.kind, None)
        if isinstance(known, type) and issubclass(known, rai_platform.errors.RaiError):
            error = rai_platform.errors.RaiError.__new__(known)
            rai_platform.errors.RaiError.__init__(error, self.message, where=self.asset)
            return error
        return rai_platform.errors.RaiError(f"{self.kind}: {self.message}", where=self.asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A run that has ended.

    Attributes:
        run_id: Dagster's.
        success: whether every step succeeded; a refusal ends a run as failed.
        errors: what ended steps, refusals and blocking checks aside.
    """

    run_id: str
    success: bool
    errors: tuple[StepError, ...]


def launch(
    definition: ModelDefinition,
    settings: Settings,
    instance: dg.DagsterInstance,
    *,
    assets: tuple[str, ...] = (),
    listen: Listener = lambda _: None,
) -> Launched:
    """Runs the model's job, or some of its assets with their checks.

    Args:
        definition: the model.
        settings: of this process.
        instance: Dagster's, which keeps the run's history.
        assets: names; all where empty.
        listen: called with every event of the run.
    """
    definitions = dg.Definitions.merge(
        build_model_definitions(definition, settings),
        dg.Definitions(resources=shared_resources(settings), executor=dg.in_process_executor),
    )
    run_id = str(uuid.uuid4())
    instance.add_event_listener(run_id, listen)
    result = definitions.resolve_job_def(job_name(definition.name)).execute_in_process(
        instance=instance,
        run_id=run_id,
        raise_on_error=False,
        asset_selection=[dg.AssetKey([definition.name, name]) for name in assets] or None,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags={"rai/model": definition.name, "rai/launched_by": "rai"},
    )
    errors = [_step_error(event) for event in result.get_step_failure_events()]
    return Launched(run_id=run_id, success=result.success, errors=tuple(error for error in errors if error is not None))


def _step_error(event: dg.DagsterEvent) -> StepError | None:
    data: Any = event.event_specific_data
    if data.user_failure_data is not None:  # a refusal, told by the step itself
        return None
    error = data.error.cause or data.error
    kind = (error.cls_name or "Exception").rpartition(".")[2]
    if kind == "DagsterAssetCheckFailedError":
        return None
    message = error.message.strip()
    head, colon, rest = message.partition(": ")
    if colon and head.rpartition(".")[2] == kind:
        message = rest
    return StepError(asset=(event.step_key or "").rpartition("__")[2], kind=kind, message=message)
