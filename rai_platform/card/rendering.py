"""A card as JSON, HTML and Markdown."""

import functools
import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import TypeAdapter

from rai_platform.card.document import ModelCard
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.verdict import SEVEREST_FIRST, Verdict

CARD = TypeAdapter(ModelCard)
ENTITY = re.compile(r"&(?=#?\w+;)")
MARKUP = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)")
BLOCK = re.compile(r"^(?:(\d{1,9})(?=[.)](?:\s|$))|(?=#|[-+](?:\s|$)|-{2,}$|=+$))")  # begins a list, heading or line


def render_json(card: ModelCard) -> bytes:
    """The card for programs, by the published schema."""
    return CARD.dump_json(card, indent=1)


def card_schema() -> dict[str, Any]:
    """The JSON Schema of the card."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **CARD.json_schema(mode="serialization")}


def render_html(card: ModelCard, pictures: dict[str, str]) -> str:
    """The card for people: one file, nothing loaded from anywhere.

    Args:
        card: the document.
        pictures: SVG by name.
    """
    drawn = {name: Markup(svg) for name, svg in pictures.items()}  # noqa: S704 - our own drawings, their texts escaped by matplotlib
    return _environment().get_template("model_card.html.j2").render(card=card, pictures=drawn)


def render_markdown(card: ModelCard) -> str:
    """The card as text, in which nothing that was filled in is read as Markdown or HTML."""
    return _environment().overlay(finalize=_plain).get_template("model_card.md.j2").render(card=card)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rai_platform.card"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),  # noqa: S701 - Markdown goes through _plain
    )
    filters: dict[str, Callable[..., Any]] = {
        "words": _words,
        "number": _number,
        "percent": _percent,
        "sure": lambda confidence: f"{100 * confidence:g} %",
        "signed": lambda value: f"{value:+.3f}",
        "severest_first": _severest_first,
    }
    environment.filters.update(filters)
    environment.globals |= {"gauge": _gauge, "meaning": lambda name: METRICS[str(name)].meaning}
    return environment


def _words(name: str) -> str:
    return {"roc_auc": "ROC AUC"}.get(name, name.replace("_x_", " x ").replace("_", " "))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _plain(value: object) -> object:
    """A text as Markdown shows it letter by letter, on one line, inside its cell of a table."""
    if not isinstance(value, str):
        return value
    text = ENTITY.sub("&amp;", " ".join(value.split())).replace("<", "&lt;").replace(">", "&gt;")
    return BLOCK.sub(r"\1\\", MARKUP.sub(r"\\\g<0>", text))


def _severest_first(verdicts: tuple[Verdict, ...]) -> list[Verdict]:
    return sorted(verdicts, key=lambda verdict: SEVEREST_FIRST.index(verdict.outcome))


def _gauge(verdict: Verdict) -> dict[str, float] | None:
    """Where interval, estimate and limit of a verdict lie on a line from 0 to 100; None where there is nothing to draw."""
    if verdict.estimate is None or verdict.interval is None:
        return None
    limit = verdict.limit.minimum if verdict.limit.minimum is not None else verdict.limit.maximum or 0.0
    values = [verdict.estimate, limit, verdict.interval.lower, verdict.interval.upper]
    low, high = min(0.0, *values), max(values)
    if high <= 1.0 and low >= 0 and limit >= 0.3:
        high = 1.0
    span = (high - low) * 1.08 or 1.0
    place = [100 * (value - low) / span for value in values]
    return {"estimate": place[0], "limit": place[1], "lower": place[2], "upper": place[3]}
