"""A model in production as it is watched: its reference, what was predicted since, and what the ledger knows of its alerts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import TypeAdapter

from rai_platform.data.sample import FEATURE
from rai_platform.errors import EvidenceMissing, RaiError, UnsuitableData, in_a_line
from rai_platform.home import Home
from rai_platform.monitoring.notifying import deliver, services_of
from rai_platform.monitoring.predicted import observed_predictions
from rai_platform.monitoring.report import MonitoringReport
from rai_platform.monitoring.telling import Message, Told, could_not_look, new_messages, rolled_back, sentence
from rai_platform.monitoring.watching import Acknowledged, Watched, watch
from rai_platform.monitoring.windows import Reference
from rai_platform.pipeline.attributing import WindowExplainer, window_explainer
from rai_platform.pipeline.values import MONITORING_REFERENCE
from rai_platform.release.ledger import NewEntry
from rai_platform.release.records import Production
from rai_platform.release.rollbacks import RollbackRequest
from rai_platform.rollback.rolling import RolledBack, roll_back
from rai_platform.serving.observed import read_observed
from rai_platform.serving.served import find_production
from rai_platform.settings import Settings
from rai_platform.spec.reading import ModelDefinition

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = TypeAdapter(Reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at production came to.

    Attributes:
        report: the windows and the alerts.
        messages: what happened to alerts and was not on record before.
        not_told: kinds of services that did not take one of them.
        rolled_back: what came of going back, where the policy asked for it; None where it did not.
    """

    report: MonitoringReport
    messages: tuple[Message, ...]
    not_told: tuple[str, ...]
    rolled_back: RolledBack | None


def look_at_production(
    home: Home, definition: ModelDefinition, *, now: datetime, endpoint: str | None = None
) -> Looked:
    """Holds what was predicted since the model went into production against its reference, and does what follows.

    What is new of alerts is recorded and told; where the policy says so, production goes back.

    Args:
        home: the platform's storage.
        definition: the model and its policy.
        now: the time.
        endpoint: where the service listens, to see that it follows a rollback.

    Raises:
        BadInput: an alert is to be sent where Apprise knows no service.
        UnknownModel: the ledger knows no model of that name.
        EvidenceMissing: nothing is in production, was predicted, or can be held against anything.
        RaiError: production cannot be looked at, which is recorded and told once a day.
    """
    production = find_production(home, definition.name)
    try:
        report = watch_production(home, definition, production, now=now)
    except Exception as error:  # whatever the reason: whoever hears nothing takes it that all is well
        why = str(error) if isinstance(error, RaiError) else in_a_line(error)
        message = could_not_look(definition.name, production.version, production.model_digest, why, now=now)
        tell(home, definition.name, not_yet_told(home, production, [message]))
        if isinstance(error, RaiError):
            raise
        raise UnsuitableData(f"production could not be looked at: {why}", where=definition.name) from error
    messages = new_messages(report, _recorded(home, production))
    not_told = tell(home, definition.name, messages)
    done, told = _rolled_back(home, definition, production, report, endpoint=endpoint)
    return Looked(
        rolled_back=done,
        report=report,
        messages=(*messages, *told),
        not_told=tuple(dict.fromkeys((*not_told, *tell(home, definition.name, told)))),
    )


def tell(home: Home, name: str, messages: Sequence[Message]) -> tuple[str, ...]:
    """Records and sends messages; the kinds of services that did not take one of them."""
    urls = home.settings.alert_urls
    services_of(urls)
    messages = [replace(message, links=links(home.settings, name)) for message in messages]
    home.ledger.append([_alert_entry(name, message) for message in messages])
    if not urls:
        return ()
    deliveries = [deliver(message, urls) for message in messages]
    home.ledger.append(
        [
            NewEntry(kind="alert_delivery", model=name, body={**asdict(message.told), **asdict(delivery)})
            for message, delivery in zip(messages, deliveries, strict=True)
        ]
    )
    return tuple(dict.fromkeys(kind for delivery in deliveries for kind in delivery.failed))


def not_yet_told(home: Home, production: Production, messages: Sequence[Message]) -> list[Message]:
    """Those of some messages about a model in production that are not on record."""
    recorded = _recorded(home, production)
    return [message for message in messages if message.told not in recorded]


def links(settings: Settings, name: str) -> tuple[str, ...]:
    """Where a model in production is to be seen: the service's page of it, and Dagster's."""
    service, pages = settings.service_url, settings.ui_url
    return (
        *([f"{service.rstrip('/')}/v1/models/{quote(name)}/dashboard"] if service else []),
        *([f"{pages.rstrip('/')}/assets/{quote(name)}/monitoring_report"] if pages else []),
    )


def _rolled_back(
    home: Home, definition: ModelDefinition, production: Production, report: MonitoringReport, *, endpoint: str | None
) -> tuple[RolledBack | None, list[Message]]:
    """Goes back once for an open alert that the policy does not bear, and what is to be told of it.

    What was tried already is on record: a look that was cut short is made up for by the next one.
    """
    unbearable = definition.policy.rollback.on
    with home.ledger.read() as reader:
        tried = reader.entries(
            model=definition.name, kinds=["rollback", "withdrawal", "rollback_failed"], after=production.sequence
        )
        known = [entry.body["breach"] for entry in tried]
    for alert in report.alerts:
        breach = {"about": alert.about, "opened": alert.opened, "model_digest": report.model_digest}
        findings = [each for each in (*alert.findings, *alert.joined) if each.look.monitor.family in unbearable]
        if alert.closed is not None or not findings or any(_same(breach, each) for each in known):
            continue
        request = RollbackRequest(
            reason=f"{alert.about} changed in the window {alert.opened}: {sentence(findings[0])}",
            actor="monitoring",
            by="policy",
            breach={**breach, "findings": [sentence(each) for each in findings]},
        )
        done = roll_back(home, definition, request, endpoint=endpoint)
        trouble = tuple(each for each in (done.seen and done.seen.problem, done.alias) if each)
        return done, [rolled_back(report, alert, says=done.says, trouble=trouble)]
    return None, []


def _same(breach: dict[str, Any], recorded: dict[str, Any] | None) -> bool:
    return recorded is not None and all(recorded.get(name) == value for name, value in breach.items())


def watch_production(
    home: Home, definition: ModelDefinition, production: Production, *, now: datetime, until: datetime | None = None
) -> MonitoringReport:
    """What the windows since a promotion say, and up to its end where it has one; records nothing.

    Raises as ``look_at_production`` does.
    """
    reference = read_reference(home, production)
    observed = read_observed(
        home.settings,
        definition.name,
        since=datetime.fromisoformat(production.promoted_at),
        before=until or now,
        known_at=now,
    )
    observed = observed[observed["digest"] == production.model_digest].reset_index(drop=True)
    if not any(str(name).startswith(FEATURE) for name in observed):  # of hashes nobody knows how they are distributed
        reference = replace(reference, bins={}, says=f"{reference.says}; features are not in the log and not watched")
    explainer, not_attributed = _explainer(home, production, observed)
    if explainer is not None:
        reference = replace(reference, window=replace(reference.window, attributed=explainer.usual))
    import polars as pl

    report = watch(
        observed_predictions(observed, reference),
        pl.Series(observed["recorded_at"].dt.tz_convert("UTC").to_numpy("datetime64[us]")).dt.replace_time_zone("UTC"),
        pl.Series(observed["version"].astype(str).tolist(), dtype=pl.String),
        reference,
        definition.spec.monitoring,
        watched=Watched(model=definition.name, version=production.version, digest=production.model_digest),
        now=now,
        acknowledged=_acknowledged(home, production),
        explain=explainer,
    )
    if explainer is not None:
        explainer.keep()
    return replace(report, not_attributed=not_attributed)


def _explainer(
    home: Home, production: Production, observed: "pd.DataFrame"
) -> tuple[WindowExplainer | None, str | None]:
    """What explains the windows, or why nothing does."""
    try:
        found = window_explainer(home, production, observed)
    except RaiError as error:
        found = error.message
    return (None, found) if isinstance(found, str) else (found, None)


def read_reference(home: Home, production: Production) -> Reference:
    """What counts as normal for a model in production.

    Raises:
        EvidenceMissing: it was promoted without: it gives no scores, or is of an earlier release of the platform.
    """
    digest = production.body.get("evidence", {}).get(MONITORING_REFERENCE)
    if digest is None:
        raise EvidenceMissing(
            "the model has no reference that predictions could be held against: models with a score have one, once they are "
            "judged and promoted again",
            where=production.model,
        )
    return REFERENCE.validate_json(home.store.get(digest))


def acknowledge(
    home: Home, definition: ModelDefinition, *, about: str | None, reason: str, now: datetime
) -> Acknowledged:
    """Records that what an open alert tells of is the new normal, from the last window on.

    Args:
        home: the platform's storage.
        definition: the model.
        about: the alert's subject; the only open one where None.
        reason: why, for the ledger.
        now: the time.

    Raises:
        EvidenceMissing: no such alert is open.
        UnsuitableData: several are open, and none was named.
    """
    production = find_production(home, definition.name)
    report = watch_production(home, definition, production, now=now)
    alerts = [alert for alert in report.alerts if alert.closed is None and about in (None, alert.about)]
    if not alerts:
        raise EvidenceMissing(
            "no alert is open" + (f" about {about}" if about else "") + ": nothing is to be acknowledged",
            where=definition.name,
        )
    if len(alerts) > 1:
        named = " or ".join(repr(alert.about) for alert in alerts)
        raise UnsuitableData(f"several alerts are open: say which with `--about` {named}", where=definition.name)
    seen = report.windows if alerts[0].about == "data and predictions" else _matured(report)
    said = Acknowledged(about=alerts[0].about, opened=alerts[0].opened, until=seen[-1].name)
    body = {**asdict(said), "model_digest": production.model_digest, "reason": reason}
    home.ledger.append([NewEntry(kind="acknowledgement", model=definition.name, body=body)])
    return said


def _matured(report: MonitoringReport) -> list[Any]:
    return [window for window in report.windows if window.maturity == "mature"]


def _alert_entry(model: str, message: Message) -> NewEntry:
    body = {
        **asdict(message.told),
        "title": message.title,
        "sentences": list(message.sentences),
        "links": list(message.links),
    }
    return NewEntry(kind="alert", model=model, body=body)


def _recorded(home: Home, production: Production) -> set[Told]:
    names = Told.__dataclass_fields__
    with home.ledger.read() as reader:
        return {
            Told(**{name: entry.body[name] for name in names})
            for entry in reader.entries(model=production.model, kinds=["alert"], after=production.sequence)
        }


def _acknowledged(home: Home, production: Production) -> list[Acknowledged]:
    names = Acknowledged.__dataclass_fields__
    with home.ledger.read() as reader:
        return [
            Acknowledged(**{name: entry.body[name] for name in names})
            for entry in reader.entries(model=production.model, kinds=["acknowledgement"], after=production.sequence)
            if entry.body["model_digest"] == production.model_digest
        ]
