"""Training with a fixed seed, mitigated where the spec asks for it."""

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from rai_platform.data.columns import cell_text
from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, RaiError, UnusableEstimator
from rai_platform.spec.model import Estimator, ModelSpec
from rai_platform.training.estimator_code import estimator_code
from rai_platform.training.estimators import (
    build_estimator,
    build_preprocessing,
    builds_own_preprocessing,
    encoded_columns,
    in_a_line,
)
from rai_platform.training.manifest import Feature, Manifest
from rai_platform.training.mitigation import Learned, Task, grid_of, mitigate, weight_of
from rai_platform.training.model import ESTIMATOR, PREPROCESSING, TrainedModel


def fit_model(spec: ModelSpec, sample: Sample) -> tuple[TrainedModel, tuple[str, ...]]:
    """The trained model, and the warnings that training gave.

    Raises:
        UnusableEstimator: the estimator cannot be built or refuses the data.
        InvalidSpec: what the spec combines cannot be combined.
    """
    asked = _asked(spec)
    estimator = build_estimator(asked)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts, inputs, behind = _encoded(estimator, asked, sample)
        try:
            if spec.mitigation is None:
                learned = _fit(estimator, inputs, sample)
            else:
                learned = mitigate(
                    Task(
                        estimator=estimator,
                        inputs=inputs,
                        behind=behind,
                        sample=sample,
                        spec=spec,
                        asked=spec.mitigation,
                    )
                )
        except (RaiError, MemoryError):
            raise
        except Exception as error:  # an estimator is anybody's code, and may raise anything
            raise UnusableEstimator(
                f"{asked.type} could not be trained on these data: {in_a_line(error)}", where="estimator"
            ) from error
    told = tuple(
        dict.fromkeys(
            f"{item.category.__name__}: {str(item.message).splitlines()[0]}"
            for item in caught
            if issubclass(item.category, ConvergenceWarning | UserWarning | RuntimeWarning)
        )
    )
    manifest = _manifest(learned.estimator, spec, sample, **learned.rule)
    return TrainedModel(manifest=manifest, parts={**parts, **learned.parts}), told


def fit_grid(spec: ModelSpec, sample: Sample) -> tuple[list[TrainedModel], int]:
    """Every model of a grid search, and the place of the one that it chooses.

    Raises:
        InvalidSpec: the spec asks for no grid search.
    """
    asked = _asked(spec)
    if spec.mitigation is None or spec.mitigation.method != "grid_search":
        raise InvalidSpec("there is no grid to search", where="mitigation")
    estimator = build_estimator(asked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fit_model told them
        parts, inputs, behind = _encoded(estimator, asked, sample)
        search = grid_of(
            Task(estimator=estimator, inputs=inputs, behind=behind, sample=sample, spec=spec, asked=spec.mitigation)
        )
    models = [
        TrainedModel(manifest=_manifest(estimator, spec, sample), parts={**parts, ESTIMATOR: predictor})
        for predictor in search.predictors_
    ]
    return models, int(search.best_idx_)


def _asked(spec: ModelSpec) -> Estimator:
    if spec.estimator is None:
        raise InvalidSpec("predictions alone: there is nothing to train", where="estimator")
    return spec.estimator


def _encoded(estimator: Any, asked: Estimator, sample: Sample) -> tuple[dict[str, Any], Any, list[str] | None]:
    """The preprocessing as a part, what it gives, and the feature behind each of its columns; the table where there is none."""
    if builds_own_preprocessing(estimator, asked):
        return {}, sample.features, None
    preprocessing = build_preprocessing(sample.features)
    inputs = preprocessing.fit_transform(sample.features)
    return {PREPROCESSING: preprocessing}, inputs, encoded_columns(preprocessing)


def _fit(estimator: Any, inputs: Any, sample: Sample) -> Learned:
    weight = {} if sample.weight is None else {weight_of(estimator, "data.weight"): sample.weight}
    estimator.fit(inputs, sample.y_true, **weight)
    return Learned(estimator=estimator, parts={ESTIMATOR: estimator})


def _manifest(estimator: Any, spec: ModelSpec, sample: Sample, **composition: Any) -> Manifest:
    asked = _asked(spec)
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
