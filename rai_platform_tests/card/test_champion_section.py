"""The card says in words what changes if the model takes the place of the one in production."""

import dataclasses

from rai_platform.card.champion import champion_section
from rai_platform.comparison.report import ChampionComparison, Measured, Trade
from rai_platform.spec.verdict import Interval
from rai_platform_tests.card.cards import beside_production


def test_the_summary_says_who_and_how_sure() -> None:
    section = champion_section(beside_production())
    assert section.summary == (
        "Of 1,400 people, 5.0% get another decision than they do today. Accuracy goes from 0.855 to 0.857 (a change of "
        "-0.008 to +0.012, with 95 % confidence): these people do not show that it changed. Disparate impact by sex (1 is "
        "equal) rises from 0.700 to 0.970 (a change of +0.260 to +0.280, with 95 % confidence)."
    )


def test_a_metric_that_fell_is_said_to_fall() -> None:
    sides = [Measured(value=value, interval=Interval(lower=value, upper=value)) for value in (0.9, 0.8, -0.1)]
    fell = Trade(metric="accuracy", feature=None, before=sides[0], after=sides[1], change=sides[2])
    assert (
        "Accuracy falls from 0.900 to 0.800"
        in champion_section(dataclasses.replace(beside_production(), trades=(fell,))).summary
    )


def test_what_the_one_in_production_learned_from_is_told() -> None:
    other = champion_section(beside_production())
    assert "may hold some of these people" in other.caveat
    same = champion_section(dataclasses.replace(beside_production(), same_training=True))
    assert "Both learned from the same data" in same.caveat


def test_what_cannot_be_compared_has_no_figures() -> None:
    section = champion_section(ChampionComparison(version="3", entry=40, not_possible="nobody can ask it"))
    assert (section.changed.value, section.changed.why_not) == (None, "nobody can ask it")
    assert (section.summary, section.caveat, section.trades, section.moved) == ("", "", (), ())
