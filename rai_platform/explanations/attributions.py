"""SHAP attributions of any model here: exact for trees and linear models, by permutation for everything else."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.explanations.mixing import Floats, Pool
from rai_platform.explanations.report import Method, Output
from rai_platform.explanations.tree_workers import tree_values, work
from rai_platform.processes import made_of_each, seconds_of
from rai_platform.training.estimators import encoded_columns
from rai_platform.training.model import PREPROCESSING, REMOVAL, TrainedModel

PERMUTATIONS = 4  # each forward and backward, which is exact where no more than two features act together
LOG = logging.getLogger(__name__)
BLOCK = 10  # rows whose permutations are drawn together
SECONDS_OF_WORK = 1e-9  # a unit of ``work``, about
ROUNDING = 1e-9  # outputs that differ by less, of the largest of them, are the same output
TREES = (
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "ExtraTreesClassifier",
    "RandomForestClassifier",
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
)

LOGISTIC = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributions:
    """Attributions of single rows.

    Attributes:
        features: the columns, in the order of the model's.
        values: (rows, features).
        outputs: what the model gave (rows,).
        base_value: the expected output.
        base_values: that of every row, where it differs (rows,); None where it is one for all.
        method: how they were computed.
        output: what they add up to.
    """

    features: tuple[str, ...]
    values: Floats
    outputs: Floats
    base_value: float
    method: Method
    output: Output
    base_values: Floats | None = None

    @property
    def additivity_error(self) -> float:
        """Largest gap between output and base value plus attributions, in units of the outputs' standard deviation.

        Where all outputs are the same, in units of that output.
        """
        spread, size = float(self.outputs.std()), float(np.abs(self.outputs).max())
        unit = spread if spread > ROUNDING * size else size or 1.0
        start = self.base_value if self.base_values is None else self.base_values
        return float(np.abs(start + self.values.sum(axis=1) - self.outputs).max()) / unit


def method_for(model: TrainedModel) -> Method:
    """The exact method where there is one for this model, else ``permutation``."""
    if any(feature.kind in ("text", "image") for feature in model.manifest.features):  # beside columns, as one feature
        return "permutation"
    if model.manifest.composition not in ("single", "group_thresholds") or PREPROCESSING not in model.parts:
        return "permutation"
    if model.manifest.classes:  # a sum of trees for each class, of whose softmax nothing is exact
        return "permutation"
    if REMOVAL in model.parts:  # the estimator does not see the columns that features are encoded as
        return "permutation"
    estimator = model.estimators[0]
    # By class and module: a class of the user's own may have the name or the attributes of one of scikit-learn's, and
    # give other scores.
    if not type(estimator).__module__.startswith("sklearn."):
        return "permutation"
    if type(estimator).__name__ in TREES and _is_known_sum_of_trees(estimator):
        return "tree"
    # A linear model whose score is its linear output, or the logistic of it. Other probabilities are no function that
    # weights explain: those of SVC(kernel="linear", probability=True) are fitted by themselves.
    is_linear = hasattr(estimator, "coef_") and np.atleast_2d(estimator.coef_).shape[0] == 1
    if is_linear and (type(estimator).__name__ in LOGISTIC or not model.manifest.score_is_probability):
        return "linear"
    return "permutation"


def attribute(
    model: TrainedModel,
    method: Method,
    features: pd.DataFrame,
    background: pd.DataFrame,
    *,
    seed: int,
    workers: int = 1,
) -> Attributions:
    """The attributions of rows (rows, features) by the method that ``method_for`` names.

    Args:
        model: the trained model.
        method: how to compute them.
        features: the rows to explain.
        background: the rows that stand for everybody; trees remember theirs from training.
        seed: of the permutations.
        workers: processes at most, where there is much to do; nothing depends on it.

    Raises:
        UnscorableRows: the model refuses rows that are put together from several others.
    """
    if method == "tree":
        return _by_trees(model, features, workers)
    if method == "linear":
        return by_weights(model, features, np.asarray(model.encode(background)))
    return _by_permutation(model, features, background, seed, workers)


def quick_rows(model: TrainedModel, method: Method, *, most: int, seconds: float) -> int:
    """How many rows are explained in about so much time; 0 where there is no quick method. The same on every machine."""
    if method == "linear":
        return most
    if method != "tree":
        return 0
    import shap

    return min(most, int(seconds / (work(shap.TreeExplainer(model.estimators[0]), 1) * SECONDS_OF_WORK)))


def _is_known_sum_of_trees(estimator: Any) -> bool:
    """Whether shap reads all of it: not splits by category, a start of one's own, or a loss with another link."""
    if type(estimator).__name__ == "GradientBoostingClassifier":
        return estimator.init is None and estimator.loss == "log_loss"
    return getattr(estimator, "is_categorical_", None) is None


def _by_trees(model: TrainedModel, features: pd.DataFrame, workers: int) -> Attributions:
    """TreeSHAP: Lundberg et al., From local explanations to global understanding with explainable AI for trees, 2020."""
    estimator, inputs = model.estimators[0], np.asarray(model.encode(features))
    values, base = tree_values(estimator, inputs, workers=workers)
    if values.ndim == 3:  # one slice for every class
        values, base = values[:, :, 1], base[..., 1]
    boosted = "Boosting" in type(estimator).__name__
    outputs = estimator.decision_function(inputs) if boosted else estimator.predict_proba(inputs)[:, 1]
    return Attributions(
        features=_names(model),
        values=_by_feature(values, model),
        outputs=np.asarray(outputs, dtype="float64"),
        base_value=float(np.ravel(base)[0]),
        method="tree",
        output="log odds" if boosted else "probability",
    )


def by_weights(model: TrainedModel, features: pd.DataFrame, background: npt.NDArray[Any]) -> Attributions:
    """Weight times distance from the mean: exact for a linear model with independent features.

    Args:
        model: a linear one.
        features: the rows to explain.
        background: encoded rows that stand for everybody, or their mean alone (rows, encoded columns).
    """
    import shap

    estimator, inputs = model.estimators[0], np.asarray(model.encode(features))
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explanation = shap.LinearExplainer(estimator, masker)(inputs)
    return Attributions(
        features=_names(model),
        values=_by_feature(np.asarray(explanation.values), model),
        outputs=np.asarray(estimator.decision_function(inputs), dtype="float64"),
        base_value=float(np.ravel(explanation.base_values)[0]),
        method="linear",
        output="log odds" if model.manifest.score_is_probability else "margin",
    )


def _by_permutation(
    model: TrainedModel, features: pd.DataFrame, background: pd.DataFrame, seed: int, workers: int
) -> Attributions:
    """Sampled Shapley values of the score itself, for any model that can be asked.

    A masked row takes each feature from the explained row or from a background row. So a row is written as the number of
    the row that each of its features comes from, and the model sees the features of those rows, encoded once.
    """
    pool = Pool(model, pd.concat([features, background], ignore_index=True))
    questions = PERMUTATIONS * (
        2 * len(model.manifest.features) + 1
    )  # about each row, with every row of the background
    once = seconds_of(lambda: model.score(background))
    blocks = np.array_split(np.arange(len(features)), -(-len(features) // BLOCK))
    parts = made_of_each(
        _permuted,
        (pool, len(background), seed),
        blocks,
        workers=workers,
        seconds=once * questions * len(features),
        progress=lambda done, of: LOG.info("rows explained: %d of %d blocks", done, of),
    )
    return Attributions(
        features=_names(model),
        values=np.concatenate([values for values, _ in parts]),
        outputs=model.score(features),
        base_value=float(np.mean(np.concatenate([base for _, base in parts]))),
        method="permutation",
        output="probability" if model.manifest.score_is_probability else "margin",
    )


def _permuted(shared: tuple[Pool, int, int], rows: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Attributions of some rows of a pool (rows, features), and the base value of each (rows,).

    The permutations are drawn anew for every block of rows, so that they do not depend on who takes which.
    """
    import shap

    pool, background, seed = shared
    numbers = np.repeat(np.arange(pool.rows, dtype="float64")[:, None], pool.width, axis=1)
    masker = shap.maskers.Independent(numbers[pool.rows - background :], max_samples=background)
    (drawn,) = np.random.SeedSequence([seed, int(rows[0])]).generate_state(1)
    explainer = shap.PermutationExplainer(pool.scores, masker, seed=int(drawn))
    explained = explainer(numbers[rows], max_evals=PERMUTATIONS * (2 * pool.width + 1), silent=True)
    base = np.broadcast_to(np.asarray(explained.base_values, dtype="float64"), len(rows))
    return np.asarray(explained.values, dtype="float64"), base


def _names(model: TrainedModel) -> tuple[str, ...]:
    return tuple(feature.name for feature in model.manifest.features)


def _by_feature(values: Floats, model: TrainedModel) -> Floats:
    """Attributions of encoded columns, added up over the columns that stand for one feature (rows, features)."""
    names = _names(model)
    total = np.zeros((len(values), len(names)))
    for column, name in enumerate(encoded_columns(model.parts[PREPROCESSING])):
        total[:, names.index(name)] += values[:, column]
    return total
