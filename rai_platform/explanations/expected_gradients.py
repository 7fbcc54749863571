"""Expected gradients of a torch network, by shap's GradientExplainer: another way to the same Shapley values.

Gradients are taken at points drawn between an image and images of the background (Erion, Janizek, Sturmfels, Lundberg and Lee,
Improving performance of deep learning models with axiomatic attribution priors and expected gradients, 2021). They add up in
expectation alone: with any affordable number of draws the sum is off by more than rounding, which is why they are an opinion here
and not the explanation.
"""

import copy
from typing import Any

import numpy as np

from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.parts import seeded

DRAWS = 100  # of each image


def expected_gradients(
    network: Any, inputs: Any, background: Any, numbers: Integers, *, draws: int, seed: int
) -> Floats:
    """Attributions of the pixels (images, channels, height, width).

    Args:
        network: the classifier's torch module; logits (batch, classes).
        inputs: (images, channels, height, width).
        background: (images, channels, height, width).
        numbers: the class of each image whose log odds are explained (images,).
        draws: points between an image and the background.
        seed: of the draws.
    """
    import shap
    import torch

    # A copy, since shap sets gradients to zero, and only a fresh one asks for them whatever was done to the model before.
    module = copy.deepcopy(network).cpu().eval()
    found = np.empty(inputs.shape)
    behind = torch.from_numpy(np.ascontiguousarray(background, dtype="float32"))
    for number in np.unique(numbers):
        rows = np.flatnonzero(numbers == number)
        explainer = shap.GradientExplainer(_log_odds(module, int(number)), behind)
        images = torch.from_numpy(np.ascontiguousarray(inputs[rows], dtype="float32"))
        with seeded(seed):
            values = explainer.shap_values(images, nsamples=draws, rseed=seed % 2**32)
        found[rows] = np.asarray(values).reshape(len(rows), *inputs.shape[1:])
    return found


def _log_odds(module: Any, number: int) -> Any:
    """A module that gives the log odds of one class (batch, 1)."""
    import torch

    class LogOdds(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = module

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = self.network(images)
            others = torch.cat([logits[:, :number], logits[:, number + 1 :]], dim=1)
            own: torch.Tensor = logits[:, number : number + 1]
            return own - torch.logsumexp(others, dim=1, keepdim=True)

    return LogOdds()
