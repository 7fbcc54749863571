"""The attacks on images: what each sees, how long it runs, and what it finds against one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from foolbox.attacks.base import FixedEpsilonAttack
from foolbox.attacks.deepfool import L2DeepFoolAttack, LinfDeepFoolAttack
from foolbox.attacks.fast_gradient_method import L2FastGradientAttack, LinfFastGradientAttack
from foolbox.attacks.projected_gradient_descent import (
    L2ProjectedGradientDescentAttack,
    LinfProjectedGradientDescentAttack,
)
from foolbox.models.pytorch import PyTorchModel
from torch import Tensor

from rai_platform.robustness.images.apgd import AutoPGD
from rai_platform.robustness.images.decision_search import HopSkipJump
from rai_platform.robustness.images.found import Found
from rai_platform.robustness.images.report import Access, ImageAttack, Norm
from rai_platform.robustness.images.square import Square

STEPS = 50  # gradients of one run of PGD and of Auto-PGD
RESTARTS = 2
DEEPFOOL_STEPS = 50
REACH = 2.5  # a run of PGD can walk this many times epsilon: to the boundary and along it (Madry et al., ICLR 2018)
LATE = 0.9  # of the iterations


@dataclass(frozen=True, slots=True)
class Kind:
    """What an attack sees and does.

    Attributes:
        access: what it sees of the network.
        iterations: of one run; 0 where the number of questions limits it.
        restarts: runs.
    """

    access: Access
    iterations: int
    restarts: int = 1


ATTACKS: dict[ImageAttack, Kind] = {
    "fgsm": Kind("gradients", 1),
    "pgd": Kind("gradients", STEPS, RESTARTS),
    "deepfool": Kind("gradients", DEEPFOOL_STEPS),
    "apgd_ce": Kind("gradients", STEPS, RESTARTS),
    "apgd_dlr": Kind("gradients", STEPS, RESTARTS),
    "square": Kind("scores", 0),
    "hop_skip_jump": Kind("decisions", 0),
}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Images that an attack puts forward.

    Attributes:
        images: for each epsilon (batch, channels, height, width); the same for all of them from an attack that looks for the
            smallest distance.
        late: whether an image was first turned in the last tenth of the iterations (epsilons, batch); None where an attack
            does not tell.
    """

    images: list[Tensor]
    late: Tensor | None = None


def candidates(
    attack: ImageAttack,
    model: PyTorchModel,
    images: Tensor,
    labels: Tensor,
    *,
    norm: Norm,
    epsilons: Sequence[float],
    starts: Tensor | None,
    queries: int,
    seed: int,
) -> Candidates:
    """What an attack puts forward against images (batch, channels, height, width) that are classified rightly (batch,).

    Args:
        attack: its name.
        model: the network.
        images: in [0, 1].
        labels: of the images.
        norm: the distance.
        epsilons: the distances allowed.
        starts: other images that are classified otherwise, of an attack that needs them (batch, ...).
        queries: questions about an image at most, of an attack that sees no gradients.
        seed: of every draw.
    """
    devices = [images.device] if images.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        if attack in ("apgd_ce", "apgd_dlr"):
            search = AutoPGD(
                norm=norm, loss="ce" if attack == "apgd_ce" else "dlr", steps=STEPS, restarts=RESTARTS, seed=seed
            )
            found = [search.search(model, images, labels, epsilon=epsilon) for epsilon in epsilons]
            return _candidates(found, LATE * STEPS * RESTARTS)
        if attack == "square":
            square = Square(norm=norm, queries=queries, seed=seed)
            found = [square.search(model, images, labels, epsilon=epsilon) for epsilon in epsilons]
            return _candidates(found, LATE * queries)
        if attack == "deepfool":
            deepfool = L2DeepFoolAttack if norm == "l2" else LinfDeepFoolAttack
            return Candidates([deepfool(steps=DEEPFOOL_STEPS).run(model, images, labels)] * len(epsilons))
        if attack == "hop_skip_jump":
            search_by_decisions = HopSkipJump(norm=norm, queries=queries)
            return Candidates([search_by_decisions.run(model, images, labels, starting_points=starts)] * len(epsilons))
        runs = _fast_gradient(norm) if attack == "fgsm" else projected_gradient_descent(norm)
        return Candidates([_run(runs, model, images, labels, epsilon) for epsilon in epsilons])


def _candidates(found: Sequence[Found], late: float) -> Candidates:
    return Candidates([each.images for each in found], torch.stack([each.first > late for each in found]))


def _fast_gradient(norm: Norm) -> tuple[FixedEpsilonAttack, ...]:
    return (LinfFastGradientAttack() if norm == "linf" else L2FastGradientAttack(),)


def projected_gradient_descent(
    norm: Norm, *, steps: int = STEPS, restarts: int = RESTARTS
) -> tuple[FixedEpsilonAttack, ...]:
    """The runs of PGD: the first from the image itself, the others from a random point near it."""
    kind = LinfProjectedGradientDescentAttack if norm == "linf" else L2ProjectedGradientDescentAttack
    return tuple(kind(rel_stepsize=REACH / steps, steps=steps, random_start=run > 0) for run in range(restarts))


def _run(
    runs: Sequence[FixedEpsilonAttack],
    model: PyTorchModel,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
) -> Tensor:
    """What the first run that turns an image makes of it; each run attacks those that still stand."""
    best, left = images.clone(), torch.arange(len(images), device=images.device)
    for run in runs:
        tried = run.run(model, images[left], labels[left], epsilon=epsilon)
        best[left] = tried
        with torch.no_grad():
            left = left[model(tried).argmax(1) == labels[left]]
        if not len(left):
            break
    return best
