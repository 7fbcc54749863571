"""What a cluster is given, rendered once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
import yaml

from rai_platform.pipeline.assets import build_model_definitions
from rai_platform.pipeline.automation import job_name
from rai_platform.pipeline.location import executor, shared_resources
from rai_platform.pipeline.models import EMBEDDED
from rai_platform.settings import read_settings
from rai_platform.spec.reading import read_model
from rai_platform_tests.deploy.launching import Deployment, deployed, launcher_of_dagster_yaml, launcher_of_the_chart
from rai_platform_tests.deploy.manifests import Manifest, render

VERSIONS = ("1.29", kubernetes_validate.latest_version())
RESOURCES: dict[str, Any] = {
    "default": {"requests": {"cpu": "1", "memory": "3Gi"}, "limits": {"memory": "4Gi"}},
    "candidate_model": {
        "requests": {"cpu": "4", "memory": "16Gi"},
        "limits": {"memory": "16Gi", "nvidia.com/gpu": "1"},
        "node_selector": {"pool": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    },
}


@pytest.fixture(scope="session")
def objects() -> list[Manifest]:
    """Every object of the kustomize base."""
    return render()


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Dagster as the kustomize base installs it."""
    with deployed(launcher_of_dagster_yaml(), tmp_path_factory.mktemp("kustomize")) as found:
        yield found


@pytest.fixture(scope="session")
def charted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Dagster as the Helm chart installs it."""
    with deployed(launcher_of_the_chart(), tmp_path_factory.mktemp("helm")) as found:
        yield found


@pytest.fixture(scope="session")
def lending() -> dg.JobDefinition:
    """The job of the embedded model, which asks for nothing."""
    return _job(EMBEDDED / "lending" / "defs.yaml")


@pytest.fixture(scope="session")
def demanding(tmp_path_factory: pytest.TempPathFactory) -> dg.JobDefinition:
    """The job of a model that asks for RESOURCES."""
    document = yaml.safe_load((EMBEDDED / "lending" / "defs.yaml").read_text(encoding="utf-8"))
    document["attributes"] |= {"name": "demanding", "resources": RESOURCES}
    path = tmp_path_factory.mktemp("demanding") / "defs.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return _job(path)


def _job(spec: Path) -> dg.JobDefinition:
    settings = read_settings({"RAI_EXECUTOR": "k8s", "RAI_HOME": str(spec.parent / "home")})
    definition = read_model(spec, environment={}, working_folder=spec.parent)
    return dg.Definitions.merge(
        build_model_definitions(definition, settings),
        dg.Definitions(resources=shared_resources(settings), executor=executor(settings.executor)),
    ).resolve_job_def(job_name(definition.name))
