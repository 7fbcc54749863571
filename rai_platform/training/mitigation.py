"""Methods that make a disparity smaller, each turned into plain parts: estimators, arrays and a rule."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, UnusableEstimator
from rai_platform.spec.mitigation import Mitigation
from rai_platform.spec.model import ModelSpec
from rai_platform.training.estimators import weight_parameter
from rai_platform.training.manifest import GroupThresholds, ThresholdStep
from rai_platform.training.model import ESTIMATOR, REMOVAL, joined_groups

LEAST_WEIGHT = 1e-6  # predictors of a reduction below this share change nothing

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What training gives besides the preprocessing.

    Attributes:
        estimator: a fitted estimator, whose kind says whether scores are probabilities.
        parts: the learned parts by name.
        rule: what the manifest says otherwise than that of a single estimator.
    """

    estimator: Any
    parts: dict[str, Any]
    rule: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a method works on.

    Attributes:
        estimator: unfitted.
        inputs: what the estimator sees (rows, encoded columns), or the table itself.
        behind: the feature behind every encoded column; None where the estimator builds its own preprocessing.
        sample: the training data.
        spec: of the model.
        asked: the mitigation it asks for.
    """

    estimator: Any
    inputs: Any
    behind: list[str] | None
    sample: Sample
    spec: ModelSpec
    asked: Mitigation

    @property
    def groups(self) -> Groups:
        """The group of every row by the mitigated features (rows,)."""
        return joined_groups(self.sample.sensitive_features, self.spec.mitigated_features)


def mitigate(task: Task) -> Learned:
    """The parts that the asked method learns.

    Raises:
        InvalidSpec: what the spec combines cannot be combined.
        UnusableEstimator: the estimator takes no weights.
    """
    if task.sample.weight is not None and not task.asked.traits.is_weighted:
        raise InvalidSpec(
            f"{task.asked.method} takes no sampling weights: leave out one of the two, or use reweighing",
            where="mitigation",
        )
    if task.asked.traits.draws and not hasattr(task.estimator, "predict_proba"):
        raise InvalidSpec(f"{type(task.estimator).__name__} gives no probabilities to mitigate", where="mitigation")
    return {
        "exponentiated_gradient": _reduce,
        "grid_search": _search,
        "threshold_optimizer": _optimize_thresholds,
        "reweighing": _reweigh,
        "correlation_remover": _remove_correlation,
    }[task.asked.method](task)


def weight_of(estimator: Any, why: str) -> str:
    """The name by which the estimator takes sampling weights, which the spec asks for as ``why``.

    Raises:
        UnusableEstimator: it takes none.
    """
    name = weight_parameter(estimator)
    if name is None:
        raise UnusableEstimator(
            f"{type(estimator).__name__} cannot be trained with weights, as `{why}` asks; choose another one, or leave that out",
            where="estimator.type",
        )
    return name


def reweighed(groups: Groups, y_true: npt.NDArray[np.int8], weight: Floats | None = None) -> Floats:
    """Weights (rows,) under which group and label are independent: P(group) P(label) / P(group, label).

    Every group keeps its weight, and so does every label; only their combinations are counted otherwise.

    Args:
        groups: (rows,).
        y_true: labels (rows,).
        weight: sampling weights (rows,), which the result is multiplied by; None where all rows count the same.

    Source: Kamiran and Calders, Data preprocessing techniques for classification without discrimination, 2012, section 5.3.
    """
    known, place = np.unique(groups.astype(str), return_inverse=True)
    own = np.ones(len(y_true)) if weight is None else weight
    table = np.bincount(place * 2 + y_true, weights=own, minlength=2 * len(known)).reshape(len(known), 2)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    factor = np.divide(expected, table, out=np.ones_like(table), where=table > 0)
    weights: Floats = own * factor[place, y_true]
    return weights


def grid_of(task: Task) -> Any:
    """Fairlearn's grid search over the weights of the constraints, fitted."""
    from fairlearn.reductions import GridSearch

    search = GridSearch(
        task.estimator,
        _constraint(task.asked),
        sample_weight_name=weight_of(task.estimator, "mitigation.method: grid_search"),
        **_own_params(task.asked),
    )
    search.fit(task.inputs, task.sample.y_true, sensitive_features=task.groups)
    return search


def _search(task: Task) -> Learned:
    """The estimator of a grid that loses least in error and disparity: Agarwal et al., 2018, section 3.4."""
    search = grid_of(task)
    best = search.predictors_[search.best_idx_]
    return Learned(estimator=best, parts={ESTIMATOR: best})


def _reduce(task: Task) -> Learned:
    """A weighted mean of estimators: Agarwal et al., A reductions approach to fair classification, ICML 2018."""
    from fairlearn.reductions import ExponentiatedGradient

    reduction = ExponentiatedGradient(
        task.estimator,
        _constraint(task.asked),
        sample_weight_name=weight_of(task.estimator, "mitigation.method: exponentiated_gradient"),
        **_own_params(task.asked),
    )
    reduction.fit(task.inputs, task.sample.y_true, sensitive_features=task.groups)
    kept = [  # the weights come in an order of their own, so each names its predictor
        (float(weight), reduction.predictors_[index])
        for index, weight in sorted(reduction.weights_.items())
        if weight > LEAST_WEIGHT
    ]
    total = sum(weight for weight, _ in kept)
    return Learned(
        estimator=kept[0][1],
        parts={f"{ESTIMATOR}_{index}": predictor for index, (_, predictor) in enumerate(kept)},
        rule={
            "composition": "weighted",
            "weights": tuple(weight / total for weight, _ in kept),
            "randomized": task.asked.draws,
        },
    )


def _constraint(asked: Mitigation) -> Any:
    from fairlearn import reductions

    moments = {
        "demographic_parity": reductions.DemographicParity,
        "equalized_odds": reductions.EqualizedOdds,
        "true_positive_rate_parity": reductions.TruePositiveRateParity,
        "false_positive_rate_parity": reductions.FalsePositiveRateParity,
    }
    return moments[asked.constraint](difference_bound=asked.params.get("difference_bound"))


def _own_params(asked: Mitigation) -> dict[str, Any]:
    """What the method takes by itself; the bound is one of its constraint."""
    return {name: value for name, value in asked.params.items() if name != "difference_bound"}


def _optimize_thresholds(task: Task) -> Learned:
    """A threshold for every group: Hardt, Price and Srebro, Equality of opportunity in supervised learning, 2016."""
    from fairlearn.postprocessing import ThresholdOptimizer

    task.estimator.fit(task.inputs, task.sample.y_true)
    optimizer = ThresholdOptimizer(
        estimator=task.estimator,
        constraints=task.asked.constraint,
        prefit=True,
        predict_method="predict_proba",
        **task.asked.params,
    )
    optimizer.fit(task.inputs, task.sample.y_true, sensitive_features=pd.Series(task.groups, name="group"))
    table = optimizer.interpolated_thresholder_.interpolation_dict
    return Learned(
        estimator=task.estimator,
        parts={ESTIMATOR: task.estimator},
        rule={
            "composition": "group_thresholds",
            "group_features": task.spec.mitigated_features,
            "randomized": task.asked.draws,
            "thresholds": {str(group): _group_thresholds(rule) for group, rule in sorted(table.items())},
        },
    )


def _group_thresholds(rule: Any) -> GroupThresholds:
    def step(operation: Any) -> ThresholdStep:
        # An infinite threshold selects everybody or nobody; JSON has no infinity, and scores lie between 0 and 1.
        return ThresholdStep(operator=operation.operator, threshold=float(np.clip(operation.threshold, -2.0, 2.0)))

    return GroupThresholds(
        p_ignore=float(rule.get("p_ignore", 0.0)),
        prediction_constant=float(rule.get("prediction_constant", 0.0)),
        p0=float(rule["p0"]),
        rule0=step(rule["operation0"]),
        p1=float(rule["p1"]),
        rule1=step(rule["operation1"]),
    )


def _reweigh(task: Task) -> Learned:
    name = weight_of(task.estimator, "mitigation.method: reweighing")
    weights = reweighed(task.groups, task.sample.y_true, task.sample.weight)
    task.estimator.fit(task.inputs, task.sample.y_true, **{name: weights})
    return Learned(estimator=task.estimator, parts={ESTIMATOR: task.estimator})


def _remove_correlation(task: Task) -> Learned:
    """An estimator behind Fairlearn's projection of every column on what does not go with the sensitive ones.

    The projection is kept as a matrix and an offset: ``columns @ matrix + offset`` are the columns that the estimator sees.
    """
    from fairlearn.preprocessing import CorrelationRemover

    sensitive = _sensitive_columns(task)
    kept = [at for at in range(task.inputs.shape[1]) if at not in set(sensitive)]
    alpha = float(task.asked.params.get("alpha", 1.0))
    remover = CorrelationRemover(sensitive_feature_ids=sensitive, alpha=alpha).fit(task.inputs)
    matrix = np.zeros((task.inputs.shape[1], len(kept)))
    matrix[kept, np.arange(len(kept))] = 1.0
    matrix[sensitive] = -alpha * remover.beta_
    removal = {"matrix": matrix, "offset": alpha * remover.sensitive_mean_ @ remover.beta_}
    task.estimator.fit(task.inputs @ removal["matrix"] + removal["offset"], task.sample.y_true)
    return Learned(estimator=task.estimator, parts={REMOVAL: removal, ESTIMATOR: task.estimator})


def _sensitive_columns(task: Task) -> list[int]:
    """Where the encoded columns of the mitigated features stand."""
    if task.behind is None:
        raise InvalidSpec(
            "correlation_remover works on the columns of the platform's own preprocessing, and this estimator brings its own",
            where="mitigation.method",
        )
    names = {feature.name: feature.source_column for feature in task.spec.sensitive_features}
    sources = [names[name] for name in task.spec.mitigated_features]
    for source in sources:
        if source not in task.behind:
            raise InvalidSpec(
                f"correlation_remover takes what goes with {source!r} out of the other features, and has to see it to do so: "
                f"take {source!r} out of `data.exclude`, or use reweighing",
                where="mitigation.sensitive_features",
            )
    found = [at for at, name in enumerate(task.behind) if name in sources]
    if len(found) == len(task.behind):
        raise InvalidSpec(
            "correlation_remover leaves no feature to learn from: all of them are mitigated ones", where="mitigation"
        )
    return found
