"""What a report says about every metric that a policy may limit, and the sentence that a person reads."""

import dataclasses
import re
from typing import Any

import dagster as dg
import pytest

from rai_platform.errors import EvidenceMissing
from rai_platform.explanations.report import Explanations, nothing_to_explain
from rai_platform.fairness.report import AttributeFlip, Consistency
from rai_platform.pipeline.values import StoredValues
from rai_platform.release.finding import Finding, Levels
from rai_platform.release.findings import Evidence, find
from rai_platform.release.image_attack_findings import IMAGE_METRICS
from rai_platform.release.prompt_findings import PROMPT_METRICS
from rai_platform.release.text_attack_findings import TEXT_METRICS
from rai_platform.robustness.report import NO_COLUMN, nothing_to_perturb
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Policy
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval
from rai_platform_tests.card import made, made_attacks
from rai_platform_tests.card.made import MEN, SUBJECT, WOMEN
from rai_platform_tests.release.checks import UNSAID, check_of, verdict_on
from rai_platform_tests.world import World, lending_attributes, told

LEVELS = Levels(outer=0.05, inner=0.005)
NOTHING_THERE = (
    "nobody knows|there is no model|fewer than two groups|nobody has any benefit|no subgroup has 50 rows|"
    "there is no `(reference|conditional_on)`"
)
OF_TEXTS = (*TEXT_METRICS, *PROMPT_METRICS)
CASES = [(metric, asset) for metric, about in METRICS.items() for asset in about.assets]


def found(check: RequiredCheck, report: Evidence, *, minimum_group_size: int = 50) -> Finding:
    policy = Policy(name="test", minimum_group_size=minimum_group_size)
    return find(check, report, levels=LEVELS, policy=policy, sensitive_columns={"sex": "sex"})


def report_of(asset: str) -> Evidence:
    """A report in which everything is measured."""
    reports: dict[str, Evidence] = {
        "training_data": made.data_report("training"),
        "test_data": made.data_report("test"),
        "performance_report": made.performance(),
        "fairness_report": made.fairness(sex={"female": WOMEN, "male": MEN}),
        "shap_explanations": made.explanations(),
        "robustness_scores": made.robustness(
            images=made.images(), texts=made_attacks.texts(), prompts=made_attacks.prompts()
        ),
    }
    return reports[asset]


def empty_report_of(asset: str, metric: str) -> Evidence:
    """A report in which this could not be measured."""
    why = {metric: "nobody knows"}
    reports: dict[str, Evidence] = {
        "training_data": dataclasses.replace(
            made.data_report("training", sex={"female": (9, 4), "male": (40, 20)}),
            measured={},
            not_estimable=why,
            against_others={"sex": ()},
            proxies={"sex": ()},
        ),
        "test_data": dataclasses.replace(made.data_report("test"), measured={}, not_estimable=why),
        "performance_report": made.performance(measured={}, not_estimable=why),
        "fairness_report": dataclasses.replace(
            made.fairness(sex={"everybody": WOMEN}),
            measured={},
            not_estimable=why,
            between_groups={"sex": None},
            discoveries=tuple(made.discovery(rate, found=False) for rate in ("selection_rate", "error_rate")),
            consistency=Consistency(why_not="nobody knows", columns=(), left_out=()),
            flips={"sex": AttributeFlip(feature="sex", why_not="nobody knows")},
        ),
        "shap_explanations": nothing_to_explain(SUBJECT, "there is no model", code_version="1"),
        "robustness_scores": nothing_to_perturb(SUBJECT, 1400, "there is no model", code_version="1"),
    }
    return reports[asset]


# --- every metric has an answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "asset"), CASES)
def test_every_metric_is_found_in_its_report_within_its_bounds(metric: str, asset: str) -> None:
    finding = found(check_of(metric, asset), report_of(asset))
    assert finding.value is not None
    assert finding.bounds is not None
    assert finding.bounds.lower <= finding.value <= finding.bounds.upper
    assert finding.n > 0
    assert set(finding.groups) == ({"female", "male"} if METRICS[metric].by_group else set())
    assert not UNSAID.search(finding.says)


@pytest.fixture(scope="module")
def real_reports(judged_world: World) -> dict[str, Any]:
    """The reports that the platform itself made about the lending model."""
    with judged_world.instance() as instance:
        values = StoredValues(instance, judged_world.home.store, None)
        reports: dict[str, Any] = {
            asset: values.data_report(dg.AssetKey(["fair", asset]))[0] for asset in ("training_data", "test_data")
        }
        for asset in ("performance_report", "fairness_report", "shap_explanations", "robustness_scores"):
            reports[asset] = values.read(dg.AssetKey(["fair", asset]))
    return reports


@pytest.mark.parametrize(("metric", "asset"), [case for case in CASES if case[0] not in (*IMAGE_METRICS, *OF_TEXTS)])
def test_the_platforms_own_reports_hold_every_metric(real_reports: dict[str, Any], metric: str, asset: str) -> None:
    finding = found(check_of(metric, asset), real_reports[asset])
    assert finding.value is not None
    assert finding.bounds is not None
    assert not UNSAID.search(finding.says)


@pytest.mark.parametrize("metric", OF_TEXTS)
def test_a_model_that_reads_tables_is_told_to_read_no_texts(real_reports: dict[str, Any], metric: str) -> None:
    finding = found(check_of(metric), real_reports["robustness_scores"])
    assert finding.value is None
    assert finding.says == "the model reads tables, and no texts that anybody could change"


def _always_kept(metric: str) -> float:
    """A limit that every value of a metric keeps."""
    about = METRICS[metric]
    return 0.0 if about.good == "high" else 1.0 if about.is_share else 1e9


@pytest.mark.parametrize(("metric", "asset"), [case for case in CASES if case[0] != "group_count"])
def test_what_could_not_be_measured_says_why_and_never_passes(metric: str, asset: str) -> None:
    check, report = (
        check_of(metric, asset, limit=_always_kept(metric)),
        empty_report_of(asset, metric),
    )
    finding = found(check, report)
    assert finding.value is None
    assert re.search(NOTHING_THERE, finding.says)
    for on_insufficient in ("refuse", "disclose"):
        verdict = verdict_on(check, report, on_insufficient_evidence=on_insufficient)
        assert verdict.outcome == "INSUFFICIENT_EVIDENCE"
        assert verdict.allows_release == (on_insufficient == "disclose")
        assert not UNSAID.search(verdict.reason)


@pytest.mark.parametrize("metric", [metric for metric, about in METRICS.items() if about.by_group])
def test_without_a_sensitive_feature_nobody_can_be_compared(metric: str) -> None:
    check = dataclasses.replace(check_of(metric), sensitive_feature=None)
    finding = found(check, report_of(check.asset))
    assert (finding.value, finding.bounds) == (None, None)
    assert finding.says == "no sensitive feature is declared, so nobody can be compared"


@pytest.mark.parametrize(
    ("check", "report", "what"),
    [
        (check_of("disparate_impact", feature="race"), report_of("fairness_report"), "groups by race"),
        (check_of("label_rate_ratio", feature="race"), report_of("training_data"), "groups by race"),
        (check_of("group_count", feature="race"), report_of("training_data"), "groups by race"),
        (check_of("roc_auc"), made.performance(measured={}), "ROC AUC"),
        (
            check_of("theil_index"),
            dataclasses.replace(report_of("fairness_report"), measured={}, not_estimable={}),
            "theil index",
        ),
        (
            check_of("between_group_entropy_index"),
            dataclasses.replace(report_of("fairness_report"), between_groups={}),
            "the inequality between the groups of sex",
        ),
        (
            check_of("subgroup_error_rate_gap"),
            dataclasses.replace(report_of("fairness_report"), discoveries=()),
            "subgroups by their error rate",
        ),
        (check_of("leakage_rate"), dataclasses.replace(made.data_report("test"), measured={}), "leakage rate"),
        (check_of("accuracy_drop_under_noise", strength=0.3), report_of("robustness_scores"), "noise of strength 0.3"),
        (
            check_of("accuracy_drop_under_constrained_attack", strength=0.3),
            report_of("robustness_scores"),
            "an attack with a budget of 0.3",
        ),
        (
            check_of("accuracy_drop_under_constrained_attack"),
            made.robustness(attack=None),
            "attacks under constraints",
        ),
        (
            check_of("additivity_error"),
            dataclasses.replace(made.explanations(), additivity_error=None),
            "whether attributions add up",
        ),
    ],
)
def test_a_report_older_than_the_question_gives_no_verdict_that_would_stay_for_good(
    check: RequiredCheck, report: Evidence, what: str
) -> None:
    with pytest.raises(EvidenceMissing, match=f"nothing about {what}, .* materialize `{check.asset}` again"):
        found(check, report)


# --- what counts as the value ----------------------------------------------------------------------------------------


def test_the_outer_level_bounds_the_bad_side_and_the_inner_one_the_good_side() -> None:
    accuracy, loss = report_of("performance_report"), made.performance()
    high, low = found(check_of("accuracy"), accuracy), found(check_of("log_loss"), loss)
    assert high.bounds == made.performance().measured["accuracy"].bounds(LEVELS.outer, LEVELS.inner)
    assert low.bounds == made.performance().measured["log_loss"].bounds(LEVELS.inner, LEVELS.outer)


def test_the_smallest_group_counts_however_small() -> None:
    finding = found(check_of("group_count"), made.data_report(sex={"female": (3, 1), "male": (1300, 660)}))
    assert (finding.value, finding.n, finding.left_out) == (3.0, 1303, {})
    assert finding.says == "the smallest group by sex is female with 3 rows to learn from"


def test_label_rates_are_compared_among_groups_that_are_large_enough() -> None:
    groups = {"female": (1000, 400), "male": (1000, 500), "other": (49, 0)}
    finding = found(check_of("label_rate_ratio"), made.data_report(sex=groups))
    assert finding.value == pytest.approx(0.8)
    assert (finding.groups, finding.n) == (("female", "male"), 2000)
    assert finding.left_out == {"other": "too small: 49 rows, 50 needed"}


def test_of_a_shift_the_worse_direction_counts_with_the_worse_bounds() -> None:
    report = made.robustness()
    finding = found(check_of("accuracy_drop_under_shift", strength=0.25), report)
    drops = [score.drop for score in report.at("shift", 0.25)]
    bounds = [drop.bounds(LEVELS.inner, LEVELS.outer) for drop in drops]
    assert finding.value == max(drop.value for drop in drops) == pytest.approx(30 / 1400)
    assert finding.bounds is not None
    assert finding.bounds.lower == max(bound.lower for bound in bounds)
    assert finding.bounds.upper == max(bound.upper for bound in bounds)
    assert finding.says.startswith("shift of strength -0.25 takes accuracy from 0.857 to 0.836, a drop of 0.021")


def test_without_a_strength_the_strongest_perturbation_that_was_tried_counts() -> None:
    assert "noise of strength 0.1 " in found(check_of("accuracy_drop_under_noise"), made.robustness()).says


def test_a_perturbation_that_cannot_happen_to_a_model_costs_it_nothing() -> None:
    report = made.robustness(not_estimable={"category_swaps": NO_COLUMN})
    verdict = verdict_on(check_of("accuracy_drop_under_category_swaps", limit=0.0), report)
    assert (verdict.outcome, verdict.estimate, verdict.n) == ("PASS", 0.0, 1400)


def test_a_model_that_refuses_the_table_is_not_taken_for_one_to_which_it_cannot_happen() -> None:
    why = "the model refuses such a table: there is no column that it would change"
    verdict = verdict_on(check_of("accuracy_drop_under_noise"), made.robustness(not_estimable={"noise": why}))
    assert (verdict.outcome, verdict.estimate) == ("INSUFFICIENT_EVIDENCE", None)


@pytest.mark.parametrize(
    ("asked", "value", "says"),
    [
        ({"top": 2}, 0, "the 2 features that move the score most are income, age; none of them is forbidden"),
        ({"top": 3}, 1, "the 3 features that move the score most are income, age, sex; sex is forbidden"),
        ({"top": 1}, 0, "the feature that moves the score most is income; it is not forbidden"),
        ({"top": 1, "features": ["income"]}, 1, "the feature that moves the score most is income; it is forbidden"),
        ({"top": 9}, 1, "the 3 features that move the score most are income, age, sex; sex is forbidden"),
        ({}, 1, "the 3 features that move the score most are income, age, sex; sex is forbidden"),
        (
            {"features": ["sex", "age", "postcode"]},
            2,
            "the 3 features that move the score most are income, age, sex; age and sex are forbidden",
        ),
    ],
)
def test_forbidden_features_are_counted_among_the_strongest(asked: dict[str, Any], value: int, says: str) -> None:
    finding = found(check_of("forbidden_features_in_top", **asked), made.explanations())
    assert (finding.value, finding.says) == (value, says)


def test_a_forbidden_feature_that_is_on_top_by_chance_alone_shows_in_the_bounds() -> None:
    drawn = tuple((1.0, 0.2, 0.3) if at % 3 == 0 else (1.0, 0.3, 0.2) for at in range(30))
    report: Explanations = dataclasses.replace(made.explanations(), replicates=drawn)
    finding = found(check_of("forbidden_features_in_top", top=2), report)
    assert finding.value == 0
    assert finding.bounds is not None
    assert (finding.bounds.lower, finding.bounds.upper) == (0, 1)


@pytest.mark.parametrize(
    ("asked", "by_group", "value", "end"),
    [
        (
            {"top": 2},
            ("sex",),
            1,
            "; whatever moves the score, the decision itself depends on sex: its thresholds differ by group",
        ),
        ({"top": 3}, ("sex",), 1, "depends on sex: its thresholds differ by group"),
        (
            {"top": 1, "features": ["income"]},
            ("sex",),
            1,
            "the feature that moves the score most is income; it is forbidden",
        ),
        ({"top": 2}, (), 0, "none of them is forbidden"),
    ],
)
def test_a_forbidden_feature_by_which_thresholds_differ_counts_once_whatever_moves_the_score(
    asked: dict[str, Any], by_group: tuple[str, ...], value: int, end: str
) -> None:
    finding = found(
        check_of("forbidden_features_in_top", **asked),
        dataclasses.replace(made.explanations(), group_features=by_group),
    )
    assert finding.value == value
    assert finding.says.endswith(end)
    assert finding.bounds is not None
    assert finding.bounds.lower == value


@pytest.mark.parametrize(
    ("features", "group_features", "value", "says"),
    [
        (("income", "age"), (), 0, "deciding about a person needs no protected attribute"),
        (("income", "sex"), (), 1, "deciding about a person needs the protected attribute sex"),
        (("income",), ("sex",), 1, "deciding about a person needs the protected attribute sex"),
        (("income", "sex"), ("sex",), 1, "deciding about a person needs the protected attribute sex"),
    ],
)
def test_a_protected_attribute_is_needed_as_a_feature_or_for_a_threshold(
    features: tuple[str, ...], group_features: tuple[str, ...], value: float, says: str
) -> None:
    report = dataclasses.replace(made.explanations(features=features), group_features=group_features)
    finding = found(check_of("protected_attributes_at_prediction"), report)
    assert (finding.value, finding.says) == (value, says)
    assert finding.bounds == Interval(lower=value, upper=value)


def test_what_a_model_without_explanation_needs_is_known_for_its_thresholds_alone() -> None:
    why = "there is no model"
    unknown = nothing_to_explain(SUBJECT, why, code_version="1")
    finding = found(check_of("protected_attributes_at_prediction"), unknown)
    assert (finding.value, finding.bounds) == (None, None)
    assert finding.says == f"nobody knows what the decision needs: {why}"
    needed = nothing_to_explain(SUBJECT, why, code_version="1", group_features=("sex",))
    finding = found(check_of("protected_attributes_at_prediction"), needed)
    assert (finding.value, finding.bounds) == (1, Interval(lower=1, upper=1))


# --- a question that was asked later ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_question_asked_after_the_report_waits_for_a_new_report_and_is_answered_by_it(judged: World) -> None:
    policy = lending_attributes()["policy"]
    later = {"metric": "accuracy_drop_under_noise", "max": 0.3, "strength": 0.33}
    judged.write("fair", policy={**policy, "requirements": [*policy["requirements"], later]})
    reports = [dg.AssetKey(["fair", "robustness_scores"])]
    judged_alone = judged.run("fair", dg.AssetSelection.checks_for_assets(*reports))
    assert not judged_alone.success
    assert "noise of strength 0.33" in str(
        [event.event_specific_data for event in judged_alone.get_step_failure_events()]
    )
    again = judged.run("fair")
    assert again.success, told(again)
    assert judged.status("fair").production is not None
