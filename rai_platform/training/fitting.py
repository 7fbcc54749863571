"""Training with a fixed seed, mitigated where the spec asks for it."""

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from rai_platform.data.columns import selected_label
from rai_platform.data.images import is_packed
from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, RaiError, UnusableEstimator, in_a_line
from rai_platform.spec.model import Estimator, ModelSpec
from rai_platform.training.estimator_code import estimator_code
from rai_platform.training.estimators import (
    build_estimator,
    build_preprocessing,
    builds_own_preprocessing,
    encoded_columns,
)
from rai_platform.training.manifest import PLATFORM_NETWORKS, Feature, FeatureKind, Manifest
from rai_platform.training.mitigation import Learned, Task, grid_of, mitigate, weight_of
from rai_platform.training.model import ESTIMATOR, PREPROCESSING, TrainedModel, as_read


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
        try:
            parts, inputs, behind = _encoded(estimator, asked, sample)
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
    features = features_of(sample)
    if getattr(estimator, "reads_texts", False):
        _must_be_one_text(features, asked)
    text = next((feature.name for feature in features if feature.kind == "text"), None)
    if builds_own_preprocessing(estimator, asked) or any(feature.kind == "image" for feature in features):
        return {}, as_read(sample.features, features, estimator), None
    preprocessing = build_preprocessing(sample.features, text=text, vectorizer=asked.vectorizer)
    inputs = preprocessing.fit_transform(sample.features)
    return {PREPROCESSING: preprocessing}, inputs, None if text else encoded_columns(preprocessing)


def _must_be_one_text(features: tuple[Feature, ...], asked: Estimator) -> None:
    if [feature.kind for feature in features] != ["text"]:
        raise UnusableEstimator(
            "it reads one text and nothing else: name it as `data.text`, and leave out `data.features`",
            where="estimator.type",
        )
    if asked.vectorizer:
        raise UnusableEstimator(
            "it reads texts by itself: leave out `estimator.vectorizer`", where="estimator.vectorizer"
        )


def features_of(sample: Sample) -> tuple[Feature, ...]:
    """The columns that a model of these rows sees, each with its kind."""
    return tuple(Feature(name=str(name), kind=_kind(sample, str(name))) for name in sample.features)


def _kind(sample: Sample, name: str) -> FeatureKind:
    if name in sample.free:
        return "image" if is_packed(sample.features[name]) else "text"
    return "category" if sample.features[name].dtype == object else "number"


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
            "features": features_of(sample),
            "positive_label": selected_label(spec.data),
            "threshold": None if drawn or sample.classes else threshold,
            "score_is_probability": is_probability,
            "seed": asked.seed,
            "classes": sample.classes,
            "module_code": _code_of_module(estimator),
            **composition,
        }
    )


def _code_of_module(estimator: Any) -> dict[str, str]:
    """By import path, the code of the network that an estimator was given; empty where it was given none of the user's own."""
    module = getattr(estimator, "module", None)
    if not isinstance(module, str) or module.startswith((PLATFORM_NETWORKS, "transformers.")):
        return {}
    return {module: estimator_code(module)}
