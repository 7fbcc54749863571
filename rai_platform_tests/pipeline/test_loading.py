"""Loading the code location is light, and Dagster's own tools find nothing wrong with it."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from rai_platform.errors import InvalidSpec
from rai_platform.pipeline.location import build_definitions
from rai_platform_tests.conftest import PROJECT
from rai_platform_tests.servers import BIN
from rai_platform_tests.world import World

HEAVY = ("torch", "shap", "foolbox", "textattack", "transformers", "matplotlib", "sklearn", "pandas", "mlflow", "scipy")


def test_loading_the_definitions_imports_nothing_heavy() -> None:
    script = f"import rai_platform.definitions, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_root_imports_nothing() -> None:
    script = "import sys; before = set(sys.modules); import rai_platform; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == "['rai_platform']"


@pytest.mark.parametrize(
    "command", [["dagster", "definitions", "validate"], pytest.param(["dg", "check", "defs"], marks=pytest.mark.slow)]
)
def test_dagsters_own_tools_find_nothing_wrong(command: list[str], tmp_path: Path) -> None:
    world = World(tmp_path)
    world.instance().dispose()
    environment = {"RAI_HOME": str(world.settings.home), "DAGSTER_HOME": str(world.settings.dagster_home)}
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
        env={**environment, "PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(tmp_path), "DO_NOT_TRACK": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BetaWarning" not in done.stdout + done.stderr


def test_a_model_that_dagster_refuses_stops_no_other(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(InvalidSpec, match="expected a cron line"):
        world.write("broken", schedule="every other monday")
    world.write("sound")
    definitions = build_definitions(world.settings)
    graph = definitions.resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} >= {"sound", "unreadable"}
    assert dg.AssetKey(["broken", "production_model"]) not in graph.get_all_asset_keys()
    told = graph.get(dg.AssetKey(["unreadable", "broken"])).description
    assert "cannot be loaded" in told
    assert "every other monday" in told
    assert definitions.resolve_job_def("run_all_models")
