"""A verdict in the words that a person who answers for the model reads."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.release.finding import number
from rai_platform.release.findings import Evidence
from rai_platform.spec.requirements import RequiredCheck
from rai_platform_tests.card import made
from rai_platform_tests.card.made import MEN, WOMEN
from rai_platform_tests.release.checks import UNSAID, check_of, verdict_on

NOBODY: made.Row = (50.0, 0.0, 50.0, 0.0)  # of a hundred people none is selected


@pytest.mark.parametrize(
    ("check", "report", "outcome", "reason"),
    [
        (
            check_of("disparate_impact", limit=0.8),
            made.fairness(sex={"female": WOMEN, "male": MEN}),
            "PASS",
            "The selection rate is 0.514 in every group, disparate impact 1; with 95% confidence it is at least 0.918, and "
            "the policy asks for at least 0.8. With the 700 rows of female, the smallest group compared, the smallest gap "
            "that would have shown is 0.07.",
        ),
        (
            check_of("disparate_impact", limit=0.8),
            made.fairness(sex={"female": (600.0, 50.0, 40.0, 10.0), "male": MEN}),
            "FAIL",
            "The selection rate is 0.086 for female and 0.514 for male, disparate impact 0.167; allowing for chance it is "
            "still at most 0.214, and the policy asks for at least 0.8.",
        ),
        (
            check_of("disparate_impact", limit=0.8),
            made.fairness(sex={"female": (30.0, 5.0, 5.0, 20.0), "male": MEN}),
            "INSUFFICIENT_EVIDENCE",
            "The selection rate is 0.417 for female and 0.514 for male, disparate impact 0.810; from 760 rows it may be "
            "anywhere from 0.614 to 1, and the policy asks for at least 0.8; were the groups equal, about 147 of female (there "
            "are 60) would have been enough. With the 60 rows of female, the smallest group compared, the smallest gap "
            "that would have shown is 0.18.",
        ),
        (
            check_of("disparate_impact", limit=0.8, rule="point"),
            made.fairness(sex={"female": (30.0, 5.0, 5.0, 20.0), "male": MEN}),
            "PASS",
            "The selection rate is 0.417 for female and 0.514 for male, disparate impact 0.810 (interval 0.614 to 1); the "
            "policy asks for at least 0.8. With the 60 rows of female, the smallest group compared, the smallest gap that "
            "would have shown is 0.18.",
        ),
        (
            check_of("disparate_impact", limit=0.8),
            made.fairness(sex={"female": NOBODY, "male": NOBODY}),
            "INSUFFICIENT_EVIDENCE",
            "Disparate impact by sex is not estimable: nobody is selected in any group; the policy asks for at least 0.8, "
            "and there is no evidence that it is met.",
        ),
        (
            check_of("disparate_impact", limit=0.8),
            made.fairness(sex={"female": WOMEN, "male": MEN, "other": (1.0, 1.0, 1.0, 0.0)}),
            "INSUFFICIENT_EVIDENCE",
            "The selection rate is 0.514 in every group, disparate impact 1; with 95% confidence it is at least 0.918, and "
            "the policy asks for at least 0.8. With the 700 rows of female, the smallest group compared, the smallest gap "
            "that would have shown is 0.07. Without a verdict: other (too small: 3 rows, 50 needed; with 3 no gap would "
            "have shown); the policy wants every group judged.",
        ),
        (
            check_of("label_rate_ratio", limit=0.5, on_insufficient_evidence="disclose"),
            made.data_report(sex={"female": (100, 0), "male": (100, 0)}),
            "INSUFFICIENT_EVIDENCE",
            "Label rates by sex cannot be compared: nobody in any group has the positive label; the policy asks for at least "
            "0.5, and there is no evidence that it is met. The gap is named here, as the policy allows.",
        ),
        (
            check_of("label_rate_ratio", limit=0.5, rule="point"),
            made.data_report(sex={"female": (100, 40), "male": (200, 80)}),
            "PASS",
            "0.400 of every group have the positive label, a ratio of 1 (interval 0.776 to 1); the policy asks for at least 0.5.",
        ),
        (
            check_of("leakage_rate", limit=0.001),
            made.data_report("test"),
            "FAIL",
            "Leakage rate (share of test rows that are also training rows, and not by chance) is 0.005; the policy asks for at "
            "most 0.001.",
        ),
    ],
)
def test_a_verdict_is_told_in_a_sentence(check: RequiredCheck, report: Evidence, outcome: str, reason: str) -> None:
    verdict = verdict_on(check, report)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("confidence", "said"), [(0.95, "95%"), (0.999, "99.9%"), (0.975, "97.5%"), (0.57, "57%"), (0.9, "90%")]
)
def test_no_sentence_claims_more_confidence_than_was_asked_for(confidence: float, said: str) -> None:
    verdict = verdict_on(check_of("accuracy"), made.performance(), confidence=confidence)
    assert f"with {said} confidence" in verdict.reason


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "unknown"),
        (0.0, "0"),
        (1.0, "1"),
        (-2.0, "-2"),
        (0.1234, "0.123"),
        (0.0004, "under 0.001"),
        (-0.0001, "barely below 0"),
    ],
)
def test_a_number_is_short_and_never_rounded_to_nothing(value: float | None, said: str) -> None:
    assert number(value) == said


counts = st.tuples(*[st.integers(0, 200).map(float)] * 4).filter(any)


@given(
    groups=st.lists(counts, min_size=1, max_size=3),
    metric=st.sampled_from(sorted(DISPARITIES)),
    on_insufficient=st.sampled_from(["refuse", "disclose"]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_was_counted_no_group_is_lost_and_nothing_unknown_passes(
    groups: list[made.Row], metric: str, on_insufficient: str
) -> None:
    named = {f"group {at}": row for at, row in enumerate(groups)}
    verdict = verdict_on(check_of(metric), made.fairness(sex=named), on_insufficient_evidence=on_insufficient)
    assert not UNSAID.search(verdict.reason)
    if verdict.estimate is None:
        assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
        return
    if on_insufficient == "disclose":
        assert set(verdict.groups) | set(verdict.disclosed) == set(named)
    elif verdict.passed:
        assert set(verdict.groups) == set(named)
    for group in set(named) - set(verdict.groups):
        assert f"{group} (" in verdict.reason
