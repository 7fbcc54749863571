"""What the screen of data says about a metric by group: who is there, who is labelled how, and what gives groups away."""

import math
from collections.abc import Sequence

from rai_platform.data.pretraining import MEASURES, LabelCounts, class_imbalance
from rai_platform.data.report import DataReport, GroupAgainstOthers, GroupLabels
from rai_platform.release.finding import Finding, Levels, in_words, not_in_report, nothing, number, overall
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import normal_quantile

TOO_FEW = "fewer than two groups are large enough"
FUNCTIONS_OF_THE_GAP = {  # the measures that are a multiple of |q_a - q_d|, for two labels
    "label_rate_gap": 1.0,
    "total_variation_distance": 1.0,
    "kolmogorov_smirnov_distance": 1.0,
    "lp_norm": math.sqrt(2),
}


def find_in_data(check: RequiredCheck, report: DataReport, levels: Levels, minimum: int) -> Finding:
    """What the screen says.

    Args:
        check: about a metric of the data.
        report: the screen.
        levels: that the judgement allows.
        minimum: rows below which no rate of a group is compared.

    Raises:
        EvidenceMissing: the screen was made before anybody asked for this.
    """
    name, feature = check.requirement.metric, check.sensitive_feature
    if feature is None:
        return overall(check, report.measured, report.not_estimable, levels)
    if feature not in report.groups:
        raise not_in_report(check, f"groups by {feature}")
    groups = report.groups[feature]
    if name == "group_count":
        return _smallest(feature, groups, report.n)
    if name == "label_rate_ratio":
        return _label_rates(feature, groups, levels, minimum)
    if name == "proxy_auc":
        return _proxies(check, report, feature, levels)
    if name == "missing_rate_difference":
        return _missing(check, report, feature, minimum)
    if feature not in report.against_others:
        raise not_in_report(check, f"{in_words(name)} by {feature}")
    compared = report.against_others[feature]
    if name == "representation_ratio":
        return _representation(feature, compared)
    if name == "class_imbalance":
        return _imbalance(feature, compared)
    if name == "conditional_demographic_disparity":
        return _conditional(feature, compared, minimum)
    return _distance(name, feature, compared, levels, minimum)


def _smallest(feature: str, groups: Sequence[GroupLabels], n: int) -> Finding:
    smallest = min(groups, key=lambda group: group.n)
    return Finding(
        says=f"the smallest group by {feature} is {smallest.group} with {smallest.n} rows to learn from",
        value=float(smallest.n),
        bounds=Interval(lower=smallest.n, upper=smallest.n),
        n=n,
        groups=tuple(group.group for group in groups),
    )


def _label_rates(feature: str, groups: Sequence[GroupLabels], levels: Levels, minimum: int) -> Finding:
    from rai_platform.statistics.disparity import smallest_ratio

    large = [group for group in groups if group.n >= minimum]
    left_out = {group.group: f"too small: {group.n} rows, {minimum} needed" for group in groups if group.n < minimum}
    n = sum(group.n for group in large)
    if len(large) < 2:
        return Finding(
            says=f"label rates by {feature} cannot be compared: {TOO_FEW}",
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


def _label_rates_in_words(feature: str, groups: Sequence[GroupLabels], ratio: float | None) -> str:
    if ratio is None:
        return f"label rates by {feature} cannot be compared: nobody in any group has the positive label"
    low, high = min(groups, key=lambda group: group.label_rate), max(groups, key=lambda group: group.label_rate)
    if low.label_rate == high.label_rate:
        return f"{number(low.label_rate)} of every group have the positive label, a ratio of {number(ratio)}"
    return (
        f"{number(low.label_rate)} of {low.group} and {number(high.label_rate)} of {high.group} have the positive label, "
        f"a ratio of {number(ratio)}"
    )


def _representation(feature: str, compared: Sequence[GroupAgainstOthers]) -> Finding:
    ratios = {
        each.group: (each.share / each.expected_share, each.share, each.expected_share)
        for each in compared
        if each.expected_share is not None
    }
    if not ratios:
        return nothing(
            f"representation by {feature} is not estimable: there is no `reference` population to compare with"
        )
    group = min(ratios, key=lambda name: ratios[name])
    ratio, share, expected = ratios[group]
    return _exact(
        f"{group} are {number(share)} of the rows and {number(expected)} of the reference population, a ratio of "
        f"{number(ratio)}",
        ratio,
        tuple(ratios),
        compared,
    )


def _imbalance(feature: str, compared: Sequence[GroupAgainstOthers]) -> Finding:
    if len(compared) < 2:
        return nothing(f"class imbalance by {feature} is not estimable: fewer than two groups are there")
    smallest = min(compared, key=lambda each: each.labels.n)
    value = class_imbalance(smallest.labels)
    return _exact(
        f"the smallest group by {feature} is {smallest.group}, class imbalance {number(value)}",
        value,
        tuple(each.group for each in compared),
        compared,
    )


def _conditional(feature: str, compared: Sequence[GroupAgainstOthers], minimum: int) -> Finding:
    large, left_out = _large(compared, minimum)
    values = {each.group: each.conditional for each in large if each.conditional is not None}
    if not large:
        return _too_few("conditional demographic disparity", feature, left_out)
    if not values:
        return nothing(
            f"conditional demographic disparity by {feature} is not estimable: there is no `conditional_on` column to "
            "compare within"
        )
    group = max(values, key=lambda name: abs(values[name]))
    return _exact(
        f"within the values of the column that may account for it, the demographic disparity of {group} is "
        f"{number(values[group])}",
        abs(values[group]),
        tuple(values),
        compared,
        left_out,
    )


def _distance(name: str, feature: str, compared: Sequence[GroupAgainstOthers], levels: Levels, minimum: int) -> Finding:
    """How far the labels of a group are from those of everybody else, of the group that is farthest."""
    large, left_out = _large(compared, minimum)
    if not large:
        return _too_few(in_words(name), feature, left_out)
    values: dict[str, float] = {}
    bounds: list[Interval] = []
    for each in large:
        value = MEASURES[name].of(each.labels)
        if value is None:
            return nothing(
                f"{in_words(name)} by {feature} is not estimable: there is a label that never occurs in {each.group}, and "
                "then it is infinite",
                each.n,
            )
        values[each.group] = abs(value)
        bounds.append(_bounds(name, each, levels.inner / len(large), levels.outer))
    group = max(values, key=lambda of: values[of])
    farthest = next(each for each in large if each.group == group)
    return Finding(
        says=f"{number(farthest.labels.label_rate)} of {group} and {number(farthest.labels.other_label_rate)} of everybody "
        f"else have the positive label, {in_words(name)} {number(values[group])}",
        value=values[group],
        bounds=Interval(lower=max(each.lower for each in bounds), upper=max(each.upper for each in bounds)),
        n=farthest.n + farthest.other_n,
        groups=tuple(values),
        left_out=left_out,
    )


def _bounds(name: str, group: GroupAgainstOthers, lower_alpha: float, upper_alpha: float) -> Interval:
    """Bounds of a distance between two label rates.

    Those that are a multiple of the gap take Miettinen and Nurminen's bounds of a difference. The others grow as the rates
    move apart, so that they are extreme at corners of the rectangle of both rates' Wilson bounds, each at a quarter of the
    level (Bonferroni over two rates and two sides).
    """
    rates = (group.labels.label_rate, group.labels.other_label_rate)
    sizes = (group.trials, group.other_trials)
    if name in FUNCTIONS_OF_THE_GAP:
        (least, most), (lowest, highest) = _gap(rates, sizes, lower_alpha / 2), _gap(rates, sizes, upper_alpha)
        factor = FUNCTIONS_OF_THE_GAP[name]
        return Interval(
            lower=factor * max(least, -most, 0.0),
            upper=factor * max(abs(lowest), abs(highest), abs(rates[0] - rates[1])),
        )
    near = _corners(rates, sizes, lower_alpha / 4)
    far = _corners(rates, sizes, upper_alpha / 4)
    (q_low, q_high), (p_low, p_high) = near
    overlap = q_low <= p_high and p_low <= q_high
    closest = 0.0 if overlap else _of(name, q_high, p_low) if q_high < p_low else _of(name, q_low, p_high)
    return Interval(lower=closest, upper=max(_of(name, q, p) for q in far[0] for p in far[1]))


def _gap(rates: tuple[float, float], sizes: tuple[float, float], alpha: float) -> tuple[float, float]:
    import numpy as np

    from rai_platform.statistics.proportions import difference_bounds

    (n1, n2) = (np.array([size]) for size in sizes)
    lower, upper = difference_bounds(rates[0] * n1, n1, rates[1] * n2, n2, z=normal_quantile(alpha))
    return float(lower[0]), float(upper[0])


def _corners(
    rates: tuple[float, float], sizes: tuple[float, float], alpha: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    from rai_platform.statistics.proportions import wilson_bounds

    lower, upper = wilson_bounds(
        [rate * size for rate, size in zip(rates, sizes, strict=True)], sizes, z=normal_quantile(alpha)
    )
    return (float(lower[0]), float(upper[0])), (float(lower[1]), float(upper[1]))


def _of(name: str, rate: float, other_rate: float) -> float:
    counts = LabelCounts(positive=rate, negative=1 - rate, other_positive=other_rate, other_negative=1 - other_rate)
    value = MEASURES[name].of(counts)
    return math.inf if value is None else value


def _missing(check: RequiredCheck, report: DataReport, feature: str, minimum: int) -> Finding:
    if feature not in report.missing:
        raise not_in_report(check, f"missing values by {feature}")
    groups = report.groups[feature]
    large = tuple(group.group for group in groups if group.n >= minimum)
    left_out = {group.group: f"too small: {group.n} rows, {minimum} needed" for group in groups if group.n < minimum}
    if len(large) < 2:
        return _too_few("missing rate difference", feature, left_out)
    gaps = {
        each.column: (max(each.rates[name] for name in large) - min(each.rates[name] for name in large), each.rates)
        for each in report.missing[feature]
    }
    if not gaps:
        says, value = "no value is missing in any group", 0.0
    else:
        column = max(gaps, key=lambda name: gaps[name][0])
        value, rates = gaps[column]
        high, low = max(large, key=lambda name: rates[name]), min(large, key=lambda name: rates[name])
        says = f"{column} is missing for {number(rates[high])} of {high} and {number(rates[low])} of {low}"
    return Finding(
        says=says,
        value=value,
        bounds=Interval(lower=value, upper=value),
        n=sum(group.n for group in groups if group.n >= minimum),
        groups=large,
        left_out=left_out,
    )


def _proxies(check: RequiredCheck, report: DataReport, feature: str, levels: Levels) -> Finding:
    if feature not in report.proxies:
        raise not_in_report(check, f"proxies of {feature}")
    found = report.proxies[feature]
    if not found:
        return nothing(f"proxies of {feature} were not sought: {TOO_FEW}, or no other column is there")
    bounds = [each.auc.bounds(levels.inner / len(found), levels.outer) for each in found]
    clearest = max(found, key=lambda each: each.auc.value)
    told = ", ".join(f"{proxy.column} ({number(proxy.auc)} by itself)" for proxy in clearest.strongest[:3])
    return Finding(
        says=f"{clearest.group} by {feature} can be told from everybody else with AUC {number(clearest.auc.value)}, best by "
        f"{told}",
        value=clearest.auc.value,
        bounds=Interval(lower=max(each.lower for each in bounds), upper=max(each.upper for each in bounds)),
        n=clearest.auc.n,
        groups=tuple(group.group for group in report.groups[feature]),
    )


def _large(compared: Sequence[GroupAgainstOthers], minimum: int) -> tuple[list[GroupAgainstOthers], dict[str, str]]:
    large = [each for each in compared if min(each.n, each.other_n) >= minimum]
    left_out = {
        each.group: f"too small: {min(each.n, each.other_n)} rows, {minimum} needed"
        for each in compared
        if min(each.n, each.other_n) < minimum
    }
    return large, left_out


def _too_few(what: str, feature: str, left_out: dict[str, str]) -> Finding:
    return Finding(
        says=f"{what} by {feature} cannot be told: {TOO_FEW}", value=None, bounds=None, n=0, left_out=left_out
    )


def _exact(
    says: str,
    value: float,
    groups: tuple[str, ...],
    compared: Sequence[GroupAgainstOthers],
    left_out: dict[str, str] | None = None,
) -> Finding:
    return Finding(
        says=says,
        value=value,
        bounds=Interval(lower=value, upper=value),
        n=sum(each.n for each in compared),
        groups=groups,
        left_out=left_out or {},
    )
