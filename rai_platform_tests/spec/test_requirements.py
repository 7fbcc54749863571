"""Which checks a release requires follows from spec and policy alone."""

from collections import Counter

import pytest

from rai_platform.spec.metrics import METRICS
from rai_platform.spec.model import ASSETS
from rai_platform.spec.reading import default_policy
from rai_platform.spec.requirements import blocking_checks, checks_of, required_checks, switched_off
from rai_platform_tests.spec.conftest import Definer

IMPACT = {"metric": "disparate_impact", "min": 0.8}
NONE = {"extends": "none"}


def test_a_metric_by_group_is_asked_for_every_feature_and_intersection(define: Definer) -> None:
    definition = define(policy={**NONE, "requirements": [IMPACT]}, intersections=[["sex", "age_group"]])
    checks = required_checks(definition)
    assert [check.name for check in checks] == [
        "disparate_impact__sex",
        "disparate_impact__age_group",
        "disparate_impact__sex_x_age_group",
    ]
    assert {check.asset for check in checks} == {"fairness_report"}
    assert checks[2].in_words(definition.policy) == "disparate_impact by sex_x_age_group at least 0.8"


def test_without_sensitive_features_it_is_asked_once_and_will_find_no_evidence(define: Definer) -> None:
    checks = required_checks(define(policy={**NONE, "requirements": [IMPACT]}, sensitive_features=[]))
    assert [(check.name, check.sensitive_feature) for check in checks] == [("disparate_impact", None)]


def test_a_metric_that_is_judged_once_is_asked_once_for_every_asset_that_holds_it(define: Definer) -> None:
    checks = required_checks(define(policy={**NONE, "requirements": [{"metric": "schema_violation_rate", "max": 0}]}))
    assert [(check.asset, check.name) for check in checks] == [
        ("training_data", "schema_violation_rate"),
        ("test_data", "schema_violation_rate"),
    ]


def test_predictions_alone_have_no_training_data_to_check(define: Definer) -> None:
    trained, alone = define(), define(estimator=None, predictions={"decision": "approved"})
    assert any(check.asset == "training_data" for check in required_checks(trained))
    assert [check for check in required_checks(alone) if check.asset == "training_data"] == []
    rest = [check for check in required_checks(trained) if check.asset != "training_data"]
    assert list(required_checks(alone)) == rest, "what needs the model is still required, and will be found impossible"


def test_the_default_policy_gives_every_check_a_name_of_its_own_on_its_asset(define: Definer) -> None:
    checks = required_checks(define(intersections=[["sex", "age_group"]]))
    assert max(Counter((check.asset, check.name) for check in checks).values()) == 1
    assert {check.asset for check in checks} <= set(ASSETS)
    by_group = sum(METRICS[requirement.metric].by_group for requirement in default_policy().requirements)
    assert sum(check.sensitive_feature is not None for check in checks) == 3 * by_group


def test_checks_of_all_assets_together_are_the_required_checks(define: Definer) -> None:
    definition = define()
    together = [check for asset in ASSETS for check in checks_of(definition, asset)]
    assert Counter((check.asset, check.name) for check in together) == Counter(
        (check.asset, check.name) for check in required_checks(definition)
    )


def test_a_warning_is_required_but_does_not_block(define: Definer) -> None:
    definition = define(
        policy={**NONE, "requirements": [{**IMPACT, "severity": "warn"}, {"metric": "accuracy", "min": 0}]}
    )
    assert [check.severity for check in required_checks(definition)] == ["block", "warn", "warn"]
    assert [check.name for check in blocking_checks(definition)] == ["accuracy"]


def test_the_last_requirement_decides_feature_by_feature(define: Definer) -> None:
    off = {"metric": "disparate_impact", "severity": "off", "sensitive_features": ["sex"], "reason": "Set by law."}
    definition = define(policy={**NONE, "requirements": [IMPACT, off]})
    assert [check.name for check in required_checks(definition)] == ["disparate_impact__age_group"]
    assert list(switched_off(definition)) == ["disparate_impact by sex"]
    again = define(policy={**NONE, "requirements": [off, IMPACT]})
    assert [check.name for check in required_checks(again)] == ["disparate_impact__sex", "disparate_impact__age_group"]
    assert switched_off(again) == {}, "what is switched on again is not shown as off"


@pytest.mark.parametrize("metric", ["disparate_impact", "roc_auc"])
def test_what_is_switched_off_for_everybody_is_named_once(metric: str, define: Definer) -> None:
    definition = define(policy={"requirements": [{"metric": metric, "severity": "off", "reason": "Not of use here."}]})
    assert {name: item.reason for name, item in switched_off(definition).items()} == {metric: "Not of use here."}
    assert metric not in {check.requirement.metric for check in required_checks(definition)}


def test_the_strength_of_a_perturbation_is_part_of_the_words(define: Definer) -> None:
    drop = {"metric": "accuracy_drop_under_noise", "max": 0.05, "strength": 0.1}
    definition = define(policy={**NONE, "requirements": [drop]})
    (check,) = required_checks(definition)
    assert check.in_words(definition.policy) == "accuracy_drop_under_noise at strength 0.1 at most 0.05"
