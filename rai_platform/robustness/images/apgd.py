"""Auto-PGD: projected gradient ascent that chooses its own step size.

Source: Croce and Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks,
ICML 2020, algorithm 1 and section 3.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from foolbox.models.base import Model
from torch import Tensor

from rai_platform.robustness.images.found import Found
from rai_platform.robustness.images.geometry import Ball, spread, steepest
from rai_platform.robustness.images.losses import (
    LEAST_CLASSES_OF_TARGETED_DLR,
    LOSSES,
    Loss,
    targeted_difference_of_logits_ratio,
)
from rai_platform.robustness.images.report import Norm
from rai_platform.robustness.images.untargeted import Untargeted

ALPHA = 0.75  # how much of a step is its own, the rest being momentum
RHO = 0.75  # the share of steps that have to gain, or the step size is halved

LossOf = Callable[[Tensor, Tensor], Tensor]  # of logits (batch, classes) and labels (batch,), for each image (batch,)


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
    that still stand.

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
        runs = _Runs(images, labels, runs=self.restarts, steps=self.steps)
        for restart in range(self.restarts):
            start = images if restart == 0 else ball.draw(generator)
            left = runs.left()
            if not len(left):
                break
            found = ascend(model, ball.of(left), start[left], labels[left], loss_of=LOSSES[self.loss], steps=self.steps)
            runs.note(left, found)
        return runs.found()


class TargetedAutoPGD(Untargeted):
    """APGD-T: a run towards each of the likeliest other classes, from the image itself, for the images that still stand.

    Any other class will do, as of the other attacks: a target is what a run ascends to, and the class it ends in does not matter.

    Args:
        norm: the distance.
        steps: gradients of one run.
        targets: classes tried, the likeliest of the others first; all others where there are fewer.
        seed: of nothing, since every run starts at the image.
    """

    NAME = "APGD-T"

    def __init__(self, *, norm: Norm, steps: int = 100, targets: int = 9, seed: int = 0) -> None:
        super().__init__(norm=norm, seed=seed)
        self.steps = steps
        self.targets = targets

    def search(self, model: Model, images: Tensor, labels: Tensor, *, epsilon: float) -> Found:
        """What the runs find against images (batch, channels, height, width) with labels (batch,).

        Raises:
            ValueError: the network has fewer than four classes.
        """
        ball = Ball(images, self.norm, epsilon)
        aims = _likeliest_others(model, images, labels, self.targets)
        runs = _Runs(images, labels, runs=len(aims), steps=self.steps)
        for aim in aims:
            left = runs.left()
            if not len(left):
                break
            towards = partial(targeted_difference_of_logits_ratio, targets=aim[left])
            found = ascend(model, ball.of(left), images[left], labels[left], loss_of=towards, steps=self.steps)
            runs.note(left, found)
        return runs.found()


def _likeliest_others(model: Model, images: Tensor, labels: Tensor, most: int) -> Tensor:
    """The classes that are not the label's, from the likeliest: (at most ``most``, batch)."""
    with torch.no_grad():
        logits = model(images).clone()
    classes = logits.shape[1]
    if classes < LEAST_CLASSES_OF_TARGETED_DLR:
        raise ValueError(f"APGD-T is defined for {LEAST_CLASSES_OF_TARGETED_DLR} classes or more, got {classes}")
    logits[torch.arange(len(labels), device=logits.device), labels] = -torch.inf
    return logits.topk(min(most, classes - 1), dim=1).indices.T


class _Runs:
    """What runs one after the other come to, each against the images that still stand.

    Args:
        images: attacked (batch, ...).
        labels: of these (batch,).
        runs: at most.
        steps: of one run.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, runs: int, steps: int) -> None:
        self._best, self._first = images.clone(), torch.full_like(labels, -1)
        self._runs, self._steps, self._done = runs, steps, 0

    def left(self) -> Tensor:
        """The images that stand, as indices."""
        return torch.nonzero(self._first < 0).flatten()

    def note(self, left: Tensor, found: Found) -> None:
        """Takes down what one more run found against the images that stood."""
        self._best[left] = found.images
        self._first[left] = torch.where(found.first < 0, -1, found.first + self._done * self._steps)
        self._done += 1

    def found(self) -> Found:
        """What all of them found; iterations are counted over the runs."""
        return Found(images=self._best, first=self._first, iterations=self._runs * self._steps)


def ascend(model: Model, ball: Ball, start: Tensor, labels: Tensor, *, loss_of: LossOf, steps: int) -> Found:
    """One run of Auto-PGD from a start (batch, ...) within the ball.

    Where the step size is halved, the ascent goes on from the best point so far, without momentum.
    """
    x = previous = best = start
    value, gradient, wrong = _look(model, x, labels, loss_of)
    highest, best_gradient = value, gradient
    turned, first = x, torch.where(wrong, 0, -1)
    step = torch.full_like(value, 2 * ball.epsilon)
    gains, halved = torch.zeros_like(value), torch.ones_like(wrong)
    at_last, marks, last = highest, set(checkpoints(steps)), 0
    for k in range(1, steps + 1):
        if bool((first >= 0).all()):
            break
        z = ball.project(x + spread(step, x) * steepest(gradient, ball.norm))
        after = z if k == 1 else ball.project(x + ALPHA * (z - x) + (1 - ALPHA) * (x - previous))
        before, previous, x = value, x, after
        value, gradient, wrong = _look(model, x, labels, loss_of)
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
    return Found(images=torch.where(spread(first >= 0, x), turned, best), first=first, iterations=steps)


def _look(model: Model, x: Tensor, labels: Tensor, loss_of: LossOf) -> tuple[Tensor, Tensor, Tensor]:
    """The loss, its gradient, and whether each image is classified wrongly."""
    at = x.detach().requires_grad_(True)
    logits = model(at)
    loss = loss_of(logits, labels)
    (gradient,) = torch.autograd.grad(loss.sum(), at)
    return loss.detach(), torch.nan_to_num(gradient), logits.detach().argmax(1) != labels
