"""An attacker who may write whatever words there are: if even that leaves accuracy high, the attacks say nothing."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.left_over import most_left
from rai_platform.robustness.texts.asking import Predict, Scores, ask

WORDS = 2000  # the most frequent words that are tried
TRIED = 100  # texts that are rewritten
NAME = "an attack without limits gets through"
MIXES = (1, 5, 20, 100)  # how many of the most opposite words a text is rewritten with


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlimited:
    """What an attacker without limits found.

    Attributes:
        check: whether it gets through.
        movable: whether any word moves the model's scores at all.
    """

    check: CredibilityCheck
    movable: bool


def without_limits(
    predict: Predict, texts: Sequence[str], labels: npt.NDArray[np.int64], *, classes: int, vocabulary: Sequence[str]
) -> Unlimited:
    """Whether hardly a text stands when every word may be replaced by those that speak most against the class.

    The words of the vocabulary are asked about one by one. Of those with the lowest score of a text's class, the lowest
    1, 5, 20 and 100 fill a text of the same length.

    Args:
        predict: the model.
        texts: to rewrite (texts,); the first 100 are.
        labels: their classes (texts,).
        classes: how many there are.
        vocabulary: texts whose words are taken.
    """
    try:
        return _unlimited(predict, texts, labels, classes, _frequent(vocabulary))
    except Exception as error:  # a model may refuse what nobody would write; that is told, and ends nothing
        told = f"the model gives no scores for other words ({type(error).__name__}: {error})"
        return Unlimited(check=CredibilityCheck(name=NAME, passed=False, says=told), movable=True)


def _unlimited(
    predict: Predict, texts: Sequence[str], labels: npt.NDArray[np.int64], classes: int, words: Sequence[str]
) -> Unlimited:
    alone = ask(predict, list(words), classes)
    moves = len(words) > 1 and float(np.ptp(alone, axis=0).max()) > 0
    if not moves:
        told = "no word moves the model's scores, so there is nothing to attack"
        return Unlimited(check=CredibilityCheck(name=NAME, passed=True, says=told), movable=False)
    rewritten = [
        _rewritten(text, label, words, alone) for text, label in zip(texts[:TRIED], labels[:TRIED], strict=True)
    ]
    decided = ask(predict, [*itertools.chain.from_iterable(rewritten)], classes).argmax(axis=1)
    stands = (decided.reshape(-1, len(MIXES)) == labels[:TRIED, None]).all(axis=1)
    accuracy, most = float(stands.mean()), most_left(classes)
    told = f"when every word may be replaced by any other, accuracy falls to {accuracy:.1%}; it may be {most:.1%}"
    return Unlimited(check=CredibilityCheck(name=NAME, passed=accuracy <= most, says=told), movable=True)


def _frequent(texts: Sequence[str]) -> list[str]:
    counts = Counter(word for text in texts for word in re.findall(r"\w+", text.lower()))
    return [word for word, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:WORDS]]


def _rewritten(text: str, label: int, words: Sequence[str], alone: Scores) -> list[str]:
    length = max(1, len(text.split()))
    opposite = [words[at] for at in np.argsort(alone[:, label], kind="stable")[: max(MIXES)]]
    return [" ".join(itertools.islice(itertools.cycle(opposite[:mix]), length)) for mix in MIXES]
