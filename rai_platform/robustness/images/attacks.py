"""The attacks on images: what each sees, how long it runs, and what it finds against one batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

from rai_platform.robustness.images.apgd import AutoPGD, TargetedAutoPGD
from rai_platform.robustness.images.decision_search import HopSkipJump
from rai_platform.robustness.images.found import Found
from rai_platform.robustness.images.losses import LEAST_CLASSES_OF_TARGETED_DLR
from rai_platform.robustness.images.report import Access, ImageAttack, Norm
from rai_platform.robustness.images.square import Square

STEPS = 50  # gradients of one run of PGD and of Auto-PGD
RESTARTS = 2
TARGETED_STEPS = 20  # gradients of a run of APGD-T towards one class
TARGETS = 9  # classes it runs towards
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
    "apgd_t": Kind("gradients", TARGETED_STEPS, TARGETS),
    "square": Kind("scores", 0),
    "hop_skip_jump": Kind("decisions", 0),
}


def attacks_on(classes: int) -> dict[ImageAttack, Kind]:
    """The attacks on a network with so many classes: APGD-T is not defined for few, and has no more runs than other classes."""
    if classes < LEAST_CLASSES_OF_TARGETED_DLR:
        return {attack: kind for attack, kind in ATTACKS.items() if attack != "apgd_t"}
    return ATTACKS | {"apgd_t": replace(ATTACKS["apgd_t"], restarts=min(TARGETS, classes - 1))}


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
            return _candidates(found)
        if attack == "apgd_t":
            targeted = TargetedAutoPGD(norm=norm, steps=TARGETED_STEPS, targets=TARGETS, seed=seed)
            found = [targeted.search(model, images, labels, epsilon=epsilon) for epsilon in epsilons]
            return _candidates(found)
        if attack == "square":
            square = Square(norm=norm, queries=queries, seed=seed)
            found = [square.search(model, images, labels, epsilon=epsilon) for epsilon in epsilons]
            return _candidates(found)
        if attack == "deepfool":
            deepfool = L2DeepFoolAttack if norm == "l2" else LinfDeepFoolAttack
            return Candidates([deepfool(steps=DEEPFOOL_STEPS).run(model, images, labels)] * len(epsilons))
        if attack == "hop_skip_jump":
            search_by_decisions = HopSkipJump(norm=norm, queries=queries)
            return Candidates([search_by_decisions.run(model, images, labels, starting_points=starts)] * len(epsilons))
        runs = _fast_gradient(norm) if attack == "fgsm" else projected_gradient_descent(norm)
        return Candidates([_run(runs, model, images, labels, epsilon) for epsilon in epsilons])


def _candidates(found: Sequence[Found]) -> Candidates:
    late = torch.stack([each.first > LATE * each.iterations for each in found])
    return Candidates([each.images for each in found], late)


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
