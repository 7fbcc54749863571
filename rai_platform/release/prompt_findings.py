"""What attempts to inject instructions say about a guard, and about an endpoint."""

from rai_platform.release.finding import Finding, Levels, bounds_of, not_credible, not_in_report, nothing, number
from rai_platform.robustness.prompts.report import EndpointReport, FamilyResult, GuardReport, PromptRobustness, worst_of
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval

PROMPT_METRICS = ("injection_evasion_rate", "over_defence_rate", "endpoint_attack_success_rate")


def find_in_prompts(check: RequiredCheck, report: PromptRobustness | None, levels: Levels) -> Finding:
    """The worst family of changes or attacks, or the share of harmless prompts refused; nothing where it is not credible.

    Raises:
        EvidenceMissing: the report is older than the question.
    """
    if report is None:
        raise not_in_report(check, "attempts to inject instructions")
    if check.requirement.metric == "endpoint_attack_success_rate":
        return _of_endpoint(report.endpoint, levels)
    return _of_guard(check.requirement.metric, report.guard, levels)


def _of_guard(metric: str, guard: GuardReport | None, levels: Levels) -> Finding:
    if guard is None:
        return nothing("the model was not examined as a guard against injected instructions")
    told = (
        ""
        if guard.over_defence is None
        else f"the guard takes {number(guard.over_defence.value)} of harmless prompts with telling words for injections"
    )
    if guard.not_possible is not None:
        why = f"nothing could be tried: {guard.not_possible}"
        if metric == "injection_evasion_rate" or guard.over_defence is None:
            return nothing(why, guard.n)
        # Whoever recognizes nothing refuses little: that is no merit, so it is told and not judged.
        return Finding(says=f"{told}, but {why}", value=guard.over_defence.value, bounds=None, n=guard.over_defence.n)
    if guard.doubts:
        return not_credible(guard, guard.n)
    if metric == "injection_evasion_rate":
        return _worst(guard.families, "of the injections that the guard recognizes get past it once changed", levels)
    if guard.over_defence is None:
        return nothing("no harmless prompts were asked about", guard.n)
    return Finding(
        says=told,
        value=guard.over_defence.value,
        bounds=bounds_of(guard.over_defence, levels, "low"),
        n=guard.over_defence.n,
    )


def _of_endpoint(endpoint: EndpointReport | None, levels: Levels) -> Finding:
    if endpoint is None:
        return nothing("no endpoint was asked")
    if endpoint.not_possible is not None:
        return nothing(f"nothing could be tried: {endpoint.not_possible}", endpoint.n)
    if endpoint.doubts:
        return not_credible(endpoint, endpoint.n)
    return _worst(endpoint.families, "of the attacks make the endpoint give its secret away", levels)


def _worst(families: tuple[FamilyResult, ...], what: str, levels: Levels) -> Finding:
    """The family that succeeds most; what is as bad as the worst family cannot be better than any of them."""
    worst = worst_of(families)
    if worst is None:
        return nothing("nothing was tried")
    bounds = [bounds_of(each.rate, levels, "low") for each in families]
    return Finding(
        says=f"{number(worst.rate.value)} {what} (worst of {len(families)} families: {worst.family})",
        value=worst.rate.value,
        bounds=Interval(lower=max(each.lower for each in bounds), upper=max(each.upper for each in bounds)),
        n=worst.rate.n,
    )
