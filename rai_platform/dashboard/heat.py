"""How far the data, and what moves the score, changed: features by windows, coloured by how far each moved beside how far it may."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch

from rai_platform.card.drawing import INK, label_of, written
from rai_platform.dashboard.canvas import Sizes, number_of, over_time
from rai_platform.dashboard.history import ProductionHistory, Stretch
from rai_platform.monitoring.monitors import Share
from rai_platform.monitoring.report import WatchedWindow
from rai_platform.monitoring.windows import SCORE

Of = Literal["data", "attribution"]  # of what the shares are
SHOWN = 24  # features; those that moved furthest
FEW_WINDOWS = 16  # whose cells have a number
MANY_CELLS = 600  # from there on a bitmap within the picture
STEPS = (0.0, 0.5, 1.0, 2.0)
# From light to dark, so that it can be read without colours too.
COLOURS = ("#eef2f6", "#f3d3a2", "#d9772f", "#7f2a12")
MEANING = ("less than half of what it may", "perhaps within its tolerance", "surely further", "more than twice as far")
LARGEST = 99.0  # multiple that is shown
JUST_WITHIN = 0.999  # of what may be within its tolerance and looks as if it were not
ROW, LEFT, WIDTH = 0.21, 1.75, 9.6  # inches
LONGEST_NAME = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How a share of a feature moved in a window.

    Attributes:
        feature: or ``(score)``.
        stretch: of production.
        window: of it.
        share: that moved furthest.
    """

    feature: str
    stretch: Stretch
    window: WatchedWindow
    share: Share


def furthest_first(history: ProductionHistory, of: Of = "data") -> list[Moved]:
    """Of each feature, and of the score, what moved furthest in any window; the furthest first."""
    found: dict[str, Moved] = {}
    for stretch, window in history.watched():
        for feature, share in _shares(window, of).items():
            known = found.get(feature)
            if known is None or _rank(share) > _rank(known.share):
                found[feature] = Moved(feature=feature, stretch=stretch, window=window, share=share)
    return sorted(found.values(), key=lambda each: _rank(each.share), reverse=True)


def _shares(window: WatchedWindow, of: Of) -> Mapping[str, Share]:
    if of == "data":
        return window.furthest
    return {} if window.attributions is None else window.attributions.shares


def _rank(share: Share) -> tuple[bool, float]:
    return not share.may_be_within, share.tolerances_away


def name_of(feature: str) -> str:
    """A feature as people call it."""
    return "the score" if feature == SCORE else feature


def draw_heat(history: ProductionHistory, of: Of = "data") -> bytes | None:
    """Features by windows, as SVG; None where no feature is watched."""
    features = [each.feature for each in furthest_first(history, of)][:SHOWN]
    if not features:
        return None
    sizes = Sizes(width=WIDTH, panel=ROW * len(features), left=LEFT, foot=0.3)
    with over_time(history, 1, sizes) as (canvas, (axis,)):
        count = sum(1 for _ in history.watched())
        for stretch in history.stretches:
            many = count * len(features) > MANY_CELLS
            _draw_stretch(axis, stretch, features, of, numbered=count <= FEW_WINDOWS, many=many)
        axis.set_ylim(len(features) - 0.5, -0.5)
        axis.set_yticks(range(len(features)), [label_of(name_of(each), most=LONGEST_NAME) for each in features])
        axis.tick_params(axis="y", labelsize=8.5, length=0)
        axis.grid(visible=False)
        axis.spines["left"].set_visible(False)
        axis.spines["bottom"].set_visible(False)
        key = [Patch(facecolor=colour, label=meaning) for colour, meaning in zip(COLOURS, MEANING, strict=True)]
        canvas.legend(handles=key, loc="lower left", bbox_to_anchor=(LEFT / WIDTH, 0), ncols=4, fontsize=8, borderpad=0)
        return written(canvas, "svg")


def _draw_stretch(axis: Axes, stretch: Stretch, features: Sequence[str], of: Of, *, numbered: bool, many: bool) -> None:
    edges: list[float] = []
    columns: list[list[float]] = []
    for window in stretch.windows:
        begin, end = (number_of(moment) for moment in stretch.spell(window))
        if edges and edges[-1] != begin:
            columns.append([math.nan] * len(features))  # nobody asked between the two
        if not edges or edges[-1] != begin:
            edges.append(begin)
        edges.append(end)
        columns.append([_times(_shares(window, of).get(feature)) for feature in features])
    if not columns:
        return
    cells = np.ma.masked_invalid(np.array(columns).T)
    axis.pcolormesh(
        edges,
        np.arange(len(features) + 1) - 0.5,
        cells,
        cmap=ListedColormap(list(COLOURS)),
        norm=BoundaryNorm([*STEPS, math.inf], len(COLOURS)),
        edgecolors="none" if many else "white",
        linewidth=0 if many else 0.6,
        rasterized=many,
        zorder=1.5,
    )
    if numbered:
        _write_numbers(axis, edges, cells)


def _write_numbers(
    axis: Axes, edges: Sequence[float], cells: "np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]"
) -> None:
    for (row, column), times in np.ndenumerate(cells.filled(0.0)):
        if times >= 1:
            middle = (edges[column] + edges[column + 1]) / 2
            colour = "white" if times >= STEPS[-1] else INK
            axis.text(middle, row, f"{times:.1f}", color=colour, ha="center", va="center", fontsize=7.5, zorder=3)


def _times(share: Share | None) -> float:
    if share is None:
        return math.nan
    return min(share.tolerances_away, JUST_WITHIN if share.may_be_within else LARGEST)
