"""Questions to a text classifier, whose answers are looked at before anybody believes them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rai_platform.errors import UnscorableRows

Scores = npt.NDArray[np.float64]
Predict = Callable[[list[str]], Scores]
BATCH = 256
ROUNDING = 1e-4  # of 32-bit probabilities that are added up


def ask(predict: Predict, texts: list[str], classes: int) -> Scores:
    """The scores of texts (texts, classes), each row a probability distribution.

    Raises:
        UnscorableRows: the model gives something else.
    """
    if not texts:
        return np.empty((0, classes))
    parts = [np.asarray(predict(texts[at : at + BATCH]), dtype="float64") for at in range(0, len(texts), BATCH)]
    for part, at in zip(parts, range(0, len(texts), BATCH), strict=True):
        expected = (len(texts[at : at + BATCH]), classes)
        if part.shape != expected:
            raise UnscorableRows(
                f"expected scores of shape {expected} (texts, classes), got {part.shape}", where="predict"
            )
    scores = np.concatenate(parts)
    if not np.isfinite(scores).all() or (scores < 0).any() or np.abs(scores.sum(axis=1) - 1).max() > ROUNDING:
        raise UnscorableRows(
            "expected probabilities that add up to 1 over the classes, got other numbers", where="predict"
        )
    return scores


def decide(predict: Predict, texts: list[str], classes: int) -> npt.NDArray[np.int64]:
    """The most probable class of each text (texts,), the first of equals."""
    decided: npt.NDArray[np.int64] = ask(predict, texts, classes).argmax(axis=1)
    return decided
