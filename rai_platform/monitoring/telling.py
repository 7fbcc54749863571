"""What an alert says: which group, how much, how sure, since when, and what to do; and which of it nobody was told yet."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rai_platform.monitoring.alarms import Alert, Finding
from rai_platform.monitoring.monitors import Share
from rai_platform.monitoring.report import MonitoringReport
from rai_platform.release.records import Production

Event = Literal[
    "opened", "went on", "resolved", "acknowledged", "rolled back", "could not look", "put right", "too old"
]
MOST_FINDINGS = 8  # in one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What tells one event of one alert from all others.

    Attributes:
        model_digest: of the model in production.
        about: the alert's subject.
        opened: the window after which the alert was opened.
        event: what happened.
        window: the window after which it happened.
    """

    model_digest: str
    about: str
    opened: str
    event: Event
    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event of one alert, in words.

    Attributes:
        told: which.
        title: in a line.
        sentences: what moved, by how much, and how sure that is; what there is most evidence of first.
        advice: what to do.
        links: where to see it.
    """

    told: Told
    title: str
    sentences: tuple[str, ...]
    advice: str
    links: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, in lines."""
        return "\n".join([*(f"- {sentence}" for sentence in self.sentences), self.advice, *self.links]).strip()


def new_messages(report: MonitoringReport, recorded: Collection[Told]) -> list[Message]:
    """What happened to alerts that is not on record yet, in the order in which it happened."""
    found = [message for alert in report.alerts for message in _events(report, alert)]
    return sorted((each for each in found if each.told not in recorded), key=lambda each: each.told.window)


def could_not_look(model: str, version: str, model_digest: str, why: str, *, now: datetime) -> Message:
    """That production could not be looked at, which is told once a day: whoever hears nothing takes it that all is well."""
    day = now.date().isoformat()
    return Message(
        told=Told(model_digest=model_digest, about="monitoring", opened=day, event="could not look", window=day),
        title=f"{model}, version {version}: production could not be looked at",
        sentences=(why,),
        advice=f"The model goes on answering, and nobody watches. Try `rai monitor {model}`, and `rai doctor`.",
    )


def put_right(production: Production, found: str, *, now: datetime) -> Message:
    """That something else than the ledger said what is in production, and was brought in line with it."""
    at = now.isoformat(timespec="seconds")
    return Message(
        told=Told(
            model_digest=production.model_digest, about="what MLflow says", opened=at, event="put right", window=at
        ),
        title=f"{production.model}, version {production.version}: MLflow said something else than the ledger",
        sentences=(found,),
        advice=f"Whoever changed it can change what others load from MLflow. See `rai history {production.model}`.",
    )


def not_in_order(model: str, why: str, *, now: datetime) -> Message:
    """That nobody knows whether ledger and MLflow are in order."""
    at = now.isoformat(timespec="seconds")
    return Message(
        told=Told(model_digest="", about="ledger and MLflow", opened=at, event="could not look", window=at),
        title=f"{model}: it is not known whether the ledger and MLflow are in order",
        sentences=(why,),
        advice="The model goes on answering. See `rai doctor`.",
    )


def grown_old(production: Production, *, days: int, limit: str) -> Message:
    """That the model in production is older than it may be, told once."""
    since = production.promoted_at
    return Message(
        told=Told(model_digest=production.model_digest, about="age", opened=since, event="too old", window=since),
        title=f"{production.model}, version {production.version}: the model is older than {limit}",
        sentences=(f"it was promoted {days} days ago, and `monitoring.oldest` is {limit}",),
        advice=f"Train and judge it again on newer data: `rai run {production.model}`.",
    )


def rolled_back(report: MonitoringReport, alert: Alert, *, says: str, trouble: tuple[str, ...]) -> Message:
    """What the platform did by itself about an alert.

    Args:
        report: the look that found the alert.
        alert: that the policy does not bear.
        says: what became of production, in words.
        trouble: what did not follow: the service, an alias; empty where all did.
    """
    return Message(
        told=_told(report, alert, "rolled back", alert.opened),
        title=f"{report.model}: {says}",
        sentences=(f"{alert.about} changed in the window {alert.opened}, and the policy does not bear it", *trouble),
        advice=f"See `rai status {report.model}` and `rai history {report.model}`.",
    )


def _events(report: MonitoringReport, alert: Alert) -> Iterator[Message]:
    for window in alert.told:
        opening = window == alert.opened
        findings = alert.findings if opening else [each for each in alert.joined if each.window == window]
        yield Message(
            told=_told(report, alert, "opened" if opening else "went on", window),
            title=f"{report.model}, version {report.version}: {alert.about} "
            + (f"changed in the window {window}" if opening else f"changed further in the window {window}"),
            sentences=(
                *(sentence(each) for each in findings[:MOST_FINDINGS]),
                *([f"{len(findings) - MOST_FINDINGS} more"] if len(findings) > MOST_FINDINGS else []),
                *(f"also, with less evidence: {sentence(each)}" for each in alert.beyond[:MOST_FINDINGS] if opening),
            ),
            advice=f"See `rai monitor {report.model}`. If it is the new normal: `rai acknowledge {report.model}`. If the model is "
            f"no longer fit to decide: `rai rollback {report.model}`, or `rai run {report.model}` on newer data.",
        )
    if alert.closed is not None and alert.ending is not None:
        words = {"resolved": "is back within its tolerance", "acknowledged": "was acknowledged as the new normal"}
        yield Message(
            told=_told(report, alert, alert.ending, alert.closed),
            title=f"{report.model}, version {report.version}: what was told of {alert.about} in the window {alert.opened} "
            f"{words[alert.ending]}",
            sentences=(),
            advice="",
        )


def _told(report: MonitoringReport, alert: Alert, event: Event, window: str) -> Told:
    return Told(model_digest=report.model_digest, about=alert.about, opened=alert.opened, event=event, window=window)


def sentence(finding: Finding) -> str:
    """What moved, by how much, and how sure that is."""
    monitor, share = finding.look.monitor, finding.look.furthest
    # A column has many shares, and one of them moved; a rate is one share, and has its name.
    what = f"{monitor.says}: the share of {share.says}" if len(finding.look.shares) > 1 else monitor.says
    bounds = share.now.bounds()
    return (
        f"{what} is {share.now.value:.1%} ({bounds.lower:.1%} to {bounds.upper:.1%} with 95 % confidence, {share.now.n:,} rows), "
        f"{share.before.value:.1%} in the reference; it may change by {_allowed(share):.1%}"
    )


def _allowed(share: Share) -> float:
    return share.up if share.change > 0 else share.down
