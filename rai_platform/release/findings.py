"""What a report says about a metric: the value, its bounds, who it is about, and why not where it says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rai_platform.data.report import DataReport, GroupLabels
from rai_platform.errors import EvidenceMissing
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.metrics import DISPARITIES, MeasuredDisparity, measure_disparity
from rai_platform.fairness.report import FairnessReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.robustness.report import NO_COLUMN, RobustnessScores
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Estimate, Exact, Replicates

Evidence = DataReport | PerformanceReport | FairnessReport | Explanations | RobustnessScores


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The probabilities of error that a judgement allows.

    Attributes:
        outer: of passing what does not hold, for one requirement.
        inner: of failing what holds, for one requirement; over all requirements it adds up to the policy's.
    """

    outer: float
    inner: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A metric as it was found.

    Attributes:
        says: the finding in words, the start of a sentence.
        value: the estimate; None where there is none.
        bounds: of the value, at the levels asked for; None where there are none.
        n: rows it rests on.
        groups: groups compared.
        left_out: why, by group that could not be compared.
    """

    says: str
    value: float | None
    bounds: Interval | None
    n: int
    groups: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)


def find(
    check: RequiredCheck,
    evidence: Evidence,
    *,
    levels: Levels,
    minimum_group_size: int,
    sensitive_columns: Mapping[str, str],
) -> Finding:
    """What the evidence says about the metric that a check is about.

    Raises:
        EvidenceMissing: the report was made before anybody asked for this, and has to be made again. That is no verdict: the
            severest one on record counts for good.
    """
    if METRICS[check.requirement.metric].by_group and check.sensitive_feature is None:
        return _nothing("no sensitive feature is declared, so nobody can be compared")
    if isinstance(evidence, FairnessReport):
        return _disparity(check, evidence, levels, minimum_group_size)
    if isinstance(evidence, DataReport):
        return _in_data(check, evidence, levels, minimum_group_size)
    if isinstance(evidence, Explanations):
        return _in_explanations(check, evidence, levels, sensitive_columns)
    if isinstance(evidence, RobustnessScores):
        return _in_robustness(check, evidence, levels)
    return _overall(check, evidence.measured, evidence.not_estimable, levels)


def _nothing(why: str, n: int = 0) -> Finding:
    return Finding(says=why, value=None, bounds=None, n=n)


def _bounds(estimate: Estimate, levels: Levels, good: str) -> Interval:
    """The bound on the bad side at the outer level, on the good side at the inner one."""
    if good == "high":
        return estimate.bounds(levels.outer, levels.inner)
    return estimate.bounds(levels.inner, levels.outer)


def _overall(
    check: RequiredCheck, measured: dict[str, Estimate], not_estimable: dict[str, str], levels: Levels
) -> Finding:
    name = check.requirement.metric
    metric = METRICS[name]
    if name not in measured:
        if name not in not_estimable:
            raise _not_in_report(check, in_words(name))
        return _nothing(f"{in_words(name)} is not estimable: {not_estimable[name]}")
    estimate = measured[name]
    return Finding(
        says=f"{in_words(name)} ({metric.meaning}) is {number(estimate.value)}",
        value=estimate.value,
        bounds=_bounds(estimate, levels, metric.good),
        n=estimate.n,
    )


def _disparity(check: RequiredCheck, report: FairnessReport, levels: Levels, minimum_group_size: int) -> Finding:
    feature = str(check.sensitive_feature)
    if feature not in report.cells:
        raise _not_in_report(check, f"groups by {feature}")
    disparity = DISPARITIES[check.requirement.metric]
    found = measure_disparity(
        report.cells[feature],
        disparity,
        minimum_group_size=minimum_group_size,
        outer_alpha=levels.outer,
        inner_alpha=levels.inner,
    )
    return Finding(
        says=_disparity_in_words(check.requirement.metric, feature, found),
        value=found.estimate,
        bounds=found.interval,
        n=found.n,
        groups=found.compared,
        left_out=found.left_out,
    )


def _disparity_in_words(metric: str, feature: str, found: MeasuredDisparity) -> str:
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


def _in_data(check: RequiredCheck, report: DataReport, levels: Levels, minimum_group_size: int) -> Finding:
    name, feature = check.requirement.metric, check.sensitive_feature
    if feature is None:
        return _overall(check, report.measured, report.not_estimable, levels)
    if feature not in report.groups:
        raise _not_in_report(check, f"groups by {feature}")
    groups = report.groups[feature]
    if name == "group_count":
        smallest = min(groups, key=lambda group: group.n)
        return Finding(
            says=f"the smallest group by {feature} is {smallest.group} with {smallest.n} rows to learn from",
            value=float(smallest.n),
            bounds=Interval(lower=smallest.n, upper=smallest.n),
            n=report.n,
            groups=tuple(group.group for group in groups),
        )
    return _label_rates(feature, groups, levels, minimum_group_size)


def _label_rates(feature: str, groups: tuple[GroupLabels, ...], levels: Levels, minimum: int) -> Finding:
    from rai_platform.statistics.disparity import smallest_ratio

    large = [group for group in groups if group.n >= minimum]
    left_out = {group.group: f"too small: {group.n} rows, {minimum} needed" for group in groups if group.n < minimum}
    n = sum(group.n for group in large)
    if len(large) < 2:
        return Finding(
            says=f"label rates by {feature} cannot be compared: fewer than two groups are large enough",
            value=None,
            bounds=None,
            n=n,
            groups=tuple(group.group for group in large),
            left_out=left_out,
        )
    value, bounds = smallest_ratio(
        [group.positives for group in large],
        [group.trials for group in large],
        outer_alpha=levels.outer,
        inner_alpha=levels.inner,
    )
    return Finding(
        says=_label_rates_in_words(feature, large, value),
        value=value,
        bounds=bounds,
        n=n,
        groups=tuple(group.group for group in large),
        left_out=left_out,
    )


def _label_rates_in_words(feature: str, groups: list[GroupLabels], ratio: float | None) -> str:
    if ratio is None:
        return f"label rates by {feature} cannot be compared: nobody in any group has the positive label"
    low, high = min(groups, key=lambda group: group.label_rate), max(groups, key=lambda group: group.label_rate)
    if low.label_rate == high.label_rate:
        return f"{number(low.label_rate)} of every group have the positive label, a ratio of {number(ratio)}"
    return (
        f"{number(low.label_rate)} of {low.group} and {number(high.label_rate)} of {high.group} have the positive label, "
        f"a ratio of {number(ratio)}"
    )


def _in_explanations(
    check: RequiredCheck, report: Explanations, levels: Levels, sensitive_columns: Mapping[str, str]
) -> Finding:
    by_group = [sensitive_columns.get(feature, feature) for feature in report.group_features]
    if report.not_possible is not None:
        return _nothing(f"there is no explanation: {report.not_possible}{_by_group_in_words(by_group)}")
    if report.additivity_error is None:
        raise _not_in_report(check, "whether attributions add up")
    if check.requirement.metric == "additivity_error":
        exact = Exact(value=report.additivity_error, n=report.n)
        return _overall(check, {"additivity_error": exact}, {}, levels)
    asked = check.requirement.features
    forbidden = asked if isinstance(asked, tuple) else tuple(sensitive_columns.values())
    decide = {name for name in by_group if name in forbidden}
    # A feature that moves nothing is no reason, also where there are fewer reasons than the policy looks at.
    strongest = [row.feature for row in report.importance if row.mean_absolute > 0][: check.requirement.top]
    count = [name for name in strongest if name in forbidden]
    drawn = []
    for replicate in report.replicates:
        ranked = sorted(zip(replicate, report.features, strict=True), key=lambda pair: -pair[0])
        top = [name for size, name in ranked if size > 0][: check.requirement.top]
        drawn.append(float(len({name for name in top if name in forbidden} | decide)))
    estimate = Replicates(value=float(len({*count, *decide})), replicates=tuple(sorted(drawn)), n=report.n)
    return Finding(
        says=_strongest_in_words(strongest, count) + _by_group_in_words(sorted(decide)),
        value=estimate.value,
        bounds=_bounds(estimate, levels, "low"),
        n=report.n,
    )


def _strongest_in_words(strongest: list[str], forbidden: list[str]) -> str:
    if not strongest:
        return "no feature moves the score"
    if len(strongest) == 1:
        is_it = "it is forbidden" if forbidden else "it is not forbidden"
        return f"the feature that moves the score most is {strongest[0]}; {is_it}"
    told = f"the {len(strongest)} features that move the score most are {', '.join(strongest)}; "
    if not forbidden:
        return told + "none of them is forbidden"
    return told + f"{' and '.join(forbidden)} {'is' if len(forbidden) == 1 else 'are'} forbidden"


def _by_group_in_words(columns: list[str]) -> str:
    """The end of a sentence about what no explanation of a score shows; empty where the decision looks at no group."""
    if not columns:
        return ""
    return f"; whatever moves the score, the decision itself depends on {' and '.join(columns)}: its thresholds differ by group"


def _in_robustness(check: RequiredCheck, report: RobustnessScores, levels: Levels) -> Finding:
    if report.not_possible is not None:
        return _nothing(f"nothing could be tried: {report.not_possible}")
    perturbation = check.requirement.metric.removeprefix("accuracy_drop_under_")
    if perturbation in report.not_estimable:
        return _not_perturbed(perturbation, report)
    strength = check.requirement.strength or max(
        (abs(score.strength) for score in report.scores if score.perturbation == perturbation), default=0.0
    )
    scores = report.at(perturbation, strength)
    if not scores:
        raise _not_in_report(check, f"{in_words(perturbation)} of strength {strength:g}")
    worst = max(scores, key=lambda score: score.drop.value)
    bounds = [_bounds(score.drop, levels, "low") for score in scores]
    return Finding(
        says=f"{in_words(perturbation)} of strength {worst.strength:g} takes accuracy from "
        f"{number(worst.accuracy.value + worst.drop.value)} to {number(worst.accuracy.value)}, a drop of {number(worst.drop.value)}",
        value=worst.drop.value,
        n=worst.drop.n,
        bounds=Interval(lower=max(bound.lower for bound in bounds), upper=max(bound.upper for bound in bounds)),
    )


def _not_perturbed(perturbation: str, report: RobustnessScores) -> Finding:
    why = report.not_estimable[perturbation]
    if why == NO_COLUMN:  # nothing of the kind can happen to this model, and that is a fact, not a gap
        return Finding(
            says=f"{in_words(perturbation)}: {why}", value=0.0, bounds=Interval(lower=0.0, upper=0.0), n=report.n
        )
    return _nothing(f"{in_words(perturbation)}: {why}", report.n)


def _not_in_report(check: RequiredCheck, what: str) -> EvidenceMissing:
    return EvidenceMissing(
        f"the report says nothing about {what}, since it was made before the policy asked for it: materialize "
        f"`{check.asset}` again",
        where=f"{check.asset}, {check.name}",
    )


def in_words(name: str) -> str:
    """A metric's name as people say it: ``disparate impact``."""
    return {"roc_auc": "ROC AUC"}.get(name, name.replace("_", " "))


def number(value: float | None) -> str:
    """A number for a sentence: three decimals, whole numbers whole."""
    if value is None:
        return "unknown"
    if float(value).is_integer():
        return f"{value:g}"
    if abs(value) < 0.0005:
        return "under 0.001" if value > 0 else "barely below 0"
    return f"{value:.3f}"
