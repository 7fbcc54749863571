"""What `deploy/` gives to a cluster: its manifests, and the pods in them."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
KUSTOMIZE = DEPLOY / "kustomize" / "base"
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod, and what it is called when a test fails."""

    owner: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def container(self) -> Mapping[str, Any]:
        [only] = self.spec["containers"]
        return dict(only)

    @property
    def secrets(self) -> set[tuple[str, str | None]]:
        """Name and key of every Secret it refers to; None where it takes every key."""
        container, volumes = self.container, self.spec["volumes"]
        keys = [variable.get("valueFrom", {}).get("secretKeyRef") for variable in container["env"]]
        return {
            *((key["name"], key["key"]) for key in keys if key),
            *((source["secretRef"]["name"], None) for source in container["envFrom"] if "secretRef" in source),
            *((volume["secret"]["secretName"], None) for volume in volumes if "secret" in volume),
        }

    @property
    def mounts(self) -> dict[str, Mapping[str, Any]]:
        """What is mounted, by the path it is mounted at."""
        return {mount["mountPath"]: mount for mount in self.container["volumeMounts"]}

    def environment(self, config_maps: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Every variable that it is sure to have; what a Secret or the cluster gives has a made-up value."""
        found: dict[str, str] = {}
        for source in self.container["envFrom"]:
            if "configMapRef" in source:
                found |= config_maps[source["configMapRef"]["name"]]
        for variable in self.container["env"]:
            found[variable["name"]] = variable.get("value", f"made-up-{variable['name'].lower()}")
        return found


def render(folder: Path = KUSTOMIZE) -> list[Manifest]:
    """What `kubectl kustomize` gives for a folder that has resources and generated ConfigMaps, and nothing else."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(kustomization) == {"apiVersion", "kind", "resources", "configMapGenerator", "generatorOptions"}
    objects = [item for name in kustomization["resources"] for item in read_objects(folder / name)]
    for wanted in kustomization["configMapGenerator"]:
        data = {name: (folder / name).read_text(encoding="utf-8") for name in wanted.get("files", [])}
        for name in wanted.get("envs", []):
            data |= dict(_variables((folder / name).read_text(encoding="utf-8")))
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wanted["name"]}, "data": data})
    return objects


def read_objects(path: Path) -> list[Manifest]:
    """The objects of a file; those of a List one by one."""
    documents = [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]
    found = [item for document in documents for item in document.get("items", [document])]
    return copy.deepcopy(found)  # what YAML names twice is one object until here


def of_kind(objects: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind by name."""
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def pods_of(objects: list[Manifest]) -> dict[str, Pod]:
    """The pods that the Deployments make, by Deployment."""
    templates = {name: item["spec"]["template"] for name, item in of_kind(objects, "Deployment").items()}
    return {name: Pod(name, made["metadata"]["labels"], made["spec"]) for name, made in templates.items()}


def config_maps_of(objects: list[Manifest]) -> dict[str, dict[str, str]]:
    """The data of every ConfigMap by name."""
    return {name: item["data"] for name, item in of_kind(objects, "ConfigMap").items()}


def breaches_of_the_restricted_profile(pod: Pod) -> list[str]:
    """What Kubernetes's strictest pod security standard would refuse, and a root that can be written."""
    own, container = pod.spec["securityContext"], pod.container["securityContext"]
    holds = {
        "runs as root": own.get("runAsNonRoot") is True and own.get("runAsUser", 0) > 0,
        "has no seccomp profile": own.get("seccompProfile") == {"type": "RuntimeDefault"},
        "may gain privileges": container.get("allowPrivilegeEscalation") is False,
        "keeps capabilities": container.get("capabilities") == {"drop": ["ALL"]},
        "can write its own root": container.get("readOnlyRootFilesystem") is True,
        "mounts a folder of the node": not any("hostPath" in volume for volume in pod.spec.get("volumes", [])),
    }
    return [f"{pod.owner} {breach}" for breach, is_kept in holds.items() if not is_kept]


def _variables(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value
