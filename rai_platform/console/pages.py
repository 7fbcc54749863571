"""Tables for a person in front of a terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rai_platform.console.doctor import Diagnosis, State
from rai_platform.console.output import line
from rai_platform.pipeline.status import ModelStatus, told_change
from rai_platform.release.finding import number
from rai_platform.release.ledger import Entry
from rai_platform.rollback.rolling import RolledBack
from rai_platform.settings import Settings
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.verdict import SEVEREST_FIRST, Interval, Verdict

COLOUR = {"PASS": "green", "FAIL": "red", "INSUFFICIENT_EVIDENCE": "yellow"}
SIGN: dict[State, tuple[str, str]] = {"ok": ("✓", "green"), "warning": ("•", "yellow"), "broken": ("✗", "red")}
WORD = {"PASS": "pass", "FAIL": "fail", "INSUFFICIENT_EVIDENCE": "open"}


def show_outcome(console: Console, status: ModelStatus, card: Path | None, *, whole: bool = True) -> None:
    """What was decided, why, and where to read on.

    Args:
        console: where it is shown.
        status: of the model.
        card: the card's file; None where there is none.
        whole: whether every verdict is shown, or only those that are no PASS.
    """
    titles = {
        "promoted": ("green", "PROMOTED"),
        "refused": ("red", "REFUSED"),
        "rolled_back": ("yellow", "ROLLED BACK"),
        "withdrawn": ("red", "WITHDRAWN"),
    }
    colour, title = titles.get(status.decision or "", ("blue", "nothing decided"))
    lines: list[RenderableType] = [line(f"• {reason}") for reason in status.reasons]
    production = status.production
    now = f"version {production.version}, since {production.promoted_at[:16]}" if production else "nothing"
    lines.append(line(("in production:", "dim"), f" {now}"))
    if card is not None and card.exists():
        lines.append(line(("model card:", "dim"), f" {card}"))
    heading = line((f"{status.model}: {title}", "bold"))
    console.print(Panel(Group(*lines), title=heading, border_style=colour, title_align="left"))
    if whole and status.verdicts:
        console.print(verdict_table(status.verdicts))
    elif status.verdicts:
        _show_unmet(console, status)


def _show_unmet(console: Console, status: ModelStatus) -> None:
    unmet = tuple(verdict for verdict in status.verdicts if not verdict.passed)
    if unmet:
        console.print(verdict_table(unmet))
    total = len(status.verdicts)
    console.print(line(f"{total - len(unmet)} of {total} requirements are met; all of them: rai status {status.model}"))


def verdict_table(verdicts: tuple[Verdict, ...]) -> Table:
    """The verdicts, the severest first."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("verdict", "requirement", "estimate", "interval judged", "rows"):
        table.add_column(name, justify="right" if name in ("estimate", "rows") else "left", overflow="fold")
    for verdict in sorted(verdicts, key=lambda item: SEVEREST_FIRST.index(item.outcome)):
        interval = verdict.interval
        judged_twice = verdict.metric in METRICS and len(METRICS[verdict.metric].assets) > 1
        where = f" in {verdict.asset}" if judged_twice else ""
        warning = " (warning only)" if verdict.severity == "warn" else ""
        table.add_row(
            line((WORD[verdict.outcome], COLOUR[verdict.outcome])),
            line(verdict.requirement, (f"{where}{warning}", "dim")),
            "–" if verdict.estimate is None else _short(verdict.estimate),
            "–" if interval is None else _range(interval),
            f"{verdict.n:,}",
        )
    return table


def _range(interval: Interval) -> str:
    if interval.lower == interval.upper:
        return "exact"
    return f"{_short(interval.lower)} to {_short(interval.upper)}"


def _short(value: float) -> str:
    """A number for a narrow column."""
    return number(value) if value == 0 or abs(value) >= 0.0005 else "≈ 0"


def show_overview(console: Console, statuses: list[ModelStatus]) -> None:
    """One line for every model."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for name in ("model", "last decision", "in production", "not met"):
        table.add_column(name)
    for status in statuses:
        colour = {"promoted": "green", "rolled_back": "yellow"}.get(status.decision or "", "red")
        colour = colour if status.decision else "dim"
        production = status.production
        unmet = sum(not verdict.allows_release for verdict in status.verdicts)
        of_all = f"{unmet} of {len(status.verdicts)}" if unmet else ""
        table.add_row(
            line(status.model),
            line(((status.decision or "none yet").replace("_", " "), colour)),
            f"version {production.version} since {production.promoted_at[:10]}" if production else "nothing",
            of_all or ("see its reasons" if status.decision == "refused" else ""),
        )
    console.print(table)
    for status in statuses:
        if status.out_of_order:
            told = line((f"{status.model}:", "yellow"), f" {'; '.join(status.out_of_order)}")
            console.print(Padding(told, (0, 0, 0, 1)))


def show_history(console: Console, entries: list[Entry]) -> None:
    """The ledger of one model, oldest first."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("entry", "time (UTC)", "what", "about"):
        table.add_column(name, overflow="fold")
    for entry in entries:
        table.add_row(
            str(entry.sequence),
            entry.recorded_at[:19].replace("T", " "),
            entry.kind.replace("_", " "),
            line(_about(entry)),
        )
    console.print(table)


def show_rollback(console: Console, done: RolledBack) -> None:
    """What a rollback came to, which versions were looked at, and who saw the service follow."""
    left = f"version {done.left.version}" if done.left else "nothing"
    now = (
        f"version {done.production.version}, model {done.production.model_digest[:12]}"
        if done.production
        else "nothing"
    )
    colour, title = {
        "rolled_back": ("yellow", "ROLLED BACK"),
        "withdrawn": ("red", "WITHDRAWN"),
        "kept": ("red", "NOTHING TO GO BACK TO"),
    }[done.outcome]
    lines: list[RenderableType] = [line(("was in production:", "dim"), f" {left}")]
    lines += [line(("in production:", "dim"), f" {now}"), line(("ledger:", "dim"), f" entry {done.entry}")]
    if done.changed:
        lines.append(_seen(done))
    if done.alias:
        lines.append(line((done.alias, "red")))
    heading = line((f"{done.model}: {title}", "bold"))
    console.print(Panel(Group(*lines), title=heading, border_style=colour, title_align="left"))
    if done.passed_over:
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for name in ("version", "promoted (UTC)", "why it was not gone back to"):
            table.add_column(name, overflow="fold")
        for each in done.passed_over:
            table.add_row(each.version, each.promoted_at[:16].replace("T", " "), line(each.why))
        console.print(table)


def _seen(done: RolledBack) -> Text:
    seen = done.seen
    if seen is None:
        return line(("no service was asked whether it follows: --endpoint URL asks one", "yellow"))
    if seen.verified:
        return line(("seen at the service:", "dim"), f" {seen.endpoint} follows, after {seen.seconds:.1f} s")
    return line((f"{seen.endpoint} was not seen to follow within {seen.seconds:.1f} s: {seen.problem}", "red"))


def show_diagnoses(console: Console, found: Sequence[Diagnosis], mended: Sequence[str]) -> None:
    """What was put right, then everything that was looked at, with what to do."""
    for told in mended:
        console.print(line(("put right", "green"), f" {told}"))
    for item in found:
        console.print(line(SIGN[item.state], f" {item.subject}: {item.found}"))
        if item.mend:
            console.print(line(f"    → {item.mend}"))


def show_homes(console: Console, settings: Settings) -> None:
    """Where everything lives."""
    console.print(line((f"RAI_HOME {settings.home}", "dim")))


def _about(entry: Entry) -> str:
    try:
        return _told(entry)
    except (KeyError, TypeError):  # it was tampered with, which is a reason to look at it and none to stop here
        return f"not readable: {entry.body}"


def _told(entry: Entry) -> str:
    body = entry.body
    if entry.kind == "verdict":
        verdict = body["verdict"]
        return f"{verdict['outcome']} {verdict['requirement']}: {verdict['reason']}"
    if entry.kind == "promotion":
        return f"version {body['version']}, model {body['model_digest'][:12]}"
    if entry.kind == "confirmation":
        return f"the candidate is the production model of entry {body['promotion']}"
    if entry.kind == "refusal":
        return "; ".join(body["reasons"])
    if entry.kind in ("rollback", "withdrawal"):
        return told_change(entry)
    if entry.kind == "rollback_failed":
        tried = ", ".join(each["version"] for each in body["passed_over"])
        return f"nothing to go back to{f', after versions {tried}' if tried else ''}: {body['reason']}"
    if entry.kind == "rollback_verification":
        seen = "was seen to follow" if body["verified"] else f"was not seen to follow: {body['problem']},"
        return f"entry {body['entry']}: {body['endpoint']} {seen} after {body['seconds']:.1f} s"
    if entry.kind == "evaluation_started":
        return f"{body['asset']}: {', '.join(body['checks'])}"
    return str(body.get("found", body))
