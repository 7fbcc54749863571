"""A model's declaration of its data, short enough to be read in a test."""

from rai_platform.data.preparation import prepare_data
from rai_platform.spec.model import ModelSpec


def declare(source, *, target="label", sensitive=(), intersections=(), split=None, predictions=None, **data):
    """The spec of a model that learns from ``source``; ``data`` goes into its section of that name."""
    how = {"predictions": predictions} if predictions else {"estimator": {"type": "sklearn.dummy.DummyClassifier"}}
    return ModelSpec.model_validate(
        {
            "name": "tried",
            "owners": ["team:tests"],
            "intended_use": "A test.",
            "out_of_scope": "Everything else.",
            "data": {"source": source if isinstance(source, dict) else str(source), "target": target, **data},
            "sensitive_features": [{"name": each} if isinstance(each, str) else each for each in sensitive],
            "intersections": intersections,
            "split": split or {},
            **how,
        }
    )


def prepare(source, **declared):
    return prepare_data(declare(source, **declared))


def prepare_whole(source, **declared):
    """All rows of a table as one sample, in their order."""
    return prepare(source, predictions={"decision": declared.get("target", "label")}, **declared).test
