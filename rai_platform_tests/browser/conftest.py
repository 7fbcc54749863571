"""One browser, and Dagster's pages over a world in which one model is promoted and one refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from rai_platform_tests.chromium import Window, window
from rai_platform_tests.servers import Pages, dagster_pages
from rai_platform_tests.world import World


@pytest.fixture(scope="module")
def world(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    return released_world.copy(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def pages(world: World) -> Iterator[Pages]:
    with dagster_pages(world) as opened:
        yield opened


@pytest.fixture
def screen(browser: Any, pages: Pages) -> Iterator[Window]:
    """A window on Dagster's pages; nothing may break in it, and nobody else may be asked for anything."""
    with window(browser) as opened:
        yield opened
        assert opened.foreign(pages.url) == []
        assert opened.broken == []
