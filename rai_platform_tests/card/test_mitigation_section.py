"""The card tells what a mitigation bought and at what price, in words, in figures and as a picture."""

import dataclasses
import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.card.building import build_card, gaps
from rai_platform.card.mitigation import mitigation_section
from rai_platform.card.rendering import card_schema, render_html, render_json, render_markdown
from rai_platform.card.trade_off import draw_trade_off, efficient, trade_off_svg
from rai_platform.comparison.report import Measured, Trade
from rai_platform.errors import EvidenceMismatch
from rai_platform.mitigation.report import GRID_POINT, FrontierPoint, MitigationReport
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Interval
from rai_platform_tests.card import made

MITIGATED = {"mitigation": {"method": "grid_search"}}


def around(value: float, by: float = 0.02) -> Measured:
    return Measured(value=value, interval=Interval(lower=value - by, upper=value + by))


UNKNOWN = Measured(value=None, interval=None)


def trade(metric: str, feature: str | None, before: float, after: float, by: float = 0.02) -> Trade:
    return Trade(
        metric=metric,
        feature=feature,
        before=around(before),
        after=around(after),
        change=around(after - before, by),
    )


def report(**changes: Any) -> MitigationReport:
    found = MitigationReport(
        subject=made.SUBJECT,
        training_digest=made.TRAINING,
        n=1400,
        weighted=False,
        minimum_group_size=50,
        method="grid_search",
        constraint="demographic_parity",
        feature="sex",
        disparity="demographic_parity_difference",
        changed=0.125,
        trades=(
            trade("accuracy", None, 0.81, 0.78, by=0.01),
            trade("demographic_parity_difference", "sex", 0.25, 0.06),
            trade("disparate_impact", "sex", 0.6, 0.9),
        ),
        training_n=3000,
        frontier=tuple(
            FrontierPoint(parameter=GRID_POINT, value=float(at), accuracy=y, disparity=x, chosen=at == 2)
            for at, (x, y) in enumerate([(0.25, 0.81), (0.06, 0.78), (0.15, 0.80), (0.9, 0.4)], start=1)
        ),
        frontier_n=3000,
        at_prediction=(),
        drawn=False,
        seed=7,
        code_version="1",
    )
    return dataclasses.replace(found, **changes)


def card_of(found: MitigationReport) -> Any:
    evidence = dataclasses.replace(made.evidence(), mitigation=found)
    return made.card_of(made.define(**MITIGATED), evidence)


# --- in words --------------------------------------------------------------------------------------------------------


def test_the_summary_says_what_fell_and_by_how_much() -> None:
    summary = mitigation_section(report()).summary
    assert summary == (
        "The demographic parity difference by sex fell from 0.250 to 0.060 (a change of -0.210 to -0.170, with 95 % "
        "confidence). Accuracy fell from 0.810 to 0.780 (a change of -0.040 to -0.020, with 95 % confidence). 12.5% of people "
        "get another decision than they would without it."
    )
    assert mitigation_section(report()).warnings == ()


@pytest.mark.parametrize(
    ("after", "told", "warns"),
    [
        (0.06, "fell from 0.250 to 0.060", False),
        (
            0.24,
            "went from 0.250 to 0.240 (a change of -0.030 to +0.010, with 95 % confidence): these people do not show",
            True,
        ),
        (0.35, "grew from 0.250 to 0.350", True),
    ],
)
def test_what_the_people_do_not_show_is_not_said(after: float, told: str, warns: bool) -> None:
    trades = (trade("accuracy", None, 0.8, 0.8), trade("demographic_parity_difference", "sex", 0.25, after))
    section = mitigation_section(report(trades=trades))
    assert told in section.summary
    assert any("did what it is for" in line for line in section.warnings) == warns


def test_a_disparity_without_a_value_is_told_as_such() -> None:
    gone = Trade(metric="demographic_parity_difference", feature="sex", before=UNKNOWN, after=UNKNOWN, change=UNKNOWN)
    section = mitigation_section(report(trades=(trade("accuracy", None, 0.8, 0.8), gone)))
    assert "Nothing can be said about the demographic parity difference by sex" in section.summary
    assert section.trades[1].change.value is None
    assert section.trades[1].change.why_not
    assert trade_off_svg(report(trades=(trade("accuracy", None, 0.8, 0.8), gone))) == {}


def test_a_model_that_needs_the_protected_attribute_or_draws_is_warned_of() -> None:
    warnings = mitigation_section(report(at_prediction=("sex", "age_group"), drawn=True)).warnings
    assert "needs a person's sex and age group to decide" in warnings[0]
    assert "disparate treatment" in warnings[0]
    assert "drawn by lot, with the seed 7" in warnings[1]


# --- on the card -----------------------------------------------------------------------------------------------------


def test_the_card_shows_it_in_every_format() -> None:
    card = card_of(report(at_prediction=("sex",)))
    html = render_html(card, trade_off_svg(report()))
    markdown = render_markdown(card)
    for text in (html, markdown):
        assert "What mitigation bought at what price" in text
        assert "-0.190" in text
        assert "disparate treatment" in text
    assert html.index('id="mitigation"') < html.index('id="origin"')
    assert "<svg" in html.split('id="mitigation"')[1].split("</section>")[0]
    assert "grid point 2<small>this model</small>" in html
    assert "| grid point 2 (this model) | 0.780 | 0.060 |" in markdown
    jsonschema.validate(json.loads(render_json(card)), card_schema())
    assert json.loads(render_json(card))["mitigation"]["changed"] == 0.125


def test_a_card_without_a_mitigation_has_no_such_section() -> None:
    card = made.card_of()
    assert card.mitigation is None
    assert "mitigation bought" not in render_html(card, {}) + render_markdown(card)
    assert gaps(card, made.define()) == []


def test_a_mitigated_model_whose_card_says_nothing_of_it_is_incomplete() -> None:
    definition = made.define(**MITIGATED)
    assert gaps(made.card_of(definition), definition) == ["nothing about what the mitigation changes"]
    assert gaps(card_of(report()), definition) == []


def test_a_report_about_another_model_is_no_evidence() -> None:
    other = Subject(model_digest="9" * 64, data_digest=made.SUBJECT.data_digest)
    evidence = dataclasses.replace(made.evidence(), mitigation=report(subject=other))
    definition, model = made.define(**MITIGATED), made.candidate()
    with pytest.raises(EvidenceMismatch, match="gather the evidence again"):
        build_card(
            definition,
            model,
            evidence,
            made.judged(definition, (), model),
            test_source="a.csv",
            replaces=None,
            created_at="2026-01-02T03:04:05+00:00",
        )


# --- the picture -----------------------------------------------------------------------------------------------------


def test_the_picture_names_what_it_shows_and_counts_what_it_does_not() -> None:
    svg = trade_off_svg(report())["mitigation"]
    words = re.findall(r">([^<>]+)</text>", svg)
    assert {"with mitigation", "without mitigation", "other models of the grid", "accuracy"} <= set(words)
    assert "demographic parity difference by sex" in words
    assert "1 other setting beyond the edges" in words
    assert "3" in words, "settings within the edges bear their value"
    assert svg == trade_off_svg(report())["mitigation"]
    png = draw_trade_off(report(), kind="png")
    assert png is not None
    assert len(png) < 48_000


def test_a_method_with_one_answer_is_drawn_without_a_line() -> None:
    svg = trade_off_svg(report(frontier=()))["mitigation"]
    assert "other models" not in svg
    assert "beyond the edges" not in svg


rates = st.floats(0, 1, allow_nan=False)
points = st.lists(st.tuples(rates, rates), min_size=1, max_size=20)


@given(points)
def test_no_point_of_the_line_is_beaten_and_every_other_one_is(drawn: list[tuple[float, float]]) -> None:
    best = efficient(drawn)
    for x, y in best:
        assert not any((a < x and b >= y) or (a <= x and b > y) for a, b in drawn)
    for x, y in drawn:
        assert any(a <= x and b >= y for a, b in best)
