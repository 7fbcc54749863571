"""What a report says about the explanation itself: whether it is the same again, names what the model uses, and for whom."""

from rai_platform.explanations.examination import Examination, GroupShares, ProxyColumn
from rai_platform.explanations.proxies import PROXY_AUC, clear_proxies
from rai_platform.explanations.report import Explanations
from rai_platform.release.finding import Finding, Levels, bounds_of, in_words, not_in_report, nothing, number, overall
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.statistics.estimates import Replicates

PROXIES = "proxies_in_top"
PARITY = "attribution_parity_difference"
EXAMINED = (
    "explanation_stability",
    "explanation_faithfulness",
    "second_opinion_agreement",
    PARITY,
    PROXIES,
)


def find_in_examination(check: RequiredCheck, report: Explanations, levels: Levels) -> Finding:
    """What the report says.

    Args:
        check: about one of ``EXAMINED``.
        report: of a model that could be explained.
        levels: that the judgement allows.

    Raises:
        EvidenceMissing: the report was made before anybody asked for this.
    """
    examination = report.examination
    if examination is None:
        raise not_in_report(check, in_words(check.requirement.metric))
    if check.requirement.metric == PROXIES:
        return _proxies(check, report, examination, levels)
    if check.requirement.metric == PARITY:
        return _parity(check, report, examination, levels)
    return overall(check, examination.measured, examination.not_estimable, levels)


def strongest_of(report: Explanations, top: int | None) -> list[str]:
    """The features that move the score most, all of them unless ``top`` says how many.

    A feature that moves nothing is no reason, also where there are fewer reasons than the policy looks at.
    """
    return [row.feature for row in report.importance if row.mean_absolute > 0][:top]


def strongest_of_replicates(report: Explanations, top: int | None) -> list[list[str]]:
    """The same when the explained rows are drawn again, for every replicate."""
    ranked = [
        sorted(zip(replicate, report.features, strict=True), key=lambda pair: -pair[0])
        for replicate in report.replicates
    ]
    return [[name for size, name in each if size > 0][:top] for each in ranked]


def _parity(check: RequiredCheck, report: Explanations, examination: Examination, levels: Levels) -> Finding:
    from rai_platform.explanations.parity import largest_difference, too_small

    feature = str(check.sensitive_feature)
    if feature not in examination.parity:
        raise not_in_report(check, f"attributions by {feature}")
    groups = examination.parity[feature]
    left_out = too_small(groups)
    found = largest_difference(groups, lower_alpha=levels.inner, upper_alpha=levels.outer)
    compared = [each for each in groups if each.group not in left_out]
    n = sum(each.n for each in compared)
    if found is None:
        return Finding(
            says=f"what matters for whom by {feature} cannot be compared: fewer than two groups are large enough",
            value=None,
            bounds=None,
            n=n,
            groups=tuple(each.group for each in compared),
            left_out=left_out,
        )
    return Finding(
        says=_parity_in_words(report.features[found.feature], found.feature, found.high, found.low, found.value),
        value=found.value,
        bounds=found.bounds,
        n=n,
        groups=tuple(each.group for each in compared),
        left_out=left_out,
    )


def _parity_in_words(name: str, at: int, high: GroupShares, low: GroupShares, value: float) -> str:
    if value == 0:
        return "every feature has the same share in what moves the score of every group"
    return (
        f"{name} has a share of {number(high.shares[at])} in what moves the score of {high.group} and of "
        f"{number(low.shares[at])} in what moves that of {low.group}, the largest difference of any feature"
    )


def _proxies(check: RequiredCheck, report: Explanations, examination: Examination, levels: Levels) -> Finding:
    if PROXIES in examination.not_estimable:
        return nothing(examination.not_estimable[PROXIES], report.n)
    if examination.screened is None:
        return nothing("nobody knows what gives groups away: the training data are not known", report.n)
    if not examination.screened:
        return nothing("nobody knows what gives groups away: no group of the training data could be screened", report.n)
    clear = clear_proxies(examination.proxies)
    strongest = strongest_of(report, check.requirement.top)
    count = [name for name in strongest if name in clear]
    drawn = [float(len(set(top).intersection(clear))) for top in strongest_of_replicates(report, check.requirement.top)]
    estimate = Replicates(value=float(len(count)), replicates=tuple(sorted(drawn)) or (float(len(count)),), n=report.n)
    return Finding(
        says=_proxies_in_words(strongest, [clear[name] for name in count], check.requirement.top),
        value=estimate.value,
        bounds=bounds_of(estimate, levels, "low"),
        n=report.n,
        left_out={
            feature: "no group of the training data could be screened"
            for feature in examination.parity
            if feature not in examination.screened
        },
    )


def _proxies_in_words(strongest: list[str], proxies: list[ProxyColumn], top: int | None) -> str:
    if not strongest:
        return "no feature moves the score"
    among = "the features that move the score" if top is None else f"the {len(strongest)} that move the score most"
    if len(strongest) == 1:
        among = "the feature that moves the score most"
    if not proxies:
        return f"none of {among} ({', '.join(strongest)}) gives a group away with an AUC of {PROXY_AUC:g} or more"
    told = [f"{each.column} ({each.sensitive_feature}: {each.group}, AUC {number(each.auc)})" for each in proxies]
    return f"of {among} ({', '.join(strongest)}), {' and '.join(told)} {'gives' if len(told) == 1 else 'give'} a group away"
