"""SHAP attributions of any model here: exact for trees and linear models, by permutation for everything else."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shap

from rai_platform.data.sample import Sample
from rai_platform.explanations.report import ExplainedRow, Explanations, Importance, Method, Output
from rai_platform.spec.subject import Subject
from rai_platform.training.estimators import encoded_columns
from rai_platform.training.model import PREPROCESSING, TrainedModel

EXACT_ROWS, PERMUTATION_ROWS = 1000, 200
BACKGROUND_ROWS = 50
PERMUTATIONS = 4
REPLICATES = 200
KEPT_ROWS = 300
TREES = (
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "ExtraTreesClassifier",
    "RandomForestClassifier",
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
)

LOGISTIC = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributions:
    """Attributions of single rows.

    Attributes:
        values: (rows, features), in the order of the manifest's features.
        outputs: what the model gave (rows,).
        base_value: the expected output.
    """

    values: Floats
    outputs: Floats
    base_value: float
    method: Method
    output: Output


def explain(model: TrainedModel, subject: Subject, sample: Sample, *, seed: int, code_version: str) -> Explanations:
    """What moves the model's score on a random part of the sample.

    Args:
        model: the trained model.
        subject: the model and the data, as they are on record.
        sample: the test data.
        seed: of the choice of rows and of the permutations.
        code_version: of the measuring code.
    """
    rng = np.random.default_rng(seed)
    exact = _exact_explainer(model)
    rows = np.sort(rng.choice(sample.n, min(sample.n, EXACT_ROWS if exact else PERMUTATION_ROWS), replace=False))
    background = np.sort(rng.choice(sample.n, min(sample.n, BACKGROUND_ROWS), replace=False))
    explained = sample.take(rows)
    found = (exact or _by_permutation)(model, explained.features, sample.take(background).features, seed)
    spread = float(found.outputs.std()) or 1.0
    error = float(np.abs(found.base_value + found.values.sum(axis=1) - found.outputs).max()) / spread
    return _report(found, explained, model, subject, rng, error, code_version)


def _exact_explainer(model: TrainedModel) -> Any:
    """The exact method for this model, or None."""
    if model.manifest.composition not in ("single", "group_thresholds") or PREPROCESSING not in model.parts:
        return None
    estimator = model.estimators[0]
    if type(estimator).__name__ in TREES and type(estimator).__module__.startswith("sklearn."):
        return _by_trees
    # A linear model whose score is its linear output, or the logistic of it. Other probabilities are no function that
    # weights explain: those of SVC(kernel="linear", probability=True) are fitted by themselves.
    is_linear = hasattr(estimator, "coef_") and np.shape(estimator.coef_)[0] == 1
    if is_linear and (type(estimator).__name__ in LOGISTIC or not model.manifest.score_is_probability):
        return _by_weights
    return None


def _by_trees(model: TrainedModel, features: pd.DataFrame, _background: pd.DataFrame, _seed: int) -> Attributions:
    """TreeSHAP: Lundberg et al., From local explanations to global understanding with explainable AI for trees, 2020."""
    estimator, inputs = model.estimators[0], np.asarray(model.encode(features))
    explanation = shap.TreeExplainer(estimator)(inputs, check_additivity=False)
    values, base = np.asarray(explanation.values), np.asarray(explanation.base_values)
    if values.ndim == 3:  # one slice for every class
        values, base = values[:, :, 1], base[..., 1]
    boosted = "Boosting" in type(estimator).__name__
    outputs = estimator.decision_function(inputs) if boosted else estimator.predict_proba(inputs)[:, 1]
    return Attributions(
        values=_by_feature(values, model),
        outputs=np.asarray(outputs, dtype="float64"),
        base_value=float(np.ravel(base)[0]),
        method="tree",
        output="log odds" if boosted else "probability",
    )


def _by_weights(model: TrainedModel, features: pd.DataFrame, background: pd.DataFrame, _seed: int) -> Attributions:
    """Weight times distance from the mean: exact for a linear model with independent features."""
    estimator, inputs = model.estimators[0], np.asarray(model.encode(features))
    masker = shap.maskers.Independent(np.asarray(model.encode(background)), max_samples=len(background))
    explanation = shap.LinearExplainer(estimator, masker)(inputs)
    return Attributions(
        values=_by_feature(np.asarray(explanation.values), model),
        outputs=np.asarray(estimator.decision_function(inputs), dtype="float64"),
        base_value=float(np.ravel(explanation.base_values)[0]),
        method="linear",
        output="log odds" if model.manifest.score_is_probability else "margin",
    )


def _by_permutation(model: TrainedModel, features: pd.DataFrame, background: pd.DataFrame, seed: int) -> Attributions:
    """Sampled Shapley values of the score itself, for any model that can be asked.

    A masked row takes each feature from the explained row or from a background row. So a row is written as the number of
    the row that each of its features comes from, and the model sees the features of those rows, encoded once.
    """
    pool = _Pool(model, pd.concat([features, background], ignore_index=True))
    width = len(model.manifest.features)
    explained = np.repeat(np.arange(len(features), dtype="float64")[:, None], width, axis=1)
    behind = np.repeat(
        np.arange(len(features), len(features) + len(background), dtype="float64")[:, None], width, axis=1
    )
    masker = shap.maskers.Independent(behind, max_samples=len(background))
    explainer = shap.PermutationExplainer(pool.scores, masker, seed=seed)
    explanation = explainer(explained, max_evals=PERMUTATIONS * (2 * width + 1), silent=True)
    return Attributions(
        values=np.asarray(explanation.values, dtype="float64"),
        outputs=model.score(features),
        base_value=float(np.mean(explanation.base_values)),
        method="permutation",
        output="probability" if model.manifest.score_is_probability else "margin",
    )


class _Pool:
    """Rows whose features can be mixed."""

    def __init__(self, model: TrainedModel, features: pd.DataFrame) -> None:
        self._model = model
        self._names = [feature.name for feature in model.manifest.features]
        self._features = features[self._names]
        self._encoded = np.asarray(model.encode(features)) if PREPROCESSING in model.parts else None
        behind = encoded_columns(model.parts[PREPROCESSING]) if PREPROCESSING in model.parts else []
        self._source = np.array([self._names.index(name) for name in behind], dtype="int64")

    def scores(self, rows: Floats) -> Floats:
        """The score (mixtures,) of mixtures whose features come from these rows (mixtures, features)."""
        taken = rows.astype("int64")
        if self._encoded is not None:
            return self._model.score_encoded(self._encoded[taken[:, self._source], np.arange(self._encoded.shape[1])])
        mixed = {name: self._features[name].to_numpy()[taken[:, at]] for at, name in enumerate(self._names)}
        return self._model.score(pd.DataFrame(mixed))


def _by_feature(values: Floats, model: TrainedModel) -> Floats:
    """Attributions of encoded columns, added up over the columns that stand for one feature (rows, features)."""
    names = [feature.name for feature in model.manifest.features]
    behind = encoded_columns(model.parts[PREPROCESSING])
    total = np.zeros((len(values), len(names)))
    for column, name in enumerate(behind):
        total[:, names.index(name)] += values[:, column]
    return total


def _report(
    found: Attributions,
    explained: Sample,
    model: TrainedModel,
    subject: Subject,
    rng: np.random.Generator,
    error: float,
    code_version: str,
) -> Explanations:
    size = np.abs(found.values)
    order = np.argsort(-size.mean(axis=0), kind="stable")
    names = [model.manifest.features[at].name for at in order]
    drawn = rng.multinomial(len(size), np.full(len(size), 1 / len(size)), size=REPLICATES) @ size / len(size)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    kept = np.arange(min(len(size), KEPT_ROWS))
    return Explanations(
        subject=subject,
        not_possible=None,
        method=found.method,
        output=found.output,
        features=tuple(names),
        base_value=found.base_value,
        n=explained.n,
        importance=tuple(
            Importance(
                feature=name, mean_absolute=float(size[:, at].mean()), lower=float(low[at]), upper=float(high[at])
            )
            for name, at in zip(names, order, strict=True)
        ),
        replicates=tuple(tuple(round(float(value), 8) for value in row) for row in drawn[:, order]),
        by_group={
            str(feature): _by_group(size[:, order], explained.sensitive_features[feature].to_numpy())
            for feature in explained.sensitive_features
        },
        additivity_error=error,
        rows=tuple(
            ExplainedRow(
                row_key=int(explained.row_key[row]),
                output=float(found.outputs[row]),
                attributions=tuple(round(float(value), 6) for value in found.values[row, order]),
                values=tuple(_as_text(explained.features[name].iloc[row]) for name in names),
            )
            for row in kept
        ),
        code_version=code_version,
    )


def _by_group(size: Floats, groups: npt.NDArray[np.object_]) -> dict[str, tuple[float, ...]]:
    return {
        str(group): tuple(float(value) for value in size[groups == group].mean(axis=0)) for group in sorted(set(groups))
    }


def _as_text(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return value if isinstance(value, str) else f"{value:g}"
