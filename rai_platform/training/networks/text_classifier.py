"""A torch network that tells texts apart, with a vocabulary of its own."""

import re
from collections import Counter
from typing import Any

import torch
from torch import Tensor

from rai_platform.training.networks.network_classifier import NetworkClassifier

WORD = re.compile(r"\w+|[^\w\s]")
NO_WORD, UNKNOWN = 0, 1


class TextClassifier(NetworkClassifier):
    """Texts (rows,), read as words in small letters; words not in the vocabulary count as one, and what is too long is cut.

    Args:
        module: import path of the network, called with ``vocabulary``, ``classes`` and ``module_params``; reads the numbers of
            words (batch, length).
        module_params: what it is called with besides.
        most_words: of the vocabulary: the commonest of the training texts.
        length: words of a text that are read.
        epochs: passes over the data.
        batch_size: texts a step.
        learning_rate: the highest.
        random_state: of the start and the order of texts.
    """

    reads_texts = True

    def __init__(
        self,
        *,
        module: str = "rai_platform.training.networks.small_networks.SmallTextNetwork",
        module_params: dict[str, Any] | None = None,
        most_words: int = 10_000,
        length: int = 64,
        epochs: int = 6,
        batch_size: int = 64,
        learning_rate: float = 0.003,
        random_state: int = 0,
    ) -> None:
        self.module = module
        self.module_params = module_params
        self.most_words = most_words
        self.length = length
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _start(self, inputs: Any, classes: int) -> dict[str, Any]:  # noqa: ARG002 - a transformer asks
        counted = Counter(word for text in inputs for word in words_of(text))
        # Equal counts by the alphabet, so that equal texts give equal vocabularies in whatever order they come.
        common = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[: self.most_words]
        return {"words": [word for word, _ in common]}

    def _tensor(self, inputs: Any) -> Tensor:
        place = {word: number for number, word in enumerate(self.config_["words"], start=UNKNOWN + 1)}
        rows = torch.full((len(inputs), self.length), NO_WORD, dtype=torch.int64)
        for row, text in enumerate(inputs):
            numbers = [place.get(word, UNKNOWN) for word in words_of(text)[: self.length]]
            rows[row, : len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
        return rows

    def _parameters_of_module(self) -> dict[str, Any]:
        return {"vocabulary": len(self.config_["words"]) + UNKNOWN + 1, "classes": self.config_["classes"]}


def words_of(text: str) -> list[str]:
    """Words and signs of a text, in small letters."""
    return WORD.findall(text.lower())
