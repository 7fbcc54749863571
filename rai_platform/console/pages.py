"""Tables for a person in front of a terminal."""

from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table

from rai_platform.pipeline.status import ModelStatus
from rai_platform.release.findings import number
from rai_platform.release.ledger import Entry
from rai_platform.settings import Settings
from rai_platform.spec.verdict import SEVEREST_FIRST, Interval, Verdict

COLOUR = {"PASS": "green", "FAIL": "red", "INSUFFICIENT_EVIDENCE": "yellow"}
WORD = {"PASS": "pass", "FAIL": "fail", "INSUFFICIENT_EVIDENCE": "open"}


def show_outcome(console: Console, status: ModelStatus, card: Path | None) -> None:
    """What a run decided, why, and where to read on."""
    titles = {"promoted": ("green", "PROMOTED"), "refused": ("red", "REFUSED")}
    colour, title = titles.get(status.decision or "", ("blue", "nothing decided"))
    lines: list[RenderableType] = [f"• {escape(reason)}" for reason in status.reasons]
    production = status.production
    now = f"version {production.version}, since {production.promoted_at[:16]}" if production else "nothing"
    lines.append(f"[dim]in production:[/] {now}")
    if card is not None and card.exists():
        lines.append(f"[dim]model card:[/] {card}")
    console.print(Panel(Group(*lines), title=f"[b]{status.model}: {title}[/]", border_style=colour, title_align="left"))
    if status.verdicts:
        console.print(verdict_table(status.verdicts))


def verdict_table(verdicts: tuple[Verdict, ...]) -> Table:
    """The verdicts, the severest first."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("verdict", "requirement", "estimate", "interval judged", "rows"):
        table.add_column(name, justify="right" if name in ("estimate", "rows") else "left", overflow="fold")
    for verdict in sorted(verdicts, key=lambda item: SEVEREST_FIRST.index(item.outcome)):
        interval = verdict.interval
        warning = " [dim](warning only)[/]" if verdict.severity == "warn" else ""
        table.add_row(
            f"[{COLOUR[verdict.outcome]}]{WORD[verdict.outcome]}[/]",
            escape(verdict.requirement) + warning,
            "–" if verdict.estimate is None else number(verdict.estimate),
            "–" if interval is None else _range(interval),
            f"{verdict.n:,}",
        )
    return table


def _range(interval: Interval) -> str:
    if interval.lower == interval.upper:
        return "exact"
    return f"{number(interval.lower)} to {number(interval.upper)}"


def show_overview(console: Console, statuses: list[ModelStatus]) -> None:
    """One line for every model."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for name in ("model", "last decision", "in production", "not met"):
        table.add_column(name)
    for status in statuses:
        colour = {"promoted": "green", "refused": "red"}.get(status.decision or "", "dim")
        production = status.production
        unmet = [verdict.check for verdict in status.verdicts if not verdict.allows_release]
        table.add_row(
            status.model,
            f"[{colour}]{status.decision or 'none yet'}[/]",
            f"version {production.version} since {production.promoted_at[:10]}" if production else "nothing",
            ", ".join(unmet) or ("see reasons" if status.decision == "refused" else ""),
        )
    console.print(table)
    for status in statuses:
        if status.out_of_order:
            console.print(Padding(f"[yellow]{status.model}:[/] {escape('; '.join(status.out_of_order))}", (0, 0, 0, 1)))


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
            escape(_about(entry)),
        )
    console.print(table)


def show_homes(console: Console, settings: Settings) -> None:
    """Where everything lives."""
    console.print(f"[dim]RAI_HOME {settings.home}[/]")


def _about(entry: Entry) -> str:
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
    if entry.kind == "evaluation_started":
        return f"{body['asset']}: {', '.join(body['checks'])}"
    return str(body.get("found", body))
