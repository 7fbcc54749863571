"""What the page draws and puts first: tracks that agree with their verdicts, objections with the verdict they come from."""

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.card.document import ModelCard
from rai_platform.card.rendering import objections, render_html, selection_limit
from rai_platform.release.decision import reason_against
from rai_platform.release.judgement import outcome_of
from rai_platform.spec.verdict import Interval, Limit, Verdict
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import Page
from rai_platform_tests.card.made import MEN, WOMEN

PLAIN = made.card_of()
ROUNDING = 0.011  # of places on a track, which have two decimals
TRACK = re.compile(
    r'aria-label="(?P<told>[^"]*)">\s*<line class="rail"[^>]*/>\s*'
    r'<rect class="span (?P<tone>\w+)" x="(?P<x>[\d.]+)%" width="(?P<width>[\d.]+)%"[^>]*/>\s*'
    r'<circle class="\w+" cx="(?P<dot>[\d.]+)%"[^>]*/>\s*'
    r'(?:<line class="(?:limit|floor)" x1="(?P<limit>[\d.]+)%")?'
)


@dataclasses.dataclass(frozen=True)
class Track:
    """A drawn interval: places in percent of the line."""

    tone: str
    lower: float
    upper: float
    dot: float
    limit: float | None


def tracks(card: ModelCard) -> list[Track]:
    return [
        Track(
            tone=found["tone"],
            lower=float(found["x"]),
            upper=float(found["x"]) + float(found["width"]),
            dot=float(found["dot"]),
            limit=float(found["limit"]) if found["limit"] else None,
        )
        for found in TRACK.finditer(render_html(card, {}))
    ]


def judged(**changes: Any) -> Verdict:
    return dataclasses.replace(PLAIN.verdicts[0], **changes)


def with_verdicts(*verdicts: Verdict, **changes: Any) -> ModelCard:
    return dataclasses.replace(PLAIN, verdicts=verdicts, fairness=(), **changes)


# --- the track of a verdict ------------------------------------------------------------------------------------------

values = st.floats(-5, 5).map(lambda value: round(value, 4))


@given(st.lists(values, min_size=3, max_size=3).map(sorted), values, st.booleans())
@settings(max_examples=60, deadline=None)
def test_bar_dot_and_limit_lie_on_the_line_in_the_order_of_their_values(
    ends: list[float], limit: float, from_below: bool
) -> None:
    lower, estimate, upper = ends
    asked = Limit(minimum=limit) if from_below else Limit(maximum=limit)
    interval = Interval(lower=lower, upper=upper)
    outcome = outcome_of(asked, estimate, interval, {}, "refuse")
    (track,) = tracks(with_verdicts(judged(estimate=estimate, interval=interval, limit=asked, outcome=outcome)))
    assert track.limit is not None
    assert all(0 <= place <= 100.9 for place in (track.lower, track.upper, track.dot, track.limit))
    assert track.lower - ROUNDING <= track.dot <= track.upper + ROUNDING
    good, bad = (track.upper, track.lower) if from_below else (-track.lower, -track.upper)
    edge = track.limit if from_below else -track.limit
    if outcome == "PASS":
        assert bad >= edge - ROUNDING - (0 if from_below else 0.8)  # a bar has a width even where the interval has none
    if outcome == "FAIL":
        assert good <= edge + ROUNDING + 0.8
    assert track.tone == outcome


@pytest.mark.parametrize("changes", [{"estimate": None}, {"interval": None}, {"estimate": None, "interval": None}])
def test_a_verdict_without_numbers_has_no_track_and_no_number(changes: dict[str, Any]) -> None:
    card = with_verdicts(judged(outcome="INSUFFICIENT_EVIDENCE", **changes))
    assert tracks(card) == []
    assert "Open" in Page(render_html(card, {})).text


def test_a_share_is_drawn_on_a_line_from_0_to_1() -> None:
    half = judged(estimate=0.5, interval=Interval(lower=0.4, upper=0.6), limit=Limit(minimum=0.8))
    (track,) = tracks(with_verdicts(half))
    assert track.dot == pytest.approx(2 + 96 * 0.5 / 1.04, abs=ROUNDING)


# --- the rates of groups ---------------------------------------------------------------------------------------------


def test_every_rate_of_every_group_is_drawn_where_it_lies() -> None:
    found = made.evidence(
        fairness_report=made.fairness(sex={"female": WOMEN, "male": MEN, "tiny": (1.0, 0.0, 0.0, 2.0)})
    )
    card = dataclasses.replace(made.card_of(found=found), verdicts=())
    drawn = tracks(card)
    rates = ("selection_rate", "true_positive_rate", "false_positive_rate")
    figures = [row.rate(name) for row in card.fairness[0].groups for name in rates]
    assert len(drawn) == len(figures) == 9
    for track, figure in zip(drawn, figures, strict=True):
        assert figure.value is not None
        assert figure.interval is not None
        assert track.dot == pytest.approx(100 * figure.value, abs=ROUNDING)
        assert track.lower == pytest.approx(100 * figure.interval.lower, abs=ROUNDING)
    assert [track.tone for track in drawn[6:]] == ["pale"] * 3
    assert "rate" in [track.tone for track in drawn[:6]]


@pytest.mark.parametrize(
    ("groups", "limit"),
    [
        ({"female": WOMEN, "male": (350.0, 0.0, 0.0, 350.0)}, 0.8 * 360 / 700),
        ({"female": WOMEN, "male": MEN, "tiny": (0.0, 0.0, 0.0, 3.0)}, 0.8 * 360 / 700),
        ({"female": WOMEN, "tiny": (0.0, 0.0, 0.0, 3.0)}, None),
        ({"female": WOMEN}, None),
    ],
)
def test_the_lowest_rate_allowed_follows_from_the_highest_of_a_group_that_is_judged(
    groups: dict[str, made.Row], limit: float | None
) -> None:
    card = made.card_of(found=made.evidence(fairness_report=made.fairness(sex=groups)))
    found = selection_limit(card, card.fairness[0])
    assert found == (None if limit is None else pytest.approx(limit))


def test_without_a_limit_in_the_policy_none_is_drawn() -> None:
    card = made.card_of(made.define_with({"metric": "accuracy", "min": 0.5}))
    assert selection_limit(card, card.fairness[0]) is None


# --- the number on top -----------------------------------------------------------------------------------------------


def test_the_disparity_on_top_is_the_one_that_was_judged() -> None:
    groups = {"female": WOMEN, "male": MEN, "(missing)": (3.0, 0.0, 0.0, 0.0)}
    card = made.card_of(found=made.evidence(fairness_report=made.fairness(sex=groups)))
    shown = Page(render_html(card, {})).text
    tile = shown[shown.index("\ndisparate impact by sex:") - 5 :]
    assert tile.startswith("1.000")
    assert "Of groups large enough to judge" in tile


# --- objections ------------------------------------------------------------------------------------------------------

FAILED = judged(check="a", outcome="FAIL", reason="It is: too low.")
LACKING = judged(check="b", outcome="INSUFFICIENT_EVIDENCE", reason="Nobody (knows).")


@given(
    st.permutations(
        [("fail", FAILED), ("lack", LACKING), ("other", None), ("undone", judged(check="c", outcome="FAIL"))]
    )
)
def test_each_reason_is_an_objection_with_its_verdict_the_severest_first(
    order: list[tuple[str, Verdict | None]],
) -> None:
    reasons = [
        "there is no verdict: gather the evidence"
        if verdict is None
        else reason_against(verdict, undone=name == "undone")
        for name, verdict in order
    ]
    verdicts = tuple(verdict for _, verdict in order if verdict is not None)
    found = objections(with_verdicts(*verdicts, reasons=tuple(reasons)))
    assert len(found) == 4
    assert (found[0].text, found[0].verdict) == ("there is no verdict: gather the evidence", None)
    assert [each.verdict.outcome for each in found if each.verdict] == ["FAIL", "FAIL", "INSUFFICIENT_EVIDENCE"]
    assert {each.verdict.check: each.text for each in found if each.verdict} == {
        verdict.check: verdict.reason for verdict in verdicts
    }
    notes = {each.verdict.check: each.note for each in found if each.verdict}
    assert notes == {"a": "", "b": "", "c": "a later judgement does not undo this one"}


def test_a_reason_of_a_verdict_that_is_not_on_the_card_stays_as_it_is() -> None:
    reason = reason_against(FAILED)
    (found,) = objections(with_verdicts(LACKING, reasons=(reason,)))
    assert (found.text, found.verdict, found.note) == (reason, None, "")


def test_a_warning_that_fails_is_no_objection_even_where_its_words_are_the_same() -> None:
    warning = dataclasses.replace(FAILED, severity="warn")
    (found,) = objections(with_verdicts(warning, reasons=(reason_against(FAILED),)))
    assert found.verdict is None


@pytest.mark.parametrize(
    ("created_at", "told"),
    [
        ("2026-01-02T03:04:05+00:00", "2 January 2026, 03:04 UTC"),
        ("2026-11-24T16:32:00.123+00:00", "24 November 2026, 16:32 UTC"),
    ],
)
def test_the_day_is_written_as_people_write_it(created_at: str, told: str) -> None:
    shown = Page(render_html(dataclasses.replace(PLAIN, created_at=created_at), {})).text
    assert shown.count(told) == 2
