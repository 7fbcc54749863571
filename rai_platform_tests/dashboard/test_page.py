"""The page says what the values say, of whomever, and nothing in it is anybody's markup."""

import html
import re
from dataclasses import replace

import pytest

from rai_platform.dashboard.heat import furthest_first
from rai_platform.dashboard.history import Change, ProductionHistory, Stretch
from rai_platform.dashboard.rendering import render_page
from rai_platform.dashboard.series import MOST_POINTS, features_of, largest, rate_runs, together
from rai_platform.dashboard.words import alert_lines, headline, moved_in_words, notes
from rai_platform.monitoring.telling import sentence
from rai_platform_tests.dashboard.histories import BEGIN, DAY, EVIL, OLD, days_of, gone_back, history_of, quiet


def text_of(page: str) -> str:
    """What a person reads of a page, on one line."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.fixture(scope="module")
def back() -> ProductionHistory:
    return gone_back()


@pytest.fixture(scope="module")
def back_page(back: ProductionHistory) -> str:
    return render_page(back)


def open_alert() -> ProductionHistory:
    return history_of(Stretch(version="1", digest=OLD, since=BEGIN, report=days_of(5, unfair_from=3)))


def test_where_nothing_moved_the_headline_says_so_and_how_far_labels_go() -> None:
    history = quiet()
    found = headline(history)
    assert (found.state, found.pill) == ("good", "Within tolerance")
    assert "Labels are complete up to the window 2026-03-04" in found.says[0]
    assert alert_lines(history) == []
    text = text_of(render_page(history))
    assert "version 1, since 2 March 2026, 00:00 UTC" in text
    assert "No alert was opened." in text
    last = history.stretches[0].windows[-1].rates["selection_rate"]["(all)"]["(all)"]
    assert f"{last.value:.1%} of people selected in the last window, 2026-03-05" in text
    assert "1,600 predictions" in text


def test_an_open_alert_is_in_the_headline_with_the_group_how_much_and_since_when() -> None:
    history = open_alert()
    found = headline(history)
    assert (found.state, found.pill) == ("bad", "2 alerts open")
    assert found.says[0].startswith(
        "Data and predictions, since the window 2026-03-05: selection rate of sex = female is 0.0%"
    )
    text = text_of(render_page(history))
    (early, late) = history.stretches[0].alerts
    for alert in (early, late):
        assert all(sentence(finding) in text for finding in alert.findings)
    assert "on record since 6 March 2026" in text
    assert "nobody was told yet" in text


def test_a_version_that_was_gone_back_from_has_its_windows_and_its_alert_ended_with_it(
    back: ProductionHistory, back_page: str
) -> None:
    text = text_of(back_page)
    assert headline(back).pill == "Within tolerance"
    assert "Back from version 2 to version 1, as the policy says (monitoring): No woman is selected any more." in text
    assert "The service was seen to follow after 0.4 seconds." in text
    assert {line.version for line in alert_lines(back)} == {"2"}
    assert all(line.ended.startswith("open until version 2 left production on 6 March") for line in alert_lines(back))
    assert not any(line.is_open for line in alert_lines(back))
    assert text.index("version 2") < text.index("version 1", text.index("Who is selected"))


def test_lines_break_where_the_version_changes_and_each_has_its_own_reference(back: ProductionHistory) -> None:
    first, second = rate_runs(back, "selection_rate", "sex", "female", pooled=True)
    assert [len(first), len(second)] == [4, 3]
    assert [point.beyond for point in first] == [False, False, False, True]
    assert first[-1].alarming
    assert first[-1].end == second[0].begin == BEGIN + 4 * DAY


def test_windows_whose_labels_are_to_come_are_expected_and_have_no_interval() -> None:
    (run,) = rate_runs(quiet(), "accuracy", "(all)", "(all)", pooled=True)
    assert [point.expected for point in run] == [False, False, False, True]
    assert run[-1].interval is None
    assert run[-1].value == pytest.approx(run[0].value, abs=0.1)
    assert run[0].interval is not None


def test_what_a_service_did_not_follow_and_what_had_nowhere_to_go_is_told(back: ProductionHistory) -> None:
    rollback = back.changes[-1]
    assert rollback.seen is not None
    unseen = replace(rollback, seen=replace(rollback.seen, verified=False, problem="it does not answer"))
    failed = Change(kind="rollback_failed", at=BEGIN, version=None, left="1", reason="Why.", actor="ada")
    text = text_of(render_page(replace(back, changes=(unseen, replace(rollback, seen=None), failed))))
    assert "was not seen to follow within 0.4 seconds: it does not answer." in text
    assert "No service was asked whether it follows." in text
    assert "There was nothing to go back to, and version 1 stays, by ada: Why." in text


def test_what_was_withdrawn_is_in_production_no_more() -> None:
    stretch = Stretch(version="1", digest=OLD, since=BEGIN, until=BEGIN + 2 * DAY, report=days_of(2))
    gone = Change(kind="withdrawal", at=BEGIN + 2 * DAY, version=None, left="1", reason="Why.", actor="ada")
    found = headline(history_of(stretch, changes=(gone,)))
    assert (found.state, found.pill) == ("bad", "Nothing in production")
    assert found.says == ("Version 1 was withdrawn, by ada, since there was nothing to go back to: Why.",)


def test_without_windows_the_page_says_that_and_why() -> None:
    few = Stretch(version="1", digest=OLD, since=BEGIN, report=days_of(1, n=20))
    unknown = Stretch(version="1", digest=OLD, since=BEGIN, unknown="there is no log")
    for stretch, pill, said in (
        (few, "No window yet", "no window has enough"),
        (unknown, "Not watched", "there is no log"),
    ):
        history = history_of(stretch)
        page = render_page(history)
        assert headline(history).pill == pill
        assert said in text_of(page)
        assert "Nothing to show yet" in page
        assert "<svg" not in page


def test_what_anybody_named_is_text_and_nothing_else() -> None:
    names = {"female": EVIL, "male": "m < n"}
    report = days_of(5, unfair_from=3, names=names)
    change = Change(kind="rollback", at=BEGIN, version=EVIL, left="0", reason=EVIL, actor=EVIL)
    history = history_of(
        Stretch(version=EVIL, digest=OLD, since=BEGIN, report=report), changes=(change,), model="loans"
    )
    page = render_page(history)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $x_1$" in page
    assert "m < n" in text_of(page)


@pytest.mark.slow
def test_many_windows_are_put_together_without_losing_anybody() -> None:
    history = quiet(2 * MOST_POINTS + 1, unlabelled=0)
    assert together(history) == 3
    apart = [each for run in rate_runs(history, "accuracy", "sex", "male", pooled=False) for each in run]
    joined = [each for run in rate_runs(history, "accuracy", "sex", "male", pooled=True) for each in run]
    assert len(apart) == 2 * MOST_POINTS + 1
    assert len(joined) == len(apart) // 3 + 1
    assert sum(each.n for each in joined) == sum(each.n for each in apart)
    right = sum(each.value * each.n for each in apart[:3] if each.value is not None)
    assert joined[0].value == pytest.approx(right / joined[0].n)
    assert joined[0].interval is not None
    assert apart[0].interval is not None
    assert joined[0].interval.upper - joined[0].interval.lower < apart[0].interval.upper - apart[0].interval.lower
    page = render_page(history)
    assert "3 windows together" in text_of(page)
    assert len(page) < 2_000_000


def test_groups_of_too_few_people_are_in_the_table_and_not_in_the_picture() -> None:
    history = quiet()
    (stretch,) = history.stretches
    assert stretch.report is not None
    few = replace(stretch.windows[0].rates["selection_rate"]["sex"]["male"], successes=1.0, trials=3.0, n=3)
    windows = [
        replace(
            each,
            rates={
                **each.rates,
                "selection_rate": {
                    **each.rates["selection_rate"],
                    "sex": {**each.rates["selection_rate"]["sex"], "nobody's": few},
                },
            },
        )
        for each in stretch.windows
    ]
    history = replace(history, stretches=(replace(stretch, report=replace(stretch.report, windows=tuple(windows))),))
    assert features_of(history) == ["(all)", "sex"]
    assert largest(history, "sex", 8) == ["female", "male"]
    text = text_of(render_page(history))
    assert "1 smaller group is in the table below" in text
    assert "sex = nobody's 33.3% 6.1% to 79.2% 3" in text


def test_the_feature_that_surely_moved_is_told_with_the_share_and_the_window() -> None:
    history = history_of(Stretch(version="1", digest=OLD, since=BEGIN, report=days_of(4, richer_from=2)))
    (said,) = moved_in_words(history)
    assert said.startswith("income, window 2026-03-0")
    assert "it may change by 5.0%" in said
    (first, *_) = furthest_first(history)
    assert (first.feature, first.window.name >= "2026-03-04") == ("income", True)
    assert f"the share of {first.share.says} is {first.share.now.value:.1%}" in said
    assert furthest_first(quiet())[0].share.may_be_within


def test_a_note_that_repeats_is_told_once_with_how_often() -> None:
    history = quiet()
    (stretch,) = history.stretches
    assert stretch.report is not None
    windows = [replace(each, notes=(f"of {place}% it is not known",)) for place, each in enumerate(stretch.windows)]
    noted = replace(history, stretches=(replace(stretch, report=replace(stretch.report, windows=tuple(windows))),))
    assert notes(noted) == ["Of 3% it is not known (in the window 2026-03-05, and likewise in 3 before it)."]
