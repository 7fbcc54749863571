"""Worlds in which two or three models of one name were promoted, one after the other."""

from pathlib import Path
from typing import Any

import pytest

from rai_platform_tests.world import World, lending_attributes, told

LOGISTIC: dict[str, Any] = lending_attributes()["estimator"]


@pytest.fixture
def two(replaced_world: World, tmp_path: Path) -> World:
    """`fair` in two versions, to break."""
    return replaced_world.copy(tmp_path / "world")


@pytest.fixture(scope="session")
def three_world(replaced_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """`fair` in three versions, of which the second gains the least accuracy."""
    world = replaced_world.copy(tmp_path_factory.mktemp("three"))
    world.write("fair", estimator={**LOGISTIC, "params": {"max_iter": 500, "C": 0.3}})
    result = world.run("fair")
    assert result.success, told(result)
    assert [entry.body["version"] for entry in world.entries("fair", "promotion")] == ["1", "2", "3"]
    return world


@pytest.fixture
def three(three_world: World, tmp_path: Path) -> World:
    """A copy of it to break."""
    return three_world.copy(tmp_path / "world")
