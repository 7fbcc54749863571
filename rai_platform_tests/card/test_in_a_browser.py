"""The page in Chromium: it asks nobody for anything, runs nothing, and fits a phone."""

from pathlib import Path
from typing import Any

import pytest

from rai_platform.card.plots import draw_card
from rai_platform.card.rendering import render_html
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import HOSTILE
from rai_platform_tests.card.made import WOMEN

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card in which every group and feature has a hostile name."""
    found = made.evidence(
        fairness_report=made.fairness(sex=dict.fromkeys((*HOSTILE, "x" * 120), WOMEN)),
        shap_explanations=made.explanations(features=HOSTILE),
    )
    card = made.card_of(found=found)
    file = tmp_path_factory.mktemp("card") / "model_card.html"
    file.write_text(render_html(card, draw_card(card, found)), encoding="utf-8")
    return file


@pytest.mark.parametrize("width", [1200, 390])
def test_it_loads_nothing_runs_nothing_and_is_no_wider_than_the_screen(
    browser: Any, page_file: Path, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    asked, spoken, broken = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (spoken.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(page_file.as_uri(), wait_until="networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert (spoken, broken) == ([], [])
    for name in HOSTILE:
        assert page.get_by_role("cell", name=name).count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
