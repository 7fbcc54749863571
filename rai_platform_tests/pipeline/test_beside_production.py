"""A candidate beside the model that it would replace: on the card, in Dagster, and never in the way of a release."""

import dataclasses
from typing import Any

import dagster as dg
import numpy as np
import pytest

from rai_platform.card.document import ModelCard
from rai_platform.card.rendering import render_html, render_markdown
from rai_platform.pipeline.values import StoredValues
from rai_platform.registry.flavor import CANDIDATE, certified_model
from rai_platform.release.records import production_of
from rai_platform_tests.world import World, told

OTHER = {"type": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 20}}


def value(world: World, asset: str, name: str = "fair") -> Any:
    with world.instance() as instance:
        return StoredValues(instance, world.home.store, None).read(dg.AssetKey([name, asset]))


@pytest.fixture(scope="module")
def replaced(replaced_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which another model took the place of `fair`, under its name."""
    return replaced_world.copy(tmp_path_factory.mktemp("beside"))


def test_where_nothing_is_in_production_nobody_is_compared(released_world: World) -> None:
    card: ModelCard = value(released_world, "model_card")
    assert (card.replaces, card.champion) == (None, None)
    assert "Compared with the model in production" not in render_html(card, {}) + render_markdown(card)


@pytest.mark.slow
def test_the_card_says_what_changes_for_whom(replaced: World) -> None:
    card: ModelCard = value(replaced, "model_card")
    first = replaced.entries("fair", "promotion")[0]
    section = card.champion
    assert section is not None
    assert (section.version, section.entry, section.not_possible) == ("1", first.sequence, None)
    production = production_of(first)
    test, after = value(replaced, "test_data"), value(replaced, "predictions").y_pred
    champion = certified_model(production, replaced.home.store, replaced.home.key.public)
    before = champion.decide(test.features, test.sensitive_features)
    assert section.changed.value == pytest.approx((before != after).mean())
    assert section.changed.value > 0.01
    assert section.changed.interval.lower < section.changed.value < section.changed.interval.upper
    trades = {(row.metric, row.feature): row for row in section.trades}
    assert set(trades) == {
        ("accuracy", None),
        ("balanced_accuracy", None),
        ("disparate_impact", "sex"),
        ("equalized_odds_difference", "sex"),
    }
    price = trades["accuracy", None]
    assert price.before.value == pytest.approx((before == test.y_true).mean())
    assert price.after.value == next(figure.value for figure in card.performance if figure.name == "accuracy")
    assert price.change.value == pytest.approx(price.after.value - price.before.value)
    sex = test.sensitive_features["sex"].to_numpy(object)
    for row in section.moved:
        member = sex == row.group
        gained, lost = ((after > before) & member).sum(), ((after < before) & member).sum()
        assert (row.n, row.gained, row.lost) == (member.sum(), gained, lost)
    assert sum(row.gained + row.lost for row in section.moved) == int(np.sum(before != after))
    assert "Both learned from the same data" in section.caveat
    for text in (render_html(card, {}), render_markdown(card)):
        assert "Compared with the model in production, version 1" in text
        assert "selected anew" in text.lower()


def test_dagsters_page_of_the_card_shows_it(replaced: World) -> None:
    with replaced.instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["fair", "model_card"]))
    shown = event.asset_materialization.metadata
    rows = shown["compared with production, version 1"].records
    assert rows[0].data["metric"] == "accuracy"
    assert "get another decision than they do today" in shown["who gains and who loses"].md_str


@pytest.mark.slow
def test_the_same_candidate_again_is_what_is_in_production_already(replaced: World, tmp_path: Any) -> None:
    world = replaced.copy(tmp_path / "again")
    card: ModelCard = value(world, "model_card")
    result = world.run("fair")
    assert result.success, told(result)
    again: ModelCard = value(world, "model_card")
    assert again.champion is None, "it would replace itself"
    assert again.says == card.says
    assert len(world.entries("fair", "promotion")) == 2
    assert len(world.entries("fair", "confirmation")) == 1


def test_what_a_card_is_held_beside_is_no_part_of_what_it_says(replaced: World) -> None:
    card: ModelCard = value(replaced, "model_card")
    assert card.champion is not None
    assert dataclasses.replace(card, champion=None).says == card.says
    assert dataclasses.replace(card, summary="Another one.").says != card.says


@pytest.mark.slow
def test_a_card_with_a_forged_comparison_is_not_promoted(released: World) -> None:
    released.write("fair", estimator=OTHER)
    before = [asset for asset in released.model("fair").spec.assets if asset not in ("model_card", "production_model")]
    assert released.run("fair", before).success
    from rai_platform.pipeline import carding

    honest = carding.build_card

    def flattering(*args: Any, **kwargs: Any) -> ModelCard:
        card = honest(*args, **kwargs)
        assert card.champion is not None
        return dataclasses.replace(card, champion=dataclasses.replace(card.champion, summary="Better in every way."))

    carding.build_card = flattering
    try:
        assert released.run("fair", ["model_card"]).success
    finally:
        carding.build_card = honest
    result = released.run("fair", ["production_model"])
    assert not result.success
    assert "the model card does not say what" in told(result)
    assert len(released.entries("fair", "promotion")) == 1


@pytest.mark.slow
def test_a_champion_that_sees_other_columns_is_not_asked_and_stops_nobody(released: World) -> None:
    data = {**released.model("fair").spec.model_dump(mode="json")["data"], "exclude": ["approved", "sex", "savings"]}
    released.write("fair", data={name: each for name, each in data.items() if each is not None})
    result = released.run("fair")
    card: ModelCard = value(released, "model_card")
    assert card.champion is not None
    assert card.champion.not_possible == "the model in production sees savings, which the test data lack"
    assert card.champion.trades == ()
    assert "Not possible: the model in production sees savings" in render_markdown(card)
    assert "Not possible: the model in production sees savings" in render_html(card, {})
    assert result.success, told(result)


@pytest.mark.slow
def test_a_champion_whose_files_were_changed_is_not_asked(released: World) -> None:
    production = production_of(released.entries("fair", "promotion")[0])
    champion = CANDIDATE.validate_json(released.home.store.get(production.body["candidate"]))
    blob = next(iter(champion.files.values())).blob
    stored = next(path for path in (released.folder / "home").rglob(f"*{blob[2:]}*") if path.is_file())
    stored.chmod(0o644)
    stored.write_bytes(b"something else")
    released.write("fair", estimator=OTHER)
    released.run("fair")
    card: ModelCard = value(released, "model_card")
    assert card.champion is not None
    assert card.champion.not_possible
    assert card.champion.changed.value is None
