"""What the attacks on a model say about how much accuracy people can take from it."""

from rai_platform.release.finding import (
    Finding,
    Levels,
    bounds_of,
    in_words,
    not_credible,
    not_in_report,
    nothing,
    number,
)
from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform.spec.requirements import RequiredCheck


def find_in_attack(check: RequiredCheck, report: ConstrainedAttack | None, levels: Levels) -> Finding:
    """The drop of accuracy in the worst case over all attacks; nothing where they are not worth believing.

    Raises:
        EvidenceMissing: the report is older than the question, or the budget was not tried.
    """
    if report is None:
        raise not_in_report(check, "attacks under constraints")
    if report.not_possible is not None:
        return nothing(f"nothing could be attacked: {report.not_possible}", report.n)
    if report.doubts:
        return not_credible(report, report.n)
    budget = check.requirement.strength or max((point.budget for point in report.worst_case), default=0.0)
    found = report.at(budget)
    if found is None:
        raise not_in_report(check, f"an attack with a budget of {budget:g}")
    return Finding(
        says=f"people who change what they could, at a cost of {budget:g} at most, take accuracy from "
        f"{number(found.accuracy.value + found.drop.value)} to {number(found.accuracy.value)} or lower, a drop of "
        f"{number(found.drop.value)} (strongest attack: {in_words(report.strongest or 'worst_case')})",
        value=found.drop.value,
        bounds=bounds_of(found.drop, levels, "low"),
        n=found.drop.n,
    )
