"""A mitigated model on its way to production: the comparison with its twin is part of the evidence."""

from pathlib import Path
from typing import Any

import pytest

from rai_platform_tests.world import World, materialized, told, unfair_data

SEES_SEX = {**unfair_data(), "exclude": ["approved"]}
POLICY = {
    "extends": "none",
    "name": "small",
    "minimum_group_size": 50,
    "requirements": [
        {"metric": "accuracy_gain", "min": 0},
        {"metric": "disparate_impact", "min": 0.6, "rule": "point"},
        {"metric": "protected_attributes_at_prediction", "max": 0, "severity": "warn"},
    ],
}


@pytest.fixture(scope="module")
def reweighed(_artifacts_by_world: None, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A reweighed model, in production."""
    world = World(tmp_path_factory.mktemp("mitigated"))
    world.write("m", policy=POLICY, mitigation={"method": "reweighing"})
    result = world.run("m")
    assert result.success, told(result)
    assert materialized(result) == set(world.model("m").spec.assets)
    return world


def card_of(world: World) -> str:
    return (world.folder / "home" / "cards" / "m" / "model_card.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_comparison_is_on_the_card_and_among_the_evidence_of_the_release(reweighed: World) -> None:
    [promotion] = reweighed.entries("m", "promotion")
    assert "mitigation_report" in promotion.body["evidence"]
    assert "What mitigation bought at what price" in card_of(reweighed)


@pytest.mark.slow
def test_another_comparison_than_that_of_the_card_is_no_evidence(reweighed: World, tmp_path: Path) -> None:
    world = reweighed.copy(tmp_path / "world")
    # The same model under a policy that leaves out larger groups: its comparison is another one, its card the old one.
    world.write("m", policy={**POLICY, "minimum_group_size": 950}, mitigation={"method": "reweighing"})
    world.run("m", ["mitigation_report"])
    refused = world.run("m", ["production_model"])
    assert not refused.success
    assert "mitigation_report changed after the model card was written" in told(refused)


@pytest.mark.slow
def test_a_comparison_with_other_training_data_is_refused(reweighed: World, tmp_path: Path) -> None:
    world = reweighed.copy(tmp_path / "world")
    world.write("m", policy=POLICY, mitigation={"method": "reweighing"}, split={"test_size": 0.5, "seed": 9})
    world.run("m", ["training_data"])
    refused = world.run("m", ["mitigation_report"])
    assert "the candidate learned from other training data than there are now" in told(refused)


SLOW: dict[str, dict[str, Any]] = {
    "exponentiated_gradient": {"data": unfair_data(), "params": {"max_iter": 5}, "constraint": "equalized_odds"},
    "grid_search": {"data": unfair_data(), "params": {"grid_size": 15}},
    "threshold_optimizer": {"data": unfair_data()},
    "correlation_remover": {"data": SEES_SEX},
}


@pytest.mark.slow
@pytest.mark.usefixtures("_artifacts_by_world")
@pytest.mark.parametrize("method", SLOW)
def test_every_method_goes_all_the_way(method: str, tmp_path: Path) -> None:
    world, asked = World(tmp_path), {"method": method, **SLOW[method]}
    world.write("m", policy=POLICY, data=asked.pop("data"), mitigation=asked)
    result = world.run("m")
    assert result.success, told(result)
    [verdict] = [v for v in world.status("m").verdicts if v.metric == "protected_attributes_at_prediction"]
    needs_it = method in ("threshold_optimizer", "correlation_remover")
    assert (verdict.outcome, verdict.estimate) == (("FAIL", 1.0) if needs_it else ("PASS", 0.0))
    assert ("needs a person's sex to decide" in card_of(world)) == needs_it


@pytest.mark.slow
@pytest.mark.usefixtures("_artifacts_by_world")
def test_a_policy_may_keep_out_whoever_needs_the_protected_attribute(tmp_path: Path) -> None:
    blocks = {"metric": "protected_attributes_at_prediction", "max": 0, "severity": "block"}
    world = World(tmp_path)
    world.write(
        "m",
        data=unfair_data(),
        policy={**POLICY, "requirements": [*POLICY["requirements"][:-1], blocks]},
        mitigation={"method": "threshold_optimizer"},
    )
    refused = world.run("m")
    assert not refused.success
    assert "Deciding about a person needs the protected attribute sex" in told(refused)
