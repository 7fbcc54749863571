"""What the card and Dagster's page tell of attacks on texts and of injected instructions."""

import dataclasses
import json
from typing import Any

import pytest

from rai_platform.card.attack import UPPER_BOUND
from rai_platform.card.document import ModelCard
from rai_platform.card.rendering import render_html, render_json, render_markdown
from rai_platform.card.robustness import robustness_section
from rai_platform.card.text_attack_plot import draw_families, draw_text_attack
from rai_platform.pipeline.text_attack_page import prompts_page, text_attack_page
from rai_platform.robustness.prompts.report import GuardReport, PromptRobustness
from rai_platform.robustness.texts.report import TextRobustness
from rai_platform_tests.card import made, made_attacks
from rai_platform_tests.card.cards import Page, read_markdown

CARD = made.card_of()


def card_with(**reports: Any) -> ModelCard:
    return dataclasses.replace(CARD, robustness=robustness_section(made.robustness(**reports)))


def read(**reports: Any) -> list[str]:
    """The card with these reports, as it is read in HTML and in Markdown."""
    card = card_with(**reports)
    return [Page(render_html(card, {})).text, "\n".join(read_markdown(render_markdown(card)).lines)]


def test_accuracy_the_recipes_and_a_text_before_and_after_are_told() -> None:
    for text in read(texts=made_attacks.texts()):
        for told in (
            "accuracy fell from 80.0% to 15.0% (10.7% to 20.6%)",
            UPPER_BOUND,
            "The strongest attack tried was pwws.",
            "worst case",
            "class good",
            "dialect: north",
            "cahrm <script>alert(1)</script>",
            "missing on this machine: vectors",
        ):
            assert told in text
        assert "Not credible" not in text
    assert "a film with charm" in text, "Markdown joins the parts"


def test_how_often_a_recipe_ran_out_of_questions_is_told() -> None:
    short = dataclasses.replace(made_attacks.recipe("deepwordbug", 100), cut_short=made_attacks.share(37, 160))
    report = made_attacks.texts(recipes=(short, made_attacks.recipe("pwws", 120)))
    for text in read(texts=report):
        assert "23.1%" in text
    (row, *_) = text_attack_page(report)["texts under attack"].records
    assert row.data["ran out of questions"] == "0.231"


def test_what_was_changed_is_marked_and_nothing_of_a_text_is_read_as_html() -> None:
    page = render_html(card_with(texts=made_attacks.texts(), prompts=made_attacks.prompts()), {})
    assert "a film with<mark> cahrm &lt;script&gt;" in page
    assert "<script>alert" not in page
    markdown = render_markdown(card_with(texts=made_attacks.texts(), prompts=made_attacks.prompts()))
    assert "<script>" not in markdown


def test_families_and_refused_prompts_are_told() -> None:
    for text in read(prompts=made_attacks.prompts()):
        for told in (
            "90.0% (82.6% to 94.5%) get past it when they are changed by the family that does best: base64",
            "95.0% get past by one family or another",
            "it takes 25.0% for injections",
            "of 30 plain questions 3.3%",
            "NotInject",
            "role play, got it in 70.0%",
            "dan.Dan_11_0",
        ):
            assert told in text


@pytest.mark.parametrize(
    ("reports", "told"),
    [
        ({"texts": made_attacks.texts(checks=(made.DOUBT,))}, "accuracy stays at 90.0%"),
        ({"prompts": PromptRobustness(guard=made_attacks.guard(checks=(made.DOUBT,)))}, "accuracy stays at 90.0%"),
        (
            {"prompts": PromptRobustness(endpoint=made_attacks.endpoint(checks=(made.DOUBT,)))},
            "accuracy stays at 90.0%",
        ),
        ({"texts": TextRobustness(not_possible="no recipe can run")}, "Not possible: no recipe can run."),
        (
            {"prompts": PromptRobustness(guard=GuardReport(not_possible="no injections"))},
            "Not possible: no injections.",
        ),
    ],
)
def test_what_is_not_credible_or_not_possible_is_called_so(reports: dict[str, Any], told: str) -> None:
    for text in read(**reports):
        assert told in text
        assert ("Not credible" in text) == ("stays at" in told)


def test_what_a_guard_refuses_is_told_though_it_recognizes_no_injection() -> None:
    blind = made_attacks.guard(
        not_possible="the model recognizes none of 120 injections as they are",
        detection=made_attacks.share(0, 120),
        families=(),
        any_family=None,
        examples=(),
        checks=(),
    )
    for text in read(prompts=PromptRobustness(guard=blind)):
        for told in ("Not possible: the model recognizes none", "it takes 25.0% for injections", "NotInject"):
            assert told in text
        assert "get past" not in text.lower()
    page = prompts_page(PromptRobustness(guard=blind))
    assert len(page["harmless prompts refused"].records) == 3
    assert "recognizes none" in page["disguised injections"]


def test_texts_are_told_of_where_the_table_could_not_be_changed() -> None:
    for text in read(not_possible="the model reads texts", texts=made_attacks.texts()):
        assert "accuracy fell from 80.0% to 15.0%" in text


def test_without_texts_and_prompts_there_is_no_such_part() -> None:
    for text in read():
        assert "changes a text" not in text
        assert "injected" not in text


def test_the_card_for_programs_holds_every_interval() -> None:
    section = json.loads(render_json(card_with(texts=made_attacks.texts(), prompts=made_attacks.prompts())))[
        "robustness"
    ]
    figures = [row["accuracy"] for row in section["texts"]["rows"]]
    figures += [row["rate"] for row in section["prompts"]["guard"]["families"]]
    assert len(figures) == 5
    assert all(each["interval"]["lower"] <= each["value"] <= each["interval"]["upper"] for each in figures)


def test_the_pictures_show_every_recipe_and_family() -> None:
    report = made_attacks.texts()
    drawn = (draw_text_attack(report, kind="svg") or b"").decode()
    assert all(name in drawn for name in ("deepwordbug", "pwws", "worst case"))
    families = (draw_families(made_attacks.guard().families, kind="svg") or b"").decode()
    assert all(name in families for name in ("leet", "base64"))
    assert draw_text_attack(None, kind="svg") is None
    assert draw_text_attack(TextRobustness(not_possible="why"), kind="svg") is None
    assert draw_families((), kind="svg") is None


def test_dagsters_page_shows_them() -> None:
    page = text_attack_page(made_attacks.texts(checks=(made.DOUBT,)))
    assert [record.data["recipe"] for record in page["texts under attack"].records] == [
        "deepwordbug",
        "pwws",
        "worst case",
    ]
    assert "<script>" not in page["attacks on texts"].value
    assert "cahrm" in page["attacks on texts"].value
    assert "accuracy stays at 90.0%" in page["attack on texts not credible"].value
    assert "vectors" in page["recipes not run"].value
    prompts = prompts_page(made_attacks.prompts())
    assert [record.data["family"] for record in prompts["disguised injections"].records] == ["leet", "base64"]
    assert [record.data["family"] for record in prompts["attacks on the endpoint"].records][1] == "role play"
    assert len(prompts["harmless prompts refused"].records) == 3
    assert len(prompts["as garak counted it"].records) == 1
    assert text_attack_page(None) == prompts_page(None) == {}
    assert text_attack_page(TextRobustness(not_possible="why"))["texts under attack"] == "not possible: why"
    none = PromptRobustness(guard=GuardReport(not_possible="why"))
    assert prompts_page(none) == {"disguised injections": "not possible: why"}
