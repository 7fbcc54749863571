"""People who are alike, from a spec to the page of the fairness report and the card."""

from typing import Any

import dagster as dg
import pytest

from rai_platform.card.document import ModelCard
from rai_platform.fairness.consistency import NO_FEATURES
from rai_platform.fairness.flipping import NO_MODEL
from rai_platform.pipeline.values import StoredValues
from rai_platform_tests.world import World, lending_attributes, told


@pytest.fixture(scope="module")
def world(judged_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A model that sees the sex, and somebody's decisions alone, both asked about people who are alike."""
    world = judged_world.copy(tmp_path_factory.mktemp("alike"))
    asked = {"metric": "attribute_flip_rate", "max": 0.001}, {"metric": "consistency", "min": 0.5}
    policy = {**lending_attributes()["policy"], "requirements": list(asked)}
    data = {**lending_attributes()["data"], "exclude": ["approved"]}
    data["source"] = "generator:lending?rows=4000&seed=3&disparate_impact=0.3"
    world.write("seeing", data=data, policy=policy)
    world.run("seeing")
    given = {"estimator": None, "predictions": {"decision": "approved"}}
    world.write("vendor", policy=policy, **given)
    world.run("vendor")
    return world


def materialized(world: World, name: str, asset: str) -> tuple[Any, Any]:
    key = dg.AssetKey([name, asset])
    with world.instance() as instance:
        event = instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        return StoredValues(instance, world.home.store, None).read(key), event.asset_materialization.metadata


def outcomes(world: World, name: str) -> dict[str, str]:
    return {verdict.check: verdict.outcome for verdict in world.status(name).verdicts}


@pytest.mark.slow
def test_a_policy_can_refuse_a_model_whose_decisions_hang_on_sex(world: World) -> None:
    report, shown = materialized(world, "seeing", "fairness_report")
    flip = report.flips["sex"]
    assert flip.seen == ("sex",)
    assert flip.rate.value > 0.01
    assert outcomes(world, "seeing") == {"attribute_flip_rate__sex": "FAIL", "consistency": "PASS"}
    rows = shown["if only the attribute were changed"].records
    assert rows[0].data["another decision"] == f"{flip.rate.value:.1%}"
    assert "The model sees sex." in shown["people who are alike"].md_str
    assert shown["consistency"].value.startswith("0.")
    card: ModelCard
    card, _ = materialized(world, "seeing", "model_card")
    assert any("attribute_flip_rate__sex fails" in reason for reason in card.reasons)
    assert "would get another decision if nothing but sex were changed" in card.individual.flips[0].says


@pytest.mark.slow
def test_what_a_model_does_not_see_keeps_every_limit(world: World) -> None:
    report, _ = materialized(world, "fair", "fairness_report")
    assert report.flips["sex"].unseen


@pytest.mark.slow
def test_where_there_are_decisions_alone_nobody_can_be_asked_and_nobody_is_like_another(world: World) -> None:
    report, shown = materialized(world, "vendor", "fairness_report")
    assert report.flips["sex"].why_not == NO_MODEL
    assert (report.consistency.estimate, report.consistency.why_not) == (None, NO_FEATURES)
    assert set(outcomes(world, "vendor").values()) == {"INSUFFICIENT_EVIDENCE"}
    assert shown["if only the attribute were changed"].records[0].data["another decision"] == "not estimable"
    assert shown["consistency"].value == f"not estimable: {NO_FEATURES}"
    assert NO_MODEL in shown["people who are alike"].md_str


@pytest.mark.slow
def test_a_fairness_report_about_other_predictions_is_not_made(world: World, tmp_path: Any) -> None:
    again = world.copy(tmp_path / "again")
    again.write("seeing", estimator={"type": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}})
    assert again.run("seeing", ["candidate_model"]).success
    result = again.run("seeing", ["fairness_report"])
    assert not result.success
    assert "the predictions are another model's than the candidate" in told(result)
