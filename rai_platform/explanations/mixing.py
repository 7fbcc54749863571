"""Rows put together from several people: what a model gives when some features of a row come from another one."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.training.estimators import encoded_columns
from rai_platform.training.model import PREPROCESSING, TrainedModel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Pool:
    """Rows whose features can be mixed; each is encoded once, however often it is used.

    Attributes:
        rows: how many.
        width: how many features.
    """

    def __init__(self, model: TrainedModel, features: pd.DataFrame) -> None:
        self._model = model
        self._names = tuple(feature.name for feature in model.manifest.features)
        self._features = features[list(self._names)]
        # The encoding of a text has thousands of columns that are empty: it is made anew for every mixture instead.
        reads_free = any(feature.kind in ("text", "image") for feature in model.manifest.features)
        encodes = PREPROCESSING in model.parts and not reads_free
        self._encoded = np.asarray(model.encode(features)) if encodes else None
        behind = encoded_columns(model.parts[PREPROCESSING]) if encodes else []
        self.rows, self.width = len(features), len(self._names)
        self._source = np.array([self._names.index(name) for name in behind], dtype="int64")

    def scores(self, rows: Floats | Integers) -> Floats:
        """The score (mixtures,) of mixtures whose features come from these rows (mixtures, features).

        Raises:
            UnscorableRows: the model refuses a mixture.
        """
        taken = rows.astype("int64")
        if self._encoded is not None:
            return self._model.score_encoded(self._encoded[taken[:, self._source], np.arange(self._encoded.shape[1])])
        mixed = {name: self._features[name].to_numpy()[taken[:, at]] for at, name in enumerate(self._names)}
        return self._model.score(pd.DataFrame(mixed))
