"""Sentences of movie reviews, and a classifier of them that a test can attack."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from rai_platform.robustness.texts.measurement import measure_text_robustness
from rai_platform.robustness.texts.report import TextRobustness

CLASSES = ("bad", "good")
Predict = Callable[[list[str]], npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Reviews:
    texts: list[str]
    labels: npt.NDArray[np.int64]
    predict: Predict
    nltk_data: Path

    def measured(self, predict: Predict | None = None, *, first: int | None = None, **asked: Any) -> TextRobustness:
        texts, labels = self.texts[:first], self.labels[:first]
        length = np.array([len(text.split()) for text in texts])
        return measure_text_robustness(
            predict or self.predict,
            texts,
            labels,
            **{
                "classes": CLASSES,
                "sensitive_features": pd.DataFrame({"length": np.where(length > 20, "long", "short")}),
                "row_key": np.arange(1000, 1000 + len(texts)),
                "seed": 3,
                "recipes": ("deepwordbug", "pwws"),
                "nltk_data": [self.nltk_data],
                **asked,
            },
        )


def read_reviews(folder: Path) -> Reviews:
    archive = zipfile.ZipFile(folder / "rt_polarity" / "sentence_polarity.zip")
    bad, good = (
        [line.strip() for line in archive.read(f"sentence_polarity/rt-polarity.{kind}").decode("latin-1").splitlines()]
        for kind in ("neg", "pos")
    )
    texts = [text for pair in zip(bad, good, strict=True) for text in pair]
    labels = np.arange(len(texts)) % 2
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts[:8000], labels[:8000])
    return Reviews(
        texts=texts[8000:], labels=labels[8000:], predict=model.predict_proba, nltk_data=folder / "nltk_data"
    )
