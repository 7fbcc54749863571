"""Disparities measured: over all groups that are large enough, with bounds, and with what the rows could have shown."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rai_platform.fairness.cells import Cells
from rai_platform.fairness.comparison import BEST, Compared, Extremes, answer, over_rates, question_about, worst
from rai_platform.fairness.metrics import Disparity
from rai_platform.fairness.rates import Rate, group_rates
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import REPORTED_ALPHA, Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDisparity:
    """A disparity with its bounds, and who could not be compared.

    Attributes:
        estimate: the disparity over the groups compared; None where there are fewer than two, or every rate is 0.
        interval: bounds; None where there are fewer than two groups; as wide as can be where one of several rates
            could not be compared.
        n: rows of the groups compared.
        compared: groups of which some rate was compared.
        extremes: the groups with the lowest and the highest rate, and which rate it was.
        left_out: why, by group of which some rate was not compared: too small, or not estimable.
        detectable: the smallest gap between the smallest group compared and everybody else that these rows would have
            shown; None where they would have shown none.
        smallest: the group that decides how much the rows can tell; None where fewer than two were compared.
    """

    estimate: float | None
    interval: Interval | None
    n: int
    compared: tuple[str, ...]
    extremes: Extremes | None
    left_out: dict[str, str]
    detectable: float | None
    smallest: "Smallest | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Smallest:
    """The smallest group of a comparison, which decides how much the rows can tell.

    Attributes:
        group: its name.
        n: its rows (of the rate's denominator).
        denominator: who these rows are, in words: ``positives``.
        rate: of everybody compared.
        next_trials: trials of the next smallest group.
        kind: of the disparity.
    """

    group: str
    n: int
    denominator: str
    rate: float
    next_trials: float
    kind: Literal["difference", "ratio"]

    def rows_to_pass(self, limit: float, *, alpha: float) -> int | None:
        """Rows of this group with which equal groups would probably have been found to keep a limit; None if none would."""
        from rai_platform.statistics.comparisons import trials_to_pass

        return trials_to_pass(self.rate, self.next_trials, kind=self.kind, limit=limit, alpha=alpha)


def measure_disparity(
    cells: Cells,
    disparity: Disparity,
    *,
    minimum_group_size: int = 1,
    outer_alpha: float = REPORTED_ALPHA,
    inner_alpha: float = REPORTED_ALPHA,
    reference: str = BEST,
) -> MeasuredDisparity:
    """``measure_disparities`` of one disparity of one feature."""
    (found,) = measure_disparities(
        {"": cells},
        [disparity],
        minimum_group_size=minimum_group_size,
        outer_alpha=outer_alpha,
        inner_alpha=inner_alpha,
        reference=reference,
    )[""]
    return found


def measure_disparities(
    cells: Mapping[str, Cells],
    disparities: Sequence[Disparity],
    *,
    minimum_group_size: int = 1,
    outer_alpha: float = REPORTED_ALPHA,
    inner_alpha: float = REPORTED_ALPHA,
    reference: str = BEST,
) -> dict[str, list[MeasuredDisparity]]:
    """Disparities over all groups that are large enough, with bounds that are valid when the groups are equal.

    Args:
        cells: the counts, by feature.
        disparities: what is compared.
        minimum_group_size: rows (of the rate's denominator) below which a group is left out, and said to be.
        outer_alpha: probability at which the truth may be further apart than the outer bound.
        inner_alpha: probability at which it may be closer together than the inner bound, over all pairs and rates.
        reference: ``(best)`` compares every group with every other; ``(largest)``, or the name of a group, compares every
            group with that one, in either direction. A group that is left out is never the reference.

    Returns:
        By feature, in the order of ``disparities``.
    """
    rates = {
        (feature, rate): _known(counted, rate, minimum_group_size)
        for feature, counted in cells.items()
        for rate in {rate for disparity in disparities for rate in disparity.rates}
    }
    asked = {
        (feature, disparity.name, rate.name): question
        for feature, disparity in itertools.product(cells, disparities)
        for rate in disparity.rates
        if (
            question := question_about(rates[feature, rate].rates, disparity, rate, outer_alpha, inner_alpha, reference)
        )
        is not None
    }
    answers = answer(asked)
    return {
        feature: [
            _measured(
                sizes,
                disparity,
                [rates[feature, rate] for rate in disparity.rates],
                [
                    answers[feature, disparity.name, rate.name]
                    for rate in disparity.rates
                    if (feature, disparity.name, rate.name) in answers
                ],
            )
            for disparity in disparities
        ]
        for feature, sizes in ((name, dict(zip(each.groups, each.sizes, strict=True))) for name, each in cells.items())
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A rate of the groups that are large enough, why the others are left out, and the smallest gap that would have shown."""

    rates: dict[str, Proportion]
    left_out: dict[str, str]
    detectable: float | None


def _known(cells: Cells, rate: Rate, minimum_group_size: int) -> _Known:
    rates = group_rates(cells, rate)
    left_out = _left_out(rates, rate, minimum_group_size)
    known = {group: value for group, value in rates.items() if value is not None and group not in left_out}
    smallest = min(known, key=lambda group: known[group].trials, default=None)
    gap = visible_gap(known, smallest) if smallest is not None and len(known) > 1 else None
    return _Known(rates=known, left_out=left_out, detectable=gap)


def _measured(
    sizes: Mapping[str, int], disparity: Disparity, known: Sequence[_Known], found: Sequence[Compared]
) -> MeasuredDisparity:
    people = {group for each in found for group in each.groups}
    estimate, interval = over_rates(disparity, found)
    account = _account(disparity, known)
    return MeasuredDisparity(
        estimate=estimate,
        interval=interval,
        n=sum(sizes[group] for group in people),
        compared=tuple(group for group in sizes if group in people),
        extremes=worst(disparity, found).extremes if estimate is not None else None,
        left_out=account.left_out,
        detectable=account.detectable,
        smallest=account.smallest,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who cannot be compared, and what those who can would have shown.

    Attributes:
        left_out: why, by group of which some rate is not compared: too small, or not estimable.
        detectable: the smallest gap between the smallest group compared and everybody else that these rows would have
            shown; None where they would have shown none.
        smallest: the group that decides how much the rows can tell; None where fewer than two are compared.
    """

    left_out: dict[str, str]
    detectable: float | None
    smallest: Smallest | None

    @property
    def in_words(self) -> str | None:
        """What would have shown, as a sentence without its full stop; None where fewer than two groups are compared."""
        return visible_in_words(self.detectable, self.smallest)


def account_for(cells: Cells, disparity: Disparity, *, minimum_group_size: int) -> Account:
    """Everybody by a feature: who is compared, who is not and why, and what would have shown."""
    return _account(disparity, [_known(cells, rate, minimum_group_size) for rate in disparity.rates])


def visible_in_words(detectable: float | None, smallest: Smallest | None) -> str | None:
    """``with the 38 positives of Asian, the smallest group compared, the smallest gap that would have shown is 0.31``."""
    if smallest is None:
        return None
    told = f"with the {smallest.n:,} {smallest.denominator} of {smallest.group}, the smallest group compared, "
    if detectable is None:
        return told + "no gap would have shown"
    return told + f"the smallest gap that would have shown is {detectable:.2f}"


def _account(disparity: Disparity, known: Sequence[_Known]) -> Account:
    compared = {
        rate.denominator: each for rate, each in zip(disparity.rates, known, strict=True) if len(each.rates) > 1
    }
    return Account(
        left_out={group: why for each in known for group, why in each.left_out.items()},
        detectable=_detectable(list(compared.values())),
        smallest=_smallest(disparity, compared),
    )


def _detectable(known: Sequence[_Known]) -> float | None:
    """The smallest gap that would have shown in the rate that shows least."""
    gaps = [each.detectable for each in known]
    return None if not gaps or None in gaps else max(gap for gap in gaps if gap is not None)


def visible_gap(rates: Mapping[str, Proportion], group: str) -> float | None:
    """The smallest difference of a group's rate from everybody else's that their rows would have shown.

    Args:
        rates: of at least two groups.
        group: one of them.

    Returns:
        A difference over 0; None where even the largest one would not have shown.
    """
    from rai_platform.statistics.comparisons import detectable_difference

    others = [value for name, value in rates.items() if name != group]
    trials = sum(value.trials for value in others)
    rate = sum(value.successes for value in others) / trials
    return detectable_difference(rate, rates[group].trials, trials)


def _smallest(disparity: Disparity, known: Mapping[str, _Known]) -> Smallest | None:
    """Of what is compared, by the denominator of its rate, the group with the fewest rows."""
    if not known:
        return None
    denominator = min(known, key=lambda name: min(rate.trials for rate in known[name].rates.values()))
    rates = known[denominator].rates
    group, after = sorted(rates, key=lambda name: rates[name].trials)[:2]
    trials = sum(rate.trials for rate in rates.values())
    return Smallest(
        group=group,
        n=rates[group].n,
        denominator=denominator,
        rate=sum(rate.successes for rate in rates.values()) / trials,
        next_trials=rates[after].trials,
        kind=disparity.kind,
    )


def _left_out(rates: dict[str, Proportion | None], rate: Rate, minimum: int) -> dict[str, str]:
    known = {group: value for group, value in rates.items() if value is not None}
    told = {}
    for group, value in rates.items():
        if value is None:
            told[group] = f"not estimable: no {rate.denominator}"
        elif value.n < minimum:
            told[group] = f"too small: {value.n} {rate.denominator}, {minimum} needed"
            if len(known) > 1:
                gap = visible_gap(known, group)
                shown = (
                    "no gap would have shown" if gap is None else f"the smallest gap that would have shown is {gap:.2f}"
                )
                told[group] += f"; with {value.n} {shown}"
    return told
