"""Lines over time: what a picture draws of one rate of one group, window after window."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from rai_platform.dashboard.history import ProductionHistory, Stretch
from rai_platform.fairness.rates import ACCURACY, PRECISION, SELECTION_RATE
from rai_platform.monitoring.alarms import Alert, Finding
from rai_platform.monitoring.classes import SHARE
from rai_platform.monitoring.outcomes import NOBODY_KNOWS
from rai_platform.monitoring.report import WatchedWindow
from rai_platform.monitoring.windows import ALL
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Proportion

MOST_POINTS = 60  # of a line; with more windows several are put together
LEAST_PEOPLE = 10  # behind a point, on average; of fewer a picture shows chance alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value of one window.

    Attributes:
        begin: of the window, or of the version in it.
        end: excluded.
        value: of the window; None where there is none.
        interval: 95 %; None where it is no measurement.
        n: rows that it rests on.
        counts: the rate itself, from which windows can be put together; None where it is no rate, or there is none.
        expected: whether it is expected from scores, since labels are still to come.
        usual: the same in the reference; None where it has none.
        allowed: how far it may move from there.
        alarming: whether an alert names it.
    """

    begin: datetime
    end: datetime
    value: float | None
    interval: Interval | None = None
    n: int = 0
    counts: Proportion | None = None
    expected: bool = False
    usual: float | None = None
    allowed: float = 0.0
    alarming: bool = False

    @property
    def middle(self) -> datetime:
        """Where it is drawn."""
        return self.begin + (self.end - self.begin) / 2

    @property
    def beyond(self) -> bool:
        """Whether the whole interval lies further from the reference than the rate may move."""
        if self.interval is None or self.usual is None:
            return False
        return self.interval.lower > self.usual + self.allowed or self.interval.upper < self.usual - self.allowed


Run = list[Point]  # windows of one version, none missing between them


def features_of(history: ProductionHistory) -> list[str]:
    """Everybody, then the sensitive features and their intersections, in their order."""
    found = dict.fromkeys(name for _, window in history.watched() for name in _of_everybody(window) if name != ALL)
    return [ALL, *found]


def groups_of(history: ProductionHistory, feature: str) -> list[str]:
    """The groups of a feature in their order, without those of whom nobody knows the group."""
    if feature == ALL:
        return [ALL]
    rates = (_of_everybody(window).get(feature, {}) for _, window in history.watched())
    return [group for group in dict.fromkeys(group for found in rates for group in found) if group != NOBODY_KNOWS]


def largest(history: ProductionHistory, feature: str, most: int) -> list[str]:
    """The groups that a picture has room for, in their order: those of the most people, and enough of them for each point."""
    groups = groups_of(history, feature)
    people = dict.fromkeys(groups, 0)
    for _, window in history.watched():
        for group, rate in _of_everybody(window).get(feature, {}).items():
            if group in people:
                people[group] += rate.n
    ranked = sorted(groups, key=lambda group: -people[group])
    points = min(sum(1 for _ in history.watched()), MOST_POINTS)
    enough = [group for group in ranked if people[group] >= LEAST_PEOPLE * points] or ranked[:1]
    return [group for group in groups if group in enough[:most]]


def together(history: ProductionHistory) -> int:
    """How many windows a point of a rate is made of, so that a picture of many windows can be read."""
    return max(1, math.ceil(sum(1 for _ in history.watched()) / MOST_POINTS))


def rate_runs(history: ProductionHistory, rate: str, feature: str, group: str, *, pooled: bool) -> list[Run]:
    """A rate of a group over time.

    Args:
        history: with its windows.
        rate: its name.
        feature: the sensitive feature, or ``(all)``.
        group: of it.
        pooled: whether several windows are one point where there are many.
    """
    allowed = tolerated(history, rate, feature)
    runs = []
    for stretch in history.stretches:
        alarming = _alarming(stretch, rate, feature, group)
        points = [_point(stretch, window, rate, feature, group, allowed, alarming) for window in stretch.windows]
        runs += unbroken(points)
    return [_put_together(run, together(history)) for run in runs] if pooled else runs


def disparity_runs(history: ProductionHistory, metric: str, feature: str, *, labels: bool) -> list[Run]:
    """A disparity between the groups of a feature over time; one that needs labels in windows alone whose labels are complete."""
    runs = []
    for stretch in history.stretches:
        points = []
        for window in stretch.windows:
            begin, end = stretch.spell(window)
            known = [each for each in window.disparities if (each.metric, each.feature) == (metric, feature)]
            if known and (window.maturity == "mature" or not labels):
                found = known[0]
                points.append(Point(begin=begin, end=end, value=found.estimate, interval=found.interval, n=found.n))
            else:
                points.append(Point(begin=begin, end=end, value=None))
        runs += unbroken(points)
    return runs


def tolerated(history: ProductionHistory, rate: str, feature: str) -> float:
    """How far a rate may move from the reference."""
    if not needs_labels(rate):
        return history.tolerances.prediction
    everybody = feature == ALL or rate == ACCURACY.name
    return history.tolerances.performance if everybody else history.tolerances.fairness


def needs_labels(rate: str) -> bool:
    """Whether a rate is known once labels are, and not before."""
    return rate != SELECTION_RATE.name and not rate.startswith(SHARE)


def decided_rates(history: ProductionHistory) -> list[str]:
    """The rates that tell what was decided: of two labels the selection rate, of several classes the share of each."""
    return [name for name in _rates(history) if not needs_labels(name)]


def outcome_rates(history: ProductionHistory) -> list[str]:
    """The rates that need labels and are shown."""
    return [name for name in _rates(history) if needs_labels(name) and name != PRECISION.name]


def _rates(history: ProductionHistory) -> dict[str, None]:
    return dict.fromkeys(name for _, window in history.watched() for name in window.rates)


def _of_everybody(window: WatchedWindow) -> dict[str, dict[str, Proportion]]:
    """The first rate, by sensitive feature and group: it rests on every row of the window."""
    return next(iter(window.rates.values()))


def unbroken(points: list[Point]) -> list[Run]:
    """The points in runs between which windows are missing."""
    runs: list[Run] = []
    for point in points:
        if runs and runs[-1][-1].end == point.begin:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _put_together(run: Run, size: int) -> Run:
    """Every so many points of one kind as one point."""
    alike = (list(points) for _, points in groupby(run, key=lambda each: (each.expected, each.usual)))
    return [_sum(points[at : at + size]) for points in alike for at in range(0, len(points), size)]


def _sum(points: Sequence[Point]) -> Point:
    counts = [each.counts for each in points if each.counts is not None]
    merged = replace(points[0], end=points[-1].end, alarming=any(each.alarming for each in points))
    if not counts:
        return merged
    total = Proportion(
        successes=sum(each.successes for each in counts),
        trials=sum(each.trials for each in counts),
        n=sum(each.n for each in counts),
    )
    interval = None if merged.expected else total.bounds()
    return replace(merged, value=total.value, interval=interval, n=total.n, counts=total)


def _point(
    stretch: Stretch,
    window: WatchedWindow,
    rate: str,
    feature: str,
    group: str,
    allowed: float,
    alarming: frozenset[str],
) -> Point:
    begin, end = stretch.spell(window)
    measured = not needs_labels(rate) or window.maturity == "mature"
    rates = window.rates if measured else window.expected
    found = rates.get(rate, {}).get(feature, {}).get(group)
    usual = window.usual.get(rate, {}).get(feature, {}).get(group)
    return Point(
        begin=begin,
        end=end,
        value=None if found is None else found.value,
        interval=found.bounds() if found is not None and measured else None,
        n=0 if found is None else found.n,
        counts=found,
        expected=not measured,
        usual=None if usual is None else usual.value,
        allowed=allowed,
        alarming=measured and window.name in alarming,
    )


def _alarming(stretch: Stretch, rate: str, feature: str, group: str) -> frozenset[str]:
    """The windows after which an alert named a rate of a group."""
    where = ("", "") if feature == ALL else (feature, group)
    return frozenset(
        finding.window for alert in stretch.alerts for finding in _findings(alert) if _named(finding, rate, where)
    )


def _findings(alert: Alert) -> Iterator[Finding]:
    yield from (*alert.findings, *alert.beyond, *alert.joined)


def _named(finding: Finding, rate: str, where: tuple[str, str]) -> bool:
    monitor = finding.look.monitor
    return monitor.metric == rate and (monitor.feature, monitor.group) == where
