"""What the card tells of people who change what they could change."""

import dataclasses

import pytest

from rai_platform.card.attack import UPPER_BOUND, attack_section
from rai_platform.card.document import ModelCard
from rai_platform.card.rendering import render_html, render_markdown
from rai_platform.card.robustness import robustness_section
from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import Page, read_markdown

CARD = made.card_of()


def texts(attack: ConstrainedAttack | None) -> list[str]:
    """The card with this attack, as it is read in HTML and in Markdown."""
    section = robustness_section(made.robustness(attack=attack))
    card: ModelCard = dataclasses.replace(CARD, robustness=section)
    return [Page(render_html(card, {})).text, "\n".join(read_markdown(render_markdown(card)).lines)]


def test_the_curve_the_groups_and_what_would_have_to_change_are_told() -> None:
    for text in texts(made.attack()):
        for told in (
            "When somebody tries to be decided otherwise",
            "accuracy falls from 86.0% to 50.0% (45.6% to 54.4%)",
            "Of the 200 rightly refused, 90.0% could be selected.",
            UPPER_BOUND,
            "The strongest attack tried was coordinate search.",
            "0.780",
            "female",
            "24.0",
        ):
            assert told in text
        assert "credible" not in text


def test_the_page_tells_what_could_change_and_what_makes_the_attack_credible() -> None:
    page, _ = texts(made.attack())
    for told in ("0 to 6, whole; 1.03 cost 1", "not: a sensitive feature", "years_employed <= age", "each could"):
        assert told in page


def test_an_attack_that_is_not_credible_is_called_so() -> None:
    for text in texts(made.attack(checks=(made.DOUBT,))):
        assert "Not credible" in text
        assert "It is not shown that an attack without limits gets through: accuracy stays at 90.0%." in text


@pytest.mark.parametrize("why", ["nobody could change any column that the model sees", "the model refuses these rows"])
def test_where_nobody_was_attacked_it_says_why(why: str) -> None:
    for text in texts(ConstrainedAttack(not_possible=why)):
        assert f"Not possible: {why}." in text


def test_a_report_older_than_the_question_has_no_such_part() -> None:
    assert all("When somebody tries" not in text for text in texts(None))


def test_every_number_has_its_interval() -> None:
    section = attack_section(made.attack())
    assert [row.budget for row in section.worst_case] == [0.5, 1.0, 2.0]
    for row in section.rows:
        groups = [figure for of in row.by_group.values() for figure in of.values()]
        for figure in (row.accuracy, row.drop, *groups, *row.turned.values()):
            assert figure.value is not None
            assert figure.interval is not None
            assert figure.interval.lower <= figure.value <= figure.interval.upper
