"""Pipelines of one's own that refuse what they did not learn from, each in its own way."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer


def silent() -> Pipeline:
    """Refuses a number that is missing with an error that says nothing."""
    return make_pipeline(FunctionTransformer(_all_numbers), LogisticRegression())


def upper_case() -> Pipeline:
    """Fails with an AttributeError where a text is missing."""
    return make_pipeline(FunctionTransformer(_starts_with_a_vowel), LogisticRegression())


def gives_no_number() -> Pipeline:
    """Gives NaN as a score, without an error, where a number is missing."""
    return make_pipeline(FunctionTransformer(_numbers), ByItsFirstColumn())


class ByItsFirstColumn(LogisticRegression):
    """The logistic of the first column."""

    def predict_proba(self, inputs: Any) -> Any:
        chance = 1 / (1 + np.exp(-np.asarray(inputs)[:, 0]))
        return np.column_stack([1 - chance, chance])


def _numbers(features: pd.DataFrame) -> Any:
    return features.select_dtypes("number").to_numpy("float64")


def _all_numbers(features: pd.DataFrame) -> Any:
    if np.isnan(_numbers(features)).any():
        raise ValueError
    return _numbers(features)


def _starts_with_a_vowel(features: pd.DataFrame) -> Any:
    texts = features.select_dtypes(object)
    return np.array([[text.upper()[0] in "AEIOU" for text in row] for row in texts.to_numpy()], dtype="float64")
