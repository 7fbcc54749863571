"""What production looks like, for a person in front of a terminal."""

from rich.console import Console
from rich.table import Table

from rai_platform.console.output import line
from rai_platform.fairness.rates import SELECTION_RATE
from rai_platform.monitoring.alarms import Alert
from rai_platform.monitoring.classes import SHARE
from rai_platform.monitoring.report import AttributionDrift, MonitoringReport, WatchedWindow
from rai_platform.monitoring.telling import sentence
from rai_platform.monitoring.windows import ALL
from rai_platform.statistics.estimates import Proportion

SHOWN = 20  # windows, the last
MOST_CLASSES = 3  # of a window
LISTED = 5  # findings of an alert
MATURITY = {"mature": "complete", "waiting": "to come", "never": "too few"}


def show_report(console: Console, report: MonitoringReport) -> None:
    """The last windows in a table, then the alerts."""
    console.print(line(f"{report.model}, version {report.version}, against {report.reference}"))
    if not report.windows:
        console.print(line(("no window with enough predictions is over yet", "yellow")))
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("window", "predictions", "decided", "accuracy", "labels", "moved furthest"):
        table.add_column(name, overflow="fold")
    for window in report.windows[-SHOWN:]:
        table.add_row(
            window.name,
            f"{window.n:,}",
            _decided(window),
            _accuracy(window),
            f"{window.labelled:.0%}, {MATURITY[window.maturity]}",
            line(_moved(window)),
        )
    console.print(table)
    for note in report.windows[-1].notes:
        console.print(line(("• ", "yellow"), f"{report.windows[-1].name}: {note}"))
    if (found := report.windows[-1].attributions) is not None:
        console.print(line(f"what moves the score, {report.windows[-1].name}: {_attributed(found)}"))
    if report.not_attributed:
        console.print(line(("• ", "yellow"), f"what moves the score is not watched: {report.not_attributed}"))
    for alert in report.alerts:
        _show_alert(console, alert)
    if not report.alerts:
        console.print(line(("✓ nothing moved further than it may", "green")))


def _decided(window: WatchedWindow) -> str:
    """The selection rate; of several classes the share of each, the most frequent first."""
    if SELECTION_RATE.name in window.rates:
        return f"{_share(window.rates[SELECTION_RATE.name][ALL].get(ALL))} selected"
    shares = {
        name.removeprefix(SHARE): rate[ALL].get(ALL) for name, rate in window.rates.items() if name.startswith(SHARE)
    }
    known = sorted(((name, each.value) for name, each in shares.items() if each), key=lambda each: -each[1])
    return ", ".join(f"{value:.0%} {name}" for name, value in known[:MOST_CLASSES])


def _share(rate: Proportion | None) -> str:
    return "–" if rate is None else f"{rate.value:.1%}"


def _accuracy(window: WatchedWindow) -> str:
    known = window.rates["accuracy"][ALL].get(ALL)
    if window.maturity == "mature" or known is not None:
        return _share(known)
    return f"{_share(window.expected['accuracy'][ALL].get(ALL))} expected"


def _moved(window: WatchedWindow) -> str:
    if not window.drift:
        return ""
    name, drift = max(window.drift.items(), key=lambda item: item[1].largest_change)
    return f"{name}: {drift.moved} {drift.before:.1%} → {drift.now:.1%}"


def _attributed(found: AttributionDrift) -> str:
    share = found.shares[found.furthest]
    distance = "not defined" if found.distance is None else f"{found.distance:.3f}"
    return (
        f"{found.furthest} changed most, {share.before.value:.1%} → {share.now.value:.1%} of it; distance of the order of "
        f"features {distance} ({found.n:,} rows explained)"
    )


def _show_alert(console: Console, alert: Alert) -> None:
    over = f", {alert.ending} after {alert.closed}" if alert.closed else ", open"
    colour = "dim" if alert.closed else "red"
    console.print(line((f"✗ {alert.about}: since {alert.opened}{over}", colour)))
    for finding in alert.findings[:LISTED]:
        console.print(line((f"  {sentence(finding)}", colour)))
    if more := len(alert.findings[LISTED:]) + len(alert.joined):
        console.print(line((f"  and {more} more (--json tells all)", "dim")))
