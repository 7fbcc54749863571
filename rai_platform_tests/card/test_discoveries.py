"""Subgroups nobody named, as a reader of the card and of Dagster's page is told about them."""

import dataclasses

import pytest

from rai_platform.card.discoveries import discovery_sections
from rai_platform.card.rendering import LISTED_SUBGROUPS, render_html, render_markdown
from rai_platform.fairness.report import Discovery, FairnessReport, Subgroup
from rai_platform.pipeline.pages import page_of
from rai_platform.spec.verdict import Interval
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import Page


def subgroup(name: str, *, successes: int = 60, confirmed: bool = True) -> Subgroup:
    return Subgroup(
        conditions=(("job", name), ("home", "rent")),
        successes=successes,
        n=200,
        rest_successes=300,
        rest_n=500,
        interval=Interval(lower=-0.4, upper=-0.2),
        p_value=1e-6,
        q_value=1e-5 if confirmed else 0.4,
        confirmed=confirmed,
    )


def report(*found: Subgroup, searched: int = 321) -> FairnessReport:
    discovery = Discovery(
        rate="error_rate", overall=0.5, searched=searched, support=50, false_discovery_rate=0.05, subgroups=found
    )
    return dataclasses.replace(made.evidence().fairness, discoveries=(discovery,))


def on_the_card(measured: FairnessReport) -> str:
    return Page(render_html(made.card_of(found=made.evidence(fairness_report=measured)), {})).text


def on_dagsters_page(measured: FairnessReport) -> str:
    page = page_of(measured, made.define())
    return str(page["people nobody named, by error rate"].value)


def test_who_differs_most_is_told_with_how_many_they_are_and_how_sure_it_is() -> None:
    for told in (on_the_card, on_dagsters_page):
        text = told(report(subgroup("none"), subgroup("maybe", confirmed=False)))
        assert "One subgroup differs by more than chance." in text
        assert "of 200 people where job is none & home is rent, 30.0% are misjudged, of everybody else 60.0%" in text
        assert "job is maybe" not in text
    row = on_the_card(report(subgroup("none"))).split("q value\n", 1)[1]
    assert [line for line in row.split("\n") if line][:7] == [
        "job is none & home is rent",
        "200",
        "30.0%",
        "60.0%",
        "-30.0%",
        "-40.0% to -20.0%",
        "< 0.0001",
    ]


def test_how_it_was_searched_is_told_with_its_numbers() -> None:
    for told in (on_the_card, on_dagsters_page):
        text = told(report(subgroup("none"), subgroup("maybe", confirmed=False)))
        assert "321 subgroups of at least 50 people" in text
        assert "the 2 that stood out most were tested on the other half, which played no part in finding them" in text
        assert "no more than 5% are expected to be such (the false discovery rate)" in text


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (report(subgroup("maybe", confirmed=False)), "No subgroup was found whose people are misjudged more or less"),
        (report(), "That is no proof that there is none"),
        (report(searched=0), "so none could be looked at"),
    ],
)
def test_where_nothing_was_found_it_is_said_and_no_table_is_empty(measured: FairnessReport, said: str) -> None:
    assert said in on_the_card(measured)
    assert said in on_dagsters_page(measured)
    assert "q value\n" not in on_the_card(measured).partition("How it was searched")[0].partition("Who is misjudged")[2]


def test_of_many_the_first_are_listed_and_the_rest_is_counted() -> None:
    many = [subgroup(f"number {at}", successes=at) for at in range(LISTED_SUBGROUPS + 4)]
    card = made.card_of(found=made.evidence(fairness_report=report(*many)))
    for text in (render_markdown(card), on_dagsters_page(report(*many))):
        assert "And 4 more that differ less" in text
        assert f"number {LISTED_SUBGROUPS - 1} " in text
        assert f"number {LISTED_SUBGROUPS} " not in text
    assert len(card.discoveries[0].subgroups) == len(many)
    assert discovery_sections(report(*many))[0].tested == len(many)
