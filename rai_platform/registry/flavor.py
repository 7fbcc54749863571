"""A released model as an MLflow pyfunc: ``mlflow.pyfunc.load_model("models:/NAME@production")`` without pickle."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from rai_platform.data.images import as_images
from rai_platform.errors import TamperedArtifact, UnsuitableData
from rai_platform.registry.release import CERTIFICATE
from rai_platform.release.certificate import read_certificate
from rai_platform.release.keys import load_public_key
from rai_platform.release.records import Production
from rai_platform.settings import read_settings
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.loading import build_model, stored_files, verified_files
from rai_platform.training.model import TrainedModel

if TYPE_CHECKING:
    from securesystemslib.signer import Key  # type: ignore[attr-defined]  # a public name of it

CANDIDATE = TypeAdapter(Candidate)
CANDIDATE_FILE = "candidate.json"


class ReleasedModel:
    """What MLflow calls: a table in, scores and decisions out."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow passes it
        """``score`` and ``decision`` for every row; of several classes, the label decided for and the chance of each."""
        for feature in self._model.manifest.features:
            if feature.kind == "image" and feature.name in model_input:
                images = as_images(model_input[feature.name], where=feature.name)
                model_input = model_input.assign(**{feature.name: images})
        classes = self._model.manifest.classes
        if classes:
            chances = pd.DataFrame(
                self._model.probabilities(model_input), columns=[f"chance_{name}" for name in classes]
            )
            return chances.assign(decision=np.array(classes, dtype=object)[chances.to_numpy().argmax(axis=1)])
        return pd.DataFrame(
            {"score": self._model.score(model_input), "decision": self._model.decide(model_input, model_input)}
        )


def _load_pyfunc(path: str) -> ReleasedModel:
    settings = read_settings()
    return ReleasedModel(
        read_release(Path(path), load_public_key(settings.public_key, signing_key=settings.signing_key))
    )


def read_release(folder: Path, key: "Key") -> TrainedModel:
    """The model in a release, once a certificate says that it was released and its files are the ones it names.

    The certificate comes first: which types a model file may hold depends on the estimator that the release itself names.

    Args:
        folder: the release's own data, in the folder of MLflow's model.
        key: the platform's public one.

    Raises:
        TamperedArtifact: it has no certificate signed with the key, or is not what its certificate names.
        UnsuitableData: somebody else's scores were released, and there is no model to ask.
    """
    try:
        candidate = CANDIDATE.validate_json((folder / CANDIDATE_FILE).read_bytes())
        must_be_certified(candidate, _envelope(folder), _digests(folder, candidate), key)
        return _asked(
            candidate,
            lambda: verified_files(candidate, lambda name, _: (folder / candidate.file_name(name)).read_bytes()),
        )
    except FileNotFoundError as error:
        raise TamperedArtifact(f"the release lacks {Path(error.filename).name}", where=str(folder)) from None
    except ValidationError:
        raise TamperedArtifact(f"{CANDIDATE_FILE} is not what was released", where=str(folder)) from None


def certified_model(production: Production, store: ContentStore, key: "Key") -> TrainedModel:
    """The model of a promotion, from the store, once its certificate says that it was released.

    Raises:
        TamperedArtifact: its certificate is not signed with the key, or names another model or other files.
        EvidenceMissing: it is not in the store.
        UnsuitableData: somebody else's scores were released, and there is no model to ask.
    """
    candidate = certified_candidate(production, store, key)
    return _asked(candidate, lambda: stored_files(candidate, store))


def certified_candidate(production: Production, store: ContentStore, key: "Key") -> Candidate:
    """What was promoted, once its certificate says so; its files are named by digest, and not read.

    Raises:
        TamperedArtifact: its certificate is not signed with the key, or names another model or other files.
        EvidenceMissing: it is not in the store.
    """
    candidate: Candidate = CANDIDATE.validate_json(store.get(production.body["candidate"]))
    files = {name: file.blob for name, file in candidate.files.items()}
    must_be_certified(candidate, production.body["certificate"], files, key)
    if production.model_digest != candidate.model_digest:
        raise TamperedArtifact("the candidate on record is not the model that was promoted", where=candidate.model)
    return candidate


def must_be_certified(candidate: Candidate, envelope: dict[str, Any], files: dict[str, str], key: "Key") -> None:
    """Refuses a model that its certificate does not name.

    Args:
        candidate: the model.
        envelope: the certificate.
        files: SHA-256 of its files, by part.
        key: the platform's public one.

    Raises:
        TamperedArtifact: the certificate is not signed with the key, or is about something else.
    """
    certified = {subject["name"]: subject["digest"]["sha256"] for subject in read_certificate(envelope, key)["subject"]}
    named = {f"file:{name}": digest for name, digest in files.items()}
    if certified != {candidate.model: candidate.model_digest, **named}:
        raise TamperedArtifact("the release is not what its certificate names", where=candidate.model)


def _asked(candidate: Candidate, read: Callable[[], dict[str, bytes]]) -> TrainedModel:
    files = read()
    if candidate.manifest.composition == "given":
        raise UnsuitableData(
            f"somebody else's scores ({candidate.manifest.estimator}) were released: there is no model here to ask",
            where=candidate.model,
        )
    return build_model(candidate, files)


def _envelope(folder: Path) -> dict[str, Any]:
    try:
        envelope: dict[str, Any] = json.loads((folder.parents[1] / CERTIFICATE).read_bytes())
    except ValueError:
        raise TamperedArtifact("the certificate of the release cannot be read", where=str(folder)) from None
    return envelope


def _digests(folder: Path, candidate: Candidate) -> dict[str, str]:
    return {
        name: hashlib.sha256((folder / candidate.file_name(name)).read_bytes()).hexdigest() for name in candidate.files
    }
