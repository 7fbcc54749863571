"""Networks small enough for a laptop's processor: for images, for texts, for tables."""

import itertools
import math

import torch
from torch import Tensor, nn


class SmallImageNetwork(nn.Module):
    """Two convolutions, each halving the picture, and two layers on top; logits (batch, classes).

    Source: the architecture that Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018, attack
    and defend on MNIST, with fewer channels.

    Args:
        shape: channels, height, width.
        classes: labels to tell apart.
        channels: of the first convolution; the second has twice as many.
        hidden: units between the convolutions and the logits.
    """

    def __init__(self, *, shape: tuple[int, int, int], classes: int, channels: int = 16, hidden: int = 128) -> None:
        super().__init__()
        _, height, width = shape
        self.features = nn.Sequential(
            nn.Conv2d(shape[0], channels, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(channels, 2 * channels, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Flatten(),
        )
        cells = math.ceil(height / 4) * math.ceil(width / 4)
        self.head = nn.Sequential(nn.Linear(2 * channels * cells, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes) of images (batch, channels, height, width) from 0 to 1."""
        logits: Tensor = self.head(self.features(images))
        return logits


class SmallTextNetwork(nn.Module):
    """Word embeddings, convolutions over three widths, the strongest response of each filter; logits (batch, classes).

    Source: Kim, Convolutional neural networks for sentence classification, EMNLP 2014.

    Args:
        vocabulary: numbers a word may have; 0 stands for no word.
        classes: labels to tell apart.
        embedding: length of a word's vector.
        filters: of each width.
        dropout: share of responses left out while training.
    """

    WIDTHS = (2, 3, 4)

    def __init__(
        self, *, vocabulary: int, classes: int, embedding: int = 64, filters: int = 64, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding, filters, width, padding=width - 1) for width in self.WIDTHS
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(len(self.WIDTHS) * filters, classes)

    def forward(self, words: Tensor) -> Tensor:
        """Logits (batch, classes) of the numbers of words (batch, length)."""
        return self.of_embedded(self.embedding(words))

    def of_embedded(self, embedded: Tensor) -> Tensor:
        """Logits (batch, classes) of embedded words (batch, length, embedding)."""
        across = embedded.transpose(1, 2)
        strongest = [torch.relu(convolution(across)).amax(dim=2) for convolution in self.convolutions]
        logits: Tensor = self.head(self.dropout(torch.cat(strongest, dim=1)))
        return logits


class SmallTableNetwork(nn.Module):
    """Layers of rectified units; logits (batch, classes).

    Args:
        features: encoded columns.
        classes: labels to tell apart.
        hidden: units of every layer.
        layers: hidden layers.
        dropout: share of units left out while training.
    """

    def __init__(self, *, features: int, classes: int, hidden: int = 64, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [features, *[hidden] * layers]
        stack: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            stack += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*stack, nn.Linear(sizes[-1], classes))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits (batch, classes) of encoded rows (batch, features)."""
        logits: Tensor = self.layers(rows)
        return logits
