"""Neural networks as scikit-learn classifiers, saved as plain tensors: images, texts, tables.

The names are those that a YAML gives as ``estimator.type``; torch is imported when one of them is asked for.
"""

import importlib
from typing import Any

CLASSIFIERS = {
    "ImageClassifier": "rai_platform.training.networks.image_classifier",
    "TextClassifier": "rai_platform.training.networks.text_classifier",
    "TableClassifier": "rai_platform.training.networks.table_classifier",
    "TransformerClassifier": "rai_platform.training.networks.transformer_classifier",
}


def __getattr__(name: str) -> Any:
    if name not in CLASSIFIERS:
        raise AttributeError(name)
    return getattr(importlib.import_module(CLASSIFIERS[name]), name)


def __dir__() -> list[str]:
    return sorted(CLASSIFIERS)
