"""Single answers, explained as the explanation report explains its rows."""

import dataclasses
import io

import numpy as np
import pandas as pd
from scipy.special import expit

from rai_platform.errors import UnscorableRows
from rai_platform.explanations.attributions import Attributions, attribute, by_weights, method_for
from rai_platform.explanations.mixing import Floats
from rai_platform.training.model import TrainedModel

TOLERANCE = 1e-5  # of an output of 1 or less; of the output itself where it is larger


def why_not_explained(model: TrainedModel, *, has_background: bool) -> str | None:
    """Why single answers of a model are not explained; None where they are.

    Args:
        model: as it was released.
        has_background: whether rows that stand for everybody were kept with the release.
    """
    manifest = model.manifest
    if manifest.classes:
        return f"answers are explained where there are two labels, and this model tells {len(manifest.classes)} apart"
    if manifest.sees_a_whole:
        return f"answers about tables are explained, and this model reads {manifest.features[0].kind}s"
    if method_for(model) != "tree" and not has_background:
        return "the release keeps no rows that stand for everybody; release the model again with this version of the platform"
    return None


class RowExplainer:
    """Explains rows one by one: what a row is told does not depend on the rows beside it.

    Args:
        model: a copy that nobody else asks; one that ``why_not_explained`` has no objection to.
        background: the rows that stand for everybody in the report; None for trees.
    """

    def __init__(self, model: TrainedModel, background: pd.DataFrame | None) -> None:
        self._model = model
        self._method = method_for(model)
        self._background = pd.DataFrame() if background is None else background
        # A linear model's values depend on the mean of the background alone.
        self._mean = (
            np.asarray(model.encode(self._background)).mean(axis=0, keepdims=True)
            if self._method == "linear"
            else np.empty((0, 0))
        )

    def explain(self, features: pd.DataFrame) -> Attributions:
        """The attributions of rows (rows, features), by the method and in the units of the report.

        By permutation, their base value is the score that the model gives to the background on average.

        Raises:
            UnscorableRows: the model refuses a row, or one put together from several; or the values do not add up to what the
                model gives, and would explain something else.
        """
        found = self._attributed(features)
        gap = found.base_value + found.values.sum(axis=1) - found.outputs
        score = expit(found.outputs) if found.output == "log odds" else found.outputs
        error = np.maximum(_relative(gap, found.outputs), _relative(score - self._model.score(features), found.outputs))
        if not (error <= TOLERANCE).all():
            raise UnscorableRows(
                f"the reasons do not add up to the score: they are {float(error.max()):.1g} away from it, and may be "
                f"{TOLERANCE:g}; ask without `explain`",
                where=self._model.manifest.estimator,
            )
        return found

    def _attributed(self, features: pd.DataFrame) -> Attributions:
        if self._method == "linear":
            return by_weights(self._model, features, self._mean)
        if self._method == "tree":
            return attribute(self._model, "tree", features, self._background, seed=0)
        seed = self._model.manifest.seed
        alone = [
            attribute(self._model, "permutation", features.iloc[[row]], self._background, seed=seed)
            for row in range(len(features))
        ]
        return dataclasses.replace(
            alone[0],
            values=np.concatenate([each.values for each in alone]),
            outputs=np.concatenate([each.outputs for each in alone]),
        )


def background_to_bytes(background: pd.DataFrame) -> bytes:
    """The rows that stand for everybody as Parquet."""
    buffer = io.BytesIO()
    background.to_parquet(buffer, index=False)
    return buffer.getvalue()


def background_from_bytes(content: bytes) -> pd.DataFrame:
    """The same rows again."""
    return pd.read_parquet(io.BytesIO(content))


def _relative(gap: Floats, outputs: Floats) -> Floats:
    size: Floats = np.abs(gap) / np.maximum(np.abs(outputs), 1.0)
    return size
