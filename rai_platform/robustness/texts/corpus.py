"""Texts to attack, and what is known about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.errors import BadInput
from rai_platform.robustness.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Texts and what is known about them.

    Attributes:
        texts: (texts,).
        labels: their classes (texts,), from 0.
        classes: names.
        row_key: rows in the source (texts,).
        people: who wrote them: groups, weights, clusters (texts,).
    """

    texts: list[str]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    row_key: npt.NDArray[np.int64]
    people: People

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        labels: npt.NDArray[np.int64],
        *,
        classes: Sequence[str],
        sensitive_features: pd.DataFrame,
        row_key: npt.NDArray[np.int64],
        weight: npt.NDArray[np.float64] | None = None,
        cluster: npt.NDArray[np.int64] | None = None,
    ) -> "Corpus":
        """The texts, once everything about them fits.

        Raises:
            BadInput: it does not.
        """
        rows = {
            "labels": len(labels),
            "sensitive_features": len(sensitive_features),
            "row_key": len(row_key),
        }
        for where, found in rows.items():
            if found != len(texts):
                raise BadInput(f"expected one for each of the {len(texts)} texts, got {found}", where=where)
        if not len(texts):
            raise BadInput("expected texts to attack, got none", where="texts")
        if len(classes) < 2:
            raise BadInput(f"expected two classes or more, got {len(classes)}", where="classes")
        numbers = np.asarray(labels)
        if not np.issubdtype(numbers.dtype, np.integer) or numbers.min() < 0 or numbers.max() >= len(classes):
            raise BadInput(f"expected whole numbers from 0 to {len(classes) - 1}, one for each class", where="labels")
        return cls(
            texts=[str(text) for text in texts],
            labels=numbers.astype("int64"),
            classes=tuple(classes),
            row_key=np.asarray(row_key),
            people=People(sensitive_features=sensitive_features, weight=weight, cluster=cluster),
        )

    def take(self, rows: npt.NDArray[np.int64]) -> "Corpus":
        """Some of the texts."""
        return Corpus(
            texts=[self.texts[row] for row in rows],
            labels=self.labels[rows],
            classes=self.classes,
            row_key=self.row_key[rows],
            people=self.people.take(rows),
        )
