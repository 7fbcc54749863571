"""What came of attempts to get instructions past a guard, or into an endpoint, as a value."""

from dataclasses import dataclass

from rai_platform.robustness.attack_report import Examined
from rai_platform.robustness.texts.report import Part
from rai_platform.statistics.estimates import Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyResult:
    """What one family of changes or attacks achieved.

    Attributes:
        family: its name.
        how: what it does, in a few words.
        rate: share of its attempts that succeeded.
        unusable: attempts that changed nothing, or that the endpoint did not answer; not counted.
    """

    family: str
    how: str
    rate: Proportion
    unusable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvasionExample:
    """An injection that a guard recognizes, and what it does not recognize.

    Attributes:
        row_key: the prompt's row in the source.
        family: who changed it.
        before: the prompt in parts.
        after: the changed prompt in parts.
    """

    row_key: int
    family: str
    before: tuple[Part, ...]
    after: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReport(Examined):
    """How a classifier that guards a system does when injections are disguised and harmless prompts look like injections.

    Attributes:
        not_possible: why nothing could be tried; None where something was.
        n: injections drawn.
        detection: share of them that are recognized as they are.
        families: evasion by family, of the recognized.
        any_family: share of the recognized that some family gets past the guard.
        over_defence: share of harmless prompts with trigger words that are taken for injections.
        by_source: the same by where the prompts are from.
        plain: share of harmless prompts without trigger words that are taken for injections.
        taken: harmless prompts that were taken for injections.
        examples: one of each family.
    """

    not_possible: str | None
    n: int = 0
    detection: Proportion | None = None
    families: tuple[FamilyResult, ...] = ()
    any_family: Proportion | None = None
    over_defence: Proportion | None = None
    by_source: dict[str, Proportion] | None = None
    plain: Proportion | None = None
    taken: tuple[str, ...] = ()
    examples: tuple[EvasionExample, ...] = ()

    @property
    def worst(self) -> FamilyResult | None:
        """The family that succeeds most, the first of equals; None where none was tried."""
        return worst_of(self.families)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakExample:
    """An attack on an endpoint that succeeded.

    Attributes:
        family: of the attack.
        asked: what was sent.
        answered: what came back.
        how: in which form the secret was in the answer.
    """

    family: str
    asked: str
    answered: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReport(Examined):
    """What an endpoint that answers in words gives away when it is asked to.

    Attributes:
        not_possible: why nothing could be tried; None where something was.
        url: of the endpoint.
        model: its name there.
        n: attacks that were answered.
        families: success by family.
        controls: share of harmless questions that were answered rightly, without the secret.
        examples: of attacks that succeeded.
        errors: what went wrong, in a sentence each.
    """

    not_possible: str | None
    url: str
    model: str
    n: int = 0
    families: tuple[FamilyResult, ...] = ()
    controls: Proportion | None = None
    examples: tuple[LeakExample, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def worst(self) -> FamilyResult | None:
        """The family that succeeds most, the first of equals; None where none was tried."""
        return worst_of(self.families)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRate:
    """What a probe of another tool found, as that tool counts it.

    Attributes:
        probe: its name there.
        detector: what judged the answers.
        failed: share of the answers that the detector objects to.
    """

    probe: str
    detector: str
    failed: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRobustness:
    """Everything about prompts that was measured of one model.

    Attributes:
        guard: as a classifier of prompts; None where it is none.
        endpoint: as an endpoint that answers; None where none was asked.
        imported: from a report of garak; shown, not judged.
    """

    guard: GuardReport | None = None
    endpoint: EndpointReport | None = None
    imported: tuple[ProbeRate, ...] = ()


def worst_of(families: tuple[FamilyResult, ...]) -> FamilyResult | None:
    """The family that succeeds most, the first of equals; None where there are none."""
    return max(families, key=lambda each: each.rate.value, default=None)
