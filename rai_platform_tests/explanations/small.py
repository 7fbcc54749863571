"""Small models to explain, and Shapley values by their definition."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import Attributions, attribute, method_for
from rai_platform.explanations.measurement import explain
from rai_platform.explanations.mixing import Floats
from rai_platform.explanations.report import Explanations
from rai_platform.spec.subject import Subject
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import TrainedModel
from rai_platform_tests.training.lending import LOGISTIC, lending_spec, sample_of

SUBJECT = Subject(model_digest="m" * 64, data_digest="d" * 64)
ROWS = 120


def fitted(
    sample: Sample, estimator: str = LOGISTIC, params: dict[str, Any] | None = None, **changes: Any
) -> TrainedModel:
    """A model of one's own data; ``changes`` are attributes of the spec."""
    return fit_model(lending_spec(estimator, params, **changes), sample)[0]


def people(rows: int = ROWS, seed: int = 0) -> Sample:
    """Two numbers, one with gaps, and two categories, one with gaps; the label depends on three of the four together."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(
        {
            "income": rng.normal(40, 10, rows),
            "age": pd.Series(rng.integers(20, 70, rows).astype("float64")).where(rng.random(rows) > 0.2),
            "home": pd.Series(rng.choice(["own", "rent", "other"], rows), dtype=object),
            "job": pd.Series(rng.choice(np.array(["clerk", "cook", None], dtype=object), rows), dtype=object),
        }
    )
    wealth = (features["income"] - 40) / 10 + (features["home"] == "own") * features["age"].fillna(45) / 30
    groups = pd.DataFrame({"region": rng.choice(["north", "south"], rows)}, dtype=object)
    return sample_of(features, wealth + rng.normal(0, 0.5, rows) > 0.5, groups)


def attributed(model: TrainedModel, features: pd.DataFrame, background: pd.DataFrame, seed: int = 0) -> Attributions:
    """Attributions by the method that fits the model."""
    return attribute(model, method_for(model), features, background, seed=seed)


def explained(model: TrainedModel, sample: Sample, seed: int = 0, workers: int = 1) -> Explanations:
    return explain(model, SUBJECT, sample, seed=seed, code_version="1", workers=workers)


def log_odds(model: TrainedModel, features: pd.DataFrame) -> Floats:
    score = model.score(features)
    found: Floats = np.log(score / (1 - score))
    return found


def gap(model: TrainedModel, *, expects: str) -> float:
    """Largest distance of attributions from what they say they add up to, by way of the model's own score."""
    sample = people(60, seed=1)
    found = attributed(model, sample.features.iloc[:20], sample.features.iloc[20:])
    assert found.output == expects
    score = model.score(sample.features.iloc[:20])
    output = log_odds(model, sample.features.iloc[:20]) if expects == "log odds" else score
    assert np.allclose(found.outputs, output, rtol=1e-9, atol=1e-9)
    assert found.additivity_error < 1e-9
    return float(np.abs(found.base_value + found.values.sum(axis=1) - output).max())


class Coalitions:
    """What a model gives one person on average when only some of the features are known, for every set of features.

    The definition, feature by feature: Shapley, A value for n-person games, 1953.
    """

    def __init__(
        self, output: Callable[[pd.DataFrame], Floats], person: pd.DataFrame, background: pd.DataFrame
    ) -> None:
        self._names = list(person.columns)
        sets = [
            frozenset(known)
            for size in range(len(self._names) + 1)
            for known in itertools.combinations(self._names, size)
        ]
        mixed = [
            background.assign(**{name: np.repeat(person[name].to_numpy(), len(background)) for name in known})
            for known in sets
        ]
        outputs = output(pd.concat(mixed, ignore_index=True)).reshape(len(sets), len(background))
        self._mean = dict(zip(sets, outputs.mean(axis=1), strict=True))

    @functools.cached_property
    def by_order(self) -> npt.NDArray[np.float64]:
        """What each feature adds when the features become known in an order, for every order (orders, features)."""
        orders = list(itertools.permutations(self._names))
        added = np.zeros((len(orders), len(self._names)))
        for at, order in enumerate(orders):
            for place, name in enumerate(order):
                known = frozenset(order[:place])
                added[at, self._names.index(name)] = self._mean[known | {name}] - self._mean[known]
        return added

    @property
    def shapley(self) -> npt.NDArray[np.float64]:
        """The mean over all orders (features,)."""
        mean: Floats = self.by_order.mean(axis=0)
        return mean

    @property
    def base_value(self) -> float:
        """What the model gives on average when nothing is known."""
        return float(self._mean[frozenset()])

    def standard_errors(self, permutations: int) -> npt.NDArray[np.float64]:
        """Of the mean over so many orders drawn at random, each forward and backward (features,)."""
        orders = list(itertools.permutations(self._names))
        reverse = [orders.index(tuple(reversed(order))) for order in orders]
        pairs = (self.by_order + self.by_order[reverse]) / 2
        spread: Floats = pairs.std(axis=0)
        return spread / math.sqrt(permutations)
