"""Drills, for a person in front of a terminal."""

from datetime import datetime
from pathlib import Path
from typing import Any, cast, get_args

from rich.console import Console

from rai_platform.console.output import line
from rai_platform.console.watched import show_report
from rai_platform.drills.drill import Drill, Plan
from rai_platform.drills.incidents import INCIDENTS, Incident
from rai_platform.errors import BadInput, did_you_mean
from rai_platform.settings import Settings
from rai_platform.spec.policy import ServiceLevel


def plan_of(*, incident: str, rolls_back_on: list[str] | None, **others: Any) -> Plan:
    """The plan that a command line asks for.

    Raises:
        BadInput: an incident or a service level is none that is known, or the incident begins after the last day.
    """
    _known(incident, INCIDENTS, "--incident")
    for level in rolls_back_on or ():
        _known(level, get_args(ServiceLevel), "--rolls-back-on")
    if others["begins"] > others["days"]:
        raise BadInput(
            f"the incident would begin on day {others['begins']}, after the last of {others['days']}", where="--begins"
        )
    levels = None if rolls_back_on is None else tuple(cast("ServiceLevel", level) for level in rolls_back_on)
    return Plan(incident=cast("Incident", incident), rolls_back_on=levels, **others)


def folder_for_drill(settings: Settings, name: str, now: datetime) -> Path:
    """A new folder for the copy that a drill runs in."""
    return settings.home / "drills" / f"{name}-{now:%Y%m%dT%H%M%S}"


def show_drill(console: Console, drill: Drill) -> None:
    """What became of production, when, and who saw it; then the windows of what is in production at the end."""
    for done in drill.rollbacks:
        console.print(line((f"→ {done.says}", "bold")))
        if done.seen is not None:
            colour = "green" if done.seen.verified else "red"
            seen = f"seen at the service after {done.seen.seconds:.2f} s: {(done.seen.digest or 'no model')[:16]}"
            console.print(line((f"  {'✓' if done.seen.verified else '✗'} {done.seen.problem or seen}", colour)))
    show_report(console, drill.report)
    console.print(line(f"the page of production: {drill.page}"))
    console.print(line((f"the drill's own home, with its log and ledger: {drill.home}", "dim")))


def _known(given: str, known: tuple[str, ...], where: str) -> None:
    if given not in known:
        raise BadInput(f"expected one of {', '.join(known)}, got {given!r}{did_you_mean(given, known)}", where=where)
