"""The Jobs that dagster-k8s makes of the platform's runs and steps: its own code, a deployment's own configuration."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes
import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context.system import PlanData, PlanOrchestrationContext
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.step_delegating import StepHandlerContext
from dagster._core.launcher import LaunchRunContext
from dagster._core.log_manager import DagsterLogManager
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._grpc.types import ExecuteStepArgs
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.executor import K8sStepHandler

from rai_platform_tests.deploy.manifests import DEPLOY, KUSTOMIZE, Manifest, Pod

IMAGE = "rai-platform:0.1.0"
NAMESPACE = "rai"


@dataclass
class Cluster:
    """Keeps the Jobs that are sent to it."""

    jobs: list[Manifest] = field(default_factory=list)

    def create_namespaced_job(self, body: object, namespace: str, **_: object) -> None:
        assert namespace == NAMESPACE
        self.jobs.append(kubernetes.client.ApiClient().sanitize_for_serialization(body))


@dataclass(frozen=True)
class Deployment:
    """Dagster with the launcher of one of the two ways to install it; everything but the cluster is real."""

    instance: dg.DagsterInstance
    launcher: K8sRunLauncher
    handler: K8sStepHandler
    cluster: Cluster

    def job_of_a_run(self, job: dg.JobDefinition, *, tags: Mapping[str, str] | None = None) -> Manifest:
        """What the launcher asks for when a run of the job is taken from the queue.

        Args:
            job: what is run.
            tags: of the run, as a person may give them who launches it.
        """
        self.launcher.launch_run(LaunchRunContext(self._run(job, tags), workspace=None))
        return self.cluster.jobs[-1]

    def jobs_of_the_steps(self, job: dg.JobDefinition) -> dict[str, Manifest]:
        """What the executor asks for when it comes to each step, by step."""
        run, plan = self._run(job), create_execution_plan(job)
        context = PlanOrchestrationContext(
            plan_data=PlanData(InMemoryJob(job), run, self.instance, plan),
            log_manager=DagsterLogManager.create(loggers=[], dagster_run=run),
            executor=InProcessExecutor(RetryMode.DISABLED),
            output_capture=None,
        )
        made = {}
        for key in plan.step_keys_to_execute:
            wanted = ExecuteStepArgs(_origin(job), run.run_id, [key], instance_ref=self.instance.get_ref())
            steps = [step for step in plan.steps if step.key == key]
            for _ in self.handler.launch_step(StepHandlerContext(self.instance, context, steps, wanted)):
                pass
            made[key] = self.cluster.jobs[-1]
        return made

    def _run(self, job: dg.JobDefinition, tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
        run = dg.DagsterRun(job.name, str(uuid.uuid4()), tags=tags or {}, job_code_origin=_origin(job))
        return self.instance.add_run(run)


def launcher_of_dagster_yaml() -> dict[str, Any]:
    """The launcher's configuration where no Helm is used."""
    document = yaml.safe_load((KUSTOMIZE / "dagster.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = document["run_launcher"]
    return found


def launcher_of_the_chart() -> dict[str, Any]:
    """The launcher's configuration that the Helm chart is given."""
    values = yaml.safe_load((DEPLOY / "helm" / "values.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = values["runLauncher"]["config"]["customRunLauncher"]
    return found


@contextmanager
def deployed(run_launcher: Mapping[str, Any], folder: Path) -> Iterator[Deployment]:
    """Dagster with that launcher; its configuration is changed in nothing but where the cluster's API is."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "me", "user": {}}],
            }
        ),
        encoding="utf-8",
    )
    here = {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
    config = {**run_launcher["config"], **here}
    (folder / "dagster.yaml").write_text(
        json.dumps({"run_launcher": {**run_launcher, "config": config}}), encoding="utf-8"
    )
    cluster = Cluster()
    with pytest.MonkeyPatch.context() as environment, dg.DagsterInstance.from_config(str(folder)) as instance:
        environment.setenv("RAI_NAMESPACE", NAMESPACE)  # which a pod is told by the cluster
        launcher = K8sRunLauncher(**accepted(K8sRunLauncher, config), k8s_client_batch_api=cluster)
        launcher.register_instance(instance)
        handler = K8sStepHandler(None, K8sContainerContext(), False, str(kubeconfig), k8s_client_batch_api=cluster)
        yield Deployment(instance, launcher, handler, cluster)


def accepted(configured_class: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as Dagster hands it to the class: checked, variables replaced, defaults filled in."""
    result = process_config(resolve_to_config_type(configured_class.config_type()), config)
    assert result.success, [error.message for error in result.errors or []]
    return dict(result.value or {})


def pod_of(job: Manifest) -> Pod:
    """The pod that a Job makes."""
    template = job["spec"]["template"]
    return Pod(job["metadata"]["name"], template["metadata"]["labels"], template["spec"])


def _origin(job: dg.JobDefinition) -> JobPythonOrigin:
    location = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=ModuleCodePointer("rai_platform.definitions", "defs"),
        container_image=IMAGE,
        entry_point=["dagster"],
        container_context=None,
    )
    return JobPythonOrigin(job.name, location)
