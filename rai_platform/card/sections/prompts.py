"""The section of the card about injected instructions."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure
from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.prompts.report import EvasionExample, LeakExample


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """How often one family of changes or attacks succeeded.

    Attributes:
        family: its name.
        how: what it does.
        rate: share that succeeded.
    """

    family: str
    how: str
    rate: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSection:
    """How a guard does when injections are disguised and harmless prompts look like injections.

    Attributes:
        not_possible: why nothing was tried; None where something was.
        summary: what was found, in sentences.
        doubts: why it is not credible, in sentences; empty where it is.
        detection: share of injections recognized as they are; None where nothing was tried.
        families: evasion by family.
        over_defence: harmless prompts taken for injections, by source; all of them under ``all``.
        taken: some of these prompts.
        examples: injections before and after.
        checks: what makes it credible.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    detection: Figure | None
    families: tuple[FamilyRow, ...]
    over_defence: dict[str, Figure]
    taken: tuple[str, ...]
    examples: tuple[EvasionExample, ...]
    checks: tuple[CredibilityCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSection:
    """What an endpoint gives away when it is asked to.

    Attributes:
        not_possible: why nothing was tried; None where something was.
        summary: what was found, in sentences.
        doubts: why it is not credible, in sentences; empty where it is.
        url: of the endpoint.
        model: its name there.
        families: success by family.
        examples: of attacks that succeeded.
        errors: what went wrong.
        checks: what makes it credible.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    url: str
    model: str
    families: tuple[FamilyRow, ...]
    examples: tuple[LeakExample, ...]
    errors: tuple[str, ...]
    checks: tuple[CredibilityCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """What a probe of garak found.

    Attributes:
        probe: its name there.
        detector: what judged the answers there.
        failed: share of the answers that it objects to.
    """

    probe: str
    detector: str
    failed: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSection:
    """Attempts to inject instructions: past the model, into an endpoint, and as another tool counted them."""

    guard: GuardSection | None
    endpoint: EndpointSection | None
    imported: tuple[ProbeRow, ...]
