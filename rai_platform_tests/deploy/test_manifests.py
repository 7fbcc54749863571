"""The kustomize base: what Kubernetes checks, and what it only finds out when a pod does not start."""

import ipaddress
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rai_platform.settings import read_settings
from rai_platform_tests.deploy.conftest import VERSIONS
from rai_platform_tests.deploy.launching import launcher_of_dagster_yaml
from rai_platform_tests.deploy.manifests import (
    DEPLOY,
    KUSTOMIZE,
    Manifest,
    Pod,
    breaches_of_the_restricted_profile,
    config_maps_of,
    of_kind,
    pods_of,
)

# What dagster-k8s asks of the cluster's API to start, watch and stop runs and steps: verb and resource.
CALLS = {
    ("create", "jobs"),
    ("get", "jobs/status"),
    ("list", "jobs"),
    ("delete", "jobs"),
    ("get", "pods"),
    ("list", "pods"),
    ("delete", "pods"),
    ("get", "pods/log"),
    ("list", "events"),
}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture(scope="session")
def pods(objects: list[Manifest]) -> dict[str, Pod]:
    """The long-running pods, by Deployment."""
    return pods_of(objects)


@pytest.fixture(scope="session")
def config_maps(objects: list[Manifest]) -> dict[str, dict[str, str]]:
    """The data of every ConfigMap."""
    return config_maps_of(objects)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_every_object(objects: list[Manifest], version: str) -> None:
    for item in objects:
        kubernetes_validate.validate(item, version, strict=True)


def test_the_base_names_no_namespace_and_holds_no_secret(objects: list[Manifest]) -> None:
    assert not [item["metadata"]["name"] for item in objects if "namespace" in item["metadata"]]
    assert "Secret" not in {item["kind"] for item in objects}


def test_every_selector_finds_the_pods_it_is_meant_for(objects: list[Manifest], pods: dict[str, Pod]) -> None:
    for name, deployment in of_kind(objects, "Deployment").items():
        assert _selected(deployment["spec"]["selector"], pods) == {name}
    found = {
        name: _selected({"matchLabels": item["spec"]["selector"]}, pods)
        for name, item in of_kind(objects, "Service").items()
    }
    assert found == {
        "rai": {"rai-code-server"},
        "rai-webserver": {"rai-webserver"},
        "rai-webserver-read-only": {"rai-webserver-read-only"},
    }
    for name, item in of_kind(objects, "PodDisruptionBudget").items():
        assert _selected(item["spec"]["selector"], pods) == {name}


def test_a_budget_leaves_a_pod_to_evict(objects: list[Manifest]) -> None:
    for name, item in of_kind(objects, "PodDisruptionBudget").items():
        assert of_kind(objects, "Deployment")[name]["spec"]["replicas"] > item["spec"]["minAvailable"]


def test_every_port_that_is_asked_for_is_there(objects: list[Manifest], pods: dict[str, Pod]) -> None:
    for item in of_kind(objects, "Service").values():
        [owner] = _selected({"matchLabels": item["spec"]["selector"]}, pods)
        assert {port["targetPort"] for port in item["spec"]["ports"]} <= _ports(pods[owner])
    for pod in pods.values():
        probes = [pod.container[probe] for probe in PROBES if probe in pod.container]
        asked = {probe[kind]["port"] for probe in probes for kind in ("httpGet", "grpc") if kind in probe}
        assert asked <= _ports(pod)
    for item in of_kind(objects, "NetworkPolicy").values():
        for owner in _selected(item["spec"]["podSelector"], pods):
            let_through = {port["port"] for rule in item["spec"].get("ingress", []) for port in rule["ports"]}
            assert let_through <= _ports(pods[owner])


def test_a_pod_that_hangs_is_noticed(pods: dict[str, Pod]) -> None:
    for pod in pods.values():
        assert {"startupProbe", "livenessProbe"} <= set(pod.container)
        assert "readinessProbe" in pod.container or not _ports(pod)


def test_a_server_listens_where_its_port_says(pods: dict[str, Pod]) -> None:
    for name in ("rai-code-server", "rai-webserver", "rai-webserver-read-only"):
        arguments = pods[name].container["args"]
        assert int(arguments[arguments.index("--port") + 1]) in _ports(pods[name])
        assert ipaddress.ip_address(arguments[arguments.index("--host") + 1]).is_unspecified


def test_every_mount_has_a_volume_and_every_volume_its_source(
    pods: dict[str, Pod], config_maps: dict[str, dict[str, str]]
) -> None:
    for pod in pods.values():
        volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
        assert {mount["name"] for mount in pod.mounts.values()} == set(volumes)
        for mount in pod.mounts.values():
            if "configMap" in volumes[mount["name"]]:
                assert mount["subPath"] in config_maps[volumes[mount["name"]]["configMap"]["name"]]


def test_what_dagster_writes_lies_on_empty_folders(pods: dict[str, Pod]) -> None:
    for pod in pods.values():
        volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
        empty = {path for path, mount in pod.mounts.items() if "emptyDir" in volumes[mount["name"]]}
        assert empty == {"/var/lib/rai", "/var/lib/rai/dagster", "/scratch"}


def test_dagster_yaml_lies_where_the_platform_looks_for_it(
    pods: dict[str, Pod], config_maps: dict[str, dict[str, str]]
) -> None:
    for pod in pods.values():
        environment = pod.environment(config_maps)
        home = read_settings(environment).dagster_home
        assert environment["DAGSTER_HOME"] == str(home)
        assert pod.mounts[str(home / "dagster.yaml")]["name"] == "instance"


def test_every_variable_that_dagster_yaml_reads_is_given_to_every_pod(
    pods: dict[str, Pod], config_maps: dict[str, dict[str, str]]
) -> None:
    wanted = set(_variables(yaml.safe_load(config_maps["rai-instance"]["dagster.yaml"])))
    assert {"DAGSTER_PG_HOST", "DAGSTER_PG_PASSWORD", "RAI_NAMESPACE"} <= wanted
    for pod in pods.values():
        assert wanted <= set(pod.environment(config_maps)), pod.owner


def test_every_part_reads_the_settings_of_a_cluster(
    pods: dict[str, Pod], config_maps: dict[str, dict[str, str]]
) -> None:
    for pod in pods.values():
        settings = read_settings(pod.environment(config_maps))
        assert settings.executor == "k8s"
        assert settings.store_url.startswith("s3://")
        assert settings.anchor_url.startswith("s3://")
        assert settings.tracking_uri.startswith("http://")
        assert settings.mlflow_artifacts is None


def test_the_anchor_is_apart_from_the_store(config_maps: dict[str, dict[str, str]]) -> None:
    told = config_maps["rai-environment"]
    assert told["RAI_STORE_URL"].split("/")[2] != told["RAI_LEDGER_ANCHOR"].split("/")[2]


def test_only_the_pods_of_a_run_hold_the_signing_key_and_reach_the_ledger(pods: dict[str, Pod]) -> None:
    assert {pod.owner: {name for name, _ in pod.secrets} for pod in pods.values()} == {
        "rai-code-server": {"rai-postgresql", "rai-data"},
        "rai-daemon": {"rai-postgresql"},
        "rai-webserver": {"rai-postgresql"},
        "rai-webserver-read-only": {"rai-postgresql"},
    }


def test_no_pod_has_more_rights_than_it_needs(pods: dict[str, Pod]) -> None:
    assert [breach for pod in pods.values() for breach in breaches_of_the_restricted_profile(pod)] == []


def test_every_account_is_there_and_only_dagster_and_its_runs_may_launch(
    objects: list[Manifest], pods: dict[str, Pod]
) -> None:
    accounts = of_kind(objects, "ServiceAccount")
    launcher = launcher_of_dagster_yaml()["config"]["service_account_name"]
    assert {pod.spec["serviceAccountName"] for pod in pods.values()} | {launcher} == set(accounts)
    [binding] = of_kind(objects, "RoleBinding").values()
    assert binding["roleRef"]["name"] in of_kind(objects, "Role")
    assert {subject["name"] for subject in binding["subjects"]} == {"rai-dagster", launcher}
    assert {pod.owner for pod in pods.values() if pod.spec["serviceAccountName"] == "rai-dagster"} == {
        "rai-daemon",
        "rai-webserver",
    }


def test_only_who_talks_to_the_cluster_has_a_token(objects: list[Manifest], pods: dict[str, Pod]) -> None:
    assert not any(account["automountServiceAccountToken"] for account in of_kind(objects, "ServiceAccount").values())
    tokens = {pod.owner for pod in pods.values() if pod.spec["automountServiceAccountToken"]}
    assert tokens == {"rai-daemon", "rai-webserver", "rai-webserver-read-only"}


def test_the_role_allows_the_calls_of_dagster_k8s_and_nothing_else(objects: list[Manifest]) -> None:
    [role] = of_kind(objects, "Role").values()
    allowed = {(verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    groups = {resource: rule["apiGroups"] for rule in role["rules"] for resource in rule["resources"]}
    assert allowed >= CALLS
    assert {verb for verb, _ in allowed - CALLS} <= {"get"}
    assert groups == {"jobs": ["batch"], "jobs/status": ["batch"], "pods": [""], "pods/log": [""], "events": [""]}


def test_nobody_reaches_a_pod_who_is_not_let_in(objects: list[Manifest], pods: dict[str, Pod]) -> None:
    policies = of_kind(objects, "NetworkPolicy")
    closed = policies["rai-closed"]["spec"]
    assert _selected(closed["podSelector"], pods) == set(pods)
    assert "ingress" not in closed
    let_in = {name: _selected(item["spec"]["podSelector"], pods) for name, item in policies.items()}
    assert {name: found for name, found in let_in.items() if name != "rai-closed"} == {
        name: {name} for name in ("rai-webserver", "rai-webserver-read-only", "rai-code-server")
    }
    launched = Pod("a run", launcher_of_dagster_yaml()["config"]["labels"], {})
    assert _selected(closed["podSelector"], {"a run": launched}) == {"a run"}


def test_only_the_proxy_of_the_few_reaches_the_pages_that_change_something(objects: list[Manifest]) -> None:
    [rule] = of_kind(objects, "NetworkPolicy")["rai-webserver"]["spec"]["ingress"]
    [source] = rule["from"]
    assert set(source) == {"namespaceSelector", "podSelector"}
    assert source["namespaceSelector"]["matchLabels"] == {"rai-platform/proxy": "true"}
    assert source["podSelector"]["matchLabels"] == {"rai-platform/proxy": "operators"}


def test_only_dagster_reaches_the_code_server(objects: list[Manifest], pods: dict[str, Pod]) -> None:
    [rule] = of_kind(objects, "NetworkPolicy")["rai-code-server"]["spec"]["ingress"]
    [source] = rule["from"]
    assert set(source) == {"podSelector"}
    assert _selected(source["podSelector"], pods) == {"rai-daemon", "rai-webserver", "rai-webserver-read-only"}


def test_the_workspace_names_the_code_server(objects: list[Manifest], config_maps: dict[str, dict[str, str]]) -> None:
    [location] = yaml.safe_load(config_maps["rai-workspace"]["workspace.yaml"])["load_from"]
    service = of_kind(objects, "Service")[location["grpc_server"]["host"]]
    assert location["grpc_server"]["port"] in {port["port"] for port in service["spec"]["ports"]}


def test_there_is_one_daemon_even_while_it_is_replaced(objects: list[Manifest]) -> None:
    daemon = of_kind(objects, "Deployment")["rai-daemon"]["spec"]
    assert (daemon["replicas"], daemon["strategy"]["type"]) == (1, "Recreate")


def test_the_pages_for_everybody_are_read_only(pods: dict[str, Pod]) -> None:
    assert "--read-only" in pods["rai-webserver-read-only"].container["args"]
    assert "--read-only" not in pods["rai-webserver"].container["args"]


def test_a_run_gets_the_image_that_the_code_server_runs(pods: dict[str, Pod]) -> None:
    assert {pod.container["image"] for pod in pods.values()} == {_image_of_runs(pods)}


def test_every_container_says_what_it_needs(pods: dict[str, Pod]) -> None:
    for pod in pods.values():
        assert set(pod.container["resources"]["requests"]) == {"cpu", "memory", "ephemeral-storage"}
        assert pod.container["resources"]["limits"]["memory"]


def test_kustomize_gives_what_these_tests_read(objects: list[Manifest]) -> None:
    made = _kustomized(KUSTOMIZE)
    assert {_identity(item): item for item in made} == {_identity(item): item for item in objects}


def test_the_example_is_one_whole_installation(config_maps: dict[str, dict[str, str]]) -> None:
    made = _kustomized(DEPLOY / "kustomize" / "example")
    for item in made:
        kubernetes_validate.validate(item, VERSIONS[-1], strict=True)
        assert item["metadata"]["namespace"] == "rai"
    [binding] = of_kind(made, "RoleBinding").values()
    assert {subject["namespace"] for subject in binding["subjects"]} == {"rai"}
    pods = pods_of(made)
    assert {pod.container["image"] for pod in pods.values()} == {_image_of_runs(pods)} == {"rai-platform:0.1.0"}
    told = config_maps_of(made)["rai-environment"]
    assert set(told) == set(config_maps["rai-environment"])
    assert told["DAGSTER_PG_HOST"] != config_maps["rai-environment"]["DAGSTER_PG_HOST"]


def _kustomized(folder: Path) -> list[Manifest]:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    made = subprocess.run([program, "kustomize", str(folder)], capture_output=True, text=True, check=True)
    return [item for item in yaml.safe_load_all(made.stdout) if item]


def _image_of_runs(pods: Mapping[str, Pod]) -> str:
    variables = {variable["name"]: variable.get("value") for variable in pods["rai-code-server"].container["env"]}
    return str(variables["DAGSTER_CURRENT_IMAGE"])


def _identity(item: Manifest) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


def _selected(selector: Mapping[str, Any], pods: Mapping[str, Pod]) -> set[str]:
    """The pods that a label selector finds."""
    wanted = [(label, [value]) for label, value in selector.get("matchLabels", {}).items()]
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        wanted.append((expression["key"], expression["values"]))
    return {name for name, pod in pods.items() if all(pod.labels.get(label) in values for label, values in wanted)}


def _ports(pod: Pod) -> set[str | int]:
    """The ports of a pod, by name and by number."""
    ports = pod.container.get("ports", [])
    return {port["name"] for port in ports} | {port["containerPort"] for port in ports}


def _variables(config: Any) -> Iterator[str]:
    """The environment variables that a Dagster configuration names."""
    if isinstance(config, dict):
        if set(config) == {"env"} and isinstance(config["env"], str):
            yield config["env"]
        for value in config.values():
            yield from _variables(value)
    if isinstance(config, list):
        for value in config:
            yield from _variables(value)
