"""Auto-PGD: projected gradient ascent that chooses its own step size.

Source: Croce and Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks,
ICML 2020, algorithm 1 and section 3.
"""

import math

import torch
from foolbox.models.base import Model
from torch import Tensor

from rai_platform.robustness.images.found import Found
from rai_platform.robustness.images.geometry import Ball, spread, steepest
from rai_platform.robustness.images.losses import LOSSES, Loss
from rai_platform.robustness.images.report import Norm
from rai_platform.robustness.images.untargeted import Untargeted

ALPHA = 0.75  # how much of a step is its own, the rest being momentum
RHO = 0.75  # the share of steps that have to gain, or the step size is halved


def checkpoints(steps: int) -> tuple[int, ...]:
    """The iterations w_j = ⌈p_j N⌉ at which the step size is judged.

    p_0 = 0, p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06): later ones come more often.
    """
    before, now = 0.0, 0.22
    found = [0]
    while now <= 1:
        found.append(math.ceil(round(now * steps, 9)))
        before, now = now, now + max(now - before - 0.03, 0.06)
    return tuple(dict.fromkeys(found))


class AutoPGD(Untargeted):
    """APGD-CE and APGD-DLR, untargeted.

    The first run starts at the image, so its first step is the fast gradient step; later ones start at random, for the images
    that still stand. Where the step size is halved, the ascent goes on from the best point so far, without momentum.

    Args:
        norm: the distance.
        loss: ``ce`` (cross-entropy) or ``dlr`` (difference of logits ratio, undefined for two classes: then the margin).
        steps: gradients of one run.
        restarts: runs.
        seed: of the random starts.
    """

    NAME = "Auto-PGD"

    def __init__(self, *, norm: Norm, loss: Loss, steps: int = 100, restarts: int = 1, seed: int = 0) -> None:
        super().__init__(norm=norm, seed=seed)
        self.loss: Loss = loss
        self.steps = steps
        self.restarts = restarts

    def search(self, model: Model, images: Tensor, labels: Tensor, *, epsilon: float) -> Found:
        """What the runs find against images (batch, channels, height, width) with labels (batch,)."""
        generator = torch.Generator().manual_seed(self.seed)
        ball = Ball(images, self.norm, epsilon)
        best, first = images.clone(), torch.full_like(labels, -1)
        for restart in range(self.restarts):
            start = images if restart == 0 else ball.draw(generator)
            left = torch.nonzero(first < 0).flatten()
            if not len(left):
                break
            found = self._ascend(model, ball.of(left), start[left], labels[left])
            best[left] = found.images
            first[left] = torch.where(found.first < 0, -1, found.first + restart * self.steps)
        return Found(images=best, first=first)

    def _ascend(self, model: Model, ball: Ball, start: Tensor, labels: Tensor) -> Found:
        x = previous = best = start
        value, gradient, wrong = self._look(model, x, labels)
        highest, best_gradient = value, gradient
        turned, first = x, torch.where(wrong, 0, -1)
        step = torch.full_like(value, 2 * ball.epsilon)
        gains, halved = torch.zeros_like(value), torch.ones_like(wrong)
        at_last, marks, last = highest, set(checkpoints(self.steps)), 0
        for k in range(1, self.steps + 1):
            if bool((first >= 0).all()):
                break
            z = ball.project(x + spread(step, x) * steepest(gradient, self.norm))
            after = z if k == 1 else ball.project(x + ALPHA * (z - x) + (1 - ALPHA) * (x - previous))
            before, previous, x = value, x, after
            value, gradient, wrong = self._look(model, x, labels)
            gains = gains + (value > before)
            new = wrong & (first < 0)
            turned, first = torch.where(spread(new, x), x, turned), torch.where(new, k, first)
            better = value > highest
            best = torch.where(spread(better, x), x, best)
            best_gradient = torch.where(spread(better, x), gradient, best_gradient)
            highest = torch.where(better, value, highest)
            if k in marks:
                halve = (gains < RHO * (k - last)) | (~halved & (highest <= at_last))
                step = torch.where(halve, step / 2, step)
                x, previous = (torch.where(spread(halve, x), best, each) for each in (x, previous))
                value = torch.where(halve, highest, value)
                gradient = torch.where(spread(halve, x), best_gradient, gradient)
                gains, halved, at_last, last = torch.zeros_like(gains), halve, highest, k
        return Found(images=torch.where(spread(first >= 0, x), turned, best), first=first)

    def _look(self, model: Model, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, its gradient, and whether each image is classified wrongly."""
        at = x.detach().requires_grad_(True)
        logits = model(at)
        loss = LOSSES[self.loss](logits, labels)
        (gradient,) = torch.autograd.grad(loss.sum(), at)
        return loss.detach(), torch.nan_to_num(gradient), logits.detach().argmax(1) != labels
