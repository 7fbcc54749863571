"""Explained images and texts on the card and on Dagster's page; nothing in a text is more than its letters."""

import dataclasses

import numpy as np

from rai_platform.card.coloured_texts import UNSEEN
from rai_platform.card.heat_maps import draw_average_maps, draw_heat_maps
from rai_platform.card.rendering import render_html, render_markdown
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
from rai_platform_tests.card import made

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
