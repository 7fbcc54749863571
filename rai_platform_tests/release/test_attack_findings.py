"""What a policy is told of the attacks on a model: the worst of them, and nothing where they are not worth believing."""

import pytest

from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform.spec.verdict import Outcome
from rai_platform_tests.card import made
from rai_platform_tests.release.checks import check_of, verdict_on
from rai_platform_tests.release.test_findings import found

METRIC = "accuracy_drop_under_constrained_attack"


@pytest.mark.parametrize(
    ("strength", "drop", "left"), [(None, 0.36, "0.500"), (1.0, 0.18, "0.680"), (0.5, 0.08, "0.780")]
)
def test_the_worst_case_at_the_budget_counts_and_the_largest_where_none_is_named(
    strength: float | None, drop: float, left: str
) -> None:
    finding = found(check_of(METRIC, strength=strength), made.robustness())
    assert finding.value == pytest.approx(drop)
    assert finding.n == 500
    assert f"take accuracy from 0.860 to {left} or lower" in finding.says
    assert "strongest attack: coordinate search" in finding.says


@pytest.mark.parametrize(("limit", "outcome"), [(0.5, "PASS"), (0.36, "INSUFFICIENT_EVIDENCE"), (0.2, "FAIL")])
def test_a_credible_attack_is_judged_by_its_interval(limit: float, outcome: Outcome) -> None:
    assert verdict_on(check_of(METRIC, limit=limit), made.robustness()).outcome == outcome


@pytest.mark.parametrize("limit", [0.5, 0.36, 0.2, 0.0])
def test_an_attack_that_is_not_credible_neither_passes_nor_fails(limit: float) -> None:
    report = made.robustness(attack=made.attack(checks=(*made.attack().checks, made.DOUBT)))
    verdict = verdict_on(check_of(METRIC, limit=limit), report)
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert verdict.reason.startswith(
        "Attack not credible: not shown that an attack without limits gets through: accuracy stays at 90.0%; "
    )


def test_where_nothing_could_be_attacked_it_says_why() -> None:
    report = made.robustness(attack=ConstrainedAttack(not_possible="nobody could change any column"))
    verdict = verdict_on(check_of(METRIC, limit=1.0), report)
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert "Nothing could be attacked: nobody could change any column" in verdict.reason
