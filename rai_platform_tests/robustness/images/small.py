"""Small networks on scikit-learn's digits, which a spawned process can import."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from rai_platform.robustness.images.measurement import measure_image_robustness
from rai_platform.robustness.images.report import ImageRobustness

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
CLASSES = tuple(str(digit) for digit in range(10))


def digits() -> tuple[Images, Labels]:
    """1,797 images (n, 1, 8, 8) in [0, 1] and what they show."""
    bunch: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    return (bunch.images[order, None] / 16).astype("float32"), bunch.target[order].astype("int64")


class Small(nn.Module):
    """Two convolutions and a linear layer."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(24 * 16, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


def trained(classes: int = 10, epochs: int = 25) -> Small:
    """A network that has learned the first 1,200 digits, or whether they are even."""
    images, labels = digits()
    x, y = torch.from_numpy(images[:1200]), torch.from_numpy(labels[:1200] % classes)
    torch.manual_seed(0)
    network = Small(classes)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
    return network.eval()


class Hot(nn.Module):
    """The same decisions, with logits so far apart that the softmax is 0 or 1 and its gradient 0."""

    def __init__(self, network: nn.Module, factor: float = 1e4) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images) * self.factor
        return logits


class Quantized(nn.Module):
    """Rounds every pixel to one of a few shades first: no small step changes anything, and there is no gradient."""

    def __init__(self, network: nn.Module, shades: int = 8) -> None:
        super().__init__()
        self.network, self.shades = network, shades

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(torch.round(images * self.shades) / self.shades)
        return logits


class Constant(nn.Module):
    """Says the same of every image."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, images: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(torch.zeros(len(images), dtype=torch.int64), self.classes).float()


def measured(
    network: nn.Module, *, n: int = 100, classes: tuple[str, ...] = CLASSES, **options: Any
) -> ImageRobustness:
    """The report of a network on the last of the digits."""
    images, labels = digits()
    images, labels = images[1200 : 1200 + n], labels[1200 : 1200 + n] % len(classes)
    arguments: dict[str, Any] = {
        "classes": classes,
        "sensitive_features": pd.DataFrame({"camera": np.where(np.arange(n) % 3 == 0, "old", "new")}),
        "row_key": np.arange(1200, 1200 + n),
        "seed": 0,
        "queries": 200,
        **options,
    }
    return measure_image_robustness(network, images, labels, **arguments)
