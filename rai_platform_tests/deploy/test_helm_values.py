"""The values for Dagster's official Helm chart; what the chart makes of them is only known where there is a Helm."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from rai_platform.settings import read_settings
from rai_platform_tests.deploy.conftest import VERSIONS
from rai_platform_tests.deploy.launching import launcher_of_the_chart
from rai_platform_tests.deploy.manifests import DEPLOY, KUSTOMIZE, Pod, breaches_of_the_restricted_profile
from rai_platform_tests.deploy.page import variables_that_settings_reads

# The values that the chart of Dagster 1.13 knows, as far as they are of use here; below None it takes what Kubernetes
# or Dagster takes. The chart refuses a key it does not know in some places and ignores it in others.
IMAGE = {"repository": None, "tag": None, "pullPolicy": None}
POD = {
    "env": None, "envConfigMaps": None, "envSecrets": None, "labels": None, "annotations": None, "nodeSelector": None,
    "affinity": None, "tolerations": None, "podSecurityContext": None, "securityContext": None, "resources": None,
    "livenessProbe": None, "readinessProbe": None, "startupProbe": None, "volumeMounts": None, "volumes": None,
    "image": IMAGE,
}  # fmt: skip
THREADS = {"useThreads": None, "numWorkers": None, "numSubmitWorkers": None}
CHART: dict[str, Any] = {
    "global": {"dagsterHome": None, "serviceAccountName": None, "postgresqlSecretName": None},
    "telemetry": {"enabled": None},
    "rabbitmq": {"enabled": None},
    "redis": {"enabled": None, "internal": None},
    "flower": {"enabled": None},
    "generatePostgresqlPasswordSecret": None,
    "generateCeleryConfigSecret": None,
    "postgresql": {
        "enabled": None, "postgresqlHost": None, "postgresqlUsername": None, "postgresqlDatabase": None,
        "postgresqlScheme": None, "postgresqlParams": None, "service": {"port": None},
    },
    "dagster-user-deployments": {
        "enabled": None,
        "enableSubchart": None,
        "deployments": {
            "name": None, "port": None, "dagsterApiGrpcArgs": None, "includeConfigInLaunchedRuns": {"enabled": None},
            **POD,
        },
    },
    "dagsterWebserver": {
        "replicaCount": None, "enableReadOnly": None, "service": {"type": None, "port": None, "annotations": None},
        **POD,
    },
    "dagsterDaemon": {
        "enabled": None,
        "heartbeatTolerance": None,
        "runCoordinator": {"enabled": None},
        "runMonitoring": {
            "enabled": None, "startTimeoutSeconds": None, "cancelTimeoutSeconds": None, "maxResumeRunAttempts": None,
            "pollIntervalSeconds": None, "freeSlotsAfterRunEndSeconds": None,
        },
        "runRetries": {"enabled": None, "maxRetries": None, "retryOnAssetOrOpFailure": None},
        "schedules": THREADS,
        "sensors": THREADS,
        **POD,
    },
    "computeLogManager": {"type": None},
    "retention": {"enabled": None, "schedule": {"purgeAfterDays": None}, "sensor": {"purgeAfterDays": None}},
    "additionalInstanceConfig": None,
    "runLauncher": {
        "type": None,
        "config": {"customRunLauncher": {"module": None, "class": None, "config": None}},
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def values() -> dict[str, Any]:
    """The values as Helm reads them."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "helm" / "values.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def code_server(values: dict[str, Any]) -> dict[str, Any]:
    """The values of the one code location."""
    [only] = values["dagster-user-deployments"]["deployments"]
    return dict(only)


@pytest.fixture(scope="session")
def pods(values: dict[str, Any], code_server: dict[str, Any]) -> list[Pod]:
    """The pods, as far as the values describe them."""
    parts = {"rai": code_server, "webserver": values["dagsterWebserver"], "daemon": values["dagsterDaemon"]}
    return [_pod(name, part) for name, part in parts.items()]


def test_the_chart_knows_every_value(values: dict[str, Any]) -> None:
    assert _unknown(values, CHART) == []


def test_a_mistyped_value_would_be_noticed() -> None:
    assert _unknown({"dagsterDaemon": {"runRetry": {}}, "telemetri": {}}, CHART) == [
        "dagsterDaemon.runRetry",
        "telemetri",
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_the_parts_that_the_chart_copies_into_its_pods(pods: list[Pod], version: str) -> None:
    for pod in pods:
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod.owner}, "spec": dict(pod.spec)}
        kubernetes_validate.validate(manifest, version, strict=True)


def test_no_pod_of_the_chart_has_more_rights_than_it_needs(pods: list[Pod]) -> None:
    assert [breach for pod in pods for breach in breaches_of_the_restricted_profile(pod)] == []


def test_every_mount_of_the_chart_has_a_volume(pods: list[Pod]) -> None:
    for pod in pods:
        assert {mount["name"] for mount in pod.mounts.values()} == {volume["name"] for volume in pod.spec["volumes"]}


def test_the_network_policies_know_the_pods_of_the_chart(pods: list[Pod]) -> None:
    assert {json.dumps(dict(pod.labels)) for pod in pods} == {'{"app.kubernetes.io/part-of": "rai-platform"}'}


def test_every_variable_is_one_that_the_platform_reads(code_server: dict[str, Any]) -> None:
    known = {*variables_that_settings_reads(), "RAI_NAMESPACE"}  # the last is read by the launcher's configuration
    launched = launcher_of_the_chart()["config"]["run_k8s_config"]["container_config"]["env"]
    for variables in (code_server["env"], launched):
        assert {variable["name"] for variable in variables} <= known
    of_serving = {"RAI_LOGGED_FEATURES", "RAI_ALERT_URLS", "RAI_SERVICE_URL", "RAI_UI_URL"}
    of_serving |= {"RAI_INFERENCE_LOG_URL", "RAI_PROTECTED_ATTRIBUTES"}  # which a run has from a Secret
    of_serving |= {"RAI_API_KEYS", "RAI_RATE_LIMIT", "RAI_NUMBERS_OUT_OF_RANGE"}
    not_for_steps = {"RAI_PUBLIC_KEY", "RAI_TRACEBACK", *of_serving}
    assert {variable["name"] for variable in launched} == known - not_for_steps


def test_the_platform_finds_dagster_where_the_chart_puts_it(
    values: dict[str, Any], code_server: dict[str, Any]
) -> None:
    settings = read_settings({variable["name"]: variable.get("value", "") for variable in code_server["env"]})
    launched = launcher_of_the_chart()["config"]["dagster_home"]
    assert values["global"]["dagsterHome"] == launched == str(settings.dagster_home)
    assert settings.executor == "k8s"


def test_the_chart_reaches_postgresql_by_psycopg2(values: dict[str, Any]) -> None:
    assert values["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert not values["postgresql"]["enabled"]
    assert values["global"]["postgresqlSecretName"] == launcher_of_the_chart()["config"]["postgres_password_secret"]
    assert not values["generatePostgresqlPasswordSecret"]


def test_a_failed_check_is_not_run_again_by_the_chart_either(values: dict[str, Any]) -> None:
    assert values["dagsterDaemon"]["runRetries"] == {
        "enabled": True,
        "maxRetries": 1,
        "retryOnAssetOrOpFailure": False,
    }


def test_what_the_chart_has_no_value_for_is_as_without_it(values: dict[str, Any], tmp_path: Path) -> None:
    additional = {**values["additionalInstanceConfig"], "run_launcher": launcher_of_the_chart()}
    (tmp_path / "dagster.yaml").write_text(json.dumps(additional), encoding="utf-8")
    chart, _ = dagster_instance_config(str(tmp_path))
    ours, _ = dagster_instance_config(str(KUSTOMIZE))
    for part in ("nux", "concurrency"):
        assert chart[part] == ours[part]
    allowed = "only_allow_user_defined_k8s_config_fields"
    assert chart["run_launcher"]["config"][allowed] == ours["run_launcher"]["config"][allowed]
    assert chart["run_launcher"]["class"] == ours["run_launcher"]["class"] == "K8sRunLauncher"


def test_the_limits_of_the_queue_are_given_once(values: dict[str, Any]) -> None:
    assert not values["dagsterDaemon"]["runCoordinator"]["enabled"]
    assert "concurrency" in values["additionalInstanceConfig"]


def test_a_code_location_adds_nothing_to_the_pods_of_a_run(code_server: dict[str, Any]) -> None:
    assert code_server["includeConfigInLaunchedRuns"] == {"enabled": False}


def test_most_people_get_pages_that_are_read_only(values: dict[str, Any]) -> None:
    assert values["dagsterWebserver"]["enableReadOnly"]


def test_one_image_runs_everywhere(values: dict[str, Any], code_server: dict[str, Any]) -> None:
    images = [part["image"] for part in (code_server, values["dagsterWebserver"], values["dagsterDaemon"])]
    assert images == [images[0]] * 3
    assert images[0]["tag"] not in (None, "latest")


def test_nothing_is_told_to_the_makers_of_dagster_by_the_chart(values: dict[str, Any]) -> None:
    assert values["telemetry"] == {"enabled": False}


def _unknown(given: Any, known: dict[str, Any] | None, path: str = "") -> list[str]:
    """The paths of keys that the chart does not know."""
    if known is None:
        return []
    if isinstance(given, list):
        return [found for item in given for found in _unknown(item, known, path)]
    found = []
    for key, value in given.items():
        here = f"{path}.{key}".lstrip(".")
        found += _unknown(value, known[key], here) if key in known else [here]
    return found


def _pod(name: str, part: dict[str, Any]) -> Pod:
    container = {
        "name": name,
        "image": f"{part['image']['repository']}:{part['image']['tag']}",
        "imagePullPolicy": part["image"]["pullPolicy"],
        "env": part["env"],
        "envFrom": [{"secretRef": secret} for secret in part.get("envSecrets", [])],
        "resources": part["resources"],
        "securityContext": part["securityContext"],
        "volumeMounts": part["volumeMounts"],
    }
    spec = {"securityContext": part["podSecurityContext"], "volumes": part["volumes"], "containers": [container]}
    return Pod(name, part["labels"], spec)
