"""The pages of the documentation, taken apart: headings, links, tables and blocks of code."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rai_platform_tests.conftest import PROJECT

README = PROJECT / "README.md"
GUIDE = PROJECT / "docs" / "guide.md"
METRICS_PAGE = PROJECT / "docs" / "metrics.md"
POLICY_PAGE = PROJECT / "docs" / "policy.md"
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
FENCED = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)
PAGES = [README, *sorted((PROJECT / "docs").rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: the word after the fence.
        heading: the nearest heading above it.
        line: the line of the fence, from 1.
        text: what is in it.
    """

    language: str
    heading: str
    line: int
    text: str


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def headings(self) -> list[str]:
        """The text of every heading, marks of code taken off."""
        pairs = itertools.pairwise(self._tokens)
        return [_plain(inline) for token, inline in pairs if token.type == "heading_open"]

    @property
    def anchors(self) -> set[str]:
        """What a link may name after `#`, as GitHub and most renderers make it from a heading."""
        found: dict[str, int] = {}
        for heading in self.headings:
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
        return {f"{slug}-{number}" if number else slug for slug, last in found.items() for number in range(last + 1)}

    @property
    def links(self) -> list[str]:
        """Where every link and picture leads."""
        inline = [child for token in self._tokens for child in token.children or ()]
        return [str(token.attrs.get("href") or token.attrs.get("src")) for token in inline if token.attrs]

    @property
    def blocks(self) -> list[Block]:
        """Every fenced block."""
        return list(self._blocks())

    def table(self, heading: str) -> list[dict[str, str]]:
        """The rows of the first table below a heading, by the words at the head of its columns."""
        section = re.split(rf"^#+ {re.escape(heading)}$", self.text, flags=re.MULTILINE)[1]
        section = re.split(r"^#+ ", section, flags=re.MULTILINE)[0]
        lines = [line for line in section.splitlines() if line.startswith("|")]
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        return [dict(zip(head, row, strict=True)) for row in rows]

    @property
    def _tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.text)

    def _blocks(self) -> Iterator[Block]:
        heading = ""
        tokens = self._tokens
        for place, token in enumerate(tokens):
            if token.type == "heading_open":
                heading = _plain(tokens[place + 1])
            if token.type == "fence" and token.map:
                yield Block(language=token.info, heading=heading, line=token.map[0] + 1, text=token.content)


def _plain(heading: Token) -> str:
    return heading.content.replace("`", "")


def label(value: object) -> str:
    """How a page or a block is called in the name of a test."""
    return str(value.relative_to(PROJECT)) if isinstance(value, Path) else str(value)


def in_code(text: str) -> list[str]:
    """The texts between backticks, fenced blocks left aside."""
    return re.findall(r"`([^`]+)`", FENCED.sub("", text))
