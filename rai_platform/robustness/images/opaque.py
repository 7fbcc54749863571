"""A model of images as a network that attacks can ask; one that is no torch network gives answers, and no gradients."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rai_platform.training.model import TrainedModel

LEAST = 1e-12


def network_of(model: TrainedModel) -> nn.Module:
    """The network (batch, channels, height, width) to logits (batch, classes) that decides as the model does."""
    estimator = model.estimators[0]
    if isinstance(getattr(estimator, "network_", None), nn.Module) and len(model.estimators) == 1:
        network: nn.Module = estimator.network_
        return network
    return OpaqueNetwork(model)


class OpaqueNetwork(nn.Module):
    """Logarithms of a model's chances; their gradients are 0, which the checks of an attack's credibility see."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.model = model
        self.reads_images = getattr(model.estimators[0], "reads_images", False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        pixels: Any = images.detach().cpu().numpy()
        pixels = pixels if self.reads_images else pixels.reshape(len(pixels), -1)
        chances = self.model.probabilities_encoded(pixels)
        logits = torch.as_tensor(np.log(np.maximum(chances, LEAST)), dtype=torch.float32, device=images.device)
        return logits + 0.0 * images.flatten(1).sum(dim=1, keepdim=True)
