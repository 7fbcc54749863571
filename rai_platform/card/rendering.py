"""A card as JSON, HTML and Markdown."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import TypeAdapter

from rai_platform.card.document import ModelCard
from rai_platform.card.individual import NO_CAUSE
from rai_platform.card.law import NO_ADVICE
from rai_platform.card.sections.fairness import FeatureFairness
from rai_platform.card.visible import visible
from rai_platform.data.sample import MISSING_GROUP
from rai_platform.robustness.images.report import IN_WORDS
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.verdict import SEVEREST_FIRST, Interval, Verdict

CARD = TypeAdapter(ModelCard)
LISTED_SUBGROUPS = 10  # the others are in the card's JSON
LISTED_ABSENT = 20  # likewise
FOLDED_FROM = 20  # groups; the table of more is folded behind a picture
ENTITY = re.compile(r"&(?=#?\w+;)")
MARKUP = re.compile(r"[\\`*\[\]|~]|(?<!\w)_+|_+(?!\w)")
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
        "attack_name": lambda name: IN_WORDS.get(name, _words(name)),
        "number": _number,
        "short_number": _short_number,
        "percent": _percent,
        "title": _title,
        "day": _day,
        "sure": lambda confidence: f"{100 * confidence:g} %",
        "signed": lambda value: f"{value:+.3f}",
        "signed_percent": lambda value: f"{value:+.1%}",
        "tiny": lambda value: "<\u00a00.0001" if value < 0.0001 else f"{value:.4f}",
        "severest_first": _severest_first,
        "visible": visible,
    }
    environment.filters.update(filters)
    environment.globals |= {
        "gauge": _gauge,
        "rate_track": _rate_track,
        "objections": objections,
        "policy_line": lambda card, verdict: next(
            (line for line in card.policy.requirements if line.requirement == verdict.requirement), None
        ),
        "selection_limit": selection_limit,
        "folded_from": FOLDED_FROM,
        "no_advice": NO_ADVICE,
        "no_cause": NO_CAUSE,
        "accounting_lines": accounting_lines,
        "listed_subgroups": LISTED_SUBGROUPS,
        "meaning": lambda name: METRICS[str(name)].meaning,
    }
    return environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """What speaks against a release.

    Attributes:
        text: the reason in a sentence.
        verdict: the one it comes from; None where it is no verdict.
        note: what else the decision says of that verdict: that a later one does not undo it.
    """

    text: str
    verdict: Verdict | None = None
    note: str = ""


def objections(card: ModelCard) -> list[Objection]:
    """The reasons of a refusal, each with the verdict it comes from, the severest first; what is no verdict before them."""
    found = [_objection(reason, card.verdicts) for reason in card.reasons]
    return sorted(found, key=lambda each: SEVEREST_FIRST.index(each.verdict.outcome) if each.verdict else -1)


def _objection(reason: str, verdicts: tuple[Verdict, ...]) -> Objection:
    for verdict in verdicts:
        head, tail = f"{verdict.check} ", f": {verdict.reason}"
        if not verdict.allows_release and reason.startswith(head) and reason.endswith(tail):
            noted = re.search(r"\((.*)\)", reason[len(head) : -len(tail)])
            return Objection(text=verdict.reason, verdict=verdict, note=noted.group(1) if noted else "")
    return Objection(text=reason)


def impact_limit(card: ModelCard, feature: str) -> float | None:
    """The smallest ratio of selection rates that the policy allows by a feature; None where it has no such limit."""
    for verdict in card.verdicts:
        if verdict.metric == "disparate_impact" and verdict.sensitive_feature == feature:
            return verdict.limit.minimum
    return None


def selection_limit(card: ModelCard, section: FeatureFairness) -> float | None:
    """The lowest selection rate that the policy allows beside the highest; None where it has no such limit.

    Groups that are too small to be judged move no limit.
    """
    ratio = impact_limit(card, section.feature)
    if not section.by_selection:
        return None
    rates = [row.rate("selection_rate").value for row in section.groups if row.n >= card.policy.minimum_group_size]
    known = [rate for rate in rates if rate is not None]
    return ratio * max(known) if ratio is not None and len(known) > 1 else None


def accounting_lines(section: FeatureFairness) -> list[str]:
    """Who is not known, who is not there, and what these people could have shown, in sentences."""
    said = [
        f"{row.n:,} people whose {_words(section.feature)} is not known are a group of their own, {row.group}."
        for row in section.groups
        if row.group == MISSING_GROUP
    ]
    if section.absent:
        more = len(section.absent) - LISTED_ABSENT
        rest = f" and {more} more" if more > 0 else ""
        said.append(
            f"Nobody in the test data, so nothing about them is estimable: {', '.join(section.absent[:LISTED_ABSENT])}{rest}."
        )
    parity = (each for each in section.disparities if each.name == "demographic_parity_difference")
    said += [f"Selection rate: {figure.accounted}." for figure in parity if figure.accounted]
    return said


def _words(name: str) -> str:
    return {"roc_auc": "ROC AUC"}.get(name, name.replace("_x_", " x ").replace("_", " "))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.3f}"


def _short_number(value: float | None) -> str:
    """What is whole is whole, and what is tiny has no sign."""
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.0005 else "≈ 0"


def _title(name: str) -> str:
    words = _words(name)
    return words[:1].upper() + words[1:]


def _day(moment: str) -> str:
    """ISO 8601 as people write it: ``24 November 2026, 16:32 UTC``."""
    return datetime.fromisoformat(moment).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _plain(value: object) -> object:
    """A text as Markdown shows it letter by letter, on one line, inside its cell of a table."""
    if not isinstance(value, str):
        return value
    text = ENTITY.sub("&amp;", " ".join(value.split())).replace("<", "&lt;").replace(">", "&gt;")
    return BLOCK.sub(r"\1\\", MARKUP.sub(lambda found: "".join(f"\\{sign}" for sign in found.group()), text))


def _severest_first(verdicts: tuple[Verdict, ...]) -> list[Verdict]:
    return sorted(verdicts, key=lambda verdict: SEVEREST_FIRST.index(verdict.outcome))


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Places on a line from 0 to 100; the limit is None where there is none."""

    lower: float
    upper: float
    estimate: float
    limit: float | None = None


def _gauge(verdict: Verdict) -> Track | None:
    """Where interval, estimate and limit of a verdict lie; None where there is nothing to draw."""
    if verdict.estimate is None or verdict.interval is None:
        return None
    limit = verdict.limit.minimum if verdict.limit.minimum is not None else verdict.limit.maximum or 0.0
    values = [verdict.interval.lower, verdict.interval.upper, verdict.estimate, limit]
    low, high = min(0.0, *values), max(values)
    if high <= 1.0 and low >= 0 and limit >= 0.3:
        high = 1.0
    span = (high - low) * 1.04 or 1.0
    lower, upper, estimate, at = (2 + 96 * (value - low) / span for value in values)
    return Track(lower=lower, upper=upper, estimate=estimate, limit=at)


def _rate_track(value: float, interval: Interval, limit: float | None) -> Track:
    """Where a rate from 0 to 1 lies."""
    return Track(
        lower=100 * interval.lower,
        upper=100 * interval.upper,
        estimate=100 * value,
        limit=None if limit is None else 100 * limit,
    )
