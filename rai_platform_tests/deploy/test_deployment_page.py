"""The page for the engineer: what it lists is what there is."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from rai_platform.release.keys import load_key
from rai_platform.spec.model import Resources
from rai_platform_tests.deploy.launching import Deployment, launcher_of_dagster_yaml, pod_of
from rai_platform_tests.deploy.manifests import DEPLOY, Manifest, config_maps_of, pods_of
from rai_platform_tests.deploy.page import PAGE, table_below, variables_that_settings_reads


@pytest.fixture(scope="session")
def page() -> str:
    """The page."""
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def secrets(
    objects: list[Manifest], deployment: Deployment, charted: Deployment, lending: dg.JobDefinition
) -> set[tuple[str, str | None]]:
    """Name and key of every Secret that any pod refers to, however it was installed."""
    launched = [pod_of(way.job_of_a_run(lending)) for way in (deployment, charted)]
    return {secret for pod in (*pods_of(objects).values(), *launched) for secret in pod.secrets}


def test_the_page_lists_every_variable_that_the_platform_reads() -> None:
    assert {name for name, *_ in table_below("Environment")} == variables_that_settings_reads()


def test_the_page_names_every_variable_of_the_manifests(page: str, objects: list[Manifest]) -> None:
    for name in config_maps_of(objects)["rai-environment"]:
        assert f"`{name}`" in page, name


def test_the_page_lists_every_secret_and_key(secrets: set[tuple[str, str | None]]) -> None:
    listed = {name: keys.split(", ") for name, keys, *_ in table_below("Secrets")}
    assert set(listed) == {name for name, _ in secrets}
    assert {(name, key) for name, key in secrets if key and key not in listed[name]} == set()


def test_the_page_tells_which_secrets_a_pod_does_not_start_without(objects: list[Manifest]) -> None:
    required = {name for name, *_, needed in table_below("Secrets") if needed == "yes"}
    optional = {
        source["secretRef"]["name"]
        for pod in pods_of(objects).values()
        for source in pod.container["envFrom"]
        if "secretRef" in source and source["secretRef"]["optional"]
    }
    launched = launcher_of_dagster_yaml()["config"]["run_k8s_config"]["container_config"]["env_from"]
    optional |= {source["secret_ref"]["name"] for source in launched if source["secret_ref"]["optional"]}
    assert required.isdisjoint(optional)
    assert required | optional == {name for name, *_ in table_below("Secrets")}


def test_the_page_lists_every_pod(objects: list[Manifest]) -> None:
    listed = {pod for _, pod, *_ in table_below("What runs where")}
    assert set(pods_of(objects)) <= listed


def test_every_file_that_the_page_names_is_there(page: str) -> None:
    named = set(re.findall(r"deploy/[\w./-]+[\w]", page))
    assert {"deploy/Dockerfile", "deploy/helm/values.yaml", "deploy/kustomize/example"} <= named
    for name in named:
        assert (DEPLOY.parent / name).exists(), name


def test_the_chart_is_that_of_the_dagster_in_use(page: str) -> None:
    [version] = re.findall(r"--version ([\d.]+)", page)
    assert f"dagster=={version}\n" in (DEPLOY.parent / "constraints.txt").read_text(encoding="utf-8")


def test_the_resources_on_the_page_are_a_spec(page: str) -> None:
    [example] = re.findall(r"```yaml\n(resources:.*?)```", page, flags=re.DOTALL)
    asked = {asset: Resources.model_validate(given) for asset, given in yaml.safe_load(example)["resources"].items()}
    assert asked["candidate_model"].limits["nvidia.com/gpu"] == "1"


def test_the_key_of_the_page_signs(page: str, tmp_path: Path) -> None:
    [command] = re.findall(r"^python -c .*$", page, flags=re.MULTILINE)
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=tmp_path, check=True)
    key = load_key(tmp_path / "signing_key.pem")
    assert key.verifies(b"head", key.sign(b"head"))
    assert (tmp_path / "signing_key.pub.pem").read_text().startswith("-----BEGIN PUBLIC KEY-----")
