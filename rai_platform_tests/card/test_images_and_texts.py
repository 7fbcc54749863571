"""Explained images and texts on the card and on Dagster's page; nothing in a text is more than its letters."""

import dataclasses
import re
from typing import Any

import dagster as dg
import numpy as np

from rai_platform.card.document import ModelCard
from rai_platform.card.heat_maps import draw_average_maps, draw_heat_maps
from rai_platform.card.rendering import render_html, render_markdown
from rai_platform.card.robustness import robustness_section
from rai_platform.card.visible import UNSEEN
from rai_platform.explanations.report import Explanations
from rai_platform.explanations.shown import (
    ALL,
    AverageMap,
    ExplainedImage,
    ExplainedText,
    HeatMap,
    ImageExplanations,
    as_png,
)
from rai_platform.pipeline.explanations_page import explanations_page
from rai_platform.pipeline.text_attack_page import prompts_page, text_attack_page
from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.texts.report import ReducedText, Reduction, TextRobustness
from rai_platform_tests.card import made, made_attacks
from rai_platform_tests.card.cards import Page, read_markdown

HOSTILE = ("<script>alert(1)</script> ", "![x](http://evil.example/p.png) ", "\u202egnidih ", "| a | b")


def with_texts() -> Explanations:
    text = ExplainedText(
        row_key=0,
        label="<b>not 1</b>",
        decided="1",
        output=2.0,
        base_value=0.0,
        words=HOSTILE,
        attributions=(1.0, -0.8, 0.1, 0.6),
        left_out=3,
    )
    return dataclasses.replace(made.explanations(), modality="text", method="partition", texts=(text,))


def with_images(side: int = 28) -> Explanations:
    rng = np.random.default_rng(0)
    png = as_png(rng.integers(0, 255, (side, side, 3)).astype("uint8"))
    heat = HeatMap.of(rng.normal(size=(16, 16)))
    names = ("a $very$ long name of a class", "<i>cat</i>")
    images = ImageExplanations(
        height=side,
        width=side,
        channels=3,
        regions=(4, 4),
        examples=tuple(
            ExplainedImage(
                row_key=at, label=names[0], decided=names[at % 2], output=1.0, base_value=0.0, png=png, heat=heat
            )
            for at in range(12)
        ),
        averages=tuple(AverageMap(name=name, n=6, png=png, heat=heat) for name in (ALL, *names)),
    )
    return dataclasses.replace(made.explanations(), modality="image", method="partition", images=images)


def attacked_texts() -> TextRobustness:
    said = made_attacks.HOSTILE
    left = ReducedText(row_key=3, label=1, text=f"film {said}", left=said)
    return made_attacks.texts(
        by_class={f"bad {said}": made_attacks.share(20, 110)},
        checks=(CredibilityCheck(name="the recipes do not break", passed=False, says=f"pwws broke ({said})"),),
        reduction=Reduction(n=10, few=made_attacks.share(4, 10), words=20, words_left=3, examples=(left,)),
    )


def attacked_card() -> ModelCard:
    robustness = made.robustness(texts=attacked_texts(), prompts=made_attacks.prompts())
    return dataclasses.replace(made.card_of(), robustness=robustness_section(robustness))


def pages_of_attacks() -> list[Any]:
    return [*text_attack_page(attacked_texts()).values(), *prompts_page(made_attacks.prompts()).values()]


def test_hostile_texts_that_attacks_made_are_letters_in_the_card():
    card = attacked_card()
    html, markdown = render_html(card, {}), render_markdown(card)
    assert "<script>alert" not in html
    told = Page(html).text
    for text in (told, "\n".join(read_markdown(markdown).lines)):
        assert not {"\u202e", "\u2066", "\u200b"} & {*text}
        assert f"{UNSEEN}gnidih{UNSEEN}{UNSEEN}" in text
    for before in ("cahrm", "film", "how do I ignore a warning", "be a pirate", "KEY-1"):
        assert f"{before} {made_attacks.HOSTILE[:24]}" in told, before
    assert "image" not in read_markdown(markdown).structure
    assert "html_inline" not in read_markdown(markdown).structure


def test_hostile_texts_that_attacks_made_are_letters_on_dagsters_page():
    shown = [each.value for each in pages_of_attacks() if isinstance(each, dg.MarkdownMetadataValue)]
    told = "\n".join(shown)
    assert told.count("gnidih") == 6, "in a text, what was made of it, a class, a reduced text, what is left, a doubt"
    marks = {"image", "html_inline", "html_block", "em_open", "code_inline"}
    for each in shown:
        without_pictures = re.sub(r"!\[[^]]*\]\(data:image/png;base64,[^)]*\)", "", each)
        assert not marks & {*read_markdown(without_pictures).structure}
    assert "https://evil" not in told, "which some read as a link"
    assert "\u202e" not in told


def test_hostile_texts_are_letters_in_the_card():
    html = render_html(made.card_of(found=made.evidence(shap_explanations=with_texts())), {})
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<b>not 1</b>" not in html
    assert "\u202e" not in html
    assert UNSEEN in html
    assert "rgba(200, 85, 61, 0.55)" in html
    assert "and 3 more words" in html


def test_hostile_texts_are_letters_in_markdown():
    card = made.card_of(found=made.evidence(shap_explanations=with_texts()))
    for text in (render_markdown(card), str(explanations_page(with_texts()))):
        assert "<script" not in text.replace("\\<", "")
        assert "![x](http" not in text


def test_pictures_of_images_fit_into_dagsters_page():
    report = with_images(96)
    for draw in (draw_heat_maps, draw_average_maps):
        png, svg = draw(report, kind="png"), draw(report, kind="svg")
        assert png is not None
        assert len(png) < 50_000
        assert svg is not None
        assert b"<i>" not in svg
    assert "too large a picture" not in str(explanations_page(report))


def test_the_card_of_an_image_model_says_what_is_red():
    card = made.card_of(found=made.evidence(shap_explanations=with_images()))
    html = render_html(card, {"heat maps": "<svg/>", "average maps": "<svg/>"})
    assert "red cells speak for it, blue ones against it" in html
    assert "taken apart</h3>" not in html


def test_reports_of_tables_have_no_maps():
    assert draw_heat_maps(made.explanations(), kind="svg") is None
    assert draw_average_maps(made.explanations(), kind="svg") is None
