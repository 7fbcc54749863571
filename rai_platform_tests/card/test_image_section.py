"""What the card and Dagster's page tell of images that are a little different."""

import dataclasses
import io
import json

import dagster as dg
import jsonschema
import numpy as np
import pytest
from PIL import Image

from rai_platform.card.attack import UPPER_BOUND
from rai_platform.card.document import ModelCard
from rai_platform.card.image_plots import draw_adversarial_images, draw_corruptions, draw_image_attacks
from rai_platform.card.images import image_section
from rai_platform.card.limitations import computed_limitations
from rai_platform.card.plots import draw_card
from rai_platform.card.rendering import render_html, render_json, render_markdown
from rai_platform.card.robustness import robustness_section
from rai_platform.pipeline.carding import figures
from rai_platform.pipeline.image_attack_page import image_attack_page
from rai_platform.pipeline.pages import _robustness_page
from rai_platform.robustness.images.report import ImageRobustness, Picture
from rai_platform.robustness.report import RobustnessScores
from rai_platform_tests.card import made, made_attacks
from rai_platform_tests.card.cards import Page, read_markdown
from rai_platform_tests.conftest import PROJECT

CARD = made.card_of()
PLOTS = (draw_image_attacks, draw_adversarial_images, draw_corruptions)


def images_alone(images: ImageRobustness | None) -> RobustnessScores:
    """The report of a model that looks at images."""
    return made.robustness(images=images, scores=(), untouched=None, attack=None, left_alone=())


def texts(images: ImageRobustness | None) -> list[str]:
    """The card with this report, as it is read in HTML and in Markdown."""
    card: ModelCard = dataclasses.replace(CARD, robustness=robustness_section(images_alone(images)))
    evidence = made.evidence(robustness_scores=images_alone(images))
    return [
        Page(render_html(card, draw_card(card, evidence))).text,
        "\n".join(read_markdown(render_markdown(card)).lines),
    ]


def test_curves_classes_groups_examples_and_corruptions_are_told() -> None:
    for text in texts(made.images()):
        for told in (
            "When images are a little different",
            "images of 4 by 4 pixels, drawn by chance",
            "As they are, accuracy on them is 90.0%.",
            "Measured by L∞, it falls to 80.0% (76.3% to 83.3%) within 0.05 and 2.0% (1.1% to 3.6%) within 0.2.",
            "Measured by L2, it falls to 80.0%",
            UPPER_BOUND,
            "The strongest attack tried was APGD-CE within L∞ and APGD-CE within L2.",
            "counts as turned within a larger one",
            "cat",
            "old",
            "standard deviation 0.2",
            "0.031",
        ):
            assert told in text, told
        assert "credible" not in text
        assert "The test data were changed at random" not in text


def test_a_corruption_that_costs_one_group_more_is_seen() -> None:
    report = made.images()
    groups = {"camera": {"old": made_attacks.share(50, 400), "new": made_attacks.share(777, 1000)}}
    images = made.images(
        corruptions=(*report.corruptions[:-1], dataclasses.replace(report.corruptions[-1], by_group=groups))
    )
    for text in texts(images):
        assert "0.125" in text
        assert "0.777" in text
    page = image_attack_page(images)["corrupted images"].value
    assert "0.125" in page
    assert "camera: new" in page
    alone = tuple(dataclasses.replace(each, by_group={}) for each in report.corruptions)
    for text in texts(made.images(corruptions=alone)):
        assert "standard deviation 0.2" in text
        assert "Accuracy on corrupted images by" not in text


def test_attacks_that_are_not_credible_are_called_so() -> None:
    for text in texts(made.images(checks=(made.MASKED,))):
        assert "Not credible" in text
        assert "It is not shown that there are gradients to follow: there is none at 40.0% of the images." in text


def test_where_nothing_was_tried_it_says_why_and_a_table_has_no_such_part() -> None:
    for text in texts(ImageRobustness(not_possible="nobody can ask it")):
        assert "Not possible: nobody can ask it." in text
    assert all("When images" not in text for text in texts(None))


def test_every_number_has_its_interval() -> None:
    section = image_section(made.images())
    assert [(row.norm, row.epsilon) for row in section.worst_case] == [
        ("linf", 0.05),
        ("linf", 0.1),
        ("linf", 0.2),
        ("l2", 0.5),
        ("l2", 1.0),
    ]
    for row in (*section.rows, *section.corruptions):
        for figure in (row.accuracy, row.drop):
            assert figure.value is not None
            assert figure.interval is not None
            assert figure.interval.lower <= figure.value <= figure.interval.upper


def test_what_the_reader_must_not_conclude_is_among_the_limitations() -> None:
    def limitations(images: ImageRobustness) -> tuple[str, ...]:
        found = made.evidence(robustness_scores=images_alone(images))
        return computed_limitations(
            made.define(), made.candidate(), found.performance, found.fairness, found.explanations, found.robustness
        )

    told = f"{UPPER_BOUND} The strongest attack tried was APGD-CE within L∞ and APGD-CE within L2."
    assert told in limitations(made.images())
    assert (
        "The attacks on images are not credible: it is not shown that there are gradients to follow (there is none at 40.0% of "
        "the images)."
    ) in limitations(made.images(checks=(made.MASKED,)))


# --- pictures --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", PLOTS)
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_every_picture_is_drawn_and_small(draw: object, kind: str) -> None:
    assert callable(draw)
    drawn = draw(made.images(), kind=kind)
    assert drawn is not None
    assert len(drawn) < 48_000 or kind == "svg"
    if kind == "png":
        assert min(Image.open(io.BytesIO(drawn)).size) > 100


@pytest.mark.parametrize("draw", PLOTS)
@pytest.mark.parametrize("report", [None, ImageRobustness(not_possible="why")])
def test_nothing_is_drawn_of_nothing(draw: object, report: ImageRobustness | None) -> None:
    assert callable(draw)
    assert draw(report, kind="svg") is None


def test_colour_is_drawn_in_colour() -> None:
    (example,) = made.images().examples
    red = np.zeros((3, 4, 4), dtype="float32")
    red[0] = 1
    example = dataclasses.replace(example, original=Picture.of(red), adversarial=Picture.of(red * np.float32(0.9)))
    drawn = draw_adversarial_images(made.images(examples=(example,)), kind="png")
    assert drawn is not None
    pixels = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB")).reshape(-1, 3)
    assert ((pixels[:, 0] > 200) & (pixels[:, 1] < 40) & (pixels[:, 2] < 40)).any()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 64, 48), (3, 224, 200)])
def test_a_picture_keeps_an_image_to_a_shade_and_thins_out_a_large_one(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).random(shape, dtype="float32")
    kept = Picture.of(image)
    assert max(kept.shape[1:]) <= 64
    step = -(-max(shape[1:]) // 64)
    assert np.abs(kept.pixels() - image[:, ::step, ::step]).max() <= 0.51 / 255


# --- Dagster's page -----------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_worst_case_and_opens_the_rest() -> None:
    page = _robustness_page(images_alone(made.images()))
    table = page["images under attack"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["changed within"] for record in table.records] == [
        "L∞ 0.05",
        "L∞ 0.1",
        "L∞ 0.2",
        "L2 0.5",
        "L2 1",
    ]
    opened = page["attacks on images"].value
    for told in (
        "falls to 80.0%",
        "class cat",
        "camera: old",
        "there are gradients to follow",
        "APGD-CE, L∞",
        "data:image/png",
    ):
        assert told in opened
    assert "gaussian noise 5 (standard deviation 0.2)" in page["corrupted images"].value
    assert "attacks on images not credible" not in page
    assert "scores" not in page


def test_the_page_says_that_attacks_are_not_credible_or_were_not_possible() -> None:
    assert "40.0%" in image_attack_page(made.images(checks=(made.MASKED,)))["attacks on images not credible"].value
    assert image_attack_page(None) == {}
    found = image_attack_page(ImageRobustness(not_possible="nobody can ask it"))
    assert found == {"images under attack": "not possible: nobody can ask it"}
    both = _robustness_page(dataclasses.replace(images_alone(made.images()), not_possible="there is no table"))
    assert {"not possible", "images under attack"} <= set(both)


def test_mlflow_is_told_what_is_left_within_each_distance_and_at_each_severity() -> None:
    named = figures(made.evidence(robustness_scores=images_alone(made.images())))
    told = {name: value for name, value in named.items() if name.startswith("robustness.accuracy.")}
    assert told["robustness.accuracy.linf.0.1"] == pytest.approx(0.6)
    assert told["robustness.accuracy.l2.0.5"] == pytest.approx(0.8)
    assert told["robustness.accuracy.gaussian_noise.5"] == pytest.approx(1010 / 1400)
    assert len(told) == 10


def test_the_published_schema_holds_for_a_card_with_images() -> None:
    card: ModelCard = dataclasses.replace(CARD, robustness=robustness_section(images_alone(made.images())))
    schema = json.loads((PROJECT / "docs" / "schemas" / "card.schema.json").read_text(encoding="utf-8"))
    written = json.loads(render_json(card))
    jsonschema.validate(written, schema)
    assert written["robustness"]["images"]["examples"][0]["taken_for"] == "dog"
