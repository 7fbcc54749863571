"""A model of images as a network that attacks can ask; one that is no torch network gives answers, and no gradients."""

from typing import Any

import numpy as np
import torch
from scipy.special import logit
from torch import Tensor, nn

from rai_platform.training.model import LEAST_CHANCE, TrainedModel


def network_of(model: TrainedModel) -> nn.Module:
    """The network (batch, channels, height, width) to logits (batch, classes) whose largest is the decision of the model."""
    estimator = model.estimators[0]
    if not isinstance(getattr(estimator, "network_", None), nn.Module):
        return OpaqueNetwork(model)
    network: nn.Module = estimator.network_
    threshold = model.manifest.threshold
    if threshold is None or threshold == 0.5:
        return network
    return ShiftedNetwork(network, float(logit(np.clip(threshold, LEAST_CHANCE, 1 - LEAST_CHANCE))))


class ShiftedNetwork(nn.Module):
    """A network of two classes whose second logit is lower by ``shift``, so that a threshold lies where both are equal."""

    def __init__(self, network: nn.Module, shift: float) -> None:
        super().__init__()
        self.network, self.shift = network, shift

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        logits: Tensor = self.network(images)
        return logits - logits.new_tensor([0.0, self.shift])


class OpaqueNetwork(nn.Module):
    """Logarithms of the chances that a model decides by; they have no gradients, which the checks of an attack's credibility see."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.model = model
        self.reads_images = getattr(model.estimators[0], "reads_images", False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        pixels: Any = images.detach().cpu().numpy()
        pixels = pixels if self.reads_images else pixels.reshape(len(pixels), -1)
        chances = self.model.deciding_chances_encoded(pixels)
        return torch.as_tensor(np.log(np.maximum(chances, LEAST_CHANCE)), dtype=torch.float32, device=images.device)
