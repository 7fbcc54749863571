"""The output that is explained of an image or a text: how far the model is for the class that it decides for."""

from typing import Any

import numpy as np
import pandas as pd

from rai_platform.explanations.attributions import LOGISTIC
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.report import Output
from rai_platform.training.model import TrainedModel

SAME_ODDS = 1e-12  # a chance is at least so far from 0 and 1 where it is told in log odds


class OutputOfDecision:
    """The output for the class of every row: of several the likeliest, of two the positive one.

    Log odds where the model computes them, which is where their parts add up: networks and logistic regression. Otherwise the
    chance, or the margin of a model that gives no chances.

    Attributes:
        output: its kind.
        numbers: the classes (rows,).
        several: whether there are more than two.
    """

    output: Output
    numbers: Integers
    several: bool

    def __init__(self, model: TrainedModel, features: pd.DataFrame) -> None:
        self._model = model
        estimator = model.estimators[0]
        module, single = type(estimator).__module__, len(model.estimators) == 1
        self._network = estimator if single and module.startswith("rai_platform.training.networks.") else None
        logistic = single and module.startswith("sklearn.") and type(estimator).__name__ in LOGISTIC
        self.several = bool(model.manifest.classes)
        self.output = "probability" if model.manifest.score_is_probability or self.several else "margin"
        if self.output == "probability" and (self._network is not None or logistic):
            self.output = "log odds"
        self.numbers = (
            model.probabilities(features).argmax(axis=1) if self.several else np.ones(len(features), dtype="int64")
        )

    def of(self, inputs: Any, numbers: Integers) -> Floats:
        """The output (rows,) of encoded inputs for classes (rows,); raises as the model's ``score_encoded`` does."""
        if self.output == "margin":
            return self._model.score_encoded(inputs)
        chances = self._model.probabilities_encoded(inputs)
        at = np.arange(len(chances)), numbers
        if self.output == "probability":
            return np.asarray(chances[at])
        if self._network is not None:
            logits = self._network.logits(inputs)
            if columns := self._model.manifest.class_columns:
                logits = logits[:, list(columns)]
            own = logits[at].copy()
            logits[at] = -np.inf
            return np.asarray(own - np.logaddexp.reduce(logits, axis=1))
        own = chances[at].copy()
        chances = np.array(chances)
        chances[at] = 0  # the others are added up: 1 minus a chance near 1 has lost its digits
        others = chances.sum(axis=1)
        return np.asarray(np.log(np.maximum(own, SAME_ODDS)) - np.log(np.maximum(others, SAME_ODDS)))
