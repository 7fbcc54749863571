"""What is kept in order around a model in production: MLflow beside the ledger, how old it may grow, how long its log is kept."""

import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from rai_platform.errors import EvidenceMissing, Withdrawn
from rai_platform.home import Home
from rai_platform.spec.monitoring import duration
from rai_platform.spec.reading import ModelDefinition

if TYPE_CHECKING:
    from rai_platform.monitoring.telling import Message
    from rai_platform.release.records import Production

SECONDS_BETWEEN = 300
IN_ORDER = "all is in order"


def keep_in_order(home: Home, definition: ModelDefinition, *, now: datetime) -> "list[Message]":
    """Forgets what is kept no longer, brings MLflow in line with the ledger, and tells what was out of line or is too old.

    Raises:
        LogUnwritable: what is to be forgotten cannot be.
        LedgerBroken: the ledger does not verify; nothing is forgotten, or brought in line with it.
        Unreachable: MLflow does not answer.
    """
    from rai_platform.monitoring.telling import grown_old, put_right
    from rai_platform.pipeline.watching import not_yet_told, tell
    from rai_platform.serving.served import find_production

    home.ledger.must_be_sound()
    if (keep := definition.spec.monitoring.keep) is not None:
        _forget(home, definition.name, before=now - duration(keep))
    found = home.registry.bring_in_line(definition.name)
    try:
        production = find_production(home, definition.name)
    except (EvidenceMissing, Withdrawn):
        return []
    told = [] if found is None else [put_right(production, found, now=now)]
    limit = definition.spec.monitoring.oldest
    if limit is not None and (age := now - promoted(home, production)) > duration(limit):
        told.append(grown_old(production, days=age // timedelta(days=1), limit=limit))
    new = not_yet_told(home, production, told)
    tell(home, definition.name, new)
    return new


def _forget(home: Home, name: str, *, before: datetime) -> None:
    """Deletes what was predicted earlier; where nothing was yet, there is nothing to do."""
    from rai_platform.serving.retention import count_older, forget_older

    with contextlib.suppress(EvidenceMissing):
        if count_older(home.settings.inference_log_url, name, before=before):
            for _ in forget_older(home.settings.inference_log_url, name, before=before):
                pass


def promoted(home: Home, production: "Production") -> datetime:
    """When the model was promoted, whatever was gone back to since."""
    if production.rollback is None:
        return datetime.fromisoformat(production.promoted_at)
    with home.ledger.read() as reader:
        found = reader.entries(model=production.model, kinds=["promotion"], after=production.promotion - 1)
        return datetime.fromisoformat(next(found).recorded_at)


def freshness_of(definition: ModelDefinition) -> dg.FreshnessPolicy | None:
    """How Dagster's pages show a model that is too old; None where the model may be of any age."""
    limit = definition.spec.monitoring.oldest
    return None if limit is None else dg.FreshnessPolicy.time_window(fail_window=duration(limit))


def build_upkeep(definition: ModelDefinition) -> dg.SensorDefinition:
    """The sensor that keeps a model in order; off until switched on."""

    @dg.sensor(
        name=f"keep_{definition.name}_in_order",
        minimum_interval_seconds=SECONDS_BETWEEN,
        default_status=dg.DefaultSensorStatus.STOPPED,
        required_resource_keys={"home"},
        description="Verifies the ledger, puts MLflow's alias and what it leads to where the ledger says, and tells of a model "
        "that is older than it may be, and forgets predictions that are kept no longer. Runs nothing.",
    )
    def keep(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from rai_platform.errors import message_of
        from rai_platform.monitoring.notifying import deliver
        from rai_platform.monitoring.telling import not_in_order

        home: Home = context.resources.home
        try:
            messages = keep_in_order(home, definition, now=home.clock())
        except Exception as error:  # whatever it is, whoever hears nothing takes it that all is in order
            why = message_of(error)
            if why != context.cursor:  # told once, and not into a ledger that may be what is broken
                deliver(not_in_order(definition.name, why, now=home.clock()), home.settings.alert_urls)
            return dg.SensorResult(skip_reason=f"could not look: {why}", cursor=why)
        said = "; ".join(message.title for message in messages) or IN_ORDER
        return dg.SensorResult(skip_reason=said, cursor=IN_ORDER)

    return keep
