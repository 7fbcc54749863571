"""From a finding to a verdict: PASS, FAIL, or not enough evidence to say."""

from rai_platform.release.finding import Finding, Levels, number
from rai_platform.release.findings import Evidence, find
from rai_platform.spec.policy import Insufficient, Policy
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import RequiredCheck, required_checks
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Interval, Limit, Outcome, Verdict


def judge(
    check: RequiredCheck,
    evidence: Evidence,
    definition: ModelDefinition,
    *,
    subject: Subject,
    evidence_digest: str,
    code_version: str,
) -> Verdict:
    """The verdict on one requirement.

    PASS: the bound on the bad side, at the policy's confidence, lies within the limit. All requirements have to pass,
    so none needs a correction (an intersection-union test). FAIL: the bound on the good side lies beyond the limit,
    with the error shared out over all requirements of the policy (Bonferroni). Anything else is INSUFFICIENT_EVIDENCE.

    Args:
        check: the requirement.
        evidence: the report it is judged on.
        definition: the model and its policy.
        subject: the model and data that the report is about.
        evidence_digest: the stored report.
        code_version: of the measuring and judging code.
    """
    policy, requirement = definition.policy, check.requirement
    finding = find(
        check,
        evidence,
        levels=levels(definition),
        policy=policy,
        sensitive_columns={feature.name: feature.source_column for feature in definition.spec.sensitive_features},
    )
    limit = requirement.limit(policy.rule)
    on_insufficient = requirement.on_insufficient_evidence or policy.on_insufficient_evidence
    outcome = outcome_of(limit, finding.value, finding.bounds, finding.left_out, on_insufficient)
    named = on_insufficient == "disclose"
    return Verdict(
        asset=check.asset,
        check=check.name,
        requirement=check.in_words(policy),
        metric=requirement.metric,
        sensitive_feature=check.sensitive_feature,
        groups=finding.groups,
        disclosed=tuple(finding.left_out) if named else (),
        may_be_disclosed=named and finding.value is None,
        outcome=outcome,
        estimate=finding.value,
        interval=finding.bounds,
        n=finding.n,
        detectable=finding.detectable,
        limit=limit,
        severity=check.severity,
        policy_digest=policy.digest,
        subject=subject,
        evidence_digest=evidence_digest,
        code_version=code_version,
        reason=reason_for(finding, limit, outcome, policy, on_insufficient),
    )


def levels(definition: ModelDefinition) -> Levels:
    """The probabilities of error of one requirement among all those of the policy."""
    alpha = 1 - definition.policy.confidence
    return Levels(outer=alpha, inner=alpha / max(1, len(required_checks(definition))))


def outcome_of(
    limit: Limit, value: float | None, bounds: Interval | None, left_out: dict[str, str], on_insufficient: Insufficient
) -> Outcome:
    """The three-state rule; groups that were left out keep a PASS back unless the policy lets them be named."""
    if value is None or bounds is None:
        return "INSUFFICIENT_EVIDENCE"
    judged = [value] if limit.rule == "point" else [bounds.lower, bounds.upper]
    holds = [limit.holds_for(each) for each in judged]
    if not any(holds):
        return "FAIL"
    everybody = not left_out or on_insufficient == "disclose"
    return "PASS" if all(holds) and everybody else "INSUFFICIENT_EVIDENCE"


def reason_for(finding: Finding, limit: Limit, outcome: Outcome, policy: Policy, on_insufficient: Insufficient) -> str:
    """The verdict in one or two sentences, for a person who answers for the model."""
    told = _judged(finding, limit, outcome, policy)
    if outcome == "INSUFFICIENT_EVIDENCE" and finding.needed is not None:
        told = f"{told[:-1]}; {finding.needed}."
    if outcome != "FAIL" and finding.value is not None and finding.visible is not None:
        told = f"{told} {finding.visible[0].upper()}{finding.visible[1:]}."
    if finding.left_out:
        apart = "; ".join(f"{group} ({why})" for group, why in finding.left_out.items())
        named = on_insufficient == "disclose"
        end = "named here, as the policy allows" if named else "the policy wants every group judged"
        told += f" Without a verdict: {apart}; {end}."
    elif finding.value is None and on_insufficient == "disclose":
        told += " The gap is named here, as the policy allows."
    return told[0].upper() + told[1:]


def _judged(finding: Finding, limit: Limit, outcome: Outcome, policy: Policy) -> str:
    asks = f"the policy asks for {limit}"
    bounds, sure = finding.bounds, f"{100 * policy.confidence:g}%"
    if finding.value is None or bounds is None:
        return f"{finding.says}; {asks}, and there is no evidence that it is met."
    if limit.rule == "point" or bounds.lower == bounds.upper:
        within = "" if bounds.lower == bounds.upper else f" (interval {number(bounds.lower)} to {number(bounds.upper)})"
        return f"{finding.says}{within}; {asks}."
    good_end = bounds.upper if limit.minimum is not None else bounds.lower
    bad_end = bounds.lower if limit.minimum is not None else bounds.upper
    at_best, at_worst = ("at most", "at least") if limit.minimum is not None else ("at least", "at most")
    if outcome == "FAIL":
        return f"{finding.says}; allowing for chance it is still {at_best} {number(good_end)}, and {asks}."
    if limit.holds_for(bad_end):
        return f"{finding.says}; with {sure} confidence it is {at_worst} {number(bad_end)}, and {asks}."
    return (
        f"{finding.says}; from {finding.n:,} rows it may be anywhere from {number(bounds.lower)} to {number(bounds.upper)}, "
        f"and {asks}."
    )
