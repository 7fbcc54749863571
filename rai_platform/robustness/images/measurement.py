"""Accuracy of an image classifier when images are a little different, by chance or on purpose."""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.errors import UnscorableRows, UnsuitableData
from rai_platform.robustness.images.corruptions import CORRUPTIONS, corrupted, in_words
from rai_platform.robustness.images.credibility import credibility
from rai_platform.robustness.images.report import (
    SEVERITIES,
    AdversarialImage,
    AttackedImages,
    CorruptedAccuracy,
    ImageAttack,
    ImageEffort,
    ImageRobustness,
    Norm,
    Picture,
)
from rai_platform.robustness.images.searched import Mask, Searched
from rai_platform.robustness.people import People
from rai_platform.spec.attacks import ImageAttacks
from rai_platform.statistics.estimates import weighted_proportion

if TYPE_CHECKING:
    from torch import nn

    from rai_platform.robustness.images.attacks import Kind
    from rai_platform.robustness.images.ensemble import Assault, Example, Outcome, Target

USUAL = ImageAttacks()
EPSILONS: Mapping[Norm, tuple[float, ...]] = {"linf": USUAL.linf, "l2": USUAL.l2}
BATCH = 50  # images attacked at a time
BY_DECISIONS = 50  # images for the attack that sees decisions alone, which learns least from a question
TOGETHER = 10  # of these at a time: it holds as many copies of each as it asks questions in a step
TRIED = 100  # rightly classified images for the attack without limits
EXAMPLES = 3  # images shown of each norm

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def measure_image_robustness(
    network: "nn.Module",
    images: Images,
    labels: Labels,
    *,
    classes: Sequence[str],
    sensitive_features: pd.DataFrame,
    row_key: npt.NDArray[np.int64],
    seed: int,
    epsilons: Mapping[Norm, Sequence[float]] = EPSILONS,
    budget: int = USUAL.examples,
    queries: int = USUAL.queries,
    workers: int = 1,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    weight: npt.NDArray[np.float64] | None = None,
    cluster: npt.NDArray[np.int64] | None = None,
) -> ImageRobustness:
    """What becomes of accuracy when images, drawn by chance, are attacked, and when all of them are corrupted.

    Args:
        network: gives logits (batch, classes) for 32-bit images (batch, channels, height, width) in [0, 1]; is not changed.
        images: (n, channels, height, width), 32-bit, in [0, 1].
        labels: the class of each image, as a number (n,).
        classes: their names, in the order of the logits.
        sensitive_features: groups (n, sensitive features); no column where there are none.
        row_key: rows in the source (n,).
        seed: of who is drawn, and of every draw of an attack.
        epsilons: the distances tried, by norm; a norm that is left out is not tried.
        budget: images attacked.
        queries: questions about an image at most, of the attacks that see no gradients.
        workers: processes, for more than one of which `torch.save` has to be able to write the network; nothing depends on it.
        device: of torch; CUDA where there is one, by default.
        progress: is told how many batches are done, and of how many.
        weight: sampling weights (n,); None where all images count the same.
        cluster: a number for the patient or writer that an image is of (n,); None where images are independent.

    Raises:
        UnsuitableData: images, labels and the rest do not fit each other or are not what they have to be.
        UnscorableRows: the network gives no finite logits (images, classes).
    """
    from rai_platform.robustness.images.attacks import attacks_on
    from rai_platform.robustness.images.ensemble import Target, without_gradient
    from rai_platform.robustness.images.network import device_for, frozen, logits_of, one_thread
    from rai_platform.robustness.images.workers import carry_out_all

    labels, tried = labels.astype("int64"), _sorted(epsilons)
    _must_fit(images, labels, classes, sensitive_features, row_key)
    everybody = People(sensitive_features=sensitive_features, weight=weight, cluster=cluster)
    where = device_for(device)
    still = frozen(network, where)
    with one_thread():
        logits = logits_of(still, images, where, batch=BATCH)
        if logits.shape[1] != len(classes):
            raise UnscorableRows(f"expected logits of {len(classes)} classes, got {logits.shape[1]}")
        predicted = logits.argmax(axis=1).astype("int64")
        corruptions = tuple(_corrupted(still, images, labels, predicted, everybody, device=where, seed=seed))

    drawn = np.random.default_rng([seed, zlib.crc32(b"images")]).permutation(len(images))[:budget]
    target = Target(network=still, images=images[drawn], labels=labels[drawn], predicted=predicted[drawn], device=where)
    right = target.predicted == target.labels
    people = everybody.take(drawn)
    attacks = attacks_on(len(classes))
    assaults = list(_assaults(tried, attacks, right, queries=queries, seed=seed))
    unlimited = {norm: _everything(norm, images.shape[1:], tried[norm]) for norm in tried}
    last = list(_last_assaults(unlimited, right, seed=seed))
    outcomes = carry_out_all(target, [*assaults, *last], workers=workers, progress=progress)
    done = list(zip(assaults, outcomes[: len(assaults)], strict=True))
    searched = [_searched(norm, tried[norm], attacks, right, done) for norm in tried]
    curve = tuple(point for each in searched for point in _curve(each, target.labels, classes, people))
    efforts = tuple(effort for each in searched for effort in _efforts(each, attacks, done)) if right.any() else ()
    rows = np.flatnonzero(right)
    with one_thread():
        flat = [without_gradient(target, rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
    no_gradient = weighted_proportion(np.concatenate(flat), None) if flat else None
    left = _left(right, list(zip(last, outcomes[len(assaults) :], strict=True)))
    return ImageRobustness(
        not_possible=None,
        n=len(drawn),
        n_corrupted=len(images),
        shape=cast("tuple[int, int, int]", tuple(images.shape[1:])),
        queries=queries,
        accuracy=people.share(right),
        curve=curve,
        efforts=efforts,
        no_gradient=no_gradient,
        examples=tuple(_examples(target, row_key[drawn], classes, done)),
        corruptions=corruptions,
        checks=credibility(
            searched,
            curve=curve,
            efforts=efforts,
            no_gradient=no_gradient,
            without_limits={norm: (unlimited[norm], left[norm]) for norm in tried},
            classes=len(classes),
        )
        if no_gradient
        else (),
        notes=_notes(len(classes), len(drawn)),
    )


def _sorted(epsilons: Mapping[Norm, Sequence[float]]) -> dict[Norm, tuple[float, ...]]:
    tried = {norm: tuple(sorted(set(values))) for norm, values in epsilons.items() if len(values)}
    if not tried or any(not (math.isfinite(value) and value > 0) for values in tried.values() for value in values):
        raise UnsuitableData(f"expected distances above 0 for at least one of linf and l2, got {dict(epsilons)}")
    if unknown := set(tried) - set(EPSILONS):
        raise UnsuitableData(f"expected distances for linf and l2, got {', '.join(sorted(map(str, unknown)))}")
    return tried


def _must_fit(
    images: Images,
    labels: Labels,
    classes: Sequence[str],
    sensitive_features: pd.DataFrame,
    row_key: npt.NDArray[np.int64],
) -> None:
    if images.ndim != 4 or images.dtype != np.float32 or not images.size:
        raise UnsuitableData(
            f"expected 32-bit images (n, channels, height, width), got {images.dtype} of shape {images.shape}"
        )
    if not np.isfinite(images).all() or images.min() < 0 or images.max() > 1:
        raise UnsuitableData(f"expected pixels from 0 to 1, got {images.min():g} to {images.max():g}")
    counts = {
        "labels": len(labels),
        "rows of sensitive features": len(sensitive_features),
        "row keys": len(row_key),
    }
    for what, count in counts.items():
        if count != len(images):
            raise UnsuitableData(f"expected {len(images)} {what}, one for each image, got {count}")
    if len(classes) < 2:
        raise UnsuitableData(f"expected two classes or more, got {len(classes)}")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise UnsuitableData(f"expected labels from 0 to {len(classes) - 1}, got {labels.min()} to {labels.max()}")


# --- what is attacked ----------------------------------------------------------------------------------------------------


def _assaults(
    tried: Mapping[Norm, tuple[float, ...]], attacks: Iterable[ImageAttack], right: Mask, *, queries: int, seed: int
) -> Iterator["Assault"]:
    for norm, epsilons in tried.items():
        for attack in attacks:
            size = TOGETHER if attack == "hop_skip_jump" else BATCH
            for number, rows in enumerate(_batches(right & _tried(attack, len(right)), size)):
                yield _assault(attack, norm, epsilons, rows, number, queries=queries, seed=seed)


def _last_assaults(unlimited: Mapping[Norm, float], right: Mask, *, seed: int) -> Iterator["Assault"]:
    first = _first(right)
    for norm, epsilon in unlimited.items():
        for attack in ("apgd_ce", "apgd_dlr"):
            for number, rows in enumerate(_batches(first)):
                yield _assault(attack, norm, (epsilon,), rows, number, queries=0, seed=seed)


def _first(right: Mask) -> Mask:
    """The images that attacks without limits are tried on (n,): the first that are classified rightly."""
    return right & (np.cumsum(right) <= TRIED)


def _assault(
    attack: ImageAttack,
    norm: Norm,
    epsilons: tuple[float, ...],
    rows: npt.NDArray[np.intp],
    number: int,
    *,
    queries: int,
    seed: int,
) -> "Assault":
    from rai_platform.robustness.images.ensemble import Assault

    (own,) = np.random.SeedSequence([seed, zlib.crc32(f"{norm} {attack}".encode()), number]).generate_state(1)
    return Assault(
        attack=attack,
        norm=norm,
        epsilons=epsilons,
        rows=tuple(int(row) for row in rows),
        queries=queries,
        seed=int(own),
    )


def _tried(attack: ImageAttack, n: int) -> Mask:
    """The images that an attack is tried on (n,)."""
    tried: Mask = np.arange(n) < (BY_DECISIONS if attack == "hop_skip_jump" else n)
    return tried


def _batches(mask: Mask, size: int = BATCH) -> list[npt.NDArray[np.intp]]:
    rows = np.flatnonzero(mask)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _everything(norm: Norm, shape: tuple[int, ...], epsilons: Sequence[float]) -> float:
    """A distance within which every image can become plain grey."""
    grey = 0.5 if norm == "linf" else 0.5 * math.sqrt(math.prod(shape))
    return max(grey, *epsilons)


# --- what came of it -----------------------------------------------------------------------------------------------------


def _searched(
    norm: Norm,
    epsilons: tuple[float, ...],
    attacks: Iterable[ImageAttack],
    right: Mask,
    done: Sequence[tuple["Assault", "Outcome"]],
) -> Searched:
    shape = (len(epsilons), len(right))
    turned: dict[ImageAttack, Mask] = {attack: np.zeros(shape, dtype=bool) for attack in attacks}
    late: dict[ImageAttack, Mask] = {}
    for assault, outcome in done:
        if assault.norm != norm:
            continue
        rows = list(assault.rows)
        turned[assault.attack][:, rows] = outcome.turned
        if outcome.late is not None:
            late.setdefault(assault.attack, np.zeros(shape, dtype=bool))[:, rows] = outcome.late
    return Searched(
        norm=norm,
        epsilons=epsilons,
        right=right,
        turned=turned,
        late=late,
        tried={attack: _tried(attack, len(right)) for attack in attacks},
    )


def _curve(searched: Searched, labels: Labels, classes: Sequence[str], people: People) -> Iterator[AttackedImages]:
    right = searched.right
    for attack in searched.turned:
        tried = searched.tried[attack]
        asked = people.take(tried)
        within, alone = searched.within(attack), searched.turned[attack]
        for number, epsilon in enumerate(searched.epsilons):
            yield AttackedImages(
                attack=attack,
                norm=searched.norm,
                epsilon=epsilon,
                accuracy=asked.share((right & ~within[number])[tried]),
                as_found=asked.share((right & ~alone[number])[tried]),
                drop=asked.drop(right[tried], (right & ~within[number])[tried]),
                by_class={},
                by_group={},
            )
    alone = searched.worst()
    within = np.logical_or.accumulate(alone, axis=0)
    for number, epsilon in enumerate(searched.epsilons):
        stands = right & ~within[number]
        yield AttackedImages(
            attack="worst_case",
            norm=searched.norm,
            epsilon=epsilon,
            accuracy=people.share(stands),
            as_found=people.share(right & ~alone[number]),
            drop=people.drop(right, stands),
            by_class={
                name: people.take(np.equal(labels, label)).share(stands[np.equal(labels, label)])
                for label, name in enumerate(classes)
                if label in labels
            },
            by_group=people.by_group(stands),
        )


def _efforts(
    searched: Searched, attacks: Mapping[ImageAttack, "Kind"], done: Sequence[tuple["Assault", "Outcome"]]
) -> Iterator[ImageEffort]:
    for attack, kind in attacks.items():
        attacked = searched.right & searched.tried[attack]
        if not attacked.any():
            continue
        own = [outcome for assault, outcome in done if (assault.norm, assault.attack) == (searched.norm, attack)]
        late = np.asarray(searched.late[attack].any(axis=0)) if attack in searched.late else None
        yield ImageEffort(
            attack=attack,
            norm=searched.norm,
            access=kind.access,
            iterations=kind.iterations,
            restarts=kind.restarts,
            queries=sum(outcome.asked for outcome in own) / int(attacked.sum()),
            turned=weighted_proportion(searched.within(attack)[-1][attacked], None),
            late=None if late is None else weighted_proportion(late[attacked], None),
            refused=sum(outcome.refused for outcome in own),
        )


def _left(right: Mask, last: Sequence[tuple["Assault", "Outcome"]]) -> dict[Norm, float]:
    """By norm, the share that attacks without limits leave of the images they are tried on."""
    tried = _first(right)
    left: dict[Norm, Mask] = {}
    for assault, outcome in last:
        stands = left.setdefault(assault.norm, tried.copy())
        stands[[row for row, turned in zip(assault.rows, outcome.turned[0], strict=True) if turned]] = False
    return {norm: float(stands[tried].mean()) for norm, stands in left.items()}


def _examples(
    target: "Target",
    row_key: npt.NDArray[np.int64],
    classes: Sequence[str],
    done: Sequence[tuple["Assault", "Outcome"]],
) -> Iterator[AdversarialImage]:
    """Of each norm the images turned within the smallest epsilon, no two of a class while there are others."""
    for norm in dict.fromkeys(assault.norm for assault, _ in done):
        found = [
            (assault, example) for assault, outcome in done if assault.norm == norm for example in outcome.examples
        ]
        found.sort(key=lambda pair: (pair[1].epsilon, pair[1].distance, pair[1].row))
        for assault, example in _of_many_classes(found, target.labels):
            yield AdversarialImage(
                row_key=int(row_key[example.row]),
                label=classes[target.labels[example.row]],
                taken_for=classes[example.taken_for],
                attack=assault.attack,
                norm=norm,
                epsilon=example.epsilon,
                distance=example.distance,
                original=Picture.of(target.images[example.row]),
                adversarial=Picture.of(example.image),
            )


def _of_many_classes(found: Iterable[tuple["Assault", "Example"]], labels: Labels) -> list[tuple["Assault", "Example"]]:
    first: dict[int, tuple[Assault, Example]] = {}
    others: dict[int, tuple[Assault, Example]] = {}
    for pair in found:
        row = pair[1].row
        if int(labels[row]) not in {int(labels[each]) for each in first}:
            first[row] = pair
        elif row not in first:
            others.setdefault(row, pair)
    return [*first.values(), *others.values()][:EXAMPLES]


def _notes(classes: int, n: int) -> tuple[str, ...]:
    from rai_platform.robustness.images.losses import LEAST_CLASSES_OF_DLR, LEAST_CLASSES_OF_TARGETED_DLR

    notes = ["An image that was turned within a smaller distance counts as turned within a larger one."]
    if n > BY_DECISIONS:
        notes.append(
            f"HopSkipJump, which sees decisions alone, was tried on {BY_DECISIONS} of the images, and tells nothing of the others."
        )
    if classes < LEAST_CLASSES_OF_DLR:
        notes.append(
            "The difference of logits ratio is not defined for two classes: APGD-DLR ascended the margin of the logits."
        )
    if classes < LEAST_CLASSES_OF_TARGETED_DLR:
        notes.append(
            f"APGD-T, which ascends towards one class after the other, is not defined for {classes} classes, and was not tried."
        )
    return tuple(notes)


# --- corruptions ---------------------------------------------------------------------------------------------------------


def _corrupted(
    network: "nn.Module",
    images: Images,
    labels: Labels,
    predicted: Labels,
    people: People,
    *,
    device: str,
    seed: int,
) -> Iterator[CorruptedAccuracy]:
    from rai_platform.robustness.images.network import logits_of

    before = predicted == labels
    for corruption in CORRUPTIONS:
        for severity in SEVERITIES:
            answers = [
                logits_of(network, batch, device, batch=BATCH).argmax(axis=1)
                for batch in corrupted(images, corruption, severity, seed=seed)
            ]
            after = np.concatenate(answers) == labels
            yield CorruptedAccuracy(
                corruption=corruption,
                severity=severity,
                parameter=in_words(corruption, severity),
                accuracy=people.share(after),
                drop=people.drop(before, after),
                by_group=people.by_group(after),
            )
