"""Group metrics as definitions on cells: rates, and the largest disparity of rates over groups.

Rates and disparities are Fairlearn's and agree with its ``MetricFrame`` to rounding, with one exception: a rate whose
denominator is empty (no positives, nobody selected) is not estimable here, where Fairlearn reports 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rai_platform.fairness.cells import FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE, TRUE_POSITIVE, Cells
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import REPORTED_ALPHA, Proportion

EVERYBODY = (TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of people, from 0 to 1.

    Attributes:
        name: its name in the field.
        symbols: its definition.
        of: the cells that are counted.
        among: the cells they are counted among.
        denominator: who is counted among, in words.
    """

    name: str
    symbols: str
    of: tuple[int, ...]
    among: tuple[int, ...]
    denominator: str


SELECTION_RATE = Rate(
    name="selection_rate",
    symbols="P(y_pred = 1 | group)",
    of=(FALSE_POSITIVE, TRUE_POSITIVE),
    among=EVERYBODY,
    denominator="rows",
)
TRUE_POSITIVE_RATE = Rate(
    name="true_positive_rate",
    symbols="P(y_pred = 1 | y_true = 1, group)",
    of=(TRUE_POSITIVE,),
    among=(FALSE_NEGATIVE, TRUE_POSITIVE),
    denominator="positives",
)
FALSE_POSITIVE_RATE = Rate(
    name="false_positive_rate",
    symbols="P(y_pred = 1 | y_true = 0, group)",
    of=(FALSE_POSITIVE,),
    among=(TRUE_NEGATIVE, FALSE_POSITIVE),
    denominator="negatives",
)
PRECISION = Rate(
    name="precision",
    symbols="P(y_true = 1 | y_pred = 1, group)",
    of=(TRUE_POSITIVE,),
    among=(FALSE_POSITIVE, TRUE_POSITIVE),
    denominator="selected rows",
)
ACCURACY = Rate(
    name="accuracy",
    symbols="P(y_pred = y_true | group)",
    of=(TRUE_NEGATIVE, TRUE_POSITIVE),
    among=EVERYBODY,
    denominator="rows",
)
RATES = (SELECTION_RATE, TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE, PRECISION, ACCURACY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disparity:
    """How far the groups are apart in one or more rates; of several rates the worst counts.

    Attributes:
        name: its name in a policy.
        kind: ``difference``: highest minus lowest rate, 0 when all are equal; ``ratio``: lowest divided by highest, 1
            when all are equal.
        rates: the rates compared.
    """

    name: str
    kind: Literal["difference", "ratio"]
    rates: tuple[Rate, ...]


DISPARITIES = {
    disparity.name: disparity
    for disparity in (
        Disparity(name="disparate_impact", kind="ratio", rates=(SELECTION_RATE,)),
        Disparity(name="demographic_parity_ratio", kind="ratio", rates=(SELECTION_RATE,)),
        Disparity(name="demographic_parity_difference", kind="difference", rates=(SELECTION_RATE,)),
        Disparity(name="equalized_odds_difference", kind="difference", rates=(TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE)),
        Disparity(name="equalized_odds_ratio", kind="ratio", rates=(TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE)),
        Disparity(name="equal_opportunity_difference", kind="difference", rates=(TRUE_POSITIVE_RATE,)),
        Disparity(name="false_positive_rate_difference", kind="difference", rates=(FALSE_POSITIVE_RATE,)),
        Disparity(name="precision_difference", kind="difference", rates=(PRECISION,)),
        Disparity(name="accuracy_difference", kind="difference", rates=(ACCURACY,)),
    )
}


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
    """

    estimate: float | None
    interval: Interval | None
    n: int
    compared: tuple[str, ...]
    extremes: "Extremes | None"
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """The two groups that are furthest apart in the rate that counts."""

    rate: str
    lowest: str
    lowest_rate: float
    highest: str
    highest_rate: float


def group_rates(cells: Cells, rate: Rate) -> dict[str, Proportion | None]:
    """A rate of every group, None where its denominator is empty."""
    return {group: _proportion(cells, index, rate) for index, group in enumerate(cells.groups)}


def measure_disparity(
    cells: Cells,
    disparity: Disparity,
    *,
    minimum_group_size: int = 1,
    outer_alpha: float = REPORTED_ALPHA,
    inner_alpha: float = REPORTED_ALPHA,
) -> MeasuredDisparity:
    """A disparity over all groups that are large enough, with bounds that are valid when the groups are equal.

    Args:
        cells: the counts.
        disparity: what is compared.
        minimum_group_size: rows (of the rate's denominator) below which a group is left out, and said to be.
        outer_alpha: probability at which the truth may be further apart than the outer bound.
        inner_alpha: probability at which it may be closer together than the inner bound, over all pairs and rates.
    """
    left_out: dict[str, str] = {}
    bounds: list[Interval] = []
    worst: tuple[float, Extremes] | None = None
    compared: set[str] = set()
    pick = max if disparity.kind == "difference" else min
    for rate in disparity.rates:
        rates = group_rates(cells, rate)
        apart = _left_out(rates, rate, minimum_group_size)
        left_out |= apart
        known = {group: value for group, value in rates.items() if value is not None and group not in apart}
        if len(known) < 2:
            bounds.append(Interval(lower=0.0, upper=1.0))
            continue
        compared |= known.keys()
        estimate, interval = _bounded(
            list(known.values()), disparity.kind, outer_alpha, inner_alpha / len(disparity.rates)
        )
        bounds.append(interval)
        if estimate is not None and (worst is None or pick(estimate, worst[0]) != worst[0]):
            worst = estimate, _extremes(rate.name, {group: value.value for group, value in known.items()})
    return MeasuredDisparity(
        estimate=worst[0] if worst else None,
        interval=Interval(lower=pick(bound.lower for bound in bounds), upper=pick(bound.upper for bound in bounds))
        if compared
        else None,
        n=cells.only(compared).n,
        compared=tuple(group for group in cells.groups if group in compared),
        extremes=worst[1] if worst else None,
        left_out=left_out,
    )


def _bounded(
    rates: Sequence[Proportion], kind: str, outer_alpha: float, inner_alpha: float
) -> tuple[float | None, Interval]:
    from rai_platform.statistics.disparity import largest_difference, smallest_ratio

    bound = largest_difference if kind == "difference" else smallest_ratio
    return bound(
        [rate.successes for rate in rates],
        [rate.trials for rate in rates],
        outer_alpha=outer_alpha,
        inner_alpha=inner_alpha,
    )


def _proportion(cells: Cells, index: int, rate: Rate) -> Proportion | None:
    weights, squares = cells.weights[index], cells.squares[index]
    total = sum(weights[cell] for cell in rate.among)
    if total <= 0:
        return None
    effective = total**2 / sum(squares[cell] for cell in rate.among)
    n = round(sum(cells.counts[index][cell] for cell in rate.among))
    return Proportion(successes=sum(weights[cell] for cell in rate.of) / total * effective, trials=effective, n=n)


def _left_out(rates: dict[str, Proportion | None], rate: Rate, minimum: int) -> dict[str, str]:
    told = {}
    for group, value in rates.items():
        if value is None:
            told[group] = f"not estimable: no {rate.denominator}"
        elif value.n < minimum:
            told[group] = f"too small: {value.n} {rate.denominator}, {minimum} needed"
    return told


def _extremes(rate: str, rates: dict[str, float]) -> Extremes:
    lowest, highest = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    return Extremes(rate=rate, lowest=lowest, lowest_rate=rates[lowest], highest=highest, highest_rate=rates[highest])
