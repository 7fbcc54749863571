"""What a report says about a metric: the value, its bounds, who it is about, and why not where it says nothing."""

from collections.abc import Mapping

from rai_platform.data.report import DataReport
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.report import FairnessReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.release.attack_findings import find_in_attack
from rai_platform.release.data_findings import find_in_data
from rai_platform.release.explanation_findings import (
    EXAMINED,
    find_in_examination,
    strongest_of,
    strongest_of_replicates,
)
from rai_platform.release.fairness_findings import find_in_fairness
from rai_platform.release.finding import Finding, Levels, bounds_of, in_words, not_in_report, nothing, number, overall
from rai_platform.release.image_attack_findings import IMAGE_METRICS, find_in_images
from rai_platform.release.prompt_findings import PROMPT_METRICS, find_in_prompts
from rai_platform.release.text_attack_findings import TEXT_METRICS, find_in_texts
from rai_platform.robustness.report import NO_COLUMN, RobustnessScores
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Policy
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Exact, Replicates

AT_PREDICTION = "protected_attributes_at_prediction"

Evidence = DataReport | PerformanceReport | FairnessReport | Explanations | RobustnessScores


def find(
    check: RequiredCheck,
    evidence: Evidence,
    *,
    levels: Levels,
    policy: Policy,
    sensitive_columns: Mapping[str, str],
) -> Finding:
    """What the evidence says about the metric that a check is about.

    Raises:
        EvidenceMissing: the report was made before anybody asked for this, and has to be made again. That is no verdict: the
            severest one on record counts for good.
    """
    if METRICS[check.requirement.metric].by_group and check.sensitive_feature is None:
        return nothing("no sensitive feature is declared, so nobody can be compared")
    if isinstance(evidence, FairnessReport):
        return find_in_fairness(check, evidence, levels, policy)
    if isinstance(evidence, DataReport):
        return find_in_data(check, evidence, levels, policy.minimum_group_size)
    if isinstance(evidence, Explanations):
        return _in_explanations(check, evidence, levels, sensitive_columns)
    if isinstance(evidence, RobustnessScores):
        return _in_robustness(check, evidence, levels)
    return overall(check, evidence.measured, evidence.not_estimable, levels)


def _in_explanations(
    check: RequiredCheck, report: Explanations, levels: Levels, sensitive_columns: Mapping[str, str]
) -> Finding:
    if check.requirement.metric == AT_PREDICTION:
        return _at_prediction(report, sensitive_columns)
    by_group = [sensitive_columns.get(feature, feature) for feature in report.group_features]
    if report.not_possible is not None:
        return nothing(f"there is no explanation: {report.not_possible}{_by_group_in_words(by_group)}")
    if report.additivity_error is None:
        raise not_in_report(check, "whether attributions add up")
    if check.requirement.metric == "additivity_error":
        exact = Exact(value=report.additivity_error, n=report.n)
        return overall(check, {"additivity_error": exact}, {}, levels)
    if check.requirement.metric in EXAMINED:
        return find_in_examination(check, report, levels)
    asked = check.requirement.features
    forbidden = asked if isinstance(asked, tuple) else tuple(sensitive_columns.values())
    decide = {name for name in by_group if name in forbidden}
    strongest = strongest_of(report, check.requirement.top)
    count = [name for name in strongest if name in forbidden]
    drawn = [
        float(len({name for name in top if name in forbidden} | decide))
        for top in strongest_of_replicates(report, check.requirement.top)
    ]
    estimate = Replicates(value=float(len({*count, *decide})), replicates=tuple(sorted(drawn)), n=report.n)
    return Finding(
        says=_strongest_in_words(strongest, count) + _by_group_in_words(sorted(decide)),
        value=estimate.value,
        bounds=bounds_of(estimate, levels, "low"),
        n=report.n,
    )


def _at_prediction(report: Explanations, sensitive_columns: Mapping[str, str]) -> Finding:
    """How many protected attributes the model needs to decide about a person: as a feature, or for its thresholds."""
    needed = [
        name for name, column in sensitive_columns.items() if column in report.features or name in report.group_features
    ]
    count = float(len(needed))
    if report.not_possible is not None and not needed:
        return nothing(f"nobody knows what the decision needs: {report.not_possible}")
    told = (
        f"the protected attribute{'' if len(needed) == 1 else 's'} {' and '.join(needed)}"
        if needed
        else "no protected attribute"
    )
    # Where no features are known, the thresholds alone are: the others may be needed as well.
    most = count if report.not_possible is None else float(len(sensitive_columns))
    return Finding(
        says=f"deciding about a person needs {told}",
        value=count,
        bounds=Interval(lower=count, upper=most),
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
    if check.requirement.metric in IMAGE_METRICS:
        return find_in_images(check, report, levels)
    metric = check.requirement.metric
    words = report.texts if metric in TEXT_METRICS else report.prompts if metric in PROMPT_METRICS else None
    if words is None and report.not_possible is not None:
        return nothing(f"nothing could be tried: {report.not_possible}")
    if metric in (*TEXT_METRICS, *PROMPT_METRICS):
        return _in_texts_and_prompts(check, report, levels)
    perturbation = check.requirement.metric.removeprefix("accuracy_drop_under_")
    if perturbation == "constrained_attack":
        return find_in_attack(check, report.attack, levels)
    if perturbation in report.not_estimable:
        return _not_perturbed(perturbation, report)
    strength = check.requirement.strength or max(
        (abs(score.strength) for score in report.scores if score.perturbation == perturbation), default=0.0
    )
    scores = report.at(perturbation, strength)
    if not scores:
        raise not_in_report(check, f"{in_words(perturbation)} of strength {strength:g}")
    worst = max(scores, key=lambda score: score.drop.value)
    bounds = [bounds_of(score.drop, levels, "low") for score in scores]
    return Finding(
        says=f"{in_words(perturbation)} of strength {worst.strength:g} takes accuracy from "
        f"{number(worst.accuracy.value + worst.drop.value)} to {number(worst.accuracy.value)}, a drop of {number(worst.drop.value)}",
        value=worst.drop.value,
        n=worst.drop.n,
        bounds=Interval(lower=max(bound.lower for bound in bounds), upper=max(bound.upper for bound in bounds)),
    )


def _in_texts_and_prompts(check: RequiredCheck, report: RobustnessScores, levels: Levels) -> Finding:
    """What texts and prompts do to a model; one of tables or images reads none."""
    texts = check.requirement.metric in TEXT_METRICS
    if (report.scores or report.images) and (report.texts if texts else report.prompts) is None:
        reads = "images" if report.images else "tables"
        return nothing(f"the model reads {reads}, and no texts that anybody could change", report.n)
    if texts:
        return find_in_texts(check, report.texts, levels)
    return find_in_prompts(check, report.prompts, levels)


def _not_perturbed(perturbation: str, report: RobustnessScores) -> Finding:
    why = report.not_estimable[perturbation]
    if why == NO_COLUMN:  # nothing of the kind can happen to this model, and that is a fact, not a gap
        return Finding(
            says=f"{in_words(perturbation)}: {why}", value=0.0, bounds=Interval(lower=0.0, upper=0.0), n=report.n
        )
    return nothing(f"{in_words(perturbation)}: {why}", report.n)
