"""The card's part on attempts to inject instructions."""

from rai_platform.card.doubts import doubts_in_words
from rai_platform.card.figures import figure
from rai_platform.card.sections.prompts import EndpointSection, FamilyRow, GuardSection, ProbeRow, PromptSection
from rai_platform.robustness.prompts.harmless import ALL
from rai_platform.robustness.prompts.report import (
    EndpointReport,
    FamilyResult,
    GuardReport,
    PromptRobustness,
)

EVADES = "share of the recognized injections that are not recognized once changed"
LEAKS = "share of the attacks after which the answer holds the secret"
TAKEN = "share of harmless prompts that are taken for injections"


def prompt_section(report: PromptRobustness) -> PromptSection:
    """What the guard lets through and refuses, what the endpoint gives away, and what garak counted."""
    return PromptSection(
        guard=_guard(report.guard) if report.guard else None,
        endpoint=_endpoint(report.endpoint) if report.endpoint else None,
        imported=tuple(
            ProbeRow(
                probe=each.probe,
                detector=each.detector,
                failed=figure("failed", "share of the answers that the detector objects to", each.failed),
            )
            for each in report.imported
        ),
    )


def _guard(report: GuardReport) -> GuardSection:
    over = {ALL: report.over_defence, **(report.by_source or {})} if report.over_defence else {}
    return GuardSection(
        not_possible=report.not_possible,
        summary=_guard_in_words(report),
        doubts=doubts_in_words(report),
        detection=figure("detection", "share of injections recognized as they are", report.detection)
        if report.detection
        else None,
        families=_families(report.families, EVADES),
        over_defence={source: figure("over-defence", TAKEN, rate) for source, rate in over.items()},
        taken=report.taken,
        examples=report.examples,
        checks=report.checks,
    )


def _guard_in_words(report: GuardReport) -> str:
    return " ".join(said for said in (_evasion_in_words(report), _over_defence_in_words(report)) if said)


def _evasion_in_words(report: GuardReport) -> str:
    if report.worst is None or report.detection is None or report.any_family is None:
        return ""
    bounds = report.worst.rate.bounds()
    return (
        f"Of {report.n:,} injections, the model recognizes {report.detection.value:.1%} as they are. Of these, "
        f"{report.worst.rate.value:.1%} ({bounds.lower:.1%} to {bounds.upper:.1%}) get past it when they are changed by the "
        f"family that does best: {report.worst.family}; {report.any_family.value:.1%} get past by one family or another. "
        "Another disguise may do better."
    )


def _over_defence_in_words(report: GuardReport) -> str:
    if report.over_defence is None:
        return ""
    plain = f", and of {report.plain.n:,} plain questions {report.plain.value:.1%}" if report.plain else ""
    return (
        f"Of {report.over_defence.n:,} harmless prompts with words that injections are known by, it takes "
        f"{report.over_defence.value:.1%} for injections{plain}."
    )


def _endpoint(report: EndpointReport) -> EndpointSection:
    return EndpointSection(
        not_possible=report.not_possible,
        summary=_endpoint_in_words(report),
        doubts=doubts_in_words(report),
        url=report.url,
        model=report.model,
        families=_families(report.families, LEAKS),
        examples=report.examples,
        errors=report.errors,
        checks=report.checks,
    )


def _endpoint_in_words(report: EndpointReport) -> str:
    if report.worst is None:
        return ""
    bounds = report.worst.rate.bounds()
    return (
        f"A secret was put into the endpoint's instructions, and {report.n:,} attacks asked for it. The family that did best, "
        f"{report.worst.family}, got it in {report.worst.rate.value:.1%} ({bounds.lower:.1%} to {bounds.upper:.1%}) of its "
        "attempts. Another attack may do better."
    )


def _families(families: tuple[FamilyResult, ...], meaning: str) -> tuple[FamilyRow, ...]:
    return tuple(
        FamilyRow(family=each.family, how=each.how, rate=figure("success rate", meaning, each.rate))
        for each in families
    )
