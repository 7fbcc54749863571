"""What a policy can ask of an explanation: that it is the same again, faithful, even-handed, and rests on no proxy."""

import dataclasses
from typing import Any

import pytest

from rai_platform.errors import EvidenceMissing
from rai_platform.explanations.examination import Examination, GroupShares, ProxyColumn
from rai_platform.explanations.report import Explanations
from rai_platform.release.explanation_findings import EXAMINED
from rai_platform.release.finding import Finding, Levels
from rai_platform.release.findings import find
from rai_platform.spec.policy import Policy
from rai_platform.spec.verdict import Interval
from rai_platform_tests.card import made
from rai_platform_tests.release.checks import check_of, verdict_on

LEVELS = Levels(outer=0.05, inner=0.005)


def report_with(**changes: Any) -> Explanations:
    report = made.explanations()
    assert report.examination is not None
    return dataclasses.replace(report, examination=dataclasses.replace(report.examination, **changes))


def found(metric: str, report: Explanations, **asked: Any) -> Finding:
    return find(
        check_of(metric, **asked), report, levels=LEVELS, policy=Policy(name="test"), sensitive_columns={"sex": "sex"}
    )


def shares(group: str, *of: float, people: int = 100) -> GroupShares:
    return GroupShares(group=group, n=people, people=people, shares=of, standard_errors=(0.02,) * len(of))


def proxy(column: str, auc: float = 0.83, feature: str = "sex") -> ProxyColumn:
    return ProxyColumn(column=column, sensitive_feature=feature, group="female", auc=auc)


@pytest.mark.parametrize("metric", EXAMINED)
def test_a_report_from_before_the_examination_waits_for_a_new_one(metric: str) -> None:
    with pytest.raises(EvidenceMissing, match="materialize `shap_explanations` again"):
        found(metric, dataclasses.replace(made.explanations(), examination=None))


@pytest.mark.parametrize(
    ("metric", "limit", "outcome"),
    [
        ("explanation_stability", 0.7, "PASS"),
        ("explanation_stability", 0.9, "INSUFFICIENT_EVIDENCE"),
        ("explanation_stability", 1.0, "FAIL"),
        ("explanation_faithfulness", 0.0, "PASS"),
        ("explanation_faithfulness", 0.3, "INSUFFICIENT_EVIDENCE"),
        ("explanation_faithfulness", 0.5, "FAIL"),
        ("second_opinion_agreement", 0.5, "PASS"),
    ],
)
def test_a_test_of_the_explanation_is_judged_by_its_interval(metric: str, limit: float, outcome: str) -> None:
    assert verdict_on(check_of(metric, limit=limit), made.explanations()).outcome == outcome


def test_what_is_not_estimable_is_no_pass_and_says_why() -> None:
    report = report_with(measured={}, not_estimable={"explanation_stability": "the model has fewer than two features"})
    verdict = verdict_on(check_of("explanation_stability", limit=-1.0), report)
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert "not estimable: the model has fewer than two features" in verdict.reason


# --- parity ----------------------------------------------------------------------------------------------------------


def test_parity_names_the_feature_the_groups_and_both_shares() -> None:
    report = report_with(parity={"sex": (shares("female", 0.6, 0.3, 0.1), shares("male", 0.4, 0.4, 0.2))})
    finding = found("attribution_parity_difference", report)
    assert finding.value == pytest.approx(0.2)
    assert finding.bounds is not None
    assert 0.05 < finding.bounds.lower < 0.2 < finding.bounds.upper < 0.3
    assert finding.groups == ("female", "male")
    assert finding.n == 200
    assert finding.says == (
        "income has a share of 0.600 in what moves the score of female and of 0.400 in what moves that of male, the "
        "largest difference of any feature"
    )


@pytest.mark.parametrize(("largest", "outcome"), [(0.5, "PASS"), (0.2, "INSUFFICIENT_EVIDENCE"), (0.05, "FAIL")])
def test_parity_is_judged_by_the_bounds_of_the_largest_difference(largest: float, outcome: str) -> None:
    report = report_with(parity={"sex": (shares("female", 0.6, 0.3, 0.1), shares("male", 0.4, 0.4, 0.2))})
    assert verdict_on(check_of("attribution_parity_difference", limit=largest), report).outcome == outcome


def test_a_group_of_which_too_few_were_explained_is_named_and_keeps_a_pass_back() -> None:
    same = (0.5, 0.3, 0.2)
    groups = (shares("female", *same), shares("male", *same), shares("other", *same, people=12))
    report = report_with(parity={"sex": groups})
    verdict = verdict_on(check_of("attribution_parity_difference", limit=0.9), report)
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert "other (too small: 12 explained people, 30 needed)" in verdict.reason
    named = check_of("attribution_parity_difference", limit=0.9, on_insufficient_evidence="disclose")
    assert verdict_on(named, report).outcome == "PASS"
    alone = found("attribution_parity_difference", report_with(parity={"sex": groups[1:]}))
    assert (alone.value, alone.bounds, tuple(alone.left_out)) == (None, None, ("other",))


def test_parity_by_a_feature_nobody_asked_about_waits_for_a_new_report() -> None:
    with pytest.raises(EvidenceMissing, match="attributions by race"):
        found("attribution_parity_difference", made.explanations(), feature="race")


# --- proxies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "top", "count", "says"),
    [
        (
            (proxy("income"),),
            1,
            1,
            "of the feature that moves the score most (income), income (sex: female, AUC 0.830)",
        ),
        ((proxy("sex"),), 2, 0, "none of the 2 that move the score most (income, age) gives a group away"),
        (
            (proxy("income"), proxy("sex", 0.71)),
            3,
            2,
            "income (sex: female, AUC 0.830) and sex (sex: female, AUC 0.710)",
        ),
        (
            (proxy("income", 0.69),),
            None,
            0,
            "none of the features that move the score (income, age, sex) gives a group",
        ),
        ((proxy("income", 0.75), proxy("income", 0.9)), 3, 1, "income (sex: female, AUC 0.900) gives a group away"),
    ],
)
def test_proxies_are_counted_among_the_strongest(
    proxies: tuple[ProxyColumn, ...], top: int | None, count: int, says: str
) -> None:
    finding = found("proxies_in_top", report_with(proxies=proxies), **({"top": top} if top else {}))
    assert finding.value == count
    assert says in finding.says
    assert finding.bounds == Interval(lower=count, upper=count)


def test_a_proxy_that_is_among_the_strongest_only_by_chance_makes_the_count_unsure() -> None:
    report = dataclasses.replace(
        report_with(proxies=(proxy("age"),)), replicates=((1.0, 0.5, 0.2), (0.5, 1.0, 0.2), (1.0, 0.6, 0.2))
    )
    finding = found("proxies_in_top", report, top=1)
    assert (finding.value, finding.bounds) == (0, Interval(lower=0, upper=1))
    assert verdict_on(check_of("proxies_in_top", limit=0, top=1), report).outcome == "INSUFFICIENT_EVIDENCE"


def test_a_feature_that_moves_nothing_is_no_proxy_among_the_reasons() -> None:
    report = report_with(proxies=(proxy("sex"),))
    still = dataclasses.replace(report.importance[2], mean_absolute=0.0)
    report = dataclasses.replace(
        report, importance=(*report.importance[:2], still), replicates=((1.0, 0.5, 0.0), (1.0, 0.4, 0.0))
    )
    assert found("proxies_in_top", report).value == 0


@pytest.mark.parametrize(
    ("screened", "why"),
    [(None, "the training data are not known"), ((), "no group of the training data could be screened")],
)
def test_where_nobody_looked_for_proxies_nothing_is_known(screened: tuple[str, ...] | None, why: str) -> None:
    finding = found("proxies_in_top", report_with(proxies=(), screened=screened))
    assert finding.value is None
    assert finding.says == f"nobody knows what gives groups away: {why}"


def test_a_sensitive_feature_that_was_not_screened_keeps_a_pass_back() -> None:
    examination = made.explanations().examination
    assert isinstance(examination, Examination)
    parity = {**examination.parity, "race": examination.parity["sex"]}
    verdict = verdict_on(check_of("proxies_in_top", limit=9), report_with(parity=parity))
    assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
    assert "race (no group of the training data could be screened)" in verdict.reason
