"""A released model as an MLflow pyfunc: ``mlflow.pyfunc.load_model("models:/NAME@production")`` without pickle."""

from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from rai_platform.errors import TamperedArtifact, UnsuitableData
from rai_platform.training.candidate import Candidate
from rai_platform.training.loading import build_model, verified_files
from rai_platform.training.model import TrainedModel

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
    return ReleasedModel(read_release(Path(path)))


def read_release(folder: Path) -> TrainedModel:
    """The model in a release folder, once its files are found to be what its digest was made of.

    Raises:
        TamperedArtifact: they are not, or one is missing.
        UnsuitableData: somebody else's scores were released, and there is no model to ask.
    """
    try:
        candidate = CANDIDATE.validate_json((folder / CANDIDATE_FILE).read_bytes())
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
