"""A picture of panels over one time axis, with a strip beneath that shows which version was in production, and when an alert was."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure as Canvas

from rai_platform.card.drawing import INK, MAIN, MUTED, PALE, SECOND, WARM, in_style, label_of
from rai_platform.dashboard.history import Change, ProductionHistory, alert_spell

LEFT, RIGHT = 0.62, 0.14  # inches beside the panels; the same in every picture, so that their time axes agree
TITLE, GAP = 0.24, 0.08  # inches above a panel, and below it
STRIP = 0.46  # inches of the strip
TICKS = 0.34  # inches of the times below it
ALERTS, VERSIONS = (0.74, 0.2), (0.0, 0.56)  # the rows of the strip: bottom and height, as shares of it
COLOURS = ((MAIN, "white"), (PALE, INK), (SECOND, "white"))  # of versions, in turn, and of the letters on them
LETTER = 0.062  # inches of a letter in the strip
SIGN = {"promotion": "^", "rollback": "<", "withdrawal": "X"}


class Sizes(NamedTuple):
    """How large a picture is, in inches.

    Attributes:
        width: of all of it.
        panel: height of a panel.
        left: room for what stands beside the panels.
        foot: room below the times, for a key.
    """

    width: float = 4.75
    panel: float = 0.82
    left: float = LEFT
    foot: float = 0.0


@contextmanager
def over_time(history: ProductionHistory, panels: int, sizes: Sizes) -> Iterator[tuple[Canvas, list[Axes]]]:
    """Empty panels one below the other on the time axis of a history, the strip beneath them drawn.

    Args:
        history: with a window at least.
        panels: how many.
        sizes: in inches.
    """
    height = panels * (TITLE + sizes.panel + GAP) + STRIP + TICKS + sizes.foot
    with in_style():
        canvas = Canvas(figsize=(sizes.width, height))
        axes = []
        top = height
        across = (sizes.left / sizes.width, (sizes.width - sizes.left - RIGHT) / sizes.width)
        for _ in range(panels):
            top -= TITLE + sizes.panel
            axes.append(canvas.add_axes((across[0], top / height, across[1], sizes.panel / height)))
            top -= GAP
        strip = canvas.add_axes((across[0], (top - STRIP) / height, across[1], STRIP / height))
        for axis in axes:
            _at_the_times_of(history, axis)
            axis.tick_params(axis="x", labelbottom=False, length=0)
            for change in _inside(history):
                axis.axvline(number_of(change.at), color=MUTED, lw=0.8, ls=(0, (2, 2)), zorder=1)
        _at_the_times_of(history, strip)
        _draw_strip(history, strip, sizes.width - sizes.left - RIGHT)
        yield canvas, axes


def _at_the_times_of(history: ProductionHistory, axis: Axes) -> None:
    start, end = history.time or (history.made_at - timedelta(days=1), history.made_at)
    margin = (end - start) * 0.02
    axis.set_xlim(number_of(start - margin), number_of(end + margin))
    locator = AutoDateLocator(minticks=3, maxticks=6, tz=UTC)  # type: ignore[no-untyped-call]  # of matplotlib
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # of matplotlib


def _inside(history: ProductionHistory) -> list[Change]:
    """The changes of production between the first window and the last."""
    start, end = history.time or (history.made_at, history.made_at)
    return [change for change in history.changes if change.kind in SIGN and start < change.at < end]


def _draw_strip(history: ProductionHistory, strip: Axes, inches: float) -> None:
    first, last = strip.get_xlim()
    versions = list(dict.fromkeys(stretch.version for stretch in history.stretches))
    for stretch in history.stretches:
        begin = max(number_of(stretch.since), first)
        end = min(number_of(stretch.until), last) if stretch.until else last
        if begin < end:
            colour, on_it = COLOURS[versions.index(stretch.version) % len(COLOURS)]
            strip.broken_barh([(begin, end - begin)], VERSIONS, facecolors=colour, edgecolors="white", lw=0.8)
            name = _fitting(stretch.version, inches * (end - begin) / (last - first))
            strip.text((begin + end) / 2, 0.28, name, color=on_it, ha="center", va="center", fontsize=8)
        for alert in stretch.alerts:
            if spell := alert_spell(stretch, alert):
                strip.broken_barh(
                    [(number_of(spell[0]), number_of(spell[1]) - number_of(spell[0]))], ALERTS, facecolors=WARM
                )
    for change in _inside(history):
        strip.plot(
            number_of(change.at),
            0.62,
            SIGN[change.kind],
            color=INK if change.kind == "promotion" else WARM,
            mec="white",
            mew=0.7,
            ms=8,
            clip_on=False,
            zorder=5,
        )
    strip.set(ylim=(0, 1))
    strip.set_yticks([0.28, 0.84], ["version", "alert"], fontsize=7.5, color=MUTED)
    strip.tick_params(axis="both", length=0)
    strip.tick_params(axis="x", labelsize=8)
    strip.grid(visible=False)
    strip.spines["left"].set_visible(False)
    strip.spines["bottom"].set_visible(False)
    strip.xaxis.get_offset_text().set(fontsize=8, color=MUTED)


def _fitting(version: str, inches: float) -> str:
    """What of a version's name there is room for."""
    for name in (f"version {label_of(version, most=16)}", label_of(version, most=16)):
        if len(name) * LETTER + 0.08 <= inches:
            return name
    return ""


def number_of(moment: datetime) -> float:
    """A time as the axis has it."""
    return float(date2num(moment))  # type: ignore[no-untyped-call]  # of matplotlib
