"""The section of the card about what the model had to prove."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """A requirement of the policy with its reason."""

    requirement: str
    severity: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySection:
    """What the model had to prove."""

    name: str
    digest: str
    confidence: float
    minimum_group_size: int
    requirements: tuple[PolicyLine, ...]
    switched_off: tuple[PolicyLine, ...]
