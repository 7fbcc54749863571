"""The image, read; it is built where there is a Docker engine."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from rai_platform.settings import read_settings
from rai_platform_tests.deploy.manifests import DEPLOY, Manifest, config_maps_of, pods_of

ROOT = DEPLOY.parent


class Instruction(NamedTuple):
    """One instruction of a Dockerfile."""

    name: str
    arguments: str


Stage = list[Instruction]


@pytest.fixture(scope="session")
def text() -> str:
    """The Dockerfile."""
    return (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def stages(text: str) -> list[Stage]:
    """The instructions of every stage; those before the first come first."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[Stage] = [[]]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, arguments))
    return found


@pytest.fixture(scope="session")
def final(stages: list[Stage]) -> Stage:
    """The stage that is shipped."""
    return stages[-1]


@pytest.fixture(scope="session")
def environment(final: Stage) -> dict[str, str]:
    """What the image sets."""
    words = [word for name, arguments in final if name == "ENV" for word in shlex.split(arguments)]
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def test_the_base_is_a_slim_python_of_a_fixed_version(stages: list[Stage]) -> None:
    [argument] = stages[0]
    assert argument == Instruction("ARG", "PYTHON_IMAGE=python:3.11-slim-bookworm")
    assert [stage[0].arguments for stage in stages[1:]] == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_the_image_names_no_host_and_no_latest(text: str) -> None:
    assert not re.search(r"https?://|:latest|index-url", text)


def test_what_is_shipped_holds_no_build_tool(final: Stage) -> None:
    words = " ".join(arguments for _, arguments in final)
    assert not re.search(r"\b(apt|apt-get|pip|uv|gcc|make|curl|git)\b", words.replace("GIT_PYTHON", ""))
    assert [arguments for name, arguments in final if name == "COPY"] == ["--from=build /opt/venv /opt/venv"]


def test_it_runs_as_the_user_that_the_pods_run_as(final: Stage, objects: list[Manifest]) -> None:
    [user] = [arguments for name, arguments in final if name == "USER"]
    wanted = {
        f"{pod.spec['securityContext']['runAsUser']}:{pod.spec['securityContext']['runAsGroup']}"
        for pod in pods_of(objects).values()
    }
    assert {user} == wanted == {"10001:10001"}
    names = [name for name, _ in final]
    assert "RUN" not in names[names.index("USER") :]


def test_nothing_is_installed_but_under_the_pins(stages: list[Stage]) -> None:
    commands = [command.strip() for _, arguments in stages[1] for command in re.split(r";|&&", arguments)]
    assert [command[command.index("pip install") :] for command in commands if "pip install" in command] == [
        "pip install uv",
        'pip install --no-deps --torch-backend "${RAI_TORCH}" "$(grep \'^torch==\' pins.txt)"',
        "pip install --constraint pins.txt --requirement image-requirements.txt --requirement wanted.txt",
        "pip install --no-deps .",
    ]
    assert any("image-requirements.txt constraints.txt > pins.txt" in command for command in commands)


def test_the_pins_of_the_image_fit_those_of_the_package() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    own = dict(line.split("==") for line in _lines(DEPLOY / "image-requirements.txt"))
    assert own["s3fs"] == pins["fsspec"].strip()  # s3fs asks for the fsspec of its own day
    assert own["boto3"] == own["botocore"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in own.values())


def test_an_image_has_no_entrypoint_that_would_swallow_the_arguments_of_a_run(stages: list[Stage]) -> None:
    assert "ENTRYPOINT" not in {name for stage in stages for name, _ in stage}


def test_by_itself_it_serves_the_definitions(final: Stage, objects: list[Manifest]) -> None:
    [command] = [arguments for name, arguments in final if name == "CMD"]
    assert shlex.split(command.strip("[]").replace(",", " ")) == pods_of(objects)["rai-code-server"].container["args"]


def test_probes_are_the_clusters_business(stages: list[Stage]) -> None:
    assert "HEALTHCHECK" not in {name for stage in stages for name, _ in stage}


def test_the_homes_are_those_of_the_pods(environment: dict[str, str], objects: list[Manifest]) -> None:
    told = config_maps_of(objects)["rai-environment"]
    for name in ("RAI_HOME", "RAI_MODELS", "DAGSTER_HOME"):
        assert environment[name] == told[name]
    assert environment["DAGSTER_HOME"] == str(read_settings(environment).dagster_home)


def test_all_that_is_written_lies_on_the_empty_folders_of_the_pods(
    environment: dict[str, str], objects: list[Manifest]
) -> None:
    for pod in pods_of(objects).values():
        for name in ("HOME", "RAI_HOME", "DAGSTER_HOME", "TMPDIR"):
            assert environment[name] in pod.mounts
        assert str(Path(environment["NUMBA_CACHE_DIR"]).parent) in pod.mounts


def test_nothing_else_of_the_checkout_reaches_the_builder(stages: list[Stage]) -> None:
    [everything, *allowed] = _lines(ROOT / ".dockerignore")
    assert everything == "*"
    let_through = {line[1:] for line in allowed if line.startswith("!")}
    copied = {source for name, arguments in stages[1] if name == "COPY" for source in arguments.split()[:-1]}
    assert copied == let_through
    for source in copied:
        assert (ROOT / source).exists(), source


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
