"""The card's part on people who change what they could change, to be decided about otherwise."""

from rai_platform.card.doubts import doubts_in_words
from rai_platform.card.figures import figure
from rai_platform.card.sections.attack import AttackRow, AttackSection
from rai_platform.robustness.attack_report import AttackedAccuracy, ConstrainedAttack, Direction

UPPER_BOUND = "Accuracy under attack is an upper bound: another attack may do worse to the model."
TURNED: dict[Direction, tuple[str, str]] = {
    "refused_to_selected": ("rightly refused", "selected"),
    "selected_to_refused": ("rightly selected", "refused"),
}


def attack_section(report: ConstrainedAttack) -> AttackSection:
    """The curve over the budget, what would have to change, and whether to believe it."""
    return AttackSection(
        not_possible=report.not_possible,
        summary="" if report.not_possible else _summary(report),
        doubts=doubts_in_words(report),
        n=report.n,
        queries=report.queries,
        accuracy=figure("accuracy", "of the people drawn, as they are", report.accuracy) if report.accuracy else None,
        rows=tuple(_row(point) for point in report.curve),
        efforts=report.efforts,
        examples=report.examples,
        checks=report.checks,
        mutable=report.mutable or {},
        immutable=report.immutable or {},
        relations=report.relations,
    )


def strongest_in_words(report: ConstrainedAttack) -> str:
    """How far accuracy under attack can be trusted, in a sentence or two."""
    strongest = f" The strongest attack tried was {report.strongest.replace('_', ' ')}." if report.strongest else ""
    return f"{UPPER_BOUND}{strongest}"


def _summary(report: ConstrainedAttack) -> str:
    if report.accuracy is None or not report.worst_case:
        return ""
    largest = max(report.worst_case, key=lambda point: point.budget)
    bounds = largest.accuracy.bounds()
    said = [
        f"When each of {report.n:,} people, drawn by chance, changes what a person could change at a cost of up to "
        f"{largest.budget:g}, accuracy falls from {report.accuracy.value:.1%} to {largest.accuracy.value:.1%} "
        f"({bounds.lower:.1%} to {bounds.upper:.1%})."
    ]
    for direction, (who, becomes) in TURNED.items():
        if direction in largest.turned:
            share = largest.turned[direction]
            said.append(f"Of the {share.n:,} {who}, {share.value:.1%} could be {becomes}.")
    return " ".join([*said, strongest_in_words(report)])


def _row(point: AttackedAccuracy) -> AttackRow:
    return AttackRow(
        attack=point.attack,
        budget=point.budget,
        accuracy=figure("accuracy", "share of people rightly decided about however they were changed", point.accuracy),
        drop=figure("drop", "accuracy as they are minus accuracy under attack, of the same people", point.drop),
        by_group={
            feature: {group: figure("accuracy", "under attack", rate) for group, rate in groups.items()}
            for feature, groups in point.by_group.items()
        },
        turned={
            direction: figure("turned", "share whose decision was turned", rate)
            for direction, rate in point.turned.items()
        },
    )
