"""What a reader is told about an explanation: on the card, in its text, and on Dagster's page."""

import dataclasses
from typing import Any

import pytest

from rai_platform.card.examination import examination_section
from rai_platform.card.plots import draw_card
from rai_platform.card.rendering import render_html, render_markdown
from rai_platform.card.sections.examination import ExaminationSection
from rai_platform.explanations.examination import FAITHFULNESS, STABILITY, GroupShares, ProxyColumn, Repetitions
from rai_platform.explanations.report import Explanations, nothing_to_explain
from rai_platform.pipeline.pages import page_of
from rai_platform.statistics.estimates import NormalEstimate, Replicates
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import Page, read_markdown


def report_with(**changes: Any) -> Explanations:
    report = made.explanations()
    assert report.examination is not None
    return dataclasses.replace(report, examination=dataclasses.replace(report.examination, **changes))


def section_with(**changes: Any) -> ExaminationSection:
    section = examination_section(report_with(**changes))
    assert section is not None
    return section


def said(report: Explanations) -> tuple[str, str]:
    """The part of both cards that is about the explanation."""
    card = made.card_of(found=made.evidence(shap_explanations=report))
    html = Page(render_html(card, {})).text
    markdown = "\n".join(read_markdown(render_markdown(card)).lines)
    parts = [text.split("Can the explanation be trusted?", 1)[1] for text in (html, markdown)]
    return (
        parts[0].split("When the input is a little different")[0],
        parts[1].split("When the input is a little different")[0],
    )


def with_measured(**estimates: Any) -> dict[str, Any]:
    examination = made.explanations().examination
    assert examination is not None
    return {"measured": {**examination.measured, **estimates}}


# --- sentences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drawn", "conclusion"),
    [
        ((0.2, 0.3, 0.4), "So the attributions name what the model uses, better than chance does."),
        ((-0.1, 0.3, 0.4), "That cannot be told from an order drawn at random"),
        ((-0.4, -0.3, -0.2), "A random order would do better: the attributions mislead."),
    ],
)
def test_faithfulness_is_concluded_from_its_interval(drawn: tuple[float, ...], conclusion: str) -> None:
    estimate = Replicates(value=drawn[1], replicates=drawn, n=200)
    test = section_with(**with_measured(**{FAITHFULNESS: estimate})).tests[1]
    assert conclusion in test.says
    assert test.figure.value == drawn[1]


@pytest.mark.parametrize(
    ("background", "seeds", "told"),
    [
        (0, False, "in no other repetition. The method needs no seed and nobody to hold them against"),
        (2000, False, "in no other repetition, held against 2,000 people drawn anew. 1:"),
        (20, True, "in no other repetition, held against 20 people drawn anew, with a seed of its own. 1:"),
    ],
)
def test_what_was_drawn_again_is_told(background: int, seeds: bool, told: str) -> None:
    overlap = NormalEstimate(value=0.8, standard_error=0.05, n=1000, most=1.0)
    repetitions = Repetitions(count=5, rows=200, background=background, seeds=seeds, top=3, overlap=overlap)
    says = section_with(repetitions=repetitions).tests[0].says
    assert told in says
    assert "of the 3 strongest features of one, 80% are among those of another (70% to 90%)" in says


def test_what_is_not_estimable_is_told_with_its_reason_in_every_text() -> None:
    why = "no more than one feature moves the score, so there is no order to compare"
    report = report_with(
        measured={}, not_estimable=dict.fromkeys((STABILITY, FAITHFULNESS), why), repetitions=None, curves=None
    )
    for text in said(report):
        assert text.count(f"Not known: {why}.") == 2


def test_groups_that_are_compared_with_nobody_are_named_in_every_text() -> None:
    shares = {"shares": (0.5, 0.3, 0.2), "standard_errors": (0.01, 0.01, 0.01)}
    groups = tuple(
        GroupShares(group=group, n=people, people=people, **shares)
        for group, people in (("female", 100), ("male", 100), ("other", 9))
    )
    for text in said(report_with(parity={"sex": groups})):
        assert "other is compared with nobody, too small: 9 explained people, 30 needed" in text
    for text in said(report_with(parity={"sex": groups[1:]})):
        assert "fewer than two groups have enough explained people" in text


def test_parity_tells_the_feature_and_both_groups() -> None:
    groups = tuple(
        GroupShares(group=group, n=100, people=100, shares=shares, standard_errors=(0.01,) * 3)
        for group, shares in (("female", (0.6, 0.3, 0.1)), ("male", (0.4, 0.4, 0.2)))
    )
    [row] = section_with(parity={"sex": groups}).parity
    assert row.says == "Of what moves the score, income makes up 60.0% for female and 40.0% for male."
    assert row.difference.value == pytest.approx(0.2)
    [row] = section_with().parity
    assert row.says == "Every feature has the same share in what moves the score of every group."


def test_proxies_are_told_with_their_place_and_where_nobody_looked() -> None:
    proxies = (
        ProxyColumn(column="age", sensitive_feature="sex", group="female", auc=0.83),
        ProxyColumn(column="income", sensitive_feature="sex", group="female", auc=0.69),
    )
    section = section_with(proxies=proxies)
    assert [(row.column, row.rank, row.auc) for row in section.proxies] == [("age", 2, 0.83)]
    for text in said(report_with(proxies=proxies)):
        assert "age (number 2: sex female, AUC 0.83) gives a group away" in text
    assert section_with(proxies=()).proxies_say.startswith("No feature that moves the score gives a group away")
    assert section_with(screened=None).proxies_say.startswith("Nobody knows which features give a group away")
    both = {**made.examination((1.0, 0.5, 0.25)).parity}
    unknown = section_with(parity={**both, "race": both["sex"]}).proxies_say
    assert unknown.endswith("Nothing is known by race: no group of the training data could be screened.")


def test_a_model_without_explanation_has_none_to_examine() -> None:
    nothing = nothing_to_explain(made.SUBJECT, "there is no model", code_version="1")
    assert examination_section(nothing) is None
    card = made.card_of(found=made.evidence(shap_explanations=nothing))
    assert "Can the explanation be trusted?" not in render_html(card, {}) + render_markdown(card)


# --- in their places -------------------------------------------------------------------------------------------------


def test_the_card_shows_the_curves_and_the_second_opinion() -> None:
    found = made.evidence()
    card = made.card_of(found=found)
    page = Page(render_html(card, draw_card(card, found)))
    assert page.unclosed == []
    assert "strongest first" in page.text
    assert "The second opinion, feature by feature" in page.text


def test_dagsters_page_shows_figures_pictures_and_words() -> None:
    page = page_of(made.explanations(), made.define())
    records = [dict(record.data) for record in page["can it be trusted"].records]
    assert [record["measured"] for record in records] == [
        "explanation stability",
        "explanation faithfulness",
        "second opinion agreement",
        "attribution parity difference by sex",
    ]
    assert [record["value"] for record in records] == ["0.900", "0.300", "0.800", "0"]
    words = page["can it be trusted, in words"].value
    assert "data:image/png;base64," in words
    assert "So the attributions name what the model uses" in words
    assert "income (number 1: sex female, AUC 0.74)" in words
    assert len(words) < 60_000, "it travels inside the metadata of an event"


def test_dagsters_page_says_why_something_is_not_known() -> None:
    report = report_with(measured={}, not_estimable=dict.fromkeys((STABILITY, FAITHFULNESS), "too few"), curves=None)
    page = page_of(report, made.define())
    records = [dict(record.data) for record in page["can it be trusted"].records]
    assert (records[0]["value"], records[0]["95 % interval"]) == ("not estimable", "too few")
    old = page_of(dataclasses.replace(report, examination=None), made.define())
    assert "can it be trusted" not in old
