"""What the page says in sentences: how production stands, what alerts are about, what happened to it, and what to bear in mind."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rai_platform.dashboard.heat import Moved, Of, furthest_first, name_of
from rai_platform.dashboard.history import Change, ProductionHistory, Stretch
from rai_platform.monitoring.alarms import Alert
from rai_platform.monitoring.report import MonitoringReport, WatchedWindow
from rai_platform.monitoring.telling import sentence

State = Literal["good", "bad", "open"]
MOST_FINDINGS = 6  # of an alert; the others are counted
MOST_MOVED = 5  # features told of in words
NUMBERS = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """How production stands.

    Attributes:
        state: whether that is good.
        pill: in two words.
        says: in sentences.
    """

    state: State
    pill: str
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """An alert as the page lists it.

    Attributes:
        title: what it is about.
        version: of the model.
        opened: the window after which it was told.
        is_open: whether it still is.
        ended: how it ended, or that it did not.
        told: when somebody was told.
        findings: what moved, in sentences; the furthest first.
        joined: what went off while it was open.
        more: findings that are not listed.
    """

    title: str
    version: str
    opened: str
    is_open: bool
    ended: str
    told: str
    findings: tuple[str, ...]
    joined: tuple[str, ...]
    more: int


def headline(history: ProductionHistory) -> Headline:
    """How production stands, in a few words and sentences."""
    current = history.current
    if current is None:
        return Headline(state="bad", pill="Nothing in production", says=(_last_change(history),))
    if current.report is None:
        return Headline(
            state="open", pill="Not watched", says=(f"What became of this version is not known: {current.unknown}.",)
        )
    if not current.windows:
        return Headline(
            state="open",
            pill="No window yet",
            says=(
                "No window with enough predictions of this version is over yet, so that nothing can be said about it.",
            ),
        )
    alerts = [alert for alert in current.alerts if alert.closed is None]
    if not alerts:
        return Headline(
            state="good",
            pill="Within tolerance",
            says=(
                f"No alert is open: nothing that is watched has surely moved further than it may. {_labels(current)}",
            ),
        )
    return Headline(
        state="bad",
        pill="Alert open" if len(alerts) == 1 else f"{len(alerts)} alerts open",
        says=tuple(
            f"{_capital(alert.about)}, since the window {alert.opened}: {_at_a_glance(alert)}." for alert in alerts
        ),
    )


def alert_lines(history: ProductionHistory) -> list[AlertLine]:
    """Every alert: those that are open first, then the latest first."""
    found = [(stretch, alert) for stretch in history.stretches for alert in stretch.alerts]
    found.sort(key=lambda each: (_is_open(*each), each[1].opened), reverse=True)
    return [_line(history, stretch, alert) for stretch, alert in found]


def change_in_words(change: Change) -> str:
    """What happened to production, in a sentence."""
    if change.kind == "promotion":
        return f"Version {change.version} was promoted."
    by = f"as the policy says ({change.actor})" if change.by_policy else f"by {change.actor}"
    left = f"version {change.left}" if change.left else "nothing in production"
    if change.kind == "rollback":
        return f"Back from {left} to version {change.version}, {by}: {change.reason}"
    if change.kind == "withdrawal":
        return f"{_capital(left)} was withdrawn, {by}, since there was nothing to go back to: {change.reason}"
    return f"There was nothing to go back to, and {left} stays, {by}: {change.reason}"


def seen_in_words(change: Change) -> str:
    """Whether the service was seen to follow a change of production; empty where nothing was to be followed."""
    if change.kind in ("promotion", "rollback_failed"):
        return ""
    if change.seen is None:
        return "No service was asked whether it follows."
    if change.seen.verified:
        return f"The service was seen to follow after {change.seen.seconds:.1f} seconds."
    return f"The service was not seen to follow within {change.seen.seconds:.1f} seconds: {change.seen.problem}."


def moved_in_words(history: ProductionHistory, of: Of = "data") -> list[str]:
    """The shares that moved further than they may, the furthest first; the one that moved furthest where none did."""
    moved = furthest_first(history, of)
    beyond = [each for each in moved if not each.share.may_be_within]
    return [_moved(each) for each in (beyond or moved[:1])[:MOST_MOVED]]


def notes(history: ProductionHistory) -> list[str]:
    """What a reader has to bear in mind, each kind of note once, as it last stood."""
    last: dict[str, tuple[str, str, int]] = {}
    for _, window in history.watched():
        for note in window.notes:
            kind = NUMBERS.sub("#", note)
            last[kind] = (window.name, note, last.get(kind, ("", "", 0))[2] + 1)
    return [
        f"{_capital(note)} (in the window {name}{f', and likewise in {count - 1} before it' if count > 1 else ''})."
        for name, note, count in last.values()
    ]


def unknown_in_words(history: ProductionHistory) -> Iterator[str]:
    """Which versions the page has no windows of, and why."""
    for stretch in history.stretches:
        if stretch.report is None:
            yield f"Version {stretch.version}, from {day(stretch.since)}: {stretch.unknown}."
        elif not stretch.windows:
            yield f"Version {stretch.version}, from {day(stretch.since)}: no window has enough predictions."
        else:
            yield from _left_out(stretch.version, stretch.report)


def _left_out(version: str, report: MonitoringReport) -> Iterator[str]:
    if count := report.skipped:
        yield (
            f"Version {version}: {count} {'windows have' if count > 1 else 'window has'} too few predictions, "
            "counted with the next."
        )
    if report.not_attributed:
        yield f"Version {version}: it is not watched what moves the score: {report.not_attributed}."


def day(moment: datetime) -> str:
    """A time as people write it: ``30 November 2026, 16:32 UTC``."""
    return moment.strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def last_mature(stretch: Stretch) -> WatchedWindow | None:
    """The last window whose labels are complete."""
    return next((window for window in reversed(stretch.windows) if window.maturity == "mature"), None)


def _labels(stretch: Stretch) -> str:
    mature = last_mature(stretch)
    if mature is None:
        return "No window has its labels yet: what is said of right answers is expected, and not seen."
    if mature is stretch.windows[-1]:
        return "The labels of all windows are complete."
    return f"Labels are complete up to the window {mature.name}; what is said of right answers after it is expected, and not seen."


def _at_a_glance(alert: Alert) -> str:
    """What an alert is about in one sentence: of the people it names, the largest group that it is about nearly as much as any."""
    people = [each for each in alert.findings if each.look.monitor.feature] or list(alert.findings)
    furthest = max(each.look.furthest.tolerances_away for each in people)
    near = [each for each in people if each.look.furthest.tolerances_away >= furthest / 2]
    first = max(near, key=lambda each: each.look.furthest.now.n)
    more = len(alert.findings) + len(alert.joined) - 1
    return sentence(first) + (f"; and {more} more" if more else "")


def _last_change(history: ProductionHistory) -> str:
    changes = [change for change in history.changes if change.kind == "withdrawal"]
    return change_in_words(changes[-1]) if changes else "No version was ever promoted."


def _is_open(stretch: Stretch, alert: Alert) -> bool:
    return alert.closed is None and stretch.until is None


def _line(history: ProductionHistory, stretch: Stretch, alert: Alert) -> AlertLine:
    told = history.told.get((stretch.digest, alert.about, alert.opened))
    joined = [f"{finding.window}: {sentence(finding)}" for finding in alert.joined]
    kept = [sentence(finding) for finding in alert.findings]
    return AlertLine(
        title=_capital(alert.about),
        version=stretch.version,
        opened=alert.opened,
        is_open=_is_open(stretch, alert),
        ended=_ended(stretch, alert),
        told=_told(told, stretch),
        findings=tuple(kept[:MOST_FINDINGS]),
        joined=tuple(joined[:MOST_FINDINGS]),
        more=max(0, len(kept) - MOST_FINDINGS) + max(0, len(joined) - MOST_FINDINGS) + len(alert.beyond),
    )


def _told(told: datetime | None, stretch: Stretch) -> str:
    if told is not None:
        return f"on record since {day(told)}"
    return "nobody was told, since it showed after the version had left" if stretch.until else "nobody was told yet"


def _ended(stretch: Stretch, alert: Alert) -> str:
    if alert.closed is not None:
        how = {"resolved": "back within its tolerance", "acknowledged": "acknowledged as the new normal"}
        return f"{how[alert.ending or 'resolved']} after the window {alert.closed}"
    if stretch.until is not None:
        return f"open until version {stretch.version} left production on {day(stretch.until)}"
    return "open"


def _moved(moved: Moved) -> str:
    share = moved.share
    bounds = share.now.bounds()
    allowed = share.up if share.change > 0 else share.down
    return (
        f"{name_of(moved.feature)}, window {moved.window.name}: the share of {share.says} is {share.now.value:.1%} "
        f"({bounds.lower:.1%} to {bounds.upper:.1%}), {share.before.value:.1%} in the reference; it may change by {allowed:.1%}"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
