"""The card of a promoted and of a refused model, on a screen, on a phone, in the dark and on paper."""

from pathlib import Path
from typing import Any

import pytest

from rai_platform_tests.chromium import window
from rai_platform_tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow]

each_model = pytest.mark.parametrize(("model", "said"), [("fair", "Fit for release"), ("unfair", "Refused")])


def card_of(world: World, model: str) -> Path:
    return world.folder / "home" / "cards" / model / "model_card.html"


@each_model
@pytest.mark.parametrize(
    "screen",
    [{"width": 1280}, {"width": 390, "height": 844, "is_mobile": True}, {"width": 390, "color_scheme": "dark"}],
    ids=["screen", "phone", "dark"],
)
def test_a_card_fits_asks_nobody_and_breaks_nowhere(
    browser: Any, world: World, model: str, said: str, screen: dict[str, Any]
) -> None:
    card = card_of(world, model)
    with window(browser, **screen) as opened:
        opened.page.goto(card.as_uri(), wait_until="networkidle")
        assert opened.page.get_by_role("heading", level=1).inner_text().endswith(said)
        for part in opened.page.locator("summary").all():
            if not part.evaluate("summary => summary.parentElement.open"):
                part.click()
        assert opened.asked == [card.as_uri()]
        assert opened.broken == []
        assert opened.is_no_wider_than_the_screen


def test_the_decision_and_its_reasons_come_before_everything_else(browser: Any, world: World) -> None:
    reasons = world.entries("unfair", "refusal")[-1].body["reasons"]
    with window(browser, width=1280, height=900) as opened:
        opened.page.goto(card_of(world, "unfair").as_uri())
        heads = [opened.page.get_by_text(reason.split(": ", 1)[1]).first.bounding_box() for reason in reasons]
        purpose = opened.page.get_by_role("heading", name="What it is for").bounding_box()
        assert reasons
        assert all(head["y"] < 900 for head in heads)
        assert all(head["y"] < purpose["y"] for head in heads)


def test_letters_in_pictures_can_be_read_on_a_phone(browser: Any, world: World) -> None:
    with window(browser, width=390, height=844) as opened:
        opened.page.goto(card_of(world, "fair").as_uri())
        sizes = opened.page.locator(".figure svg text").evaluate_all(
            """letters => letters.map(text => {
                const shrunk = text.getScreenCTM();
                return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(shrunk.a, shrunk.b);
            })"""
        )
        assert len(sizes) > 20
        assert min(sizes) > 7.5


@pytest.mark.parametrize("model", ["fair", "unfair"])
def test_on_paper_nothing_stays_closed(browser: Any, world: World, model: str) -> None:
    with window(browser, width=720) as opened:
        page = opened.page
        page.emulate_media(media="print")
        page.goto(card_of(world, model).as_uri())
        hidden = page.locator("details td").evaluate_all(
            "cells => cells.filter(cell => !cell.checkVisibility()).length"
        )
        assert page.locator("details td").count() > 50
        assert hidden == 0
        assert page.locator("details:not([open])").count() > 0
        assert opened.is_no_wider_than_the_screen
