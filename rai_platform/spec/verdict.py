"""A judgement about one requirement: three states, always with the numbers it rests on."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.spec.subject import Subject

Outcome = Literal["PASS", "FAIL", "INSUFFICIENT_EVIDENCE"]
Rule = Literal["interval", "point"]
Severity = Literal["block", "warn"]

SEVEREST_FIRST: tuple[Outcome, ...] = ("FAIL", "INSUFFICIENT_EVIDENCE", "PASS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where a value lies, as far as the data tell; both ends belong to it."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a value has to stay within: at least ``minimum``, or at most ``maximum``.

    Attributes:
        minimum: the smallest value allowed; None where the limit is from above.
        maximum: the largest value allowed; None where the limit is from below.
        rule: whether the interval is judged, or the bare estimate (where a law asks for it).
    """

    minimum: float | None = None
    maximum: float | None = None
    rule: Rule = "interval"

    def holds_for(self, value: float) -> bool:
        """Whether one value lies within the limit."""
        return value >= self.minimum if self.minimum is not None else value <= (self.maximum or 0.0)

    def __str__(self) -> str:
        return f"at least {self.minimum:.15g}" if self.minimum is not None else f"at most {self.maximum or 0.0:.15g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check found about one requirement of the policy.

    Attributes:
        asset: the asset that was judged (``fairness_report``).
        check: the check's name, ``<metric>__<sensitive_feature>`` or ``<metric>``.
        requirement: the requirement in words, ``disparate_impact by sex at least 0.8``.
        metric: the metric's name.
        sensitive_feature: the feature or intersection it is judged by; None where it is judged overall.
        groups: the groups that were compared.
        disclosed: groups about which there is too little evidence, and which the policy lets be named instead.
        may_be_disclosed: whether the policy lets a lack of evidence about everybody be named instead of refusing.
        outcome: PASS, FAIL or INSUFFICIENT_EVIDENCE.
        estimate: the measured value; None where it cannot be estimated.
        interval: the interval that was judged; None where there is none.
        n: rows that the estimate rests on.
        detectable: the smallest disparity that these rows would have shown; None where that is not asked, or none would.
        limit: what the policy asks for.
        severity: whether release depends on it.
        policy_digest: the policy it was judged under.
        subject: the model and data it is about.
        evidence_digest: the stored report that was judged.
        code_version: the version of the code that measured and judged.
        reason: one sentence for a person who answers for the model.
    """

    asset: str
    check: str
    requirement: str
    metric: str
    sensitive_feature: str | None
    groups: tuple[str, ...]
    disclosed: tuple[str, ...] = ()
    may_be_disclosed: bool = False
    outcome: Outcome
    estimate: float | None
    interval: Interval | None
    n: int
    detectable: float | None = None
    limit: Limit
    severity: Severity = "block"
    policy_digest: str
    subject: Subject
    evidence_digest: str
    code_version: str
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the outcome is PASS."""
        return self.outcome == "PASS"

    @property
    def allows_release(self) -> bool:
        """Whether release may go ahead as far as this requirement is concerned."""
        lack_is_named = self.outcome == "INSUFFICIENT_EVIDENCE" and self.may_be_disclosed
        return self.passed or lack_is_named or self.severity == "warn"


def severest(outcomes: list[Outcome]) -> Outcome | None:
    """The outcome that counts when a requirement was judged more than once: FAIL before INSUFFICIENT_EVIDENCE before PASS."""
    return min(outcomes, key=SEVEREST_FIRST.index, default=None)
