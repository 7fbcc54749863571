"""Subgroups nobody named, in words that need no statistics."""

from rai_platform.card.sections.discoveries import DiscoverySection, SubgroupRow
from rai_platform.fairness.report import Discovery, FairnessReport

RATE_IN_WORDS = {"selection_rate": "are selected", "error_rate": "are misjudged"}


def discovery_sections(report: FairnessReport) -> tuple[DiscoverySection, ...]:
    """What each search found, and how it was searched."""
    return tuple(_section(each) for each in report.discoveries)


def _section(discovery: Discovery) -> DiscoverySection:
    return DiscoverySection(
        rate=discovery.rate,
        overall=discovery.overall,
        searched=discovery.searched,
        tested=len(discovery.subgroups),
        support=discovery.support,
        false_discovery_rate=discovery.false_discovery_rate,
        how=_how(discovery),
        found=_found(discovery),
        subgroups=tuple(
            SubgroupRow(
                people=each.in_words,
                n=each.n,
                rate=each.rate,
                rest=each.rest,
                difference=each.difference,
                interval=each.interval,
                q_value=each.q_value,
            )
            for each in discovery.confirmed
        ),
    )


def _how(discovery: Discovery) -> str:
    tested = len(discovery.subgroups)
    them = "the one that stood out was" if tested == 1 else f"the {tested} that stood out most were"
    return (
        f"The people were divided into two halves by chance. On one half, {discovery.searched:,} subgroups of at least "
        f"{discovery.support} people, with up to three things in common, were compared with everybody else; {them} tested on "
        "the other half, which played no part in finding them. Whoever looks at so many groups finds some that differ by "
        f"chance: of the subgroups listed, no more than {discovery.false_discovery_rate:.0%} are expected to be such "
        "(the false discovery rate), and the intervals allow for having been picked."
    )


def _found(discovery: Discovery) -> str:
    how_often = RATE_IN_WORDS[discovery.rate]
    if not discovery.searched:
        return f"No subgroup has {discovery.support} people in each half and as many outside it, so none could be looked at."
    if not (confirmed := discovery.confirmed):
        return (
            f"No subgroup was found whose people {how_often} more or less often than everybody else by more than chance. "
            f"That is no proof that there is none: subgroups of fewer than {discovery.support} people in each half "
            "were not looked at, and small differences do not show."
        )
    worst = confirmed[0]
    count = "One subgroup differs" if len(confirmed) == 1 else f"{len(confirmed)} subgroups differ"
    return (
        f"{count} by more than chance. The most: of {worst.n:,} people where {worst.in_words}, {worst.rate:.1%} "
        f"{how_often}, of everybody else {worst.rest:.1%}."
    )
