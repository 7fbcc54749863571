"""Classifiers of one's own: two that look like scikit-learn's and score otherwise, one that looks away."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression as Logistic
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def reads_two_columns() -> Pipeline:
    """A pipeline that leaves out every column but ``number`` and ``category``."""
    prepare = make_column_transformer((StandardScaler(), ["number"]), (OneHotEncoder(), ["category"]))
    return make_pipeline(prepare, Logistic())


class LogisticRegression(ClassifierMixin, BaseEstimator):
    """Has scikit-learn's name and attributes, and its chances are the square of what these say."""

    def fit(self, inputs: Any, y: Any) -> Self:
        inputs = np.asarray(inputs, dtype="float64")
        self.classes_ = np.unique(y)
        self.coef_ = np.atleast_2d(np.cov(inputs.T, y)[-1, :-1])
        self.intercept_ = np.zeros(1)
        return self

    def decision_function(self, inputs: Any) -> Any:
        return np.asarray(inputs) @ self.coef_[0] + self.intercept_[0]

    def predict_proba(self, inputs: Any) -> Any:
        chance = 1 / (1 + np.exp(-self.decision_function(inputs))) ** 2
        return np.column_stack([1 - chance, chance])

    def predict(self, inputs: Any) -> Any:
        return self.classes_[(self.predict_proba(inputs)[:, 1] >= 0.5).astype(int)]


class ReadsOneWeight(ClassifierMixin, BaseEstimator):
    """Shows a weight for every input, and its margin is the sign of the first input."""

    def fit(self, inputs: Any, y: Any) -> Self:
        self.classes_ = np.unique(y)
        self.coef_ = np.ones((1, np.shape(inputs)[1]))
        self.intercept_ = np.zeros(1)
        return self

    def decision_function(self, inputs: Any) -> Any:
        return np.sign(np.asarray(inputs)[:, 0])

    def predict(self, inputs: Any) -> Any:
        return self.classes_[(self.decision_function(inputs) > 0).astype(int)]
