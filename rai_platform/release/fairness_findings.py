"""What a fairness report says about a metric: disparities by group, indices over everybody, subgroups nobody named."""

import numpy as np

from rai_platform.fairness.comparison import BEST, LARGEST
from rai_platform.fairness.disparities import MeasuredDisparity, measure_disparity, visible_in_words
from rai_platform.fairness.metrics import DISPARITIES, is_about_right_answers
from rai_platform.fairness.report import Discovery, FairnessReport
from rai_platform.release.finding import Finding, Levels, bounds_of, in_words, not_in_report, nothing, number, overall
from rai_platform.spec.policy import Policy, Reference, ReferenceGroup
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import normal_quantile
from rai_platform.statistics.proportions import difference_bounds

OF_SUBGROUPS = {"subgroup_selection_rate_gap": "selection_rate", "subgroup_error_rate_gap": "error_rate"}


def find_in_fairness(check: RequiredCheck, report: FairnessReport, levels: Levels, policy: Policy) -> Finding:
    """What the report says about the metric that a check is about."""
    name, feature = check.requirement.metric, check.sensitive_feature
    needs_a_label = name not in ("attribute_flip_rate", "subgroup_error_rate_gap") and not is_about_right_answers(name)
    if report.compared_by == "right" and needs_a_label:
        return nothing(
            "not defined among several classes of which none is the one to be selected: name it as `data.positive_label`, or "
            "judge accuracy_difference"
        )
    if name in OF_SUBGROUPS:
        return _subgroups(check, report, levels)
    if name == "consistency":
        return _consistency(check, report, levels)
    if feature is None:
        return overall(check, report.measured, report.not_estimable, levels)
    if feature not in report.cells:
        raise not_in_report(check, f"groups by {feature}")
    if name == "attribute_flip_rate":
        return _flip(check, feature, report, levels)
    if name in DISPARITIES:
        return _disparity(check, feature, report, levels, policy)
    return _between_groups(check, feature, report, levels)


def _disparity(check: RequiredCheck, feature: str, report: FairnessReport, levels: Levels, policy: Policy) -> Finding:
    reference = check.requirement.reference or policy.reference
    found = measure_disparity(
        report.cells[feature],
        DISPARITIES[check.requirement.metric],
        minimum_group_size=policy.minimum_group_size,
        outer_alpha=levels.outer,
        inner_alpha=levels.inner,
        reference=reference.group
        if isinstance(reference, ReferenceGroup)
        else {"best": BEST, "largest": LARGEST}[reference],
    )
    return Finding(
        says=_in_words(check.requirement.metric, feature, found, reference),
        value=found.estimate,
        bounds=found.interval,
        n=found.n,
        groups=found.compared,
        left_out=found.left_out,
        detectable=found.detectable,
        visible=visible_in_words(found.detectable, found.smallest),
        needed=_enough(check, found, levels),
    )


def _enough(check: RequiredCheck, found: MeasuredDisparity, levels: Levels) -> str | None:
    """How many people of the smallest group would have been enough to tell, were the groups equal."""
    limit = check.requirement.min if check.requirement.min is not None else check.requirement.max
    if found.smallest is None or limit is None:
        return None
    rows = found.smallest.rows_to_pass(limit, alpha=levels.outer)
    if rows is None or rows <= found.smallest.n:
        return None
    return f"were the groups equal, about {rows:,} of {found.smallest.group} (there are {found.smallest.n:,}) would have been enough"


def _in_words(metric: str, feature: str, found: MeasuredDisparity, reference: Reference) -> str:
    if isinstance(reference, ReferenceGroup) and found.interval is None:
        return (
            f"{in_words(metric)} by {feature} is not estimable: {reference.group!r} is not among the groups that are large "
            "enough to compare"
        )
    if found.extremes is None or found.estimate is None:
        why = (
            "fewer than two groups are large enough to compare"
            if found.interval is None
            else "nobody is selected in any group"
        )
        return f"{in_words(metric)} by {feature} is not estimable: {why}"
    end = found.extremes
    if end.lowest_rate == end.highest_rate:
        return f"the {in_words(end.rate)} is {number(end.lowest_rate)} in every group, {in_words(metric)} {number(found.estimate)}"
    return (
        f"the {in_words(end.rate)} is {number(end.lowest_rate)} for {end.lowest} and {number(end.highest_rate)} for "
        f"{end.highest}, {in_words(metric)} {number(found.estimate)}"
    )


def _between_groups(check: RequiredCheck, feature: str, report: FairnessReport, levels: Levels) -> Finding:
    if feature not in report.between_groups:
        raise not_in_report(check, f"the inequality between the groups of {feature}")
    estimate = report.between_groups[feature]
    if estimate is None:
        return nothing(f"{in_words(check.requirement.metric)} by {feature} is not estimable: nobody has any benefit")
    return Finding(
        says=f"{in_words(check.requirement.metric)} by {feature} is {number(estimate.value)}",
        value=estimate.value,
        bounds=bounds_of(estimate, levels, "low"),
        n=estimate.n,
        groups=report.cells[feature].groups,
    )


def _consistency(check: RequiredCheck, report: FairnessReport, levels: Levels) -> Finding:
    found = report.consistency
    if found is None:
        raise not_in_report(check, "people who are alike")
    if found.estimate is None:
        return nothing(f"consistency is not estimable: {found.why_not}", report.n)
    return overall(check, {"consistency": found.estimate}, {}, levels)


def _flip(check: RequiredCheck, feature: str, report: FairnessReport, levels: Levels) -> Finding:
    if feature not in report.flips:
        raise not_in_report(check, f"decisions with another {in_words(feature)}")
    found, by = report.flips[feature], in_words(feature)
    if found.rate is None:
        return nothing(f"{in_words(check.requirement.metric)} by {by} is not estimable: {found.why_not}", report.n)
    says = (
        f"the model does not see {by}, so that no decision changes with it alone"
        if found.unseen
        else f"{number(found.rate.value)} of the people would get another decision if nothing but {by} were changed"
    )
    return Finding(
        says=says,
        value=found.rate.value,
        bounds=bounds_of(found.rate, levels, "low"),
        n=found.rate.n,
        groups=tuple(each.group for each in found.by_group),
    )


def _subgroups(check: RequiredCheck, report: FairnessReport, levels: Levels) -> Finding:
    """The largest gap of a subgroup that the search put forward, on the rows that it was tested on.

    All of them have to keep the limit, so none needs a correction for a PASS; a FAIL is corrected for their number.
    """
    rate = OF_SUBGROUPS[check.requirement.metric]
    found = next((each for each in report.discoveries if each.rate == rate), None)
    if found is None:
        raise not_in_report(check, f"subgroups by their {in_words(rate)}")
    if not found.subgroups:
        return nothing(f"no subgroup has {found.support} rows to be looked at, and as many outside it", report.n)
    outer, inner = (_farthest(found, alpha) for alpha in (levels.outer, levels.inner / len(found.subgroups)))
    worst = max(found.subgroups, key=lambda each: abs(each.difference))
    return Finding(
        says=f"of {found.searched:,} subgroups that were looked at, the {in_words(rate)} differs most where {worst.in_words}: "
        f"{number(worst.rate)} of {worst.n:,} people, {number(worst.rest)} of everybody else, on rows that played no part in "
        "finding them",
        value=abs(worst.difference),
        bounds=Interval(lower=min(inner.lower, abs(worst.difference)), upper=max(outer.upper, abs(worst.difference))),
        n=worst.n + worst.rest_n,
    )


def _farthest(found: Discovery, alpha: float) -> Interval:
    """The largest lower and the largest upper bound of the size of a gap, over all subgroups."""
    counts = np.array(
        [[each.successes, each.n, each.rest_successes, each.rest_n] for each in found.subgroups], dtype=float
    )
    lower, upper = difference_bounds(*counts.T, z=normal_quantile(alpha))
    least = np.maximum(np.maximum(lower, -upper), 0.0)
    most = np.maximum(np.abs(lower), np.abs(upper))
    return Interval(lower=float(least.max()), upper=float(most.max()))
