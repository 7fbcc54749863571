"""A world in which three models of one name were promoted, one after the other."""

from pathlib import Path
from typing import Any

import pytest

from rai_platform_tests.world import World, lending_attributes, told

LOGISTIC: dict[str, Any] = lending_attributes()["estimator"]
WEAK = {"type": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 3}}
OTHER = {**LOGISTIC, "params": {"max_iter": 500, "C": 0.3}}


@pytest.fixture(scope="session")
def three_world(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """`fair` in three versions: a good model, one of much less accuracy, and in production another good one."""
    world = released_world.copy(tmp_path_factory.mktemp("three"))
    for estimator in (WEAK, OTHER):
        world.write("fair", estimator=estimator)
        result = world.run("fair")
        assert result.success, told(result)
    assert [entry.body["version"] for entry in world.entries("fair", "promotion")] == ["1", "2", "3"]
    return world


@pytest.fixture
def three(three_world: World, tmp_path: Path) -> World:
    """A copy of it to break."""
    return three_world.copy(tmp_path / "world")
