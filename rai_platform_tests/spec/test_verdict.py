"""The words that judgements are made of."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import SEVEREST_FIRST, Limit, Outcome, Verdict, severest


def verdict(**changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "asset": "performance_report",
        "check": "accuracy",
        "requirement": "accuracy at least 0.7",
        "metric": "accuracy",
        "sensitive_feature": None,
        "groups": (),
        "outcome": "PASS",
        "estimate": 0.8,
        "interval": None,
        "n": 100,
        "limit": Limit(minimum=0.7),
        "policy_digest": "p",
        "subject": Subject(model_digest="m", data_digest="d"),
        "evidence_digest": "e",
        "code_version": "1",
        "reason": "It is.",
    }
    return Verdict(**{**values, **changes})


@pytest.mark.parametrize(
    ("outcome", "severity", "may_be_disclosed", "allowed"),
    [
        ("PASS", "block", False, True),
        ("FAIL", "block", False, False),
        ("FAIL", "block", True, False),
        ("FAIL", "warn", False, True),
        ("INSUFFICIENT_EVIDENCE", "block", False, False),
        ("INSUFFICIENT_EVIDENCE", "block", True, True),
        ("INSUFFICIENT_EVIDENCE", "warn", False, True),
    ],
)
def test_release_is_allowed_by_a_pass_a_warning_or_a_lack_that_may_be_named(
    outcome: Outcome, severity: str, may_be_disclosed: bool, allowed: bool
) -> None:
    judged = verdict(outcome=outcome, severity=severity, may_be_disclosed=may_be_disclosed)
    assert judged.allows_release is allowed
    assert judged.passed is (outcome == "PASS")


def test_the_severest_outcome_counts_however_often_and_in_whatever_order_it_was_judged() -> None:
    for order in permutations(SEVEREST_FIRST):
        assert severest(list(order)) == "FAIL"
    assert severest(["PASS", "INSUFFICIENT_EVIDENCE", "PASS"]) == "INSUFFICIENT_EVIDENCE"
    assert severest(["PASS", "PASS"]) == "PASS"
    assert severest([]) is None


@given(st.lists(st.sampled_from(SEVEREST_FIRST), min_size=1), st.sampled_from(SEVEREST_FIRST))
def test_judging_once_more_never_makes_it_better(outcomes: list[Outcome], another: Outcome) -> None:
    before, after = severest(outcomes), severest([*outcomes, another])
    assert before is not None
    assert after is not None
    assert SEVEREST_FIRST.index(after) <= SEVEREST_FIRST.index(before)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_limit_holds_on_its_good_side_and_at_its_end(bound: float, value: float) -> None:
    assert Limit(minimum=bound).holds_for(value) == (value >= bound)
    assert Limit(maximum=bound).holds_for(value) == (value <= bound)


def test_a_maximum_of_zero_is_a_limit() -> None:
    assert Limit(maximum=0.0).holds_for(0.0)
    assert not Limit(maximum=0.0).holds_for(0.1)
    assert [str(Limit(minimum=0.8)), str(Limit(maximum=0.0)), str(Limit(minimum=0.0))] == [
        "at least 0.8",
        "at most 0",
        "at least 0",
    ]


def test_a_subject_names_model_and_data() -> None:
    assert str(Subject(model_digest="a" * 64, data_digest="b" * 64)) == f"model {'a' * 12} on data {'b' * 12}"
    assert str(Subject(model_digest=None, data_digest="b" * 64)) == f"data {'b' * 12}"
