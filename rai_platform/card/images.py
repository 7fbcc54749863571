"""The card's part on images that are a little different, by chance or on purpose."""

from rai_platform.card.attack import UPPER_BOUND
from rai_platform.card.doubts import doubts_in_words
from rai_platform.card.figures import figure
from rai_platform.card.sections.images import CorruptionRow, ImageAttackRow, ImageSection
from rai_platform.robustness.images.report import IN_WORDS, AttackedImages, ImageRobustness


def image_section(report: ImageRobustness) -> ImageSection:
    """The curves over distance, what images were changed into, corruptions, and whether to believe the attacks."""
    return ImageSection(
        not_possible=report.not_possible,
        summary="" if report.not_possible else _summary(report),
        doubts=doubts_in_words(report),
        notes=report.notes,
        n=report.n,
        n_corrupted=report.n_corrupted,
        queries=report.queries,
        accuracy=figure("accuracy", "of the images attacked, as they are", report.accuracy)
        if report.accuracy
        else None,
        rows=tuple(_row(point) for point in report.curve),
        efforts=report.efforts,
        examples=report.examples,
        corruptions=tuple(
            CorruptionRow(
                corruption=each.corruption,
                severity=each.severity,
                parameter=each.parameter,
                accuracy=figure("accuracy", "share of images classified rightly after it", each.accuracy),
                drop=figure("drop", "accuracy before minus accuracy after, on the same images", each.drop),
                by_group={
                    feature: {group: rate.value for group, rate in groups.items()}
                    for feature, groups in each.by_group.items()
                },
            )
            for each in report.corruptions
        ),
        checks=report.checks,
    )


def strongest_on_images(report: ImageRobustness) -> str:
    """How far accuracy under attack can be trusted, in a sentence or two."""
    found = {norm: report.strongest(norm) for norm in report.norms} if report.efforts else {}
    named = [f"{IN_WORDS[attack]} within {IN_WORDS[norm]}" for norm, attack in found.items() if attack]
    return f"{UPPER_BOUND} The strongest attack tried was {' and '.join(named)}." if named else UPPER_BOUND


def _summary(report: ImageRobustness) -> str:
    if report.accuracy is None:
        return ""
    _, height, width = report.shape
    said = [
        f"{report.n:,} images of {height} by {width} pixels, drawn by chance, were changed by attacks that want the network to be "
        f"wrong. As they are, accuracy on them is {report.accuracy.value:.1%}."
    ]
    for norm in report.norms:
        points = sorted(report.worst_case(norm), key=lambda point: point.epsilon)
        fallen = " and ".join(
            f"{_percent(point)} within {point.epsilon:g}" for point in (*points[:1], *points[1:][-1:])
        )
        said.append(f"Measured by {IN_WORDS[norm]}, it falls to {fallen}.")
    return " ".join([*said, strongest_on_images(report)])


def _percent(point: AttackedImages) -> str:
    bounds = point.accuracy.bounds()
    return f"{point.accuracy.value:.1%} ({bounds.lower:.1%} to {bounds.upper:.1%})"


def _row(point: AttackedImages) -> ImageAttackRow:
    told = "share of images classified rightly however they were changed"
    return ImageAttackRow(
        attack=point.attack,
        norm=point.norm,
        epsilon=point.epsilon,
        accuracy=figure("accuracy", told, point.accuracy),
        drop=figure("drop", "accuracy as they are minus accuracy under attack, of the same images", point.drop),
        by_class={name: figure("accuracy", "under attack", rate) for name, rate in point.by_class.items()},
        by_group={
            feature: {group: figure("accuracy", "under attack", rate) for group, rate in groups.items()}
            for feature, groups in point.by_group.items()
        },
    )
