"""Images whose class depends on one place, texts whose label depends on one word."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from rai_platform.data.images import pack_all
from rai_platform.data.sample import Sample
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import TrainedModel
from rai_platform_tests.training.lending import LOGISTIC, lending_spec, sample_of

NETWORK = "rai_platform.training.networks.ImageClassifier"
IMAGES: dict[str, Any] = {"source": "sklearn:digits", "target": "label", "image": "image"}
TEXTS: dict[str, Any] = {"source": "generator:prompts?rows=10&seed=1", "target": "injection", "text": "text"}
SIDE = 8
SIGNAL = "moonlight"
FILLERS = ("please", "tell", "me", "about", "my", "account", "balance", "today", "thanks", "bank", "card", "limit")


def corner_images(
    rows: int = 160, classes: int = 2, seed: int = 0, channels: int = 1, size: tuple[int, int] = (SIDE, SIDE)
) -> Sample:
    """Noise whose class is the light of corners: of two classes top left, of four, on small images, one corner each."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (rows, *size, channels)).astype("uint8")
    number = rng.integers(0, classes, rows)
    corners = (
        [(slice(0, 2), slice(0, 2))]
        if classes == 2
        else [
            (slice(0, 2), slice(0, 2)),
            (slice(0, 2), slice(6, 8)),
            (slice(6, 8), slice(0, 2)),
            (slice(6, 8), slice(6, 8)),
        ]
    )
    for at, (down, across) in enumerate(corners):
        lit = number == (1 if classes == 2 else at)
        pixels[lit, down, across] = 250
        pixels[~lit, down, across] = 5
    sample = sample_of(pd.DataFrame({"image": pd.Series(pack_all(pixels), dtype=object)}), number)
    names = ("north west", "north east", "south west", "south east")
    several: dict[str, Any] = {} if classes == 2 else {"classes": names, "positive": None}
    return dataclasses.replace(sample, free=("image",), **several)


def signal_texts(rows: int = 200, seed: int = 0, extra: tuple[str, ...] = ()) -> Sample:
    """Sentences of words that say nothing, in half of them the one word that is the label; by turns of two groups."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 2, rows)
    texts = []
    for label in y_true:
        words = [*rng.choice(FILLERS, int(rng.integers(3, 9)))]
        if label:
            words.insert(int(rng.integers(0, len(words) + 1)), SIGNAL)
        texts.append(" ".join(words))
    for at, text in enumerate(extra):
        texts[at] = text
    groups = pd.DataFrame({"writes_in": np.where(np.arange(rows) % 2, "first", "second")}, dtype=object)
    sample = sample_of(pd.DataFrame({"text": pd.Series(texts, dtype=object)}), y_true, groups)
    return dataclasses.replace(sample, free=("text",))


def image_model(sample: Sample, *, estimator: str = NETWORK) -> TrainedModel:
    params: dict[str, Any] = {"epochs": 8, "batch_size": 32, "learning_rate": 0.005} if estimator == NETWORK else {}
    params |= {"n_estimators": 5} if "ensemble" in estimator else {}
    classes = {"classes": "all"} if sample.classes else {}
    spec = lending_spec(estimator, params, data={**IMAGES, **classes}, sensitive_features=None)
    return fit_model(spec, sample)[0]


def text_model(sample: Sample, estimator: str = LOGISTIC, params: dict[str, Any] | None = None) -> TrainedModel:
    return fit_model(lending_spec(estimator, params, data=TEXTS, sensitive_features=[{"name": "writes_in"}]), sample)[0]
