"""Headless Chromium, as a person's browser: what it shows, what it asks for, and what goes wrong in it."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """The browser; a test that asks for it is left out where there is none."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium on the PATH (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield opened
        opened.close()


@dataclass(frozen=True)
class Window:
    """One page of the browser, and a record of what happens in it.

    Attributes:
        page: playwright's.
        asked: every URL that was asked for, but those that are their own content.
        broken: errors that a page threw or wrote on its console.
    """

    page: Any
    asked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.on("console", lambda said: self.broken.append(said.text) if said.type == "error" else None)

    def _note(self, url: str) -> None:
        if not url.startswith(("data:", "blob:")):
            self.asked.append(url)

    def foreign(self, home: str) -> list[str]:
        """What was asked for elsewhere than at home."""
        return [url for url in self.asked if not url.startswith(home)]

    @property
    def is_no_wider_than_the_screen(self) -> bool:
        """Whether nobody has to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@contextlib.contextmanager
def window(browser: Any, *, width: int = 1440, height: int = 1000, **options: Any) -> Iterator[Window]:
    """A fresh window, without the memory of another one."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    try:
        yield Window(context.new_page())
    finally:
        context.close()
