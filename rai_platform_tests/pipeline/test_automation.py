"""Jobs, schedules and sensors, evaluated by the daemon's own code over a code server of their own."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time, load_remote_repo
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from rai_platform.data.generators import lending
from rai_platform_tests.world import World

LOG = logging.getLogger("test")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with one model on a file of its own."""
    world = World(tmp_path)
    lending(rows=300, seed=1).to_csv(tmp_path / "loans.csv", index=False)
    data = {"source": str(tmp_path / "loans.csv"), "target": "repaid", "exclude": ["approved", "sex"]}
    world.write("loans", data=data)
    return world


@pytest.fixture
def daemon(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dg.DagsterInstance, Any]]:
    """Dagster's instance, and the workspace as its daemon sees it."""
    monkeypatch.setenv("RAI_HOME", str(world.settings.home))
    monkeypatch.setenv("RAI_MODELS", str(world.settings.models))
    monkeypatch.setenv("DAGSTER_HOME", str(world.settings.dagster_home))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    target = ModuleTarget(
        "rai_platform.definitions", None, working_directory=str(Path.cwd()), location_name="rai_platform"
    )
    with world.instance() as instance, create_test_daemon_workspace_context(target, instance) as workspace:
        yield instance, workspace


def look(workspace: Any) -> None:
    for result in execute_sensor_iteration(workspace, LOG, None, None):
        assert result is None or not hasattr(result, "cls_name"), result


def test_everything_is_visible_and_off_until_switched_on(daemon: tuple[dg.DagsterInstance, Any]) -> None:
    instance, workspace = daemon
    repository = load_remote_repo(workspace, "__repository__")
    jobs = {job.name for job in repository.get_all_jobs()}
    assert {"run_loans", "run_lending", "run_lending_mitigated", "run_all_models"} <= jobs
    schedule, sensor = repository.get_schedule("retrain_loans"), repository.get_sensor("watch_data_of_loans")
    assert not schedule.get_current_instigator_state(None).is_running
    assert not sensor.get_current_instigator_state(None).is_running
    look(workspace)
    assert instance.get_runs() == []


def test_the_sensor_runs_the_model_when_its_data_change_and_only_then(
    world: World, daemon: tuple[dg.DagsterInstance, Any]
) -> None:
    instance, workspace = daemon
    sensor = load_remote_repo(workspace, "__repository__").get_sensor("watch_data_of_loans")
    instance.start_sensor(sensor)
    start = datetime(2026, 5, 4, 8, tzinfo=UTC)
    source = world.folder / "loans.csv"

    def tick(minutes: int) -> str:
        with freeze_time(start.replace(minute=minutes)):
            look(workspace)
        return str(instance.get_ticks(sensor.get_remote_origin_id(), sensor.selector_id, limit=1)[0].status.value)

    assert tick(0) == "SKIPPED"  # remembers what is there
    assert tick(2) == "SKIPPED"
    lending(rows=301, seed=1).to_csv(source, index=False)
    assert tick(4) == "SUCCESS"
    assert tick(6) == "SKIPPED"
    (run,) = instance.get_runs()
    assert run.job_name == "run_loans"
    assert run.tags["dagster/sensor_name"] == "watch_data_of_loans"
    source.unlink()
    assert tick(8) == "SKIPPED"
    last = instance.get_ticks(sensor.get_remote_origin_id(), sensor.selector_id, limit=1)[0]
    assert "could not look" in str(last.skip_reason)


def test_the_schedule_trains_and_judges_again(daemon: tuple[dg.DagsterInstance, Any]) -> None:
    instance, workspace = daemon
    schedule = load_remote_repo(workspace, "__repository__").get_schedule("retrain_loans")
    sunday, monday = datetime(2026, 5, 3, 12, tzinfo=UTC), datetime(2026, 5, 4, 6, 1, tzinfo=UTC)
    with freeze_time(sunday):
        instance.start_schedule(schedule)
    with freeze_time(monday):
        list(launch_scheduled_runs(workspace, LOG, monday, {}))
    (run,) = instance.get_runs()
    assert run.job_name == "run_loans"
    assert run.tags["dagster/schedule_name"] == "retrain_loans"


def test_a_broken_model_file_stops_no_other_model(world: World) -> None:
    from rai_platform.pipeline.location import build_definitions

    broken = world.folder / "models" / "broken" / "defs.yaml"
    broken.parent.mkdir()
    broken.write_text("type: something.else\nattributes: {}\n")
    gone = world.folder / "models" / "gone" / "defs.yaml"
    gone.parent.mkdir()
    gone.symlink_to(world.folder / "moved.yaml")
    graph = build_definitions(world.settings).resolve_asset_graph()
    assert dg.AssetKey(["loans", "production_model"]) in graph.get_all_asset_keys()
    told = graph.get(dg.AssetKey(["unreadable", "broken"]))
    assert "rai_platform.pipeline.ResponsibleModel" in str(told.description)
    assert not told.is_executable
    assert "no such file" in str(graph.get(dg.AssetKey(["unreadable", "gone"])).description)


def test_what_a_spec_asks_of_a_cluster_reaches_the_step(world: World) -> None:
    asked = {"default": {"requests": {"cpu": "1"}}, "candidate_model": {"limits": {"memory": "8Gi"}}}
    definition = world.write("loans", resources=asked)
    location = world.definitions(definition, (), dg.define_asset_job("all", selection="*"))
    tags = {node.name: node.tags for node in location.resolve_job_def("all").all_node_defs}
    container = '"container_config": {"resources": {"limits": {"memory": "8Gi"}}}'
    assert container in tags["loans__candidate_model"]["dagster-k8s/config"]
    assert '"requests": {"cpu": "1"}' in tags["loans__fairness_report"]["dagster-k8s/config"]
