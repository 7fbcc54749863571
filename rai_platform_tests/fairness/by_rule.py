"""A model whose score is a function of the table."""

import dataclasses

import numpy as np

from rai_platform.training.manifest import Feature, Manifest
from rai_platform.training.model import TrainedModel


class ByRule:
    """An estimator that has learned nothing."""

    def __init__(self, rule):
        self._rule = rule

    def predict_proba(self, features):
        score = np.asarray(self._rule(features), dtype=float)
        return np.column_stack([1 - score, score])

    def predict(self, features):
        return (self.predict_proba(features)[:, 1] >= 0.5).astype(int)


def model_of(rule, features, **changes):
    kinds = {name: "category" if features[name].dtype == object else "number" for name in features}
    manifest = Manifest(
        composition="single",
        estimator="by hand",
        features=tuple(Feature(name=name, kind=kind) for name, kind in kinds.items()),
        positive_label="1",
        threshold=0.5,
        score_is_probability=True,
        seed=0,
    )
    return TrainedModel(manifest=dataclasses.replace(manifest, **changes), parts={"estimator": ByRule(rule)})
