"""What a policy is told of attacks on images and of corruptions, and of attacks that are not worth believing."""

import re
from typing import Any

import pytest

from rai_platform.errors import EvidenceMissing
from rai_platform.release.image_attack_findings import IMAGE_METRICS, NO_IMAGES
from rai_platform.robustness.images.report import ImageRobustness
from rai_platform.spec.policy import Requirement
from rai_platform.spec.verdict import Outcome
from rai_platform_tests.card import made
from rai_platform_tests.release.checks import check_of, verdict_on
from rai_platform_tests.release.test_findings import found

LINF, L2, CORRUPTION = IMAGE_METRICS
REPORT = made.robustness(images=made.images())


@pytest.mark.parametrize(
    ("metric", "strength", "left", "within"),
    [
        (LINF, 0.05, 0.8, "L∞ 0.05"),
        (LINF, 0.1, 0.6, "L∞ 0.1"),
        (LINF, None, 0.02, "L∞ 0.2"),
        (L2, 0.5, 0.8, "L2 0.5"),
        (L2, None, 0.6, "L2 1"),
    ],
)
def test_the_worst_case_within_the_distance_counts_and_the_largest_where_none_is_named(
    metric: str, strength: float | None, left: float, within: str
) -> None:
    finding = found(check_of(metric, strength=strength), REPORT)
    assert finding.value == pytest.approx(left)
    assert finding.n == 500
    assert f"by {within} at most take accuracy from 0.900 to" in finding.says
    assert "(strongest attack: APGD-CE)" in finding.says


@pytest.mark.parametrize(("limit", "outcome"), [(0.5, "PASS"), (0.6, "INSUFFICIENT_EVIDENCE"), (0.7, "FAIL")])
def test_credible_attacks_are_judged_by_their_interval(limit: float, outcome: Outcome) -> None:
    assert verdict_on(check_of(LINF, limit=limit, strength=0.1), REPORT).outcome == outcome


@pytest.mark.parametrize("metric", [LINF, L2])
@pytest.mark.parametrize("limit", [0.0, 0.5, 1.0])
def test_attacks_that_are_not_credible_neither_pass_nor_fail(metric: str, limit: float) -> None:
    report = made.robustness(images=made.images(checks=(made.MASKED,)))
    verdict = verdict_on(check_of(metric, limit=limit), report)
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert verdict.reason.startswith(
        "Attack not credible: not shown that there are gradients to follow: there is none at 40.0% of the images; "
    )


def test_corruptions_are_judged_whether_attacks_are_credible_or_not() -> None:
    report = made.robustness(images=made.images(checks=(made.MASKED,)))
    finding = found(check_of(CORRUPTION, strength=3), report)
    assert finding.value == pytest.approx(150 / 1400)
    assert finding.says.startswith(
        "gaussian noise of severity 3 (standard deviation 0.12) takes accuracy from 0.900 to"
    )
    assert found(check_of(CORRUPTION), report).value == pytest.approx(250 / 1400)


@pytest.mark.parametrize(("metric", "strength"), [(LINF, 0.15), (L2, 0.1)])
def test_a_distance_that_was_not_tried_has_to_be(metric: str, strength: float) -> None:
    with pytest.raises(EvidenceMissing, match=f"says nothing about attacks within .* {strength:g}"):
        found(check_of(metric, strength=strength), REPORT)


def test_where_no_distance_of_a_kind_is_tried_making_it_again_would_not_help() -> None:
    of_linf = tuple(point for point in made.images().curve if point.norm == "linf")
    finding = found(check_of(L2), made.robustness(images=made.images(curve=of_linf)))
    assert finding.value is None
    assert "no distance of the kind L2 is tried" in finding.says


def test_a_severity_that_was_not_tried_has_to_be() -> None:
    report = made.robustness(images=made.images(corruptions=made.images().corruptions[:2]))
    with pytest.raises(EvidenceMissing, match="corruptions of severity 3"):
        found(check_of(CORRUPTION, strength=3), report)


@pytest.mark.parametrize("metric", IMAGE_METRICS)
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"images": None}, NO_IMAGES),
        ({"images": ImageRobustness(not_possible="nobody can ask it")}, "nothing could be tried: nobody can ask it"),
        ({"images": None, "not_possible": "there is no model"}, "nothing could be tried: there is no model"),
    ],
)
def test_a_report_without_images_never_passes(metric: str, changes: dict[str, Any], told: str) -> None:
    finding = found(check_of(metric), made.robustness(**changes))
    assert (finding.value, finding.says) == (None, told)


def test_a_table_that_could_not_be_changed_keeps_nothing_from_being_said_of_images() -> None:
    report = made.robustness(images=made.images(), not_possible="there is no table", scores=(), attack=None)
    assert found(check_of(LINF), report).value is not None


@pytest.mark.parametrize("strength", [0.5, 6, 2.5])
def test_a_severity_that_does_not_exist_is_refused_in_the_policy(strength: float) -> None:
    told = f"the strength of {CORRUPTION} is one of 1, 2, 3, 4, 5, got {strength:g}"
    with pytest.raises(ValueError, match=re.escape(told)):
        Requirement(metric=CORRUPTION, max=0.1, strength=strength)
