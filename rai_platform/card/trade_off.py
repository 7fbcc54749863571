"""The picture of a trade-off: accuracy against the disparity that the mitigation is to make smaller."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from rai_platform.card.drawing import INK, MAIN, MUTED, PALE, WARM, Format, inline, new_canvas, written
from rai_platform.comparison.report import Measured
from rai_platform.mitigation.report import GRID_POINT, FrontierPoint, MitigationReport

Point = tuple[float, float]  # disparity, accuracy
MARGIN = 0.12  # of the span, around the two models
LEAST_SPAN = 0.02


def draw_trade_off(report: MitigationReport, *, kind: Format) -> bytes | None:
    """Both models with their 95 % intervals, and what the method gives at other settings; None without a disparity.

    Up is more accurate, left is more equal. The line joins the settings that no other one beats in both.
    """
    gain, price = report.gain, report.price
    models = ((gain.before, price.before), (gain.after, price.after))
    if any(disparity.value is None for disparity, _ in models):
        return None
    with new_canvas(5.2, 3.7) as (canvas, (axis,)):
        _frame(axis, models)
        points = [point for point in report.frontier if point.disparity is not None]
        hidden = _draw_frontier(axis, points)
        for (disparity, accuracy), name, colour, marker in zip(
            models, ("without mitigation", "with mitigation"), (WARM, MAIN), ("s", "o"), strict=True
        ):
            _draw_model(axis, disparity, accuracy, name=name, colour=colour, marker=marker)
        axis.set_xlabel(f"{gain.metric.replace('_', ' ')} by {report.feature.replace('_x_', ' x ').replace('_', ' ')}")
        axis.set_ylabel("accuracy")
        if hidden:
            axis.set_title(
                f"{hidden} other setting{'s' if hidden > 1 else ''} beyond the edges",
                loc="right",
                color=MUTED,
                fontweight="normal",
                fontsize=8,
            )
        axis.legend(loc="lower right", fontsize=8)
        return written(canvas, kind)


def trade_off_svg(report: MitigationReport) -> dict[str, str]:
    """The picture for a card, by the name its template knows; empty where there is nothing to draw."""
    svg = draw_trade_off(report, kind="svg")
    return {} if svg is None else {"mitigation": inline(svg)}


def efficient(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in accuracy without a larger disparity, from the smallest disparity on."""
    kept: list[Point] = []
    for disparity, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or accuracy > kept[-1][1]:
            kept.append((disparity, accuracy))
    return kept


def _others(parameter: str) -> str:
    return "other models of the grid" if parameter == GRID_POINT else f"at another {parameter.replace('_', ' ')}"


def _frame(axis: Axes, models: tuple[tuple[Measured, Measured], ...]) -> None:
    """The window around both models and their intervals; disparities begin at 0."""
    across, upwards = ([value for pair in models for value in _extent(pair[at])] for at in (0, 1))
    for values, limit in ((across, axis.set_xlim), (upwards, axis.set_ylim)):
        room = MARGIN * max(max(values) - min(values), LEAST_SPAN)
        limit(min(values) - room, max(values) + room)
    axis.set_xlim(-0.02 * max(across), axis.get_xlim()[1])
    low, high = axis.get_ylim()
    axis.set_ylim(low - 0.5 * (high - low), high)  # room for the settings below, and for the legend


def _extent(side: Measured) -> list[float]:
    ends = [] if side.interval is None else [side.interval.lower, side.interval.upper]
    return [*ends, *([side.value] if side.value is not None else [])]


def _draw_frontier(axis: Axes, points: Sequence[FrontierPoint]) -> int:
    """Draws the settings, and says how many lie beyond the edges."""
    if not points:
        return 0
    places = [(float(point.disparity or 0.0), point.accuracy) for point in points]
    best = efficient(places)
    axis.plot(*zip(*best, strict=True), color=PALE, lw=1.4, zorder=1)
    axis.plot(
        *zip(*places, strict=True),
        "o",
        color="white",
        mec=MUTED,
        ms=5,
        ls="",
        zorder=2,
        label=_others(points[0].parameter),
    )
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    hidden = 0
    for point, (disparity, accuracy) in zip(points, places, strict=True):
        if not (left <= disparity <= right and low <= accuracy <= high):
            hidden += 1
        elif not point.chosen:
            axis.annotate(
                f"{point.value:g}",
                (disparity, accuracy),
                xytext=(-3, 5),
                textcoords="offset points",
                ha="right",
                fontsize=7,
                color=MUTED,
            )
    return hidden


def _draw_model(axis: Axes, disparity: Measured, accuracy: Measured, *, name: str, colour: str, marker: str) -> None:
    x, y = disparity.value, accuracy.value
    if x is None or y is None:
        return
    if disparity.interval:
        axis.plot([disparity.interval.lower, disparity.interval.upper], [y, y], color=colour, lw=2, alpha=0.4, zorder=3)
    if accuracy.interval:
        axis.plot([x, x], [accuracy.interval.lower, accuracy.interval.upper], color=colour, lw=2, alpha=0.4, zorder=3)
    axis.plot(x, y, marker, color=colour, mec=INK, mew=0.6, ms=8, ls="", zorder=4, label=name)
