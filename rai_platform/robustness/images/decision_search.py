"""HopSkipJump, with every image on its own: an attack that sees nothing but the class the network names."""

import math
from collections.abc import Callable

import eagerpy as ep
from eagerpy.tensor.tensor import Tensor
from foolbox.attacks.hop_skip_jump import HopSkipJumpAttack
from foolbox.devutils import atleast_kd, flatten

from rai_platform.robustness.images.report import Norm

FIRST_QUESTIONS = 50  # about the direction of the boundary, in the first step; √k times as many in the k-th
SEARCHING = 40  # questions of one step besides, about the size of the step and the way back to the boundary


class HopSkipJump(HopSkipJumpAttack):
    """Chen, Jordan and Wainwright, HopSkipJumpAttack: a query-efficient decision-based attack, S&P 2020.

    Foolbox's own scales the random directions, and the direction it estimates, by their norm over the whole batch, so that an
    image is attacked more weakly the more others there are; and it asks about one direction at a time.

    Args:
        norm: the distance.
        queries: questions about an image, at most; what steps they allow is estimated.
    """

    def __init__(self, *, norm: Norm, queries: int) -> None:
        super().__init__(steps=steps_for(queries), initial_gradient_eval_steps=FIRST_QUESTIONS, constraint=norm)

    def approximate_gradients(
        self, is_adversarial: Callable[[Tensor], Tensor], x_advs: Tensor, steps: int, delta: Tensor
    ) -> Tensor:
        """The direction in which the boundary lies (batch, ...), by whether random steps (steps, batch, ...) cross it."""
        shape = (steps, *x_advs.shape)
        noise = ep.normal(x_advs, shape) if self.constraint == "l2" else ep.uniform(x_advs, shape, low=-1, high=1)
        noise = noise / atleast_kd(ep.norms.l2(flatten(noise, keep=2), -1) + 1e-12, noise.ndim)
        scale = atleast_kd(ep.expand_dims(delta, 0), noise.ndim)
        tried = ep.clip(ep.expand_dims(x_advs, 0) + scale * noise, 0, 1)
        noise = (tried - ep.expand_dims(x_advs, 0)) / (scale + 1e-8)
        crossed = ep.stack([is_adversarial(each) for each in tried]).astype(x_advs.dtype) * 2 - 1
        mean = crossed.mean(axis=0, keepdims=True)
        weights = ep.where(mean.abs() == 1, crossed, crossed - mean)
        direction = (atleast_kd(weights, noise.ndim) * noise).mean(axis=0)
        unit: Tensor = direction / atleast_kd(ep.norms.l2(flatten(direction), -1) + 1e-12, direction.ndim)
        return unit


def steps_for(queries: int) -> int:
    """The steps that some questions about an image allow, one at least."""
    steps, asked = 0, 0.0
    while True:
        asked += SEARCHING + FIRST_QUESTIONS * math.sqrt(steps + 1)
        if asked > queries:
            return max(1, steps)
        steps += 1
