"""One attack on one batch of images, and an independent check of what it claims."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from foolbox.models.pytorch import PyTorchModel
from torch import nn

from rai_platform.robustness.images.attacks import candidates
from rai_platform.robustness.images.network import Counted, Images, Labels
from rai_platform.robustness.images.report import ImageAttack, Norm

TOLERANCE = 1e-5  # of a distance, in units of a pixel's range: what rounding of 32-bit floats may add
SHOWN = 2  # images that a batch gives as examples

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assault:
    """One attack on one batch.

    Attributes:
        attack: its name.
        norm: the distance.
        epsilons: the distances allowed, from the smallest.
        rows: the images attacked, all classified rightly (batch,).
        queries: questions about an image at most, of an attack that sees no gradients.
        seed: of its draws.
    """

    attack: ImageAttack
    norm: Norm
    epsilons: tuple[float, ...]
    rows: tuple[int, ...]
    queries: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An image that was turned.

    Attributes:
        row: which.
        epsilon: the distance allowed.
        distance: the distance it took.
        taken_for: the class that the network names.
        image: what it was turned into (channels, height, width).
    """

    row: int
    epsilon: float
    distance: float
    taken_for: int
    image: Images


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one attack on one batch came to.

    Attributes:
        turned: whether each image is classified wrongly, by epsilon (epsilons, batch); checked independently.
        late: whether it was turned in the last tenth of the iterations and never before (epsilons, batch); None where the
            attack does not tell.
        asked: images that the network classified.
        refused: candidates that the check refused: no image, or too far away. One that is classified as before is not among
            them, since an attack may fail.
        examples: those turned within the smallest distance.
    """

    turned: Mask
    late: Mask | None
    asked: int
    refused: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A network and the images drawn.

    Attributes:
        network: gives logits; frozen, on the device.
        images: (n, channels, height, width), in [0, 1].
        labels: (n,).
        predicted: what the network says of them as they are (n,).
        device: where the network is.
    """

    network: nn.Module
    images: Images
    labels: Labels
    predicted: Labels
    device: str


def distances(originals: Images, perturbed: Images, norm: Norm) -> npt.NDArray[np.float64]:
    """The distance of each image (batch, ...) from its original, in 64-bit floats (batch,)."""
    change = np.abs(perturbed.astype("float64") - originals.astype("float64")).reshape(len(originals), -1)
    found: npt.NDArray[np.float64] = change.max(axis=1) if norm == "linf" else np.sqrt((change**2).sum(axis=1))
    return found


def carry_out(target: Target, assault: Assault) -> Outcome:
    """What an attack comes to, where every success is established by asking the network once more, past the attack's libraries."""
    rows = np.array(assault.rows)
    starts = nearest_otherwise(target, rows) if assault.attack == "hop_skip_jump" else None
    if starts is not None and len(starts) < len(
        rows
    ):  # the network names one class for everything: no start for anybody
        nobody = np.zeros((len(assault.epsilons), len(rows)), dtype=bool)
        return Outcome(turned=nobody, late=None, asked=0, refused=0, examples=())
    counted = Counted(target.network).eval()
    images = torch.from_numpy(target.images[rows]).to(target.device)
    found = candidates(
        assault.attack,
        PyTorchModel(counted, bounds=(0, 1), device=target.device),
        images,
        torch.from_numpy(target.labels[rows]).to(target.device),
        norm=assault.norm,
        epsilons=assault.epsilons,
        starts=None if starts is None else torch.from_numpy(starts).to(target.device),
        queries=assault.queries,
        seed=assault.seed,
    )
    put_forward = [each.detach().cpu().numpy() for each in found.images]
    checked = [
        verify(target, rows, each, assault.norm, epsilon)
        for each, epsilon in zip(put_forward, assault.epsilons, strict=True)
    ]
    turned = np.stack([each.turned for each in checked])
    smallest_distance = assault.attack in (
        "deepfool",
        "hop_skip_jump",
    )  # too far is then no violation, it is not small enough
    return Outcome(
        turned=turned,
        late=None if found.late is None else found.late.cpu().numpy() & turned,
        asked=counted.asked,
        refused=sum(each.no_image if smallest_distance else each.no_image + each.too_far for each in checked),
        examples=tuple(_examples(rows, put_forward, checked, assault)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the independent check says of a batch of candidates.

    Attributes:
        turned: an image, near enough, and classified wrongly (batch,).
        no_image: candidates with a pixel outside [0, 1], or none that is a number.
        too_far: candidates beyond epsilon.
        distance: (batch,).
        predicted: the network's class (batch,).
    """

    turned: Mask
    no_image: int
    too_far: int
    distance: npt.NDArray[np.float64]
    predicted: Labels


def verify(target: Target, rows: npt.NDArray[np.int64], perturbed: Images, norm: Norm, epsilon: float) -> Verified:
    """Whether candidates (batch, channels, height, width) are what they have to be."""
    flat = perturbed.reshape(len(perturbed), -1)
    image: Mask = np.asarray((np.isfinite(flat) & (flat >= 0) & (flat <= 1)).all(axis=1))
    usable = np.where(image[:, None, None, None], perturbed, target.images[rows]).astype("float32")
    distance = distances(target.images[rows], usable, norm)
    near = distance <= epsilon + TOLERANCE
    with torch.no_grad():
        predicted = target.network(torch.from_numpy(usable).to(target.device)).argmax(1).cpu().numpy()
    return Verified(
        turned=image & near & (predicted != target.labels[rows]),
        no_image=int((~image).sum()),
        too_far=int((image & ~near).sum()),
        distance=distance,
        predicted=predicted,
    )


def nearest_otherwise(target: Target, rows: npt.NDArray[np.int64]) -> Images:
    """For each image the nearest one drawn that the network classifies otherwise (batch, ...); fewer where there is none."""
    flat = target.images.reshape(len(target.images), -1)
    found = []
    for row in rows:
        others = np.flatnonzero(np.not_equal(target.predicted, target.labels[row]))
        if len(others):
            found.append(others[np.linalg.norm(flat[others] - flat[row], axis=1).argmin()])
    return target.images[found]


def _examples(
    rows: npt.NDArray[np.int64],
    put_forward: list[Images],
    checked: list[Verified],
    assault: Assault,
) -> list[Example]:
    """The first images turned within the smallest epsilon that turns any."""
    for epsilon, images, found in zip(assault.epsilons, put_forward, checked, strict=True):
        if found.turned.any():
            return [
                Example(
                    row=int(rows[at]),
                    epsilon=epsilon,
                    distance=float(found.distance[at]),
                    taken_for=int(found.predicted[at]),
                    image=images[at],
                )
                for at in np.flatnonzero(found.turned)[:SHOWN]
            ]
    return []


def without_gradient(target: Target, rows: npt.NDArray[np.int64]) -> Mask:
    """Which images (batch,) have a cross-entropy whose gradient is 0 in every pixel, or no number."""
    images = torch.from_numpy(target.images[rows]).to(target.device).requires_grad_(True)
    logits = Counted(target.network)(images)
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(target.labels[rows]).to(target.device), reduction="sum")
    (gradient,) = torch.autograd.grad(loss, images)
    flat = gradient.flatten(1)
    none: Mask = ((flat == 0).all(1) | ~flat.isfinite().all(1)).cpu().numpy()
    return none
