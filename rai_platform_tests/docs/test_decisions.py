"""A record of a decision says what was decided, because of what, what it costs, and when it would be changed."""

import re
from pathlib import Path

import pytest

from rai_platform_tests.docs.pages import DECISIONS, label

PARTS = ["Decided", "Because", "Costs", "Would change it when"]


@pytest.mark.parametrize("path", DECISIONS, ids=label)
def test_a_decision_has_its_four_parts_in_order_and_something_in_each(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parts = re.split(r"^\*\*(\w[\w ]*)\*\*:?", text, flags=re.MULTILINE)
    assert parts[1::2] == PARTS
    assert all(len(part.split()) >= 3 for part in parts[2::2])


def test_decisions_are_numbered_one_after_the_other() -> None:
    assert DECISIONS
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
