"""Dagster's instance in a cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.instance.config import PoolGranularity, dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.workspace.permissions import Permissions, get_user_permissions
from dagster._serdes import ConfigurableClassData, class_from_code_pointer, serialize_value
from dagster_postgres.utils import pg_url_from_config

from rai_platform.settings import read_settings
from rai_platform_tests.deploy.launching import accepted, launcher_of_dagster_yaml
from rai_platform_tests.deploy.manifests import KUSTOMIZE, Manifest, config_maps_of
from rai_platform_tests.servers import postgres


@dataclass(frozen=True)
class Inside:
    """What Dagster finds in a pod: its variables, and the instance that dagster.yaml describes."""

    environment: dict[str, str]
    instance: InstanceRef


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, objects: list[Manifest], tmp_path: Path) -> Inside:
    """This process, with the variables of a pod."""
    given = {"DAGSTER_PG_PASSWORD": "hunter2", "RAI_NAMESPACE": "rai"}
    variables = {**config_maps_of(objects)["rai-environment"], **given}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Inside(variables, InstanceRef.from_dir(str(tmp_path), config_dir=str(KUSTOMIZE)))


@pytest.fixture(scope="session")
def config() -> dict[str, Any]:
    """What Dagster reads in the file."""
    value, _ = dagster_instance_config(str(KUSTOMIZE))
    return dict(value)


@pytest.fixture
def parts(inside: Inside) -> dict[str, dict[str, Any]]:
    """The configuration that each part of the instance accepts, by the name of its class; nothing is connected to."""
    configured = [data for data in inside.instance if isinstance(data, ConfigurableClassData)]
    classes = {data.class_name: class_from_code_pointer(data.module_name, data.class_name) for data in configured}
    return {data.class_name: accepted(classes[data.class_name], data.config_dict) for data in configured}


def test_every_part_of_the_instance_accepts_its_configuration(parts: dict[str, dict[str, Any]]) -> None:
    assert {"DagsterPostgresStorage", "K8sRunLauncher", "NoOpComputeLogManager"} <= set(parts)
    assert not [name for name in parts if "Sqlite" in name]


def test_the_database_is_named_by_the_environment_and_driven_by_psycopg2(parts: dict[str, dict[str, Any]]) -> None:
    url = sa.make_url(pg_url_from_config(parts["DagsterPostgresStorage"]))
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg2", "dagster", "hunter2")
    assert (url.host, url.port, url.database) == ("postgresql", 5432, "dagster")


def test_no_password_travels_in_the_arguments_of_a_pod(inside: Inside) -> None:
    told = serialize_value(inside.instance)
    assert "DAGSTER_PG_PASSWORD" in told
    assert "hunter2" not in told


def test_a_failed_check_is_not_run_again_until_it_passes(config: dict[str, Any]) -> None:
    assert config["run_retries"] == {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False}


def test_promotions_happen_one_after_the_other(config: dict[str, Any]) -> None:
    assert config["concurrency"]["pools"] == {"granularity": "op", "default_limit": 1}


def test_a_run_whose_pod_died_gives_its_place_in_the_pool_back(config: dict[str, Any]) -> None:
    assert config["run_monitoring"]["enabled"]
    assert config["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    assert config["run_monitoring"]["max_resume_run_attempts"] == 0


def test_nothing_is_told_to_the_makers_of_dagster(config: dict[str, Any]) -> None:
    assert config["telemetry"] == {"enabled": False}
    assert config["nux"] == {"enabled": False}


def test_a_run_tag_may_name_resources_node_selector_and_tolerations_alone(parts: dict[str, dict[str, Any]]) -> None:
    assert parts["K8sRunLauncher"]["only_allow_user_defined_k8s_config_fields"] == {
        "container_config": {"resources": True},
        "pod_spec_config": {"node_selector": True, "tolerations": True},
    }


def test_dagsters_home_is_where_the_platform_looks_for_it(parts: dict[str, dict[str, Any]], inside: Inside) -> None:
    expected = str(read_settings(inside.environment).dagster_home)
    assert parts["K8sRunLauncher"]["dagster_home"] == inside.environment["DAGSTER_HOME"] == expected


def test_the_laptops_governance_holds_in_the_cluster(config: dict[str, Any]) -> None:
    laptop, _ = dagster_instance_config(str(KUSTOMIZE.parents[2]))
    for part in ("run_retries", "telemetry", "nux", "retention"):
        assert config[part] == laptop[part], part
    assert config["concurrency"]["pools"] == laptop["concurrency"]["pools"]


def test_pages_for_reading_launch_nothing_and_take_no_reported_check() -> None:
    allowed = {name for name, permission in get_user_permissions(True).items() if permission.enabled}
    assert not allowed & {
        Permissions.LAUNCH_PIPELINE_EXECUTION,
        Permissions.REPORT_RUNLESS_ASSET_EVENTS,
        Permissions.WIPE_ASSETS,
        Permissions.DELETE_PIPELINE_RUN,
        Permissions.EDIT_SENSOR,
        Permissions.START_SCHEDULE,
        Permissions.EDIT_CONCURRENCY_LIMIT,
    }


@pytest.fixture
def on_postgresql(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance on a PostgreSQL; of its launcher nothing is asked."""
    with postgres("dagster") as address:
        url = sa.make_url(address)
        monkeypatch.setenv("DAGSTER_PG_HOST", str(url.host))
        monkeypatch.setenv("DAGSTER_PG_PORT", str(url.port))
        monkeypatch.setenv("DAGSTER_PG_USERNAME", str(url.username))
        monkeypatch.setenv("DAGSTER_PG_PASSWORD", str(url.password))
        with dg.DagsterInstance.from_ref(inside.instance) as instance:
            yield instance


def test_the_instance_opens_on_postgresql(on_postgresql: dg.DagsterInstance) -> None:
    assert on_postgresql.get_runs() == []
    assert type(on_postgresql.run_storage).__name__ == "PostgresRunStorage"
    pools = on_postgresql.get_concurrency_config().pool_config
    assert (pools.default_pool_limit, pools.pool_granularity) == (1, PoolGranularity.OP)
    assert on_postgresql.run_retries_enabled
    assert not on_postgresql.run_retries_retry_on_asset_or_op_failure
    assert not on_postgresql.telemetry_enabled
    assert not on_postgresql.nux_enabled


def test_the_launcher_is_dagsters_own() -> None:
    assert {name: launcher_of_dagster_yaml()[name] for name in ("module", "class")} == {
        "module": "dagster_k8s",
        "class": "K8sRunLauncher",
    }
