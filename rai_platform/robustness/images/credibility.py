"""Whether attacks on images are worth believing: a weak one makes every network look robust.

After Carlini et al., On evaluating adversarial robustness, 2019, and Athalye, Carlini and Wagner, Obfuscated gradients give a
false sense of security, ICML 2018, section 3.1: an iterative attack is stronger than a single step, one that sees gradients
stronger than one that does not, one without limits gets through, and a larger distance helps the attacker.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import numpy as np

from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.images.report import (
    IN_WORDS,
    AttackedImages,
    ImageAttack,
    ImageEffort,
    Norm,
)
from rai_platform.robustness.images.searched import Mask, Searched
from rai_platform.robustness.left_over import most_left
from rai_platform.statistics.estimates import PairedDifference, Proportion, paired_difference

SLACK = 0.01  # of the images: what a stronger attack may miss by the chance of where it starts; one image always
WIDEST = 0.15  # of the 95 % interval of accuracy under attack: some 200 images
FLAT = 0.05  # of the images attacked may have no gradient
GAINING = 0.05  # of the images attacked may be turned in the last tenth of an attack
WHITE_BOX: tuple[ImageAttack, ...] = ("fgsm", "pgd", "deepfool", "apgd_ce", "apgd_dlr", "apgd_t")
STRONGER: tuple[tuple[ImageAttack, ImageAttack], ...] = (("fgsm", "pgd"), ("fgsm", "apgd_ce"))
ITERATIVE: tuple[ImageAttack, ...] = ("pgd", "apgd_ce", "apgd_dlr")


def credibility(
    searched: Sequence[Searched],
    *,
    curve: Sequence[AttackedImages],
    efforts: Sequence[ImageEffort],
    no_gradient: Proportion,
    without_limits: Mapping[Norm, tuple[float, float]],
    classes: int,
) -> tuple[CredibilityCheck, ...]:
    """Every check of the attacks, passed or not.

    Args:
        searched: by norm.
        curve: as it is reported.
        efforts: of every attack.
        no_gradient: share of the images attacked without a gradient.
        without_limits: by norm, an epsilon within which every image can become every shade of grey, and what attacks that see
            gradients leave of accuracy there.
        classes: of the network.
    """
    return (
        _listed(
            "a stronger attack never leaves more",
            [told for each in searched for told in _weaker_than_fgsm(each)],
            "at every distance PGD and APGD-CE leave no more than a single step does",
        ),
        _listed(
            "a larger distance never helps the network",
            [told for each in searched for told in _rising(each)],
            "accuracy, as each attack found it, never rises with the distance",
        ),
        _without_limits(without_limits, classes),
        _listed(
            "whoever sees less does no better",
            [told for each in searched for told in _masked(each)],
            "the Square attack, which sees scores alone, turns no more images than the attacks that see gradients",
        ),
        CredibilityCheck(
            name="there are gradients to follow",
            passed=no_gradient.value <= FLAT,
            says=f"the loss has no gradient at {no_gradient.value:.1%} of the images attacked; it may be {FLAT:.0%}",
        ),
        _gaining(searched),
        _genuine(efforts),
        _enough_images(curve),
    )


def _listed(name: str, against: Sequence[str], holds: str) -> CredibilityCheck:
    return CredibilityCheck(name=name, passed=not against, says="; ".join(against) or holds)


def _at(searched: Searched, number: int) -> str:
    return f"at {IN_WORDS[searched.norm]} {searched.epsilons[number]:g}"


def _more(first: Mask, second: Mask) -> bool:
    """Whether clearly more of the first stand than of the second, on the same images (n,)."""
    more = int(first.sum()) - int(second.sum())
    return more > max(1, SLACK * len(first))


def _weaker_than_fgsm(searched: Searched) -> Iterator[str]:
    for weak, strong in STRONGER:
        if weak not in searched.turned or strong not in searched.turned:
            continue
        for number, (before, after) in enumerate(zip(searched.stands(weak), searched.stands(strong), strict=True)):
            if _more(after, before):
                yield (
                    f"{_at(searched, number)} {IN_WORDS[strong]} leaves {after.mean():.1%} and {IN_WORDS[weak]} {before.mean():.1%}"
                )


def _rising(searched: Searched) -> Iterator[str]:
    found = {attack: searched.stands(attack) for attack in ITERATIVE if attack in searched.turned}
    for attack, stands in {**found, "worst_case": searched.right & ~searched.worst()}.items():
        for number, (smaller, larger) in enumerate(itertools.pairwise(stands)):
            if _more(larger, smaller):
                yield (
                    f"{IN_WORDS[attack]} leaves {larger.mean():.1%} {_at(searched, number + 1)} and {smaller.mean():.1%} at "
                    f"{searched.epsilons[number]:g}"
                )


def _without_limits(found: Mapping[Norm, tuple[float, float]], classes: int) -> CredibilityCheck:
    most = most_left(classes)
    told = " and ".join(
        f"{left:.1%} at {IN_WORDS[norm]} {epsilon:g}"
        for norm, (epsilon, left) in found.items()
        if norm in get_args(Norm)
    )
    return CredibilityCheck(
        name="an attack without limits gets through",
        passed=all(left <= most for _, left in found.values()),
        says=f"where every image can become plain grey, attacks that see gradients leave {told}; they may leave {most:.0%}",
    )


def _masked(searched: Searched) -> Iterator[str]:
    if "square" not in searched.turned:
        return
    white = searched.right & ~searched.worst(*WHITE_BOX)
    for number, (seeing, blind) in enumerate(zip(white, searched.stands("square"), strict=True)):
        gap: PairedDifference = paired_difference(seeing, blind, None)
        if gap.bounds().lower > 0 and _more(seeing, blind):
            yield (
                f"{_at(searched, number)} Square leaves {blind.mean():.1%} and every attack that sees gradients together "
                f"{seeing.mean():.1%}: gradients are masked"
            )


def _gaining(searched: Sequence[Searched]) -> CredibilityCheck:
    shares = [
        float(late.sum() / max(1, each.right.sum())) for each in searched for late in np.atleast_2d(each.only_late())
    ]
    most = max(shares, default=0.0)
    return CredibilityCheck(
        name="no attack was cut short",
        passed=most <= GAINING,
        says=f"at most {most:.1%} of the images attacked were turned in the last tenth of the iterations and by no attack before; "
        f"it may be {GAINING:.0%}",
    )


def _genuine(efforts: Sequence[ImageEffort]) -> CredibilityCheck:
    refused = sum(effort.refused for effort in efforts)
    return CredibilityCheck(
        name="every candidate is an image within the distance",
        passed=refused == 0,
        says=f"a check of its own refused {refused} of the images that were put forward; none of them is counted"
        if refused
        else "a check of its own found every pixel between 0 and 1 and every image near enough",
    )


def _enough_images(curve: Sequence[AttackedImages]) -> CredibilityCheck:
    bounds = [point.accuracy.bounds() for point in curve if point.attack == "worst_case"]
    width = max(each.upper - each.lower for each in bounds)
    return CredibilityCheck(
        name="enough images for a narrow interval",
        passed=width <= WIDEST,
        says=f"the widest 95 % interval spans {width:.3f}, and may span {WIDEST:g}",
    )
