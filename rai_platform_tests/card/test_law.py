"""Readings of the law on the card and on Dagster's page: counts, both readings of the rule, and no advice."""

import dataclasses

import numpy as np
import pytest

from rai_platform.card.law import NO_ADVICE
from rai_platform.card.rendering import render_html, render_markdown
from rai_platform.fairness.law import READINGS, scoring_table
from rai_platform.fairness.report import ConditionalDisparity, FairnessReport
from rai_platform.pipeline.pages import page_of
from rai_platform.spec.verdict import Interval
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import Page

GROUPS: dict[str, made.Row] = {
    "male": (500.0, 0.0, 0.0, 500.0),
    "female": (700.0, 0.0, 0.0, 300.0),
    "few": (10.0, 0.0, 0.0, 10.0),
    "(missing)": (20.0, 0.0, 0.0, 23.0),
}
CONDITIONAL = ConditionalDisparity(
    feature="sex",
    group="female",
    factor="school",
    strata=2,
    n=1900,
    left_out=100,
    raw_difference=-0.2,
    difference=-0.05,
    interval=Interval(lower=-0.1, upper=0.01),
    p_value=0.12,
    demographic_disparity=0.031,
)


def report() -> FairnessReport:
    groups = np.repeat(np.array(["male", "female"], dtype=object), 50)
    return dataclasses.replace(
        made.fairness(sex=GROUPS),
        scoring={"sex": scoring_table("sex", groups, np.arange(100.0))},
        conditional=(CONDITIONAL,),
    )


def texts(measured: FairnessReport) -> list[str]:
    card = made.card_of(found=made.evidence(fairness_report=measured))
    page = str(page_of(measured, made.define())["readings of the law"].value)
    return [Page(render_html(card, {})).text, render_markdown(card), page]


def test_it_is_said_to_be_no_legal_advice() -> None:
    assert all(NO_ADVICE in text for text in texts(report()))
    assert "no legal advice" in NO_ADVICE


def test_impact_ratios_leave_small_categories_out_by_name_and_count_the_unknown() -> None:
    for text in texts(report()):
        assert "0.600" in text
        assert "left out, as the rule allows" in text
        assert "43 people of unknown category are not in this table" in text


def test_four_fifths_and_significance_are_both_read() -> None:
    for text in texts(report()):
        assert READINGS[True, True] in text
        assert READINGS[False, False] in text


@pytest.mark.parametrize("scored", [True, False])
def test_scoring_rates_are_there_where_there_are_scores(scored: bool) -> None:
    measured = report() if scored else dataclasses.replace(report(), scoring={})
    html, markdown, page = (text.lower() for text in texts(measured))
    assert ("the share that scored above the median" in html) == scored
    assert ("scoring rate" in markdown) == scored
    assert ("(scoring)" in page) == scored


def test_a_difference_among_people_alike_is_shown_beside_the_raw_one() -> None:
    for text in texts(report()):
        assert text.index("-20.0%") < text.index("-5.0%")
        assert "0.031" in text
    assert all("among people alike" not in text for text in texts(dataclasses.replace(report(), conditional=())))
