"""Estimators as a user would write them, named in specs by their import path."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

HERE = "rai_platform_tests.training.own_models"
not_callable = "a text"


def own_pipeline(C: float = 1.0, random_state: int = 0) -> Pipeline:  # noqa: N803 - scikit-learn's name
    """A pipeline that prepares the table by itself."""
    prepare = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_include="object")),
    )
    return make_pipeline(prepare, LogisticRegression(C=C, max_iter=500, random_state=random_state))


def strict_pipeline() -> Pipeline:
    """A pipeline that refuses categories it has not seen, a missing one among them."""
    prepare = make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(), make_column_selector(dtype_include="object")),
    )
    return make_pipeline(prepare, DecisionTreeClassifier(max_depth=3, random_state=0))


def text_pipeline() -> Pipeline:
    """A pipeline whose own step fails with a TypeError where a text is missing."""
    return make_pipeline(FunctionTransformer(_lengths), LogisticRegression())


def _lengths(features: pd.DataFrame) -> Any:
    texts = features.select_dtypes(object)
    return np.array([[len(text) for text in row] for row in texts.to_numpy()])


def voting(random_state: int = 0) -> VotingClassifier:
    return VotingClassifier(
        [
            ("tree", DecisionTreeClassifier(max_depth=4, random_state=random_state)),
            ("bayes", GaussianNB()),
        ],
        voting="soft",
    )


class NearestMean(ClassifierMixin, BaseEstimator):
    """A classifier of one's own: arrays and plain values, under names that a model file uses for itself too."""

    def __init__(self, protocol: int = 1, file: Any = "a name") -> None:
        self.protocol = protocol
        self.file = file

    def fit(self, inputs: Any, y: Any) -> Self:
        inputs = np.asarray(inputs, dtype="float64")
        self.classes_ = np.unique(y)
        self.means_ = np.array([inputs[np.asarray(y) == label].mean(axis=0) for label in self.classes_])
        return self

    def decision_function(self, inputs: Any) -> Any:
        gaps = ((np.asarray(inputs, dtype="float64")[:, None, :] - self.means_) ** 2).sum(axis=2)
        return self.protocol * (gaps[:, 0] - gaps[:, 1])

    def predict(self, inputs: Any) -> Any:
        return self.classes_[(self.decision_function(inputs) > 0).astype(int)]


class DecidesOnly(ClassifierMixin, BaseEstimator):
    """A classifier without scores."""

    def fit(self, _inputs: Any, y: Any) -> Self:
        self.classes_ = np.unique(y)
        return self

    def predict(self, inputs: Any) -> Any:
        return np.full(len(inputs), self.classes_[0])


class HoldsAFunction(NearestMean):
    """A classifier whose fitted state holds code."""

    def fit(self, inputs: Any, y: Any) -> Self:
        self.score_with = np.linalg.norm
        return super().fit(inputs, y)


class HoldsALambda(NearestMean):
    def fit(self, inputs: Any, y: Any) -> Self:
        self.score_with = lambda value: value
        return super().fit(inputs, y)


class ForgetsItsMeans(NearestMean):
    """A classifier that is not the same after it was saved."""

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        return {**state, "means_": state["means_"][::-1].copy()} if "means_" in state else state


class GivesOneRow(NearestMean):
    """A classifier that gives the first row no number."""

    def __init__(self, gives: str = "nan") -> None:
        self.gives = gives
        super().__init__()

    def decision_function(self, inputs: Any) -> Any:
        margin = super().decision_function(inputs)
        margin[0] = float(self.gives)
        return margin


class RanksThePeople(NearestMean):
    """A classifier that selects the better half of whoever is asked about together."""

    def decision_function(self, inputs: Any) -> Any:
        margin = super().decision_function(inputs)
        return margin - np.median(margin)


class AsksWhoIsFirst(NearestMean):
    """A classifier that prefers those who come early in a list of many, by less than anybody would notice in a score."""

    def decision_function(self, inputs: Any) -> Any:
        margin = super().decision_function(inputs)
        return margin + 1e-6 * np.arange(len(margin))[::-1]


class TurnsByTheLastBit(NearestMean):
    """A classifier whose score turns by a whole vote for a share of the people, depending on how many are asked about."""

    def __init__(self, share: float = 0.1) -> None:
        self.share = share
        super().__init__()

    def decision_function(self, inputs: Any) -> Any:
        table = np.asarray(inputs, dtype="float64")
        tied = np.abs(table.sum(axis=1) * 1000) % 1 < self.share
        return super().decision_function(inputs) + 0.2 * (tied & (len(table) > 100))


class LooksForAColumn(NearestMean):
    """A classifier that is not ready for every table."""

    def fit(self, inputs: Any, y: Any) -> Self:
        inputs["no such column"]
        return super().fit(inputs, y)


def anything(**options: Any) -> LogisticRegression:
    """A factory whose signature takes whatever it is given."""
    return LogisticRegression(**options)
