"""No group disappears: each is measured, too small to be judged, or not estimable, in the card and on Dagster's page."""

import itertools
from typing import Any

import pytest

from rai_platform.card.document import ModelCard
from rai_platform.card.rendering import render_html, render_markdown
from rai_platform.fairness.disparities import visible_gap
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import RATES, SELECTION_RATE, group_rates
from rai_platform.pipeline.pages import page_of
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import Page
from rai_platform_tests.card.made import MEN, WOMEN

GROUPS: dict[str, made.Row] = {
    "female": WOMEN,
    "male": MEN,
    "other": (10.0, 8.0, 12.0, 8.0),
    "(missing)": (3.0, 2.0, 0.0, 0.0),
}
REPORT = made.fairness(sex=GROUPS)
POLICY: dict[str, Any] = {"metric": "disparate_impact", "min": 0.8}


def card(**changes: Any) -> ModelCard:
    return made.card_of(made.define_with(POLICY, **changes), made.evidence(fairness_report=REPORT))


def on_dagsters_page() -> str:
    return str(page_of(REPORT, made.define_with(POLICY))["all about sex"].value)


def texts() -> list[str]:
    return [Page(render_html(card(), {})).text, render_markdown(card()), on_dagsters_page()]


def test_every_group_and_every_rate_has_one_of_three_states_with_its_reason() -> None:
    (section,) = card().fairness
    for row, rate in itertools.product(section.groups, RATES):
        figure = row.rate(rate.name)
        value = group_rates(REPORT.cells["sex"], rate)[row.group]
        wanted = "not estimable" if value is None else "too small" if value.n < 50 else "measured"
        assert figure.state == wanted, (row.group, rate.name)
        assert (figure.needed == 50) == (wanted == "too small")
        assert bool(figure.why_not) == (wanted == "not estimable")
        assert ("too small" in figure.accounted) == (wanted == "too small")
    assert {figure.state for row in section.groups for figure in row.rates} == {
        "measured",
        "too small",
        "not estimable",
    }


def test_the_smallest_gap_that_would_have_shown_stands_beside_every_rate() -> None:
    (section,) = card().fairness
    rates = {name: rate for name, rate in group_rates(REPORT.cells["sex"], SELECTION_RATE).items() if rate}
    for row in section.groups:
        assert row.rate("selection_rate").detectable == visible_gap(rates, row.group)
    for text in texts():
        assert "too small: 38 rows, 50 needed; with 38 rows the smallest gap that would have shown is 0.22" in text
        assert "not estimable: no positives" in text


@pytest.mark.slow
def test_every_disparity_says_what_its_verdict_can_tell_and_about_whom_it_tells_nothing() -> None:
    (section,) = card().fairness
    assert [figure.name for figure in section.disparities] == list(DISPARITIES)
    for figure in section.disparities:
        assert "the smallest group compared, the smallest gap that would have shown is" in figure.accounted
        assert "(missing) is " in figure.accounted
        assert "other is too small" in figure.accounted
        assert all(figure.accounted in text for text in texts())


def test_people_without_the_attribute_are_counted_and_said_to_be() -> None:
    for text in texts():
        assert "5 people whose sex is not known are a group of their own, (missing)." in text


@pytest.mark.parametrize(
    ("bins", "absent"),
    [
        ({"female": ["f"], "male": ["m"], "diverse": ["d"], "other": ["o"]}, ("diverse",)),
        ({"female": ["f"], "male": ["m"]}, ()),
        (None, ()),
    ],
)
def test_a_declared_group_of_which_nobody_is_there_is_named(bins: Any, absent: tuple[str, ...]) -> None:
    found = card(sensitive_features=[{"name": "sex", "bins": bins}])
    assert found.fairness[0].absent == absent
    said = "Nobody in the test data, so nothing about them is estimable: diverse."
    assert (said in render_markdown(found)) == (absent != ())
    assert (said in Page(render_html(found, {})).text) == (absent != ())


def test_crossed_groups_of_which_nobody_is_there_are_named() -> None:
    report = made.fairness(
        sex={"female": WOMEN, "male": MEN},
        age={"old": WOMEN, "young": MEN, "(missing)": MEN},
        sex_x_age={"female & old": WOMEN, "male & young": MEN},
    )
    features = [{"name": "sex"}, {"name": "age"}]
    definition = made.define_with(POLICY, sensitive_features=features, intersections=[["sex", "age"]])
    section = made.card_of(definition, made.evidence(fairness_report=report)).fairness[2]
    assert section.absent == ("female & young", "male & old")
