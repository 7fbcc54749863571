"""A released model as an MLflow pyfunc: ``mlflow.pyfunc.load_model("models:/NAME@production")`` without pickle."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from rai_platform.errors import TamperedArtifact, UnsuitableData
from rai_platform.registry.release import CERTIFICATE
from rai_platform.release.certificate import read_certificate
from rai_platform.release.keys import load_public_key
from rai_platform.settings import read_settings
from rai_platform.training.candidate import Candidate
from rai_platform.training.loading import build_model, verified_files
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
        """``score`` and ``decision`` for every row."""
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
        _must_be_certified(folder, candidate, key)
        files = verified_files(candidate, lambda name, _: (folder / f"{name}.skops").read_bytes())
    except FileNotFoundError as error:
        raise TamperedArtifact(f"the release lacks {Path(error.filename).name}", where=str(folder)) from None
    except ValidationError:
        raise TamperedArtifact(f"{CANDIDATE_FILE} is not what was released", where=str(folder)) from None
    if candidate.manifest.composition == "given":
        raise UnsuitableData(
            f"somebody else's scores ({candidate.manifest.estimator}) were released: there is no model here to ask",
            where=candidate.model,
        )
    return build_model(candidate, files)


def _must_be_certified(folder: Path, candidate: Candidate, key: "Key") -> None:
    try:
        envelope = json.loads((folder.parents[1] / CERTIFICATE).read_bytes())
    except ValueError:
        raise TamperedArtifact("the certificate of the release cannot be read", where=str(folder)) from None
    certified = {subject["name"]: subject["digest"]["sha256"] for subject in read_certificate(envelope, key)["subject"]}
    files = {
        f"file:{name}": hashlib.sha256((folder / f"{name}.skops").read_bytes()).hexdigest() for name in candidate.files
    }
    if certified != {candidate.model: candidate.model_digest, **files}:
        raise TamperedArtifact("the release is not what its certificate names", where=candidate.model)
