"""The three-state rule, and the sentence that goes with it."""

import pytest

from rai_platform.release.judgement import outcome_of
from rai_platform.spec.verdict import Interval, Limit, severest

AT_LEAST = Limit(minimum=0.8)
AT_MOST = Limit(maximum=0.1)


@pytest.mark.parametrize(
    ("limit", "value", "bounds", "outcome"),
    [
        (AT_LEAST, 0.9, (0.8, 0.95), "PASS"),
        (AT_LEAST, 0.9, (0.79, 0.95), "INSUFFICIENT_EVIDENCE"),
        (AT_LEAST, 0.7, (0.6, 0.81), "INSUFFICIENT_EVIDENCE"),
        (AT_LEAST, 0.7, (0.6, 0.799), "FAIL"),
        (AT_MOST, 0.05, (0.01, 0.1), "PASS"),
        (AT_MOST, 0.05, (0.01, 0.11), "INSUFFICIENT_EVIDENCE"),
        (AT_MOST, 0.2, (0.09, 0.3), "INSUFFICIENT_EVIDENCE"),
        (AT_MOST, 0.2, (0.11, 0.3), "FAIL"),
        (Limit(minimum=0.8, rule="point"), 0.81, (0.1, 1.0), "PASS"),
        (Limit(minimum=0.8, rule="point"), 0.79, (0.1, 1.0), "FAIL"),
        (Limit(maximum=0.0), 0.0, (0.0, 0.0), "PASS"),
    ],
)
def test_pass_means_all_of_the_interval_and_fail_none_of_it(
    limit: Limit, value: float, bounds: tuple[float, float], outcome: str
) -> None:
    interval = Interval(lower=bounds[0], upper=bounds[1])
    assert outcome_of(limit, value, interval, {}, "refuse") == outcome


@pytest.mark.parametrize("limit", [AT_LEAST, Limit(minimum=0.8, rule="point")])
def test_what_is_unknown_never_passes(limit: Limit) -> None:
    assert outcome_of(limit, None, None, {}, "refuse") == "INSUFFICIENT_EVIDENCE"
    assert outcome_of(limit, None, None, {}, "disclose") == "INSUFFICIENT_EVIDENCE"


def test_a_group_left_out_keeps_a_pass_back_unless_the_policy_names_it_and_never_hides_a_fail() -> None:
    good, bad = Interval(lower=0.9, upper=1.0), Interval(lower=0.1, upper=0.2)
    small = {"islands": "too small: 3 rows, 100 needed"}
    assert outcome_of(AT_LEAST, 0.95, good, small, "refuse") == "INSUFFICIENT_EVIDENCE"
    assert outcome_of(AT_LEAST, 0.95, good, small, "disclose") == "PASS"
    assert outcome_of(AT_LEAST, 0.15, bad, small, "refuse") == "FAIL"
    assert outcome_of(AT_LEAST, 0.15, bad, small, "disclose") == "FAIL"


def test_the_severest_verdict_counts_in_whatever_order() -> None:
    assert severest(["PASS", "FAIL", "PASS"]) == "FAIL"
    assert severest(["PASS", "INSUFFICIENT_EVIDENCE"]) == "INSUFFICIENT_EVIDENCE"
    assert severest(["PASS"]) == "PASS"
    assert severest([]) is None
