"""The release: the folder of files that a version in the registry leads to, and whether it is still the one on record."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import TypeAdapter

from rai_platform.training.candidate import Candidate

CERTIFICATE = "certificate.dsse.json"  # comes last, and is verified by its own signature
LEFT_BY_LOADING = "registered_model_meta"  # MLflow writes it, where files are local, whenever it loads a version
MODEL_FILE = "MLmodel"
OF_THE_SAVE = ("model_uuid", "utc_time_created", "model_size_bytes")  # what MLflow writes differently every time


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Where the files of a version lie, and what they are.

    Attributes:
        mlflow_run_id: the run whose artifacts they are.
        path: their folder among its artifacts.
        source: the URI that the version names.
        location: the URI that MLflow loads it from.
        files: SHA-256 by path in the folder.
    """

    mlflow_run_id: str
    path: str
    source: str
    location: str
    files: dict[str, str]


RELEASE = TypeAdapter(Release)


def write_release(
    folder: Path, candidate: Candidate, files: Mapping[str, bytes], documents: Mapping[str, bytes]
) -> None:
    """Writes the files of a release into a folder that is not there yet: an MLflow pyfunc without pickle, and the card."""
    import mlflow.pyfunc

    from rai_platform.registry.flavor import CANDIDATE, CANDIDATE_FILE

    with TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        data.mkdir()
        (data / CANDIDATE_FILE).write_bytes(CANDIDATE.dump_json(candidate, indent=1))
        for name, content in files.items():
            (data / candidate.file_name(name)).write_bytes(content)
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module="rai_platform.registry.flavor",
            data_path=str(data),
            pip_requirements=["rai-platform"],
        )
    for name, content in documents.items():
        (folder / name).write_bytes(content)


def digests_in(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder by its path there, the certificate aside, and what loading leaves behind."""
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and (name := file.relative_to(folder).as_posix()) not in (CERTIFICATE, LEFT_BY_LOADING)
    }


def stored_release(client: MlflowClient, run_id: str, path: str, into: Path) -> Path | None:
    """A copy of a release as the registry has it now; None where it is not there."""
    try:
        found = Path(client.download_artifacts(run_id, path, str(into)))
    except (MlflowException, OSError):
        return None
    return found if found.is_dir() else None


def damage(client: MlflowClient, model: str, version: str, release: Release) -> str | None:
    """What is wrong with a version, in words; None where it leads to the files on record."""
    try:
        known = client.get_model_version(model, version)
    except MlflowException:
        return f"version {version} is gone from the registry"
    if (known.source, client.get_model_version_download_uri(model, version)) != (release.source, release.location):
        return f"version {version} leads to other files than those that were released"
    with TemporaryDirectory() as scratch:
        folder = stored_release(client, release.mlflow_run_id, release.path, Path(scratch))
        found = digests_in(folder) if folder else {}
    changed = sorted(name for name in {*found, *release.files} if found.get(name) != release.files.get(name))
    return f"files of version {version} were changed: {', '.join(changed)}" if changed else None


def says_the_same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same release, saved at different times."""
    digests = digests_in(one), digests_in(other)
    for each in digests:
        each.pop(MODEL_FILE, None)
    return digests[0] == digests[1] and _model_file(one) == _model_file(other)


def _model_file(folder: Path) -> Any:
    try:
        said = yaml.safe_load((folder / MODEL_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return {key: value for key, value in said.items() if key not in OF_THE_SAVE} if isinstance(said, dict) else None
