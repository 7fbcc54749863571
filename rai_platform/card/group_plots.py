"""Pictures of groups of people: what each receives, who is misjudged, and whether a score means the same for all.

A picture has room for so many groups. Where there are more, those with the lowest and the highest selection rate are in it,
then the largest, and it says how many are not.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from rai_platform.card.drawing import (
    GRID,
    INK,
    MAIN,
    MUTED,
    PALE,
    SECOND,
    WARM,
    Format,
    label_of,
    new_canvas,
    written,
)
from rai_platform.card.sections.fairness import CalibrationPoint, FeatureFairness, GroupRow
from rai_platform.card.sections.figure import Figure

SHOWN_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
SHOWN_GROUPS = 40  # rows of a picture; more would be smaller than its letters
SHOWN_PANELS = 9  # of calibration
MANY_GROUPS = 14  # from here on the rows of a picture move together
MOST_NUMBERED = 20  # bars with numbers on them; of more the lengths are read
LEAST_SHARE_WITH_A_NUMBER = 0.06  # of a bar: what is narrower has no room for two digits
OUTCOMES = (  # place in the counts, in words, colour, colour of the number on it
    (3, "rightly selected", MAIN, "white"),
    (1, "wrongly selected", WARM, "white"),
    (2, "wrongly passed over", "#e9b44c", INK),
    (0, "rightly passed over", "#c9d3de", INK),
)


def draw_groups(
    section: FeatureFairness, *, four_fifths: float | None, kind: Format, minimum_group_size: int = 0
) -> bytes:
    """Rates of every group with their intervals; the dashed line is the limit on the selection rate.

    Args:
        section: the groups.
        four_fifths: the smallest ratio of selection rates that the policy allows; None where it has no such limit.
        kind: of picture.
        minimum_group_size: rows below which a rate is not judged: it is drawn pale, and moves no limit.
    """
    rows = shown_groups(section, SHOWN_GROUPS, minimum_group_size=minimum_group_size)
    names = [_named(row) for row in rows]
    width = max(8.6, 6.4 + 0.075 * max(len(name) for name in names))
    with new_canvas(width, 0.9 + _height(names), columns=len(SHOWN_RATES)) as (canvas, axes):
        for axis, rate in zip(axes, SHOWN_RATES, strict=True):
            for place, row in enumerate(rows):
                figure = row.rate(rate)
                _draw_rate(axis, place, figure, colour=MAIN if figure.n >= minimum_group_size else PALE)
            axis.set_title(rate.replace("_", " "))
            axis.set(xlim=(-0.02, 1.02), xticks=(0, 0.25, 0.5, 0.75, 1))
            axis.set_xticklabels(("0", "", "0.5", "", "1"))
            _name_rows(axis, names if axis is axes[0] else [""] * len(names))
        selected = [row.rate("selection_rate") for row in section.groups]
        known = [each.value for each in selected if each.value is not None and each.n >= minimum_group_size]
        if four_fifths is not None and len(known) > 1:
            axes[0].axvline(four_fifths * max(known), color=WARM, ls="--", lw=1.2)
            axes[0].set_title(
                f"limit {four_fifths * max(known):.3f}", loc="right", color=WARM, fontweight="normal", fontsize=9
            )
        _say_how_many_more(canvas, section, rows)
        return written(canvas, kind)


def draw_confusion(section: FeatureFairness, *, kind: Format, minimum_group_size: int = 0) -> bytes:
    """The shares of every group that are rightly and wrongly selected and passed over, as one bar.

    Args:
        section: the groups.
        kind: of picture.
        minimum_group_size: rows below which a group is not judged: its bar is pale.
    """
    rows = shown_groups(section, SHOWN_GROUPS, minimum_group_size=minimum_group_size)
    names = [_named(row) for row in rows]
    width = max(7.2, 4.4 + 0.075 * max(len(name) for name in names))
    with new_canvas(width, 0.85 + _height(names)) as (canvas, (axis,)):
        for place, row in enumerate(rows):
            _draw_outcomes(axis, place, row, numbered=len(rows) <= MOST_NUMBERED, faded=row.n < minimum_group_size)
        axis.set(xlim=(0, 1), xticks=(0, 0.25, 0.5, 0.75, 1))
        axis.set_xticklabels(("0 %", "25 %", "50 %", "75 %", "100 %"))
        _name_rows(axis, names)
        axis.grid(visible=False)
        canvas.legend(
            handles=[Patch(color=colour, label=words) for _, words, colour, _ in OUTCOMES],
            loc="outside upper left",
            ncols=len(OUTCOMES),
            fontsize=8,
            handlelength=1.0,
            handleheight=0.9,
            columnspacing=1.2,
        )
        _say_how_many_more(canvas, section, rows)
        return written(canvas, kind)


def draw_calibration(section: FeatureFairness, *, kind: Format, minimum_group_size: int = 0) -> bytes | None:
    """Score against observed rate, a panel for each group; None where scores are no probabilities.

    Args:
        section: the groups.
        kind: of picture.
        minimum_group_size: rows below which a group is not judged: its panel is pale.
    """
    rows = [
        row
        for row in shown_groups(section, SHOWN_PANELS, minimum_group_size=minimum_group_size)
        if section.calibration.get(row.group)
    ]
    if not rows:
        return None
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    with new_canvas(2.35 * columns + 0.3, 2.15 * lines + 0.4, rows=lines, columns=columns) as (canvas, axes):
        for axis, row in zip(axes, rows, strict=False):
            _draw_points(axis, section.calibration[row.group], SECOND if row.n >= minimum_group_size else PALE)
            axis.set_title(f"{label_of(row.group, most=30)}\nn = {row.n:,}", fontsize=8.5, fontweight="normal")
        for axis in axes[len(rows) :]:
            axis.set_visible(False)
        for axis in axes[::columns]:
            axis.set_ylabel("share of positives")
        for at, axis in enumerate(axes):
            if at + columns >= len(rows):
                axis.set_xlabel("score")
        _say_how_many_more(canvas, section, rows)
        return written(canvas, kind)


def shown_groups(section: FeatureFairness, most: int, *, minimum_group_size: int) -> list[GroupRow]:
    """The groups that a picture has room for, in their own order."""
    if len(section.groups) <= most:
        return list(section.groups)
    rates = {row.group: row.rate("selection_rate") for row in section.groups}
    known = {
        group: figure.value
        for group, figure in rates.items()
        if figure.value is not None and figure.n >= minimum_group_size
    }
    ends = {min(known, key=known.__getitem__), max(known, key=known.__getitem__)} if known else set()
    first = sorted(section.groups, key=lambda row: (row.group not in ends, -row.n))[:most]
    return [row for row in section.groups if row in first]


def _named(row: GroupRow) -> str:
    return f"{label_of(row.group)}  (n = {row.n:,})"


def _height(names: Sequence[str]) -> float:
    return (0.32 if len(names) < MANY_GROUPS else 0.2) * max(len(names), 2)


def _name_rows(axis: Axes, names: Sequence[str]) -> None:
    axis.set(ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), names)
    axis.grid(axis="y", visible=False)


def _say_how_many_more(canvas: Canvas, section: FeatureFairness, rows: Sequence[GroupRow]) -> None:
    if more := len(section.groups) - len(rows):
        groups = "group" if more == 1 else "groups"
        canvas.supxlabel(f"and {more} more {groups}, in the table", fontsize=8.5, color=MUTED, x=0.01, ha="left")


def _draw_rate(axis: Axes, place: int, figure: Figure, *, colour: str) -> None:
    if figure.value is None or figure.interval is None:
        axis.text(0.02, place, figure.why_not or "", color=MUTED, va="center", fontsize=8)
        return
    axis.plot([figure.interval.lower, figure.interval.upper], [place, place], color=colour, lw=2, alpha=0.45)
    axis.plot(figure.value, place, "o", color=colour, ms=5)


def _draw_outcomes(axis: Axes, place: int, row: GroupRow, *, numbered: bool, faded: bool) -> None:
    total = sum(row.confusion)
    if not total:
        axis.text(0.01, place, "nobody", color=MUTED, va="center", fontsize=8)
        return
    start = 0.0
    for cell, _, colour, on_it in OUTCOMES:
        share = row.confusion[cell] / total
        axis.barh(place, share, left=start, height=0.72, color=colour, alpha=0.45 if faded else 1.0, lw=0)
        if numbered and share >= LEAST_SHARE_WITH_A_NUMBER:
            axis.text(
                start + share / 2,
                place,
                f"{100 * share:.0f} %",
                color=INK if faded else on_it,
                ha="center",
                va="center",
                fontsize=7.5,
            )
        start += share


def _draw_points(axis: Axes, points: Sequence[CalibrationPoint], colour: str) -> None:
    axis.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    for point in points:
        axis.plot([point.mean_score] * 2, [point.interval.lower, point.interval.upper], color=colour, lw=2, alpha=0.5)
    axis.plot([each.mean_score for each in points], [each.observed for each in points], "o-", color=colour, ms=4, lw=1)
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axis.set_xticklabels(("0", "0.5", "1"))
    axis.set_yticklabels(("0", "0.5", "1"))
    axis.grid(color=GRID)
