"""Estimators by import path, with the preprocessing that a table needs."""

import importlib
import inspect
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.validation import has_fit_parameter

from rai_platform.errors import UnusableEstimator, did_you_mean, in_a_line
from rai_platform.spec.model import Estimator

NUMBERS, MISSING, CATEGORIES, TEXT = "numbers", "missing", "categories", "text"
MOST_CATEGORIES = 50  # of one feature; the rarer ones are taken together
ABSENT = "(absent)"


def build_estimator(spec: Estimator) -> Any:
    """The estimator that the spec names, unfitted, its ``random_state`` set to the seed unless the spec gives one.

    Raises:
        UnusableEstimator: the path leads nowhere, the parameters do not fit, or it is no classifier.
    """
    estimator = _constructed(spec.type, spec.params, seed=spec.seed)
    if not hasattr(estimator, "fit") or not _classifies(estimator):
        raise UnusableEstimator(
            f"expected a classifier with scikit-learn's methods, got {type(estimator).__name__}", where="estimator.type"
        )
    if not hasattr(estimator, "predict_proba") and not hasattr(estimator, "decision_function"):
        raise UnusableEstimator(
            f"{type(estimator).__name__} gives no scores: it has neither predict_proba nor decision_function",
            where="estimator.type",
        )
    _must_show_its_threshold(estimator)
    return estimator


def _must_show_its_threshold(estimator: Any) -> None:
    """Refuses estimators of scikit-learn that decide by a threshold of their own, but give the scores of the one inside."""
    inside = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ()
    for each in (estimator, *inside):
        if isinstance(each, FixedThresholdClassifier | TunedThresholdClassifierCV):
            raise UnusableEstimator(
                f"{type(each).__name__} keeps its threshold to itself, and the platform decides by the score: name the estimator "
                "inside as `estimator.type`, and write the threshold into `estimator.threshold`",
                where="estimator.type",
            )


def _constructed(path: str, params: dict[str, Any], *, seed: int) -> Any:
    factory = imported(path)
    accepted = _parameters(factory)
    for name in params:
        if accepted is not None and name not in accepted:
            raise UnusableEstimator(
                f"{path} takes no {name!r}{did_you_mean(name, accepted)}; it takes: {', '.join(sorted(accepted))}",
                where="estimator.params",
            )
    given = {name: _with_estimators(value, seed=seed) for name, value in params.items()}
    chance = {"random_state": seed} if "random_state" in (accepted or ()) else {}
    try:
        return factory(**{**chance, **given})
    except (TypeError, ValueError) as error:
        raise UnusableEstimator(f"{path} does not take these parameters: {error}", where="estimator.params") from None
    except Exception as error:  # a function of anybody's, which may raise anything
        raise UnusableEstimator(f"{path} gives no estimator: {in_a_line(error)}", where="estimator.params") from error


def _with_estimators(value: Any, *, seed: int) -> Any:
    """A parameter as the YAML has it, with an estimator of scikit-learn in the place of every ``{type: …, params: …}``."""
    if isinstance(value, list):
        return [_with_estimators(item, seed=seed) for item in value]
    if not isinstance(value, dict):
        return value
    path = value.get("type")
    if not isinstance(path, str) or not set(value) <= {"type", "params"}:
        return {key: _with_estimators(item, seed=seed) for key, item in value.items()}
    if not path.startswith("sklearn."):
        raise UnusableEstimator(
            f"an estimator among the parameters is one of scikit-learn's, got {path!r}; return others from a function of "
            "your own, and name that as `type`",
            where="estimator.params",
        )
    return _constructed(path, value.get("params") or {}, seed=seed)


def weight_parameter(estimator: Any) -> str | None:
    """The name by which ``fit`` takes sampling weights; None where it takes none."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    takes_any = any(each.kind is each.VAR_KEYWORD for each in inspect.signature(estimator.fit).parameters.values())
    return "sample_weight" if takes_any or has_fit_parameter(estimator, "sample_weight") else None


def builds_own_preprocessing(estimator: Any, spec: Estimator) -> bool:
    """Whether the estimator takes the table as it is: a pipeline, or one whose spec says so."""
    return spec.preprocessing == "none" or isinstance(estimator, Pipeline) or getattr(estimator, "reads_texts", False)


def build_preprocessing(
    features: pd.DataFrame, *, text: str | None = None, vectorizer: dict[str, Any] | None = None
) -> ColumnTransformer:
    """Imputation and encoding for a table, unfitted.

    Numbers are imputed by their median and standardized, and say in a column of their own where they were missing;
    categories become one column each, the rare ones together, with a category for missing values. Words of a text are
    weighted by how rare they are (TF-IDF).

    Args:
        features: (rows, features).
        text: the column of texts; None where there is none.
        vectorizer: parameters of scikit-learn's TfidfVectorizer.

    Raises:
        UnusableEstimator: the vectorizer does not take its parameters.
    """
    numbers = [name for name in features if features[name].dtype != object]
    categories = [name for name in features if features[name].dtype == object and name != text]
    incomplete = [name for name in numbers if features[name].isna().any()]
    encode = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=ABSENT, missing_values=None),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False),
    )
    words = []
    if text is not None:
        try:
            words = [(TEXT, TfidfVectorizer(**_as_python(vectorizer or {})), text)]
        except TypeError as error:
            raise UnusableEstimator(
                f"TfidfVectorizer does not take these: {error}", where="estimator.vectorizer"
            ) from None
    return ColumnTransformer(
        [
            (NUMBERS, make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (MISSING, MissingIndicator(features="all"), incomplete),
            (CATEGORIES, encode, categories),
            *words,
        ]
    )


def _as_python(vectorizer: dict[str, Any]) -> dict[str, Any]:
    """Parameters as the vectorizer wants them: YAML knows lists where Python has tuples."""
    return {name: tuple(value) if name == "ngram_range" else value for name, value in vectorizer.items()}


def encoded_columns(preprocessing: ColumnTransformer) -> list[str]:
    """The feature behind every column that fitted preprocessing gives, in order (encoded columns,)."""
    behind: list[str] = []
    for name, transformer, columns in preprocessing.transformers_:
        if name != CATEGORIES or not len(columns):
            behind.extend(columns)
            continue
        encoder = transformer[-1]
        rare = getattr(encoder, "infrequent_categories_", [None] * len(columns))
        for column, kept, infrequent in zip(columns, encoder.categories_, rare, strict=True):
            folded = 0 if infrequent is None else len(infrequent)
            behind.extend([column] * (len(kept) - folded + (1 if folded else 0)))
    return behind


def known_categories(preprocessing: ColumnTransformer) -> dict[str, frozenset[str]]:
    """The categories that fitted preprocessing learned, by feature."""
    return {
        column: frozenset(str(value) for value in kept if value != ABSENT)
        for name, transformer, columns in preprocessing.transformers_
        if name == CATEGORIES and len(columns)
        for column, kept in zip(columns, transformer[-1].categories_, strict=True)
    }


def positive_scores(estimator: Any, inputs: Any, *, column: int = 1) -> tuple[np.typing.NDArray[np.float64], bool]:
    """The estimator's score of the positive label (rows,), and whether it is meant as a probability.

    Args:
        estimator: fitted on two labels.
        inputs: what it sees.
        column: of the positive label among its two.
    """
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(inputs), dtype="float64")[:, column], True
    scores = np.asarray(estimator.decision_function(inputs), dtype="float64")
    return scores if column == 1 else -scores, False


def chances_of_classes(estimator: Any, inputs: Any) -> np.typing.NDArray[np.float64]:
    """The estimator's chance of every class (rows, classes); where it gives scores alone, their softmax."""
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(inputs), dtype="float64")
    scores = np.asarray(estimator.decision_function(inputs), dtype="float64")
    if scores.ndim == 1:
        scores = np.column_stack([-scores, scores]) / 2
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def imported(path: str) -> Any:
    """What an import path names, a class or a function.

    Raises:
        UnusableEstimator: it leads nowhere, or to something that cannot be called.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise UnusableEstimator(
            f"expected an import path such as sklearn.linear_model.LogisticRegression, got {path!r}",
            where="estimator.type",
        )
    try:
        module = importlib.import_module(module_name)
    except (ImportError, TypeError) as error:  # TypeError: a path that begins with a dot
        raise UnusableEstimator(
            f"cannot import {module_name!r}: {error}; install its package, put its folder on PYTHONPATH, or correct the path",
            where="estimator.type",
        ) from None
    except Exception as error:  # a module of anybody's, which may raise anything
        raise UnusableEstimator(f"cannot import {module_name!r}: {in_a_line(error)}", where="estimator.type") from error
    if not hasattr(module, name):
        known = [attribute for attribute in dir(module) if not attribute.startswith("_")]
        raise UnusableEstimator(f"no {name!r} in {module_name}{did_you_mean(name, known)}", where="estimator.type")
    factory = getattr(module, name)
    if not callable(factory):
        raise UnusableEstimator(
            f"{path} is a {type(factory).__name__}, not a class or function", where="estimator.type"
        )
    return factory


def _classifies(estimator: Any) -> bool:
    try:
        return bool(is_classifier(estimator))
    except AttributeError:  # scikit-learn asks the estimators inside, and this one was given none
        return False


def _parameters(factory: Any) -> set[str] | None:
    """The parameter names; None where the signature takes whatever it is given."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters}
