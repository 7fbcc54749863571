"""Fixtures that every test may use; the worlds are built once and copied for each test that breaks one."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rai_platform.cli import execute
from rai_platform.spec.model import ASSETS
from rai_platform.threads import share_cores
from rai_platform_tests.chromium import chromium
from rai_platform_tests.inbox import Inbox, opened_inbox
from rai_platform_tests.public_data import read_adult, read_compas, read_german
from rai_platform_tests.world import Command, World, told, unfair_data

share_cores()
PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def _quiet_libraries() -> None:
    """No telemetry, and no library that writes into the folder the tests are run from."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="1", MLFLOW_LOGGING_LEVEL="ERROR", MPLBACKEND="agg")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public data sets."""
    folder = Path(os.environ.get("RAI_TEST_DATA") or PROJECT.parent / "shared" / "data")
    folder = folder if folder.is_absolute() else PROJECT / folder
    if not folder.is_dir():
        pytest.skip(f"the public data sets are not at {folder}; set RAI_TEST_DATA to where they are")
    return folder


class _Forgetful(OrderedDict[str, Any]):
    def __setitem__(self, key: str, value: Any) -> None:
        pass


@pytest.fixture(scope="session")
def _artifacts_by_world() -> None:
    """MLflow remembers by a run's id alone where its artifacts lie: copies of a world would write into one folder."""
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache = _Forgetful()


@pytest.fixture(scope="session")
def judged_world(_artifacts_by_world: None, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two models: `fair`, examined and fit for release but not promoted, and `unfair`, refused."""
    world = World(tmp_path_factory.mktemp("judged"))
    world.write("fair")
    examined = world.run("fair", [asset for asset in ASSETS if asset != "production_model"])
    assert examined.success, told(examined)
    world.write("unfair", data=unfair_data())
    assert not world.run("unfair").success
    return world


@pytest.fixture(scope="session")
def released_world(judged_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same, with `fair` promoted."""
    world = judged_world.copy(tmp_path_factory.mktemp("released"))
    promoted = world.run("fair", ["production_model"])
    assert promoted.success, told(promoted)
    return world


@pytest.fixture(scope="session")
def replaced_world(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same, with another model of the name `fair` promoted after it."""
    world = released_world.copy(tmp_path_factory.mktemp("replaced"))
    other = {"type": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 20}}
    world.write("fair", estimator=other)
    result = world.run("fair")
    assert result.success, told(result)
    assert [entry.body["version"] for entry in world.entries("fair", "promotion")] == ["1", "2"]
    return world


@pytest.fixture
def judged(judged_world: World, tmp_path: Path) -> World:
    """A copy of the judged world to break."""
    return judged_world.copy(tmp_path / "world")


@pytest.fixture
def released(released_world: World, tmp_path: Path) -> World:
    """A copy of the released world to break."""
    return released_world.copy(tmp_path / "world")


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """Somebody who takes alerts."""
    with opened_inbox() as opened:
        yield opened


@pytest.fixture(scope="session")
def compas(real_data: Path) -> pd.DataFrame:
    """ProPublica's COMPAS table."""
    return read_compas(real_data)


@pytest.fixture(scope="session")
def adult(real_data: Path) -> pd.DataFrame:
    """The census, whole."""
    return read_adult(real_data)


@pytest.fixture(scope="session")
def german(real_data: Path) -> pd.DataFrame:
    """German Credit."""
    return read_german(real_data)


@pytest.fixture
def rai(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[World], Command]:
    """Runs a command in a world; gives exit code, stdout and stderr."""

    def in_world(world: World) -> Command:
        monkeypatch.setenv("RAI_HOME", str(world.folder / "home"))
        monkeypatch.setenv("RAI_MODELS", str(world.folder / "models"))
        monkeypatch.setenv("DAGSTER_HOME", str(world.folder / "home" / "dagster"))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
        monkeypatch.chdir(world.folder)

        def command(*arguments: str) -> tuple[int, str, str]:
            capfd.readouterr()
            code = execute(list(arguments))
            written = capfd.readouterr()
            return code, written.out, written.err

        return command

    return in_world


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    with chromium() as opened:
        yield opened
