"""What the page tells: which version was in production when, what was seen of each, and what happened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rai_platform.monitoring.alarms import Alert
from rai_platform.monitoring.monitors import Tolerances
from rai_platform.monitoring.report import MonitoringReport, WatchedWindow
from rai_platform.release.rollbacks import Seen
from rai_platform.spec.verdict import Limit

Kind = Literal["promotion", "rollback", "withdrawal", "rollback_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to production.

    Attributes:
        kind: a promotion, a rollback, a withdrawal, or a rollback that had nowhere to go.
        at: when; UTC.
        version: in production from then on; None where nothing is, or nothing changed.
        left: in production until then; None where nothing was.
        reason: why, in words; empty for a promotion, whose reasons are its verdicts.
        actor: who; empty for a promotion.
        by_policy: whether the policy asked for it, and no person.
        seen: what the service answered; None where nobody asked it.
    """

    kind: Kind
    at: datetime
    version: str | None
    left: str | None = None
    reason: str = ""
    actor: str = ""
    by_policy: bool = False
    seen: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A version in production, from the change that put it there to the next one.

    Attributes:
        version: in the registry.
        digest: of the model.
        since: from then on; UTC.
        until: up to then; None while it is in production.
        report: what its windows say, against its own reference; None where that is not known.
        unknown: why not, in a sentence; empty where it is known.
    """

    version: str
    digest: str
    since: datetime
    until: datetime | None = None
    report: MonitoringReport | None = None
    unknown: str = ""

    @property
    def windows(self) -> tuple[WatchedWindow, ...]:
        """In the order of time."""
        return self.report.windows if self.report else ()

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """In the order in which they were opened."""
        return self.report.alerts if self.report else ()

    def spell(self, window: WatchedWindow) -> tuple[datetime, datetime]:
        """The part of a window in which this version was in production."""
        start, end = datetime.fromisoformat(window.start), datetime.fromisoformat(window.end)
        clipped = max(start, self.since), min(end, self.until or end)
        return clipped if clipped[0] < clipped[1] else (start, end)


Told = tuple[str, str, str]  # digest of the model, what an alert is about, the window after which it was opened


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionHistory:
    """A model in production as long as it was watched.

    Attributes:
        model: its name.
        made_at: when this was looked at; UTC.
        stretches: in the order of time; the last one is in production unless it ended.
        changes: in the order of time.
        told: when somebody was told of an alert, by model digest, subject and first window.
        tolerances: how far shares may move.
        limits: that the policy sets on disparities, by metric and sensitive feature.
    """

    model: str
    made_at: datetime
    stretches: tuple[Stretch, ...]
    changes: tuple[Change, ...]
    told: Mapping[Told, datetime]
    tolerances: Tolerances
    limits: Mapping[tuple[str, str], Limit]

    @property
    def current(self) -> Stretch | None:
        """What is in production; None where nothing is."""
        last = self.stretches[-1] if self.stretches else None
        return last if last is not None and last.until is None else None

    def watched(self) -> Iterator[tuple[Stretch, WatchedWindow]]:
        """Every window of every stretch, in the order of time."""
        for stretch in self.stretches:
            for window in stretch.windows:
                yield stretch, window

    @property
    def time(self) -> tuple[datetime, datetime] | None:
        """From the start of the first window to the end of the last; None where there is no window."""
        spells = [stretch.spell(window) for stretch, window in self.watched()]
        return (min(start for start, _ in spells), max(end for _, end in spells)) if spells else None


def alert_spell(stretch: Stretch, alert: Alert) -> tuple[datetime, datetime] | None:
    """When an alert was open: from its first window to its last, or to the end of all that is known; None where that is not."""
    spells = {window.name: stretch.spell(window) for window in stretch.windows}
    if alert.opened not in spells:
        return None
    last = spells.get(alert.closed or "", max(spells.values(), key=lambda spell: spell[1]))
    start = spells[alert.opened][0]
    return start, max(last[1], start + timedelta(seconds=1))
