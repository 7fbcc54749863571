"""The page of a model in production: one file, nothing loaded from anywhere, no script."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rai_platform.card.drawing import inline
from rai_platform.card.visible import visible
from rai_platform.dashboard import words
from rai_platform.dashboard.heat import SHOWN, draw_heat, furthest_first
from rai_platform.dashboard.history import ProductionHistory
from rai_platform.dashboard.pictures import MOST_PANELS, draw_disparities, draw_rate
from rai_platform.dashboard.series import (
    Point,
    decided_rates,
    features_of,
    groups_of,
    largest,
    outcome_rates,
    rate_runs,
    together,
)
from rai_platform.fairness.rates import ACCURACY, FALSE_POSITIVE_RATE, SELECTION_RATE, TRUE_POSITIVE_RATE
from rai_platform.monitoring.classes import RECALL, SHARE
from rai_platform.monitoring.windows import ALL

MOST_CLASSES = 8  # that have pictures
MEANING = {
    SELECTION_RATE.name: "share of people that the model selects",
    ACCURACY.name: "share of answers that turned out right",
    TRUE_POSITIVE_RATE.name: "of people with a good outcome, the share that the model selects",
    FALSE_POSITIVE_RATE.name: "of people without one, the share that it selects by mistake",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """A rate of a group in the last window in which it was measured.

    Attributes:
        feature: the sensitive feature.
        group: of it.
        point: the value; None where it was never measured.
    """

    feature: str
    group: str
    point: Point | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSection:
    """One rate over time.

    Attributes:
        name: of the rate.
        meaning: in words.
        pictures: SVG by sensitive feature.
        unseen: groups that the pictures have no room for, by sensitive feature.
        rows: of the table.
    """

    name: str
    meaning: str
    pictures: dict[str, Markup]
    unseen: dict[str, int]
    rows: tuple[RateRow, ...]


def render_page(history: ProductionHistory) -> str:
    """The page as HTML."""
    shown = history.time is not None
    decided, outcomes = decided_rates(history), outcome_rates(history)
    of_classes = [rate for rate in decided if rate.startswith(SHARE)]
    left_out = {each for rate in of_classes[MOST_CLASSES:] for each in (rate, f"{RECALL}{rate.removeprefix(SHARE)}")}
    return (
        _environment()
        .get_template("production.html.j2")
        .render(
            history=history,
            headline=words.headline(history),
            selection=[_section(history, rate) for rate in decided if shown and rate not in left_out],
            outcomes=[_section(history, rate) for rate in outcomes if shown and rate not in left_out],
            of_classes=bool(of_classes),
            classes_left_out=len(of_classes[MOST_CLASSES:]),
            disparities=_disparities(history),
            heat=_drawn(draw_heat(history)) if shown else None,
            hidden_features=max(0, len(furthest_first(history)) - SHOWN),
            moved=words.moved_in_words(history),
            reasons=_drawn(draw_heat(history, "attribution")) if shown else None,
            reasons_moved=words.moved_in_words(history, "attribution"),
            attributed=next((each for _, each in reversed(list(history.watched())) if each.attributions), None),
            alerts=words.alert_lines(history),
            changes=list(reversed(history.changes)),
            notes=words.notes(history),
            gaps=list(words.unknown_in_words(history)),
            last=history.current.windows[-1] if history.current and history.current.windows else None,
            mature=words.last_mature(history.current) if history.current else None,
            predictions=sum(window.n for _, window in history.watched()),
            together=together(history),
            everybody=ALL,
        )
    )


def _section(history: ProductionHistory, rate: str) -> RateSection:
    features = features_of(history)
    return RateSection(
        name=rate,
        meaning=_meaning(rate),
        pictures={feature: _drawn(draw_rate(history, rate, feature)) for feature in features},
        unseen={
            feature: len(groups_of(history, feature)) - len(largest(history, feature, MOST_PANELS))
            for feature in features
        },
        rows=tuple(_rows(history, rate, features)),
    )


def _meaning(rate: str) -> str:
    if rate.startswith(SHARE):
        return f"share of answers that are {rate.removeprefix(SHARE)}"
    if rate.startswith(RECALL):
        return f"of those that are {rate.removeprefix(RECALL)}, the share that the model finds"
    return MEANING[rate]


def _rows(history: ProductionHistory, rate: str, features: Sequence[str]) -> list[RateRow]:
    return [
        RateRow(feature=feature, group=group, point=_last(history, rate, feature, group))
        for feature in features
        for group in groups_of(history, feature)
    ]


def _last(history: ProductionHistory, rate: str, feature: str, group: str) -> Point | None:
    runs = rate_runs(history, rate, feature, group, pooled=False)
    return next((each for run in reversed(runs) for each in reversed(run) if each.interval is not None), None)


def _disparities(history: ProductionHistory) -> dict[str, Markup]:
    if history.time is None:
        return {}
    drawn = {feature: draw_disparities(history, feature) for feature in features_of(history) if feature != ALL}
    return {feature: _drawn(svg) for feature, svg in drawn.items() if svg is not None}


def _drawn(svg: bytes | None) -> Markup:
    return Markup(inline(svg)) if svg else Markup("")  # noqa: S704 - our own drawings, their texts escaped by matplotlib


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("rai_platform.dashboard"), PackageLoader("rai_platform.card")]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters |= {
        "day": words.day,
        "words": lambda name: name.replace("_x_", " x ").replace("_", " "),
        "visible": visible,
        "percent": lambda value: "–" if value is None else f"{value:.1%}",
    }
    environment.globals |= {
        "change_in_words": words.change_in_words,
        "seen_in_words": words.seen_in_words,
    }
    return environment
