"""Examples that a network is trained against: the worst found near an image while it learns."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialTraining:
    """How a network is trained against changed images.

    Attributes:
        epsilon: the largest change of a pixel, of its range from 0 to 1.
        steps: of the attack on every batch.
        step_size: of a step; 2.5 epsilon / steps by default, 1.25 epsilon for a single one.
    """

    epsilon: float
    steps: int = 5
    step_size: float | None = None

    @property
    def stride(self) -> float:
        """The step that is taken."""
        if self.step_size is not None:
            return self.step_size
        return 1.25 * self.epsilon if self.steps == 1 else 2.5 * self.epsilon / self.steps


def changed_against(
    network: nn.Module, images: Tensor, labels: Tensor, asked: AdversarialTraining, *, share: float
) -> Tensor:
    """Images within ``share`` of epsilon that the network errs about most, by projected gradient ascent from a random start.

    Source: Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018; with one step, Wong, Rice
    and Kolter, Fast is better than free: revisiting adversarial training, ICLR 2020.

    Args:
        network: gives logits (batch, classes).
        images: (batch, channels, height, width) from 0 to 1.
        labels: (batch,).
        asked: epsilon and steps.
        share: of epsilon that is allowed by now.
    """
    epsilon, stride = asked.epsilon * share, asked.stride * share
    change = torch.empty_like(images).uniform_(-epsilon, epsilon)
    change = (images + change).clamp(0, 1) - images
    for _ in range(asked.steps):
        change.requires_grad_(True)
        loss = nn.functional.cross_entropy(network(images + change), labels)
        (gradient,) = torch.autograd.grad(loss, change)
        with torch.no_grad():
            change = (change + stride * gradient.sign()).clamp(-epsilon, epsilon)
            change = (images + change).clamp(0, 1) - images
    return (images + change).detach()
