"""What attacks on a text classifier say about its accuracy when texts are changed on purpose."""

from rai_platform.release.finding import Finding, Levels, bounds_of, not_credible, not_in_report, nothing, number
from rai_platform.robustness.texts.report import TextRobustness
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.requirements import RequiredCheck

TEXT_METRICS = ("accuracy_under_text_attack", "text_attack_success_rate")


def find_in_texts(check: RequiredCheck, report: TextRobustness | None, levels: Levels) -> Finding:
    """The worst case over the recipes that ran; nothing where they are not worth believing.

    Raises:
        EvidenceMissing: the report is older than the question.
    """
    if report is None:
        raise not_in_report(check, "attacks on texts")
    if report.not_possible is not None:
        return nothing(f"nothing could be attacked: {report.not_possible}", report.n)
    if report.doubts:
        return not_credible(report, report.n)
    turned, accuracy, worst, strongest = report.success_rate, report.accuracy, report.worst_case, report.strongest
    if turned is None or accuracy is None or worst is None or strongest is None:
        return nothing("no text is classified rightly as it is, so none was attacked", report.n)
    metric = check.requirement.metric
    found = worst if metric == "accuracy_under_text_attack" else turned
    return Finding(
        says=f"recipes that change texts take accuracy from {number(accuracy.value)} to "
        f"{number(worst.value)} or lower: they turn {number(turned.value)} of "
        f"the texts that are classified rightly (strongest recipe: {strongest.recipe})",
        value=found.value,
        bounds=bounds_of(found, levels, METRICS[metric].good),
        n=found.n,
    )
