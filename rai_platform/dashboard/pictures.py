"""Rates and disparities over time, group by group."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rai_platform.card.drawing import INK, MAIN, MUTED, WARM, label_of, written
from rai_platform.dashboard.canvas import Sizes, number_of, over_time
from rai_platform.dashboard.history import ProductionHistory
from rai_platform.dashboard.series import Point, Run, disparity_runs, largest, rate_runs
from rai_platform.monitoring.watching import NEED_LABELS, WATCHED
from rai_platform.monitoring.windows import ALL

MOST_PANELS = 8  # groups; the table has all of them
MANY_WINDOWS = 70  # of which each has no point of its own any more
LEAST_SPAN = 0.12  # of a scale, so that chance does not look like a mountain
TYPICAL = (4, 96)  # percentiles of the bounds that a scale holds; a single tiny window does not flatten all others
DIFFERENCES = (0.0, 1.0)  # what no difference is: of a difference, of a ratio
LONGEST_GROUP = 30


def draw_rate(history: ProductionHistory, rate: str, feature: str) -> bytes:
    """A rate over time, of everybody or of each group, as SVG: a panel each on one scale.

    Args:
        history: with a window at least.
        rate: its name.
        feature: the sensitive feature, or ``(all)``.
    """
    groups = largest(history, feature, MOST_PANELS)
    runs = {group: rate_runs(history, rate, feature, group, pooled=True) for group in groups}
    scale = _scale(list(chain.from_iterable(chain.from_iterable(runs.values()))), most=1.0)
    with over_time(history, len(groups), Sizes()) as (canvas, axes):
        for axis, (group, lines) in zip(axes, runs.items(), strict=True):
            for run in lines:
                _draw_usual(axis, run)
                _draw_run(axis, run)
            _name(axis, "" if feature == ALL else group, _last(lines, percent=True))
            _set_scale(axis, scale, percent=True)
        return written(canvas, "svg")


def draw_disparities(history: ProductionHistory, feature: str) -> bytes | None:
    """How far the groups of a feature are apart over time, as SVG; None where nowhere two groups can be compared."""
    found = {
        metric.name: disparity_runs(history, metric.name, feature, labels=metric.name in NEED_LABELS)
        for metric in WATCHED
    }
    known = {name: runs for name, runs in found.items() if any(each.value is not None for run in runs for each in run)}
    if not known:
        return None
    with over_time(history, len(known), Sizes(panel=0.95)) as (canvas, axes):
        for axis, (name, runs) in zip(axes, known.items(), strict=True):
            for run in runs:
                _draw_run(axis, run)
            equal = DIFFERENCES[name == "disparate_impact"]
            limit = history.limits.get((name, feature))
            lines = [equal]
            axis.axhline(equal, color=MUTED, lw=1, ls=":")
            if limit is not None:
                at = limit.minimum if limit.minimum is not None else limit.maximum or 0.0
                lines.append(at)
                axis.axhline(at, color=WARM, lw=1.2, ls=(0, (5, 2)))
                axis.annotate(
                    f"policy: {limit}",
                    (1, at),
                    (0, 2),
                    xycoords=("axes fraction", "data"),
                    textcoords="offset points",
                    ha="right",
                    fontsize=7.5,
                    color=WARM,
                    bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6},
                    zorder=6,
                )
            points = list(chain.from_iterable(runs))
            _set_scale(axis, _scale(points, also=lines), percent=False)
            _name(axis, name.replace("_", " "), _last(runs, percent=False))
        return written(canvas, "svg")


def _draw_usual(axis: Axes, run: Run) -> None:
    """The reference as a dotted line, and what is tolerated around it as a band."""
    times = list(chain.from_iterable((number_of(each.begin), number_of(each.end)) for each in run))
    usual = np.repeat([np.nan if each.usual is None else each.usual for each in run], 2)
    allowed = np.repeat([each.allowed for each in run], 2)
    axis.fill_between(times, usual - allowed, usual + allowed, color=MUTED, alpha=0.16, lw=0, zorder=0)
    axis.plot(times, usual, color=MUTED, lw=1.1, ls=":", zorder=2)


def _draw_run(axis: Axes, run: Run) -> None:
    for part in _of_one_kind(run):
        times = [number_of(each.middle) for each in part]
        values = _values(part)
        few = len(part) <= MANY_WINDOWS
        if part[0].expected:
            axis.plot(times, values, color=MAIN, lw=0.8, ls=(0, (1, 2)), zorder=3)
            axis.plot(times, values, "o", mfc="white", mec=MAIN, mew=1.1, ms=4.2 if few else 2.2, zorder=4)
            continue
        bounds = [each.interval for each in part if each.interval is not None]
        if len(bounds) == len(part):
            lower, upper = [each.lower for each in bounds], [each.upper for each in bounds]
            if len(part) == 1:
                axis.plot([times[0]] * 2, [lower[0], upper[0]], color=MAIN, lw=4, alpha=0.28, solid_capstyle="butt")
            axis.fill_between(times, lower, upper, color=MAIN, alpha=0.28, lw=0, zorder=2)
        axis.plot(times, values, "o-" if few else "-", color=MAIN, ms=3.2, lw=1.3 if few else 0.9, zorder=4)
        beyond = [each for each in part if each.beyond]
        _draw_points(axis, beyond, "D", mfc=WARM, mec="white", mew=0.5, ms=5.2 if few else 3.4)
        told = [each for each in part if each.alarming]
        _draw_points(axis, told, "o", mfc="none", mec=WARM, mew=1.3, ms=10)


def _draw_points(axis: Axes, points: Sequence[Point], sign: str, **style: Any) -> None:
    if points:
        axis.plot([number_of(each.middle) for each in points], _values(points), sign, zorder=5, **style)


def _values(points: Sequence[Point]) -> list[float]:
    return [math.nan if each.value is None else each.value for each in points]


def _of_one_kind(run: Run) -> Iterator[Run]:
    """The parts of a run that have a value, those measured apart from those expected."""
    part: Run = []
    for point in run:
        if part and (point.value is None or point.expected != part[0].expected):
            yield part
            part = []
        if point.value is not None:
            part.append(point)
    if part:
        yield part


def _scale(points: Sequence[Point], *, also: Sequence[float] = (), most: float | None = None) -> tuple[float, float]:
    values = [each.value for each in points if each.value is not None]
    bounds = [each.interval for each in points if each.interval is not None]
    tolerated = [each.usual + sign * each.allowed for each in points if each.usual is not None for sign in (-1, 1)]
    low = [*values, *tolerated, *also]
    high = list(low)
    if bounds:
        low.append(float(np.percentile([each.lower for each in bounds], TYPICAL[0])))
        high.append(float(np.percentile([each.upper for each in bounds], TYPICAL[1])))
    lower, upper = min(low, default=0.0), max(high, default=1.0)
    room = max((upper - lower) * 0.08, (LEAST_SPAN - (upper - lower)) / 2)
    lower, upper = lower - room, upper + room
    return max(lower, -0.05), upper if most is None else min(upper, most + 0.02)


def _set_scale(axis: Axes, scale: tuple[float, float], *, percent: bool) -> None:
    axis.set_ylim(scale)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %" if percent else f"{value:g}"))
    axis.tick_params(axis="y", labelsize=8, length=0)


def _name(axis: Axes, name: str, last: str) -> None:
    axis.set_title(label_of(name, most=LONGEST_GROUP), fontsize=9, pad=4)
    axis.set_title(
        last, loc="right", fontsize=8, fontweight="normal", color=MUTED if last.startswith("no") else INK, pad=4
    )


def _last(runs: Sequence[Run], *, percent: bool) -> str:
    """The last value that was measured, for the title of a panel."""
    measured = [each for run in runs for each in run if each.value is not None and not each.expected]
    if not measured:
        return "not measured yet"
    last = measured[-1]
    form = "{:.1%}" if percent else "{:.2f}"
    value = form.format(last.value)
    if last.interval is None:
        return f"last {value}"
    return f"last {value}  ({form.format(last.interval.lower)} to {form.format(last.interval.upper)})"
