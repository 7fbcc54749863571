"""Distances between images, and the points within one that are images at all."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rai_platform.robustness.images.report import Norm

TINY = 1e-12


def spread(values: Tensor, like: Tensor) -> Tensor:
    """One value for each image (batch,), with the dimensions of images (batch, 1, 1, 1)."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def sizes(perturbation: Tensor, norm: Norm) -> Tensor:
    """The norm of each perturbation (batch, ...): (batch,)."""
    flat = perturbation.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """The step of size 1 that gains most for a gradient (batch, ...), however small it is; no step where it is 0."""
    if norm == "linf":
        return gradient.sign()
    # The squares of a gradient of 1e-25, as a confident network has it, are 0 in 32-bit floats: its largest part first.
    largest = spread(sizes(gradient, "linf").clamp_min(torch.finfo(gradient.dtype).tiny), gradient)
    scaled = gradient / largest
    return scaled / spread(sizes(scaled, "l2").clamp_min(TINY), gradient)


@dataclass(frozen=True, slots=True)
class Ball:
    """The images within a distance of some others.

    Attributes:
        centre: these (batch, channels, height, width), in [0, 1].
        norm: the distance.
        epsilon: the largest allowed.
    """

    centre: Tensor
    norm: Norm
    epsilon: float

    def project(self, images: Tensor) -> Tensor:
        """Images (batch, ...) brought into the ball, then into [0, 1], which leads no image out of the ball again."""
        step = images - self.centre
        if self.norm == "linf":
            step = step.clamp(-self.epsilon, self.epsilon)
        else:
            step = step * spread((self.epsilon / sizes(step, "l2").clamp_min(TINY)).clamp_max(1.0), step)
        return (self.centre + step).clamp(0.0, 1.0)

    def draw(self, generator: torch.Generator) -> Tensor:
        """An image at random for each: uniform in the cube for the maximum norm, on the sphere in a uniform direction for L2."""
        shape = self.centre.shape
        if self.norm == "linf":
            step = (2 * torch.rand(shape, generator=generator) - 1).to(self.centre.device)
        else:
            step = steepest(torch.randn(shape, generator=generator).to(self.centre.device), "l2")
        return self.project(self.centre + self.epsilon * step)

    def of(self, which: Tensor) -> "Ball":
        """The same for some of the images; a mask or indices."""
        return Ball(self.centre[which], self.norm, self.epsilon)
