"""Every link in the pages leads somewhere, and every file they name is there."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rai_platform_tests.conftest import PROJECT
from rai_platform_tests.docs.pages import PAGES, Page, in_code, label

FOLDERS = ("rai_platform", "rai_platform_tests", "docs", "deploy", "benchmarks")


@pytest.mark.parametrize("path", PAGES, ids=label)
def test_every_relative_link_leads_to_a_file_and_to_a_heading_in_it(path: Path) -> None:
    lost = []
    for link in Page(path).links:
        parts = urlsplit(link)
        target = (path.parent / parts.path).resolve() if parts.path else path
        if parts.scheme:
            continue
        if not target.exists() or (parts.fragment and parts.fragment not in Page(target).anchors):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("path", PAGES, ids=label)
def test_every_file_or_folder_named_in_code_is_there(path: Path) -> None:
    named = [
        text for text in in_code(path.read_text(encoding="utf-8")) if text.startswith(tuple(f"{f}/" for f in FOLDERS))
    ]
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_links_and_anchors_are_found_at_all() -> None:
    links = [link for path in PAGES for link in Page(path).links]
    assert "docs/guide.md" in links
    assert any("#" in link for link in links)
    assert len(links) > 15


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What a step asks for", "what-a-step-asks-for"),
        ("sensitive_features, intersections", "sensitive_features-intersections"),
        ("The policy, in words", "the-policy-in-words"),
        ("`RAI_HOME`", "rai_home"),
    ],
)
def test_an_anchor_is_what_renderers_make_of_a_heading(tmp_path: Path, heading: str, anchor: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# {heading}\n\n## Twice\n\n## Twice\n", encoding="utf-8")
    assert Page(page).anchors == {anchor, "twice", "twice-1"}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n[one](gone.md) and [two](page.md#b), [three](page.md#a)\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=re.escape("['gone.md', 'page.md#b'] == []")):
        test_every_relative_link_leads_to_a_file_and_to_a_heading_in_it(page)
