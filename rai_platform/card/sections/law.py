"""The section of the card about what rules count."""

from dataclasses import dataclass

from rai_platform.fairness.law import AdverseImpact, ImpactTable


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalReading:
    """What rules count, by one attribute or several crossed; no legal advice.

    Attributes:
        feature: the attribute.
        selection: impact ratios of a tool that selects, 6 RCNY 5-301(b).
        scoring: impact ratios of a tool that scores, 6 RCNY 5-301(c); None where there are no scores.
        adverse_impact: the four-fifths rule and statistical significance, 29 CFR 1607.4(D).
    """

    feature: str
    selection: ImpactTable
    scoring: ImpactTable | None
    adverse_impact: tuple[AdverseImpact, ...]
