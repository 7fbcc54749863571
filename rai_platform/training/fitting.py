"""Training with a fixed seed, mitigated where the spec asks for it."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from rai_platform.data.columns import cell_text
from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, RaiError, UnusableEstimator, did_you_mean
from rai_platform.spec.model import Mitigation, ModelSpec
from rai_platform.training.estimator_code import estimator_code
from rai_platform.training.estimators import (
    build_estimator,
    build_preprocessing,
    builds_own_preprocessing,
    in_a_line,
    weight_parameter,
)
from rai_platform.training.manifest import Feature, GroupThresholds, Manifest, ThresholdStep
from rai_platform.training.model import PREPROCESSING, TrainedModel, joined_groups

ESTIMATOR = "estimator"
LEAST_WEIGHT = 1e-6  # predictors of a reduction below this share change nothing


def fit_model(spec: ModelSpec, sample: Sample) -> tuple[TrainedModel, tuple[str, ...]]:
    """The trained model, and the warnings that training gave.

    Raises:
        UnusableEstimator: the estimator cannot be built or refuses the data.
        InvalidSpec: what the spec combines cannot be combined.
    """
    if spec.estimator is None:
        raise InvalidSpec("predictions alone: there is nothing to train", where="estimator")
    estimator = build_estimator(spec.estimator)
    parts: dict[str, Any] = {}
    inputs: Any = sample.features
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if not builds_own_preprocessing(estimator, spec.estimator):
            parts[PREPROCESSING] = build_preprocessing(sample.features)
            inputs = parts[PREPROCESSING].fit_transform(sample.features)
        try:
            fitted = _fit(estimator, inputs, sample, spec)
        except (RaiError, MemoryError):
            raise
        except Exception as error:  # an estimator is anybody's code, and may raise anything
            raise UnusableEstimator(
                f"{spec.estimator.type} could not be trained on these data: {in_a_line(error)}", where="estimator"
            ) from error
    told = tuple(
        dict.fromkeys(
            f"{item.category.__name__}: {str(item.message).splitlines()[0]}"
            for item in caught
            if issubclass(item.category, ConvergenceWarning | UserWarning | RuntimeWarning)
        )
    )
    manifest, learned = fitted
    return TrainedModel(manifest=manifest, parts={**parts, **learned}), told


def _fit(estimator: Any, inputs: Any, sample: Sample, spec: ModelSpec) -> tuple[Manifest, dict[str, Any]]:
    if spec.mitigation is None:
        weight = {} if sample.weight is None else {_weight_of(estimator, "data.weight"): sample.weight}
        estimator.fit(inputs, sample.y_true, **weight)
        return _manifest(estimator, spec, sample), {ESTIMATOR: estimator}
    if sample.weight is not None:
        raise InvalidSpec(
            "Fairlearn's mitigation takes no sampling weights: leave out one of the two", where="mitigation"
        )
    if not hasattr(estimator, "predict_proba"):
        raise InvalidSpec(f"{type(estimator).__name__} gives no probabilities to mitigate", where="mitigation")
    groups = joined_groups(sample.sensitive_features, spec.mitigated_features)
    mitigate = {"exponentiated_gradient": _reduce, "threshold_optimizer": _optimize_thresholds}[spec.mitigation.method]
    return mitigate(estimator, inputs, sample, groups, spec, spec.mitigation)


def _weight_of(estimator: Any, why: str) -> str:
    name = weight_parameter(estimator)
    if name is None:
        raise UnusableEstimator(
            f"{type(estimator).__name__} cannot be trained with weights, as `{why}` asks; choose another one, or leave that out",
            where="estimator.type",
        )
    return name


def _reduce(
    estimator: Any, inputs: Any, sample: Sample, groups: Any, spec: ModelSpec, mitigation: Mitigation
) -> tuple[Manifest, dict[str, Any]]:
    """A weighted mean of estimators: Agarwal et al., A reductions approach to fair classification, ICML 2018."""
    from fairlearn import reductions

    constraints = {
        "demographic_parity": reductions.DemographicParity,
        "equalized_odds": reductions.EqualizedOdds,
        "true_positive_rate_parity": reductions.TruePositiveRateParity,
        "false_positive_rate_parity": reductions.FalsePositiveRateParity,
    }
    reduction = _with_params(
        reductions.ExponentiatedGradient,
        mitigation,
        estimator,
        constraints[mitigation.constraint](),
        sample_weight_name=_weight_of(estimator, "mitigation.method: exponentiated_gradient"),
    )
    reduction.fit(inputs, sample.y_true, sensitive_features=groups)
    kept = [  # the weights come in an order of their own, so each names its predictor
        (float(weight), reduction.predictors_[index])
        for index, weight in sorted(reduction.weights_.items())
        if weight > LEAST_WEIGHT
    ]
    total = sum(weight for weight, _ in kept)
    manifest = _manifest(
        kept[0][1],
        spec,
        sample,
        composition="weighted",
        weights=tuple(weight / total for weight, _ in kept),
        randomized=mitigation.randomized,
    )
    return manifest, {f"{ESTIMATOR}_{index}": predictor for index, (_, predictor) in enumerate(kept)}


def _optimize_thresholds(
    estimator: Any, inputs: Any, sample: Sample, groups: Any, spec: ModelSpec, mitigation: Mitigation
) -> tuple[Manifest, dict[str, Any]]:
    """A threshold for every group: Hardt, Price and Srebro, Equality of opportunity in supervised learning, 2016."""
    from fairlearn.postprocessing import ThresholdOptimizer

    estimator.fit(inputs, sample.y_true)
    optimizer = _with_params(
        ThresholdOptimizer,
        mitigation,
        estimator=estimator,
        constraints=mitigation.constraint,
        prefit=True,
        predict_method="predict_proba",
    )
    optimizer.fit(inputs, sample.y_true, sensitive_features=pd.Series(groups, name="group"))
    table = optimizer.interpolated_thresholder_.interpolation_dict
    manifest = _manifest(
        estimator,
        spec,
        sample,
        composition="group_thresholds",
        group_features=spec.mitigated_features,
        randomized=mitigation.randomized,
        thresholds={str(group): _group_thresholds(rule) for group, rule in sorted(table.items())},
    )
    return manifest, {ESTIMATOR: estimator}


def _with_params(kind: Any, mitigation: Mitigation, *args: Any, **options: Any) -> Any:
    try:
        return kind(*args, **options, **mitigation.params)
    except TypeError:
        import inspect

        known = [name for name in inspect.signature(kind).parameters if name not in options]
        bad = next((name for name in mitigation.params if name not in known), "")
        raise InvalidSpec(
            f"{kind.__name__} takes no {bad!r}{did_you_mean(bad, known)}; it takes: {', '.join(known)}",
            where="mitigation.params",
        ) from None


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


def _manifest(estimator: Any, spec: ModelSpec, sample: Sample, **composition: Any) -> Manifest:
    asked = spec.estimator
    if asked is None:
        raise InvalidSpec("predictions alone: there is no model", where="estimator")
    is_probability = hasattr(estimator, "predict_proba")
    threshold = asked.threshold if asked.threshold is not None else (0.5 if is_probability else 0.0)
    drawn = composition.get("randomized", False) or composition.get("composition") == "group_thresholds"
    return Manifest(
        **{
            "composition": "single",
            "estimator": asked.type,
            "estimator_code": estimator_code(asked.type),
            "features": tuple(
                Feature(name=str(name), kind="category" if sample.features[name].dtype == object else "number")
                for name in sample.features
            ),
            "positive_label": cell_text(spec.data.positive_label),
            "threshold": None if drawn else threshold,
            "score_is_probability": is_probability,
            "seed": asked.seed,
            **composition,
        }
    )
