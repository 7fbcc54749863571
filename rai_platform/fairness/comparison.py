"""Groups compared in a rate: what is asked about them, all questions answered together, and the answers over several rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rai_platform.fairness.metrics import Disparity
from rai_platform.fairness.rates import Rate
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Proportion

if TYPE_CHECKING:
    from rai_platform.statistics.disparity import Comparison

MOST_COMPARED = 500  # groups: every pair of them gets an interval
BEST, LARGEST = "(best)", "(largest)"
Asked = tuple[str, str, str]  # a feature, a disparity and one of its rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """The two groups that are furthest apart in the rate that counts."""

    rate: str
    lowest: str
    lowest_rate: float
    highest: str
    highest_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Groups that are to be compared in one rate."""

    kind: str
    groups: tuple[str, ...]
    comparison: "Comparison"
    extremes: Extremes


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The disparity in one rate."""

    groups: tuple[str, ...]
    estimate: float | None
    interval: Interval
    extremes: Extremes


def question_about(
    known: Mapping[str, Proportion],
    disparity: Disparity,
    rate: Rate,
    outer_alpha: float,
    inner_alpha: float,
    reference: str,
) -> Question | None:
    """What is asked about one rate of a disparity; None where there is nobody to compare, or too many, or no reference.

    Args:
        known: the rates of the groups that are large enough.
        disparity: in question; its several rates share the levels where all of them count.
        rate: one of them.
        outer_alpha: probability at which the truth may be further apart than the outer bound.
        inner_alpha: probability at which it may be closer together than the inner bound, over all pairs and rates.
        reference: ``(best)``, ``(largest)``, or the name of a group.
    """
    from rai_platform.statistics.disparity import Comparison

    if reference == LARGEST and known:
        reference = max(known, key=lambda group: (known[group].n, group))
    if not 2 <= len(known) <= MOST_COMPARED or (reference != BEST and reference not in known):
        return None
    names, rates = tuple(known), known.values()
    shared = len(disparity.rates)
    return Question(
        kind=disparity.kind,
        groups=names,
        comparison=Comparison(
            successes=[each.successes for each in rates],
            trials=[each.trials for each in rates],
            outer_alpha=outer_alpha / shared if disparity.over_rates == "mean" else outer_alpha,
            inner_alpha=inner_alpha / shared,
            reference=None if reference == BEST else names.index(reference),
        ),
        extremes=_extremes(
            rate.name, {group: value.value for group, value in known.items()}, disparity.kind, reference
        ),
    )


def answer(asked: Mapping[Asked, Question]) -> dict[Asked, Compared]:
    """Every question's disparity and bounds; those of one kind are sought together."""
    from rai_platform.statistics.disparity import largest_differences, smallest_ratios

    answers: dict[Asked, Compared] = {}
    for kind, bound in (("difference", largest_differences), ("ratio", smallest_ratios)):
        mine = {key: question for key, question in asked.items() if question.kind == kind}
        found = bound([question.comparison for question in mine.values()]) if mine else []
        for (key, question), (estimate, interval) in zip(mine.items(), found, strict=True):
            answers[key] = Compared(
                groups=question.groups, estimate=estimate, interval=interval, extremes=question.extremes
            )
    return answers


def over_rates(disparity: Disparity, found: Sequence[Compared]) -> tuple[float | None, Interval | None]:
    """Estimate and bounds over the rates; a rate that could not be compared may be as bad as can be."""
    if not found:
        return None, None
    unknown = [Interval(lower=0.0, upper=1.0)] * (len(disparity.rates) - len(found))
    bounds = [each.interval for each in found] + unknown
    known = [each.estimate for each in found if each.estimate is not None]
    if disparity.over_rates == "mean":
        lower, upper = (sum(ends) / len(bounds) for ends in zip(*((b.lower, b.upper) for b in bounds), strict=True))
        return (sum(known) / len(known) if len(known) == len(bounds) else None), Interval(lower=lower, upper=upper)
    pick = max if disparity.kind == "difference" else min
    interval = Interval(lower=pick(bound.lower for bound in bounds), upper=pick(bound.upper for bound in bounds))
    return (pick(known) if known else None), interval


def worst(disparity: Disparity, found: Sequence[Compared]) -> Compared:
    """The rate in which the groups are furthest apart."""
    pick = max if disparity.kind == "difference" else min
    return pick((each for each in found if each.estimate is not None), key=lambda each: each.estimate or 0.0)


def _extremes(rate: str, rates: dict[str, float], kind: str, reference: str) -> Extremes:
    lowest, highest = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if reference != BEST:
        mine = rates[reference]
        others = [group for group in rates if group != reference]

        def apart(group: str) -> float:
            low, high = sorted((rates[group], mine))
            return high - low if kind == "difference" else -(low / high if high > 0 else 1.0)

        furthest = max(others, key=apart)
        lowest, highest = sorted((furthest, reference), key=rates.__getitem__)
    return Extremes(rate=rate, lowest=lowest, lowest_rate=rates[lowest], highest=highest, highest_rate=rates[highest])
