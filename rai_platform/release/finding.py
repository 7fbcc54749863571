"""A finding: what a report says about one metric, in words and numbers, at the levels that a judgement allows."""

from dataclasses import dataclass, field

from rai_platform.errors import EvidenceMissing
from rai_platform.robustness.attack_report import Examined
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Estimate


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
        detectable: the smallest disparity that the rows would have shown.
        visible: that in words, with the people it is about; None where that is not asked.
        needed: what would have been enough to tell, in words; None where nobody can say.
    """

    says: str
    value: float | None
    bounds: Interval | None
    n: int
    groups: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    detectable: float | None = None
    visible: str | None = None
    needed: str | None = None


def nothing(why: str, n: int = 0) -> Finding:
    """No value, and why."""
    return Finding(says=why, value=None, bounds=None, n=n)


def not_credible(report: Examined, n: int) -> Finding:
    """No value, since it is open whether the attacks are worth believing."""
    told = "; ".join(f"not shown that {doubt.name}: {doubt.says}" for doubt in report.doubts)
    return nothing(f"attack not credible: {told}", n)


def bounds_of(estimate: Estimate, levels: Levels, good: str) -> Interval:
    """The bound on the bad side at the outer level, on the good side at the inner one."""
    if good == "high":
        return estimate.bounds(levels.outer, levels.inner)
    return estimate.bounds(levels.inner, levels.outer)


def overall(
    check: RequiredCheck, measured: dict[str, Estimate], not_estimable: dict[str, str], levels: Levels
) -> Finding:
    """A metric over everybody, as a report holds it, or why it does not."""
    name = check.requirement.metric
    metric = METRICS[name]
    if name not in measured:
        if name not in not_estimable:
            raise not_in_report(check, in_words(name))
        return nothing(f"{in_words(name)} is not estimable: {not_estimable[name]}")
    estimate = measured[name]
    return Finding(
        says=f"{in_words(name)} ({metric.meaning}) is {number(estimate.value)}",
        value=estimate.value,
        bounds=bounds_of(estimate, levels, metric.good),
        n=estimate.n,
    )


def not_in_report(check: RequiredCheck, what: str) -> EvidenceMissing:
    """For a report that was made before anybody asked for this."""
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
