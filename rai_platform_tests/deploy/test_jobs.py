"""The pods of a run and of its steps, as dagster-k8s makes them of a deployment's configuration."""

import json
from collections.abc import Mapping
from decimal import Decimal

import dagster as dg
import kubernetes_validate
import pytest
from kubernetes.utils import parse_quantity

from rai_platform.spec.model import ASSETS
from rai_platform_tests.deploy.conftest import RESOURCES, VERSIONS
from rai_platform_tests.deploy.launching import IMAGE, Deployment, pod_of
from rai_platform_tests.deploy.manifests import Manifest, breaches_of_the_restricted_profile, config_maps_of


@pytest.fixture(scope="session")
def run(deployment: Deployment, lending: dg.JobDefinition) -> Manifest:
    """The Job of a run of a model that asks for nothing."""
    return deployment.job_of_a_run(lending)


@pytest.fixture(scope="session")
def steps(deployment: Deployment, lending: dg.JobDefinition) -> dict[str, Manifest]:
    """The Jobs of its steps, by asset."""
    return {step.partition("__")[2]: job for step, job in deployment.jobs_of_the_steps(lending).items()}


@pytest.fixture(scope="session")
def demanding_steps(deployment: Deployment, demanding: dg.JobDefinition) -> dict[str, Manifest]:
    """The Jobs of the steps of a model that asks for RESOURCES, by asset."""
    return {step.partition("__")[2]: job for step, job in deployment.jobs_of_the_steps(demanding).items()}


@pytest.fixture(scope="session")
def jobs(run: Manifest, steps: dict[str, Manifest], demanding_steps: dict[str, Manifest]) -> list[Manifest]:
    """All of them."""
    return [run, *steps.values(), *demanding_steps.values()]


def test_every_asset_is_a_step_in_a_pod_of_its_own(steps: dict[str, Manifest]) -> None:
    assert set(steps) == set(ASSETS)
    assert len({job["metadata"]["name"] for job in steps.values()}) == len(ASSETS)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_every_job(jobs: list[Manifest], version: str) -> None:
    for job in jobs:
        kubernetes_validate.validate(job, version, strict=True)


@pytest.mark.parametrize("asset", ASSETS)
def test_a_step_pod_asks_for_what_the_spec_says(demanding_steps: dict[str, Manifest], asset: str) -> None:
    asked = RESOURCES.get(asset, RESOURCES["default"])
    pod = pod_of(demanding_steps[asset])
    given = pod.container["resources"]
    assert asked["requests"].items() <= given.get("requests", {}).items()
    assert given["limits"] == asked["limits"]
    assert pod.spec.get("nodeSelector") == asked.get("node_selector")
    assert pod.spec.get("tolerations") == asked.get("tolerations")


def test_a_model_that_asks_for_nothing_gets_the_deployments_requests(steps: dict[str, Manifest]) -> None:
    given = {json.dumps(pod_of(job).container["resources"], sort_keys=True) for job in steps.values()}
    assert [json.loads(found) for found in given] == [
        {"requests": {"cpu": "500m", "memory": "2Gi", "ephemeral-storage": "1Gi"}}
    ]


def test_no_pod_is_limited_to_less_than_it_requests(jobs: list[Manifest]) -> None:
    for job in jobs:
        resources = pod_of(job).container["resources"]
        for name, limit in resources.get("limits", {}).items():
            requested: Decimal = parse_quantity(resources.get("requests", {}).get(name, "0"))
            assert requested <= parse_quantity(limit), (job["metadata"]["name"], name)


def test_a_run_tag_may_ask_for_resources(deployment: Deployment, lending: dg.JobDefinition) -> None:
    asked = {"container_config": {"resources": {"requests": {"memory": "5Gi"}}}}
    job = deployment.job_of_a_run(lending, tags={"dagster-k8s/config": json.dumps(asked)})
    assert pod_of(job).container["resources"]["requests"]["memory"] == "5Gi"


@pytest.mark.parametrize(
    "asked",
    [
        {"container_config": {"image": "somebody/else:1"}},
        {"container_config": {"env": [{"name": "RAI_LEDGER_URL", "value": "sqlite://"}]}},
        {"container_config": {"env_from": [{"secret_ref": {"name": "another"}}]}},
        {"container_config": {"command": ["cat", "/etc/rai/keys/signing_key.pem"]}},
        {"container_config": {"security_context": {"privileged": True}}},
        {"pod_spec_config": {"service_account_name": "cluster-admin"}},
        {"pod_spec_config": {"volumes": [{"name": "node", "host_path": {"path": "/"}}]}},
        {"pod_spec_config": {"containers": [{"name": "second", "image": "somebody/else:1"}]}},
        {"pod_template_spec_metadata": {"labels": {"app.kubernetes.io/part-of": "nothing"}}},
        {"job_spec_config": {"backoff_limit": 5}},
    ],
)
def test_a_run_tag_cannot_change_what_runs_beside_the_signing_key(
    deployment: Deployment, charted: Deployment, lending: dg.JobDefinition, asked: dict[str, object]
) -> None:
    for installed in (deployment, charted):
        with pytest.raises(Exception, match="violated the allowed list"):
            installed.job_of_a_run(lending, tags={"dagster-k8s/config": json.dumps(asked)})


def test_a_runs_configuration_cannot_change_the_pods_of_its_steps(lending: dg.JobDefinition) -> None:
    asked = {"execution": {"config": {"job_image": "somebody/else:1", "step_k8s_config": {"container_config": {}}}}}
    accepted = dg.validate_run_config(lending, asked)
    assert accepted["execution"] == dg.validate_run_config(lending, {})["execution"]
    assert "job_image" not in accepted["execution"]["k8s"]
    assert "step_k8s_config" not in accepted["execution"]["k8s"]


def test_no_pod_of_a_run_has_more_rights_than_it_needs(jobs: list[Manifest]) -> None:
    assert [breach for job in jobs for breach in breaches_of_the_restricted_profile(pod_of(job))] == []


def test_the_pods_of_a_run_have_the_image_of_the_code_server(jobs: list[Manifest]) -> None:
    assert {pod_of(job).container["image"] for job in jobs} == {IMAGE}


def test_dagster_starts_a_pod_by_arguments_alone(jobs: list[Manifest]) -> None:
    for job in jobs:
        container = pod_of(job).container
        assert "command" not in container  # so that the image must not have an entrypoint of its own
        assert container["args"][:2] == ["dagster", "api"]


def test_the_pods_of_a_run_sign_and_record(jobs: list[Manifest], objects: list[Manifest]) -> None:
    for pod in map(pod_of, jobs):
        assert {("rai-ledger", "RAI_LEDGER_URL"), ("rai-signing-key", None)} <= pod.secrets
        assert pod.environment(config_maps_of(objects))["RAI_SIGNING_KEY"] == "/etc/rai/keys/signing_key.pem"
        assert pod.mounts["/etc/rai/keys"] == {"name": "signing-key", "mountPath": "/etc/rai/keys", "readOnly": True}


def test_both_ways_to_install_launch_the_same_pods(
    deployment: Deployment, charted: Deployment, demanding: dg.JobDefinition, objects: list[Manifest]
) -> None:
    config_maps = config_maps_of(objects)
    ours = {step: _essentials(job, config_maps) for step, job in deployment.jobs_of_the_steps(demanding).items()}
    theirs = {step: _essentials(job, config_maps) for step, job in charted.jobs_of_the_steps(demanding).items()}
    assert theirs == ours


def test_a_runs_pod_knows_where_to_start_its_steps(jobs: list[Manifest]) -> None:
    for pod in map(pod_of, jobs):
        told = {variable["name"]: variable for variable in pod.container["env"]}["RAI_NAMESPACE"]
        assert told["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}


def _essentials(job: Manifest, config_maps: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """All of a pod but what the chart names in its own way: its one account, and the database in dagster.yaml."""
    pod = pod_of(job)
    parts = ("resources", "securityContext", "volumeMounts", "image", "imagePullPolicy")
    variables = pod.environment(config_maps).items()
    return {
        "container": {part: pod.container[part] for part in parts},
        "pod": {part: value for part, value in pod.spec.items() if part not in ("containers", "serviceAccountName")},
        "labels": {label: value for label, value in pod.labels.items() if label != "dagster/run-id"},
        "secrets": pod.secrets,
        "environment": {name: value for name, value in variables if not name.startswith("DAGSTER_")},
    }
