"""What a policy is told of attacks on texts and of injected instructions: the worst, and nothing that is not credible."""

from typing import Any

import pytest

from rai_platform.errors import EvidenceMissing
from rai_platform.release.prompt_findings import PROMPT_METRICS
from rai_platform.release.text_attack_findings import TEXT_METRICS
from rai_platform.robustness.prompts.report import EndpointReport, GuardReport, PromptRobustness
from rai_platform.robustness.texts.report import TextRobustness
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.verdict import Outcome
from rai_platform_tests.card import made, made_attacks
from rai_platform_tests.release.checks import check_of, verdict_on
from rai_platform_tests.release.test_findings import found

ALL = (*TEXT_METRICS, *PROMPT_METRICS)
WORST = {
    "accuracy_under_text_attack": (0.15, 200, "from 0.800 to 0.150 or lower"),
    "text_attack_success_rate": (130 / 160, 160, "they turn 0.812 of the texts"),
    "injection_evasion_rate": (0.9, 100, "0.900 of the injections"),
    "over_defence_rate": (0.25, 120, "takes 0.250 of harmless prompts"),
    "endpoint_attack_success_rate": (0.7, 60, "0.700 of the attacks make"),
}


def report(**changes: Any):
    return made.robustness(**{"texts": made_attacks.texts(), "prompts": made_attacks.prompts(), **changes})


@pytest.mark.parametrize("metric", ALL)
def test_the_worst_is_told(metric: str) -> None:
    value, n, says = WORST[metric]
    finding = found(check_of(metric), report())
    assert finding.value == pytest.approx(value)
    assert finding.n == n
    assert says in finding.says
    assert finding.bounds is not None
    assert finding.bounds.lower < value < finding.bounds.upper


@pytest.mark.parametrize(
    ("metric", "limit", "outcome"),
    [
        ("accuracy_under_text_attack", 0.05, "PASS"),
        ("accuracy_under_text_attack", 0.15, "INSUFFICIENT_EVIDENCE"),
        ("accuracy_under_text_attack", 0.5, "FAIL"),
        ("text_attack_success_rate", 0.95, "PASS"),
        ("text_attack_success_rate", 0.3, "FAIL"),
        ("injection_evasion_rate", 0.99, "PASS"),
        ("injection_evasion_rate", 0.5, "FAIL"),
        ("over_defence_rate", 0.5, "PASS"),
        ("over_defence_rate", 0.1, "FAIL"),
        ("endpoint_attack_success_rate", 0.95, "PASS"),
        ("endpoint_attack_success_rate", 0.2, "FAIL"),
    ],
)
def test_a_credible_attack_is_judged_by_its_interval(metric: str, limit: float, outcome: Outcome) -> None:
    assert verdict_on(check_of(metric, limit=limit), report()).outcome == outcome


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("limit", [0.0, 0.5, 1.0])
def test_an_attack_that_is_not_credible_neither_passes_nor_fails(metric: str, limit: float) -> None:
    doubted = report(
        texts=made_attacks.texts(checks=(made.DOUBT,)),
        prompts=PromptRobustness(
            guard=made_attacks.guard(checks=(made.DOUBT,)), endpoint=made_attacks.endpoint(checks=(made.DOUBT,))
        ),
    )
    verdict = verdict_on(check_of(metric, limit=limit), doubted)
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert verdict.reason.startswith("Attack not credible: not shown that an attack without limits gets through")


@pytest.mark.parametrize("metric", ALL)
def test_where_nothing_could_be_tried_it_says_why(metric: str) -> None:
    nothing = report(
        texts=TextRobustness(not_possible="no recipe can run"),
        prompts=PromptRobustness(
            guard=GuardReport(not_possible="no recipe can run"),
            endpoint=EndpointReport(not_possible="no recipe can run", url="http://x", model="m"),
        ),
    )
    limit = 0.0 if METRICS[metric].good == "high" else 1.0
    verdict = verdict_on(check_of(metric, limit=limit), nothing)
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert "no recipe can run" in verdict.reason


@pytest.mark.parametrize("limit", [0.1, 0.9, 1.0])
def test_a_guard_that_recognizes_nothing_neither_passes_nor_fails_for_what_it_refuses(limit: float) -> None:
    blind = made_attacks.guard(not_possible="the model recognizes none", families=(), any_family=None, checks=())
    told = report(prompts=PromptRobustness(guard=blind))
    finding = found(check_of("over_defence_rate"), told)
    assert (finding.value, finding.n) == (0.25, 120)
    assert "takes 0.250 of harmless prompts" in finding.says
    assert "recognizes none" in finding.says
    assert verdict_on(check_of("over_defence_rate", limit=limit), told).outcome == "INSUFFICIENT_EVIDENCE"
    assert found(check_of("injection_evasion_rate"), told).value is None


@pytest.mark.parametrize("metric", ALL)
def test_a_report_older_than_the_question_has_to_be_made_again(metric: str) -> None:
    with pytest.raises(EvidenceMissing, match="materialize `robustness_scores` again"):
        found(check_of(metric), report(scores=(), texts=None, prompts=None))


@pytest.mark.parametrize("metric", ALL)
def test_a_model_of_images_reads_no_texts_and_making_it_again_would_not_help(metric: str) -> None:
    about_images = report(scores=(), texts=None, prompts=None, images=made.images())
    assert (
        found(check_of(metric), about_images).says == "the model reads images, and no texts that anybody could change"
    )


def test_a_part_that_was_not_measured_is_no_pass() -> None:
    for metric in PROMPT_METRICS:
        assert found(check_of(metric), report(prompts=PromptRobustness())).value is None


def test_texts_are_judged_where_the_table_could_not_be_changed() -> None:
    only_texts = report(not_possible="the model reads texts")
    assert found(check_of("accuracy_under_text_attack"), only_texts).value == pytest.approx(0.15)
