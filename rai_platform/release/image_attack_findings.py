"""What attacks on images and corruptions of them say about how much accuracy is left."""

from rai_platform.release.finding import (
    Finding,
    Levels,
    bounds_of,
    in_words,
    not_credible,
    not_in_report,
    nothing,
    number,
)
from rai_platform.robustness.images.report import IN_WORDS, ImageRobustness, Norm
from rai_platform.robustness.report import RobustnessScores
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval

CORRUPTION = "accuracy_drop_under_corruption"
UNDER_ATTACK: dict[str, Norm] = {"accuracy_under_linf_attack": "linf", "accuracy_under_l2_attack": "l2"}
IMAGE_METRICS = (*UNDER_ATTACK, CORRUPTION)
NO_IMAGES = "the model decides about rows of a table: no image was attacked or corrupted"


def find_in_images(check: RequiredCheck, report: RobustnessScores, levels: Levels) -> Finding:
    """What a robustness report says of images; nothing where it is not about images.

    Raises:
        EvidenceMissing: the norm, the distance or the severity was not tried.
    """
    if report.images is None:
        why = f"nothing could be tried: {report.not_possible}" if report.not_possible else NO_IMAGES
        return nothing(why, report.n)
    if report.images.not_possible is not None:
        return nothing(f"nothing could be tried: {report.images.not_possible}", report.images.n)
    if check.requirement.metric == CORRUPTION:
        return _in_corruptions(check, report.images, levels)
    return find_in_image_attack(check, report.images, levels)


def find_in_image_attack(check: RequiredCheck, report: ImageRobustness, levels: Levels) -> Finding:
    """Accuracy in the worst case over all attacks; nothing where they are not worth believing.

    Raises:
        EvidenceMissing: the norm or the distance was not tried.
    """
    norm = UNDER_ATTACK[check.requirement.metric]
    if report.doubts:
        return not_credible(report, report.n)
    if check.requirement.strength is None and not report.worst_case(norm):
        return nothing(f"no distance of the kind {IN_WORDS[norm]} is tried: name some under `attacks.images`", report.n)
    epsilon = check.requirement.strength or max((point.epsilon for point in report.worst_case(norm)), default=0.0)
    found = report.at(norm, epsilon)
    if found is None:
        raise not_in_report(check, f"attacks within {IN_WORDS[norm]} {epsilon:g}")
    return Finding(
        says=f"attacks that change an image by {IN_WORDS[norm]} {epsilon:g} at most take accuracy from "
        f"{number(found.accuracy.value + found.drop.value)} to {number(found.accuracy.value)} or lower (strongest attack: "
        f"{IN_WORDS[report.strongest(norm) or 'worst_case']})",
        value=found.accuracy.value,
        bounds=bounds_of(found.accuracy, levels, "high"),
        n=found.accuracy.n,
    )


def _in_corruptions(check: RequiredCheck, report: ImageRobustness, levels: Levels) -> Finding:
    severity = check.requirement.strength or max((each.severity for each in report.corruptions), default=0)
    tried = report.corrupted_at(severity)
    if not tried:
        raise not_in_report(check, f"corruptions of severity {severity:g}")
    worst = max(tried, key=lambda each: each.drop.value)
    bounds = [bounds_of(each.drop, levels, "low") for each in tried]
    return Finding(
        says=f"{in_words(worst.corruption)} of severity {worst.severity} ({worst.parameter}) takes accuracy from "
        f"{number(worst.accuracy.value + worst.drop.value)} to {number(worst.accuracy.value)}, a drop of "
        f"{number(worst.drop.value)}, more than any other corruption that was tried",
        value=worst.drop.value,
        bounds=Interval(lower=max(each.lower for each in bounds), upper=max(each.upper for each in bounds)),
        n=worst.drop.n,
    )
