"""What every benchmark prints: claim, ours, peer, ratio, goal; and the exit code that follows from it."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The largest value that meets a claim.

    Attributes:
        of: what is held to it: ``ours``; ``ratio``, ours divided by the peer's; or ``difference``, ours less the peer's.
        at_most: the largest value allowed.
    """

    of: Literal["ours", "ratio", "difference"]
    at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One measured comparison; less is better throughout.

    Attributes:
        says: what is measured.
        ours: the platform's value.
        peer: the other's, measured in the same run; None where there is none.
        unit: ``s`` for seconds, ``ms`` for thousandths of them, ``%`` for shares from 0 to 1, ``GiB``, ``looks`` of a monitor.
        goal: None where the row is there to be seen, not to be met.
    """

    says: str
    ours: float
    peer: float | None
    unit: Literal["s", "ms", "%", "GiB", "looks"]
    goal: Goal | None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's; None where that is 0 or there is no peer."""
        return self.ours / self.peer if self.peer else None

    @property
    def difference(self) -> float | None:
        """Ours less the peer's; None where there is no peer."""
        return None if self.peer is None else self.ours - self.peer

    @property
    def met(self) -> bool:
        """Whether the goal is met; an unknown ratio or difference meets none."""
        if self.goal is None:
            return True
        held = {"ours": self.ours, "ratio": self.ratio, "difference": self.difference}[self.goal.of]
        return held is not None and held <= self.goal.at_most

    def stricter(self, factor: float) -> "Claim":
        """The same with its goal divided by ``factor``."""
        goal = None if self.goal is None else Goal(of=self.goal.of, at_most=self.goal.at_most / factor)
        return Claim(says=self.says, ours=self.ours, peer=self.peer, unit=self.unit, goal=goal)


Measure = Callable[[bool], Sequence[Claim]]


def report(title: str, measure: Measure, arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table, and gives the exit code: 0, or 1 where a goal is missed.

    Args:
        title: what the table is about.
        measure: makes the claims; told whether it has to be quick.
        arguments: the command line's where None.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="under a minute, with more noise")
    parser.add_argument("--stricter", type=float, default=1.0, metavar="FACTOR", help="divide every goal by this")
    asked = parser.parse_args(arguments)
    claims = [claim.stricter(asked.stricter) for claim in measure(asked.quick)]
    Console(width=140).print(_table(title, claims))
    return 0 if all(claim.met for claim in claims) else 1


def _table(title: str, claims: Sequence[Claim]) -> Table:
    table = Table("claim", "ours", "peer", "ratio", "goal", title=title, title_justify="left")
    for claim in claims:
        ratio = "–" if claim.ratio is None else f"{claim.ratio:.3g}"
        table.add_row(claim.says, _with_unit(claim.ours, claim), _with_unit(claim.peer, claim), ratio, _goal(claim))
    return table


def _goal(claim: Claim) -> str:
    if claim.goal is None:
        return "–"
    of, limit = claim.goal.of, claim.goal.at_most
    asked = f"{of} at most {f'{limit:.3g}' if of == 'ratio' else _with_unit(limit, claim)}"
    return asked if claim.met else f"{asked}: MISSED"


def _with_unit(value: float | None, claim: Claim) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.3g} %" if claim.unit == "%" else f"{value:.3g} {claim.unit}"
