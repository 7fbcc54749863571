"""The page on a screen, on a phone, in the dark and on paper."""

from pathlib import Path
from typing import Any

import pytest

from rai_platform.dashboard.rendering import render_page
from rai_platform_tests.chromium import window
from rai_platform_tests.dashboard.histories import gone_back

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "production.html"
    file.write_text(render_page(gone_back()), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "screen",
    [{"width": 1200}, {"width": 400, "height": 844, "is_mobile": True}, {"width": 400, "color_scheme": "dark"}],
    ids=["screen", "phone", "dark"],
)
def test_it_fits_asks_nobody_and_breaks_nowhere(browser: Any, page: Path, screen: dict[str, Any]) -> None:
    with window(browser, **screen) as opened:
        opened.page.goto(page.as_uri(), wait_until="networkidle")
        for part in opened.page.locator("summary").all():
            part.click()
        assert opened.page.get_by_role("heading", level=1).inner_text() == "loans Within tolerance"
        assert opened.asked == [page.as_uri()]
        assert opened.broken == []
        assert opened.is_no_wider_than_the_screen


def test_letters_in_pictures_can_be_read_on_a_phone(browser: Any, page: Path) -> None:
    with window(browser, width=400) as opened:
        opened.page.goto(page.as_uri())
        sizes = opened.page.locator(".figure svg text").evaluate_all(
            """letters => letters.map(text => {
                const shrunk = text.getScreenCTM();
                return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(shrunk.a, shrunk.b);
            })"""
        )
        assert len(sizes) > 60
        assert min(sizes) > 7.5


def test_the_versions_lie_on_the_time_axis_of_the_windows(browser: Any, page: Path) -> None:
    """Version 2 ends, and version 1 begins, where the alert about version 2 ends."""
    with window(browser, width=1200) as opened:
        opened.page.goto(page.as_uri())
        picture = opened.page.locator("figure[aria-label='selection rate over time, sex'] svg")
        newer, older = (picture.get_by_text(name, exact=True).bounding_box() for name in ("version 2", "version 1"))
        assert newer["x"] + newer["width"] < older["x"]
        female, male = (picture.get_by_text(name, exact=True).bounding_box() for name in ("female", "male"))
        assert female["y"] < male["y"] < newer["y"]
        assert newer["y"] == pytest.approx(older["y"], abs=1)


def test_on_paper_nothing_is_cut_off_or_stays_closed(browser: Any, page: Path) -> None:
    with window(browser, width=720) as opened:
        opened.page.emulate_media(media="print")
        opened.page.goto(page.as_uri())
        cells = opened.page.locator("details td")
        assert cells.count() > 20
        assert cells.evaluate_all("cells => cells.every(cell => cell.checkVisibility())")
        assert opened.is_no_wider_than_the_screen
