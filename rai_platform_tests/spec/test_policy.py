"""Policies: what they may ask for, how one is laid over another, and the digest that names them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.errors import InvalidSpec
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Policy, PolicyOverlay, Requirement, named_features, requirement_for
from rai_platform.spec.reading import default_policy, read_policy
from rai_platform_tests.spec.conftest import Definer, ModelFile

BASE = Policy(
    name="base",
    requirements=(
        Requirement(metric="accuracy", min=0.7),
        Requirement(metric="disparate_impact", min=0.8),
        Requirement(metric="accuracy_drop_under_noise", max=0.1, strength=0.1),
    ),
)


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        ({"metric": "acuracy", "min": 0.7}, "no metric 'acuracy'; did you mean 'accuracy'?; metrics: "),
        ({"metric": "accuracy", "max": 0.7}, "accuracy is good when it is high: give `min`, and no `max`"),
        ({"metric": "accuracy", "min": 0.7, "max": 0.9}, "give `min`, and no `max`"),
        ({"metric": "accuracy"}, "give `min`, and no `max`"),
        ({"metric": "log_loss", "min": 0.7}, "log_loss is good when it is low: give `max`, and no `min`"),
        ({"metric": "accuracy", "min": 0.7, "sensitive_features": ["sex"]}, "is judged once, not by group"),
        ({"metric": "accuracy", "min": 0.7, "strength": 0.1}, "accuracy takes no `strength`"),
        ({"metric": "accuracy", "min": 0.7, "top": 3}, "accuracy takes no `top`"),
        ({"metric": "accuracy", "min": 0.7, "features": "sensitive"}, "accuracy takes no `features`"),
        ({"metric": "accuracy_drop_under_noise", "max": 0.1, "top": 3}, "takes no `top`"),
        ({"metric": "forbidden_features_in_top", "max": 0, "strength": 1}, "takes no `strength`"),
        ({"metric": "accuracy", "severity": "off"}, "switching accuracy off needs a `reason`"),
        ({"metric": "accuracy_drop_under_noise", "max": 0.1, "strength": 0}, "strength: expected greater than 0"),
        ({"metric": "forbidden_features_in_top", "max": 0, "top": 0}, "top: expected greater than or equal to 1"),
        ({"metric": "accuracy", "min": float("nan")}, "min: expected a finite number"),
        ({"min": 0.7}, "metric: is missing"),
    ],
)
def test_a_requirement_that_cannot_be_judged_is_refused(
    requirement: dict[str, Any], told: str, define: Definer
) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(told)) as caught:
        define(policy={"requirements": [requirement]})
    assert re.match(r"line \d+, policy\.requirements\.0", caught.value.message)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_takes_a_limit_on_its_bad_side(metric: str) -> None:
    side = "min" if METRICS[metric].good == "high" else "max"
    requirement = Requirement.model_validate({"metric": metric, side: 0.5})
    limit = requirement.limit("interval")
    assert limit.holds_for(0.5)
    assert limit.holds_for(0.6) == (side == "min")
    assert limit.holds_for(0.4) == (side == "max")


def test_a_requirement_may_judge_the_bare_estimate_where_the_policy_judges_intervals() -> None:
    assert Requirement(metric="accuracy", min=0.7).limit("interval").rule == "interval"
    assert Requirement(metric="accuracy", min=0.7, rule="point").limit("interval").rule == "point"


def test_an_inline_policy_changes_the_default_and_keeps_the_rest(define: Definer) -> None:
    changed = define(
        policy={"confidence": 0.9, "requirements": [{"metric": "disparate_impact", "min": 0.7, "reason": "Agreed."}]}
    ).policy
    default = default_policy()
    assert changed.confidence == 0.9
    assert changed.minimum_group_size == default.minimum_group_size
    assert changed.name == "default, changed for this model"
    assert changed.requirements[: len(default.requirements)] == default.requirements
    found = requirement_for(changed, "disparate_impact", "sex")
    assert found is not None
    assert (found.min, found.reason) == (0.7, "Agreed.")


def test_a_policy_file_says_the_same_as_the_inline_policy(define: Definer, model_file: ModelFile) -> None:
    text = "name: ours\nconfidence: 0.9\nrequirements:\n  - {metric: disparate_impact, min: 0.7}\n"
    model_file.write(text, name="policy.yaml")
    from_file = define(policy="policy.yaml").policy
    inline = define(
        policy={"name": "ours", "confidence": 0.9, "requirements": [{"metric": "disparate_impact", "min": 0.7}]}
    ).policy
    assert from_file == inline
    assert from_file.digest == inline.digest


def test_a_mistake_in_a_policy_file_is_told_with_its_own_line(define: Definer, model_file: ModelFile) -> None:
    path = model_file.write("name: ours\nrequirements:\n- metric: accuracy\n  mim: 0.7\n", name="policy.yaml")
    with pytest.raises(InvalidSpec) as caught:
        define(policy="policy.yaml")
    assert caught.value.where == str(path)
    assert caught.value.message.startswith("line 4, requirements.0.mim: unknown key; did you mean 'min'?")
    with pytest.raises(InvalidSpec, match="no such file"):
        define(policy="polici.yaml")


def test_without_a_policy_the_default_holds_unchanged(define: Definer) -> None:
    assert define().policy == default_policy()
    assert define(policy={}).policy.digest == default_policy().digest


def test_extends_none_starts_from_nothing(define: Definer) -> None:
    policy = define(policy={"extends": "none", "requirements": [{"metric": "accuracy", "min": 0.6}]}).policy
    assert [requirement.metric for requirement in policy.requirements] == ["accuracy"]
    assert (policy.name, policy.confidence, policy.on_insufficient_evidence) == ("inline", 0.95, "refuse")


def test_of_two_requirements_on_the_same_metric_and_feature_the_later_holds() -> None:
    policy = PolicyOverlay(
        requirements=(
            Requirement(metric="disparate_impact", min=0.6, sensitive_features=("race",)),
            Requirement(metric="accuracy", min=0.5),
            Requirement(metric="accuracy", min=0.9),
        )
    ).over(BASE)
    assert [requirement_for(policy, "disparate_impact", name).min for name in ("sex", "race")] == [0.8, 0.6]  # type: ignore[union-attr]
    assert requirement_for(policy, "accuracy", None).min == 0.9  # type: ignore[union-attr]
    assert requirement_for(policy, "accuracy_drop_under_noise", None).strength == 0.1  # type: ignore[union-attr]
    assert requirement_for(policy, "log_loss", None) is None
    later = PolicyOverlay(requirements=(Requirement(metric="disparate_impact", min=0.9),)).over(policy)
    assert requirement_for(later, "disparate_impact", "race").min == 0.9  # type: ignore[union-attr]


def test_a_policy_that_names_a_feature_nobody_declared_is_refused(define: Definer) -> None:
    requirement = {"metric": "disparate_impact", "min": 0.8, "sensitive_features": ["sex", "age_grup"]}
    with pytest.raises(InvalidSpec, match=re.escape("'age_grup'; did you mean 'age_group'?; declared: sex, age_group")):
        define(policy={"requirements": [requirement]})
    crossed = {**requirement, "sensitive_features": ["sex_x_age_group"]}
    with pytest.raises(InvalidSpec, match="'sex_x_age_group'"):
        define(policy={"requirements": [crossed]})
    found = define(policy={"requirements": [crossed]}, intersections=[["sex", "age_group"]]).policy
    assert list(named_features(found)) == ["sex_x_age_group"]


Requirements = st.lists(
    st.builds(
        lambda metric, limit, reason: Requirement.model_validate(
            {"metric": metric, "min" if METRICS[metric].good == "high" else "max": limit, "reason": reason}
        ),
        st.sampled_from(sorted(METRICS)),
        st.floats(0, 1),
        st.text(max_size=5),
    ),
    max_size=3,
)
Policies = st.builds(
    lambda confidence, size, requirements: Policy(
        name="p", confidence=confidence, minimum_group_size=size, requirements=tuple(requirements)
    ),
    st.floats(0.5, 0.999),
    st.integers(1, 500),
    Requirements,
)


@given(Policies, Policies)
def test_policies_have_one_digest_exactly_when_they_are_equal(one: Policy, other: Policy) -> None:
    assert Policy.model_validate_json(one.model_dump_json()).digest == one.digest
    assert (one.digest == other.digest) == (one == other)


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 0.96},
        {"minimum_group_size": 101},
        {"rule": "point"},
        {"on_insufficient_evidence": "disclose"},
        {"name": "another"},
        {"description": "Written by somebody else."},
        {"rules_digest": "0" * 64},
        {"requirements": ({"min": 0.71},)},
        {"requirements": ({"min": 0.7, "reason": "Because."},)},
        {"requirements": ({"min": 0.7, "source": "A law."},)},
        {"requirements": ({"min": 0.7, "severity": "warn"},)},
        {"requirements": ({"min": 0.7, "rule": "point"},)},
        {"requirements": ()},
    ],
)
def test_any_change_of_a_policy_changes_its_digest(change: dict[str, Any]) -> None:
    before = Policy(name="p", requirements=(Requirement(metric="accuracy", min=0.7),))
    if "requirements" in change:
        change = {"requirements": tuple({"metric": "accuracy", **each} for each in change["requirements"])}
    after = Policy.model_validate({**before.model_dump(), **change})
    assert after.digest != before.digest


def test_the_order_of_requirements_is_part_of_a_policy_because_the_later_one_holds() -> None:
    one, other = Requirement(metric="accuracy", min=0.7), Requirement(metric="accuracy", min=0.9)
    digests = {Policy(name="p", requirements=order).digest for order in ((one, other), (other, one))}
    assert len(digests) == 2


def test_in_the_default_policy_every_requirement_has_a_reason_and_a_source() -> None:
    policy = default_policy()
    assert policy.requirements
    for requirement in policy.requirements:
        assert requirement.reason, requirement.metric
        assert requirement.source, requirement.metric
        assert requirement.severity != "off"


def test_the_default_policy_asks_once_for_each_of_its_metrics_and_gives_robustness_a_strength() -> None:
    asked = [requirement.metric for requirement in default_policy().requirements]
    assert len(asked) == len(set(asked))
    for requirement in default_policy().requirements:
        wants_strength = "strength" in METRICS[requirement.metric].options
        assert (requirement.strength is not None) == wants_strength


def test_the_four_fifths_rule_is_in_the_default_policy() -> None:
    found = requirement_for(default_policy(), "disparate_impact", "sex")
    assert found is not None
    assert (found.min, found.severity) == (0.8, "block")
    assert "29 CFR 1607.4(D)" in found.source


def test_a_policy_file_alone_can_be_read(model_file: ModelFile) -> None:
    overlay = read_policy(model_file.write("extends: none\nname: ours\n", name="policy.yaml"))
    assert overlay.over(default_policy()) == Policy(name="ours")
