"""When to wake somebody: detectors over windows, alerts that open once, say what joined, and close when it is over.

There are two detectors, for what can be seen at once and for what has to wait for labels. Each is the mean of the detectors of
its monitors, and goes off where the mean passes a level so high that, were every share within its tolerance, it would happen once
in so many looks at most, on average, however often one looked. What it goes off for is told by the monitors' own evidence (Wang
and Ramdas, False discovery rate control with e-values, JRSS B 2022), and while an alert is open they are held against where they
were when it opened.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rai_platform.monitoring.monitors import Look, Monitor, against
from rai_platform.statistics.e_values import log_mean, restarted

SETTLED = 2  # looks in a row within tolerance, after which an alert is over
COOL_DOWN = 3  # looks for which what joins an open alert is noted, and nobody woken
Ending = Literal["resolved", "acknowledged"]
Subject = Literal["data and predictions", "performance and fairness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an alert is about.

    Attributes:
        window: in which it was seen.
        look: what the window says of the monitor.
    """

    window: str
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One problem, from the look at which it was told to the look at which it was over.

    Attributes:
        about: what it is about.
        opened: the window after which it was told.
        findings: what it was opened for, what there is most evidence of first.
        beyond: what else was surely beyond its tolerance in that window, with less evidence.
        joined: what went off while it was open, in order.
        told: windows after which somebody was told of it: when it opened, and of what joined after a while.
        closed: the window after which it was over; None while it is open.
        ending: how it ended; None while it is open.
    """

    about: Subject
    opened: str
    findings: tuple[Finding, ...]
    beyond: tuple[Finding, ...] = ()
    joined: tuple[Finding, ...] = ()
    told: tuple[str, ...] = ()
    closed: str | None = None
    ending: Ending | None = None


@dataclass(slots=True)
class _Raised:
    """A monitor that an alert is about."""

    at: Look
    again: float = -math.inf
    quiet: int = 0


@dataclass(slots=True)
class Detector:
    """The alerts of one subject, look after look.

    Args:
        about: the subject.
        looks_to_a_false_alarm: at least so many on average, were all shares within their tolerance.
    """

    about: Subject
    looks_to_a_false_alarm: float
    alerts: list[Alert] = field(default_factory=list)
    _evidence: dict[Monitor, float] = field(default_factory=dict)
    _raised: dict[Monitor, _Raised] = field(default_factory=dict)
    _since_told: int = 0

    @property
    def open(self) -> Alert | None:
        """The alert that is not over; None where there is none."""
        return self.alerts[-1] if self.alerts and self.alerts[-1].closed is None else None

    def look(self, window: str, looks: Mapping[Monitor, Look]) -> None:
        """Takes one more window into account.

        Args:
            window: its name; each window comes once, in the order of time.
            looks: what it says of the monitors of this subject.
        """
        self._since_told += 1
        for monitor, look in looks.items():
            if monitor not in self._raised:
                self._evidence[monitor] = float(restarted(self._evidence.get(monitor, -math.inf), look.log_e_value))
        again = [looks[monitor] for monitor in self._raised if monitor in looks and self._moved_again(looks[monitor])]
        new = [looks[name] for name in self._named() if name in looks and not looks[name].may_be_within]
        if new or again:
            self._tell(window, new, again, looks)
        self._settle(window, looks)

    def acknowledge(self, window: str) -> Alert:
        """Ends the open alert since what it told of is the new normal: what follows is held against another reference.

        Raises:
            ValueError: no alert is open.
        """
        if self.open is None:
            raise ValueError(f"no alert about {self.about} is open")
        ended = self._end(window, "acknowledged")
        self._evidence.clear()
        return ended

    def _named(self) -> Iterator[Monitor]:
        """The monitors that the detector goes off for; nobody where it does not."""
        level = math.log(self.looks_to_a_false_alarm)
        if not self._evidence or log_mean(list(self._evidence.values())) < level:
            return
        ranked = sorted(self._evidence, key=lambda monitor: -self._evidence[monitor])
        needed = [level + math.log(len(ranked) / place) for place in range(1, len(ranked) + 1)]
        found = [place for place, monitor in enumerate(ranked) if self._evidence[monitor] >= needed[place]]
        yield from ranked[: max(found, default=0) + 1]

    def _moved_again(self, look: Look) -> bool:
        """Whether a share that an alert is about has left where it was then, and not to where it belongs."""
        raised = self._raised[look.monitor]
        raised.again = float(restarted(raised.again, against(look, raised.at).log_e_value))
        level = math.log(self.looks_to_a_false_alarm * len(self._raised))
        if look.may_be_within or raised.again < level:
            return False
        raised.at, raised.again = look, -math.inf
        return True

    def _tell(self, window: str, new: Sequence[Look], again: Sequence[Look], looks: Mapping[Monitor, Look]) -> None:
        for look in new:
            del self._evidence[look.monitor]
            self._raised[look.monitor] = _Raised(at=look)
        found = _findings(window, [*new, *again])
        if self.open is None:
            others = [look for name, look in looks.items() if name not in self._raised and not look.may_be_within]
            self.alerts.append(
                Alert(about=self.about, opened=window, findings=found, beyond=_findings(window, others), told=(window,))
            )
            self._since_told = 0
            return
        told = self.open.told
        if self._since_told > COOL_DOWN:
            told, self._since_told = (*told, window), 0
        self.alerts[-1] = replace(self.open, joined=(*self.open.joined, *found), told=told)

    def _settle(self, window: str, looks: Mapping[Monitor, Look]) -> None:
        for monitor, raised in self._raised.items():
            if monitor in looks:
                raised.quiet = raised.quiet + 1 if looks[monitor].may_be_within else 0
        if self.open is not None and all(raised.quiet >= SETTLED for raised in self._raised.values()):
            self._end(window, "resolved")

    def _end(self, window: str, ending: Ending) -> Alert:
        self._raised.clear()
        self.alerts[-1] = replace(self.alerts[-1], closed=window, ending=ending)
        return self.alerts[-1]


def _findings(window: str, looks: Iterable[Look]) -> tuple[Finding, ...]:
    ordered = sorted(looks, key=lambda look: -look.log_e_value)
    return tuple(Finding(window=window, look=look) for look in ordered)
