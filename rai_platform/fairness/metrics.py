"""Disparities: how far groups of people are apart in a rate, with bounds that are right when they are equal.

Rates and disparities are Fairlearn's and agree with its ``MetricFrame`` to rounding, with one exception: a rate whose
denominator is empty (no positives, nobody selected) is not estimable here, where Fairlearn reports 0. AIF360 compares one
unprivileged with one privileged group and keeps the sign; ``against`` does that.
"""

from dataclasses import dataclass
from typing import Literal

from rai_platform.fairness.cells import Cells
from rai_platform.fairness.rates import (
    ACCURACY,
    ERROR_RATE,
    FALSE_POSITIVE_RATE,
    RATES,
    SELECTION_RATE,
    TRUE_POSITIVE_RATE,
    Rate,
    group_rates,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disparity:
    """How far the groups are apart in one or more rates.

    Attributes:
        name: its name in a policy.
        kind: ``difference``: highest minus lowest rate, from 0 when all are equal to 1; ``ratio``: lowest divided by
            highest, from 0 to 1 when all are equal.
        rates: the rates compared.
        over_rates: of several rates the ``worst`` disparity counts, or their ``mean``.
    """

    name: str
    kind: Literal["difference", "ratio"]
    rates: tuple[Rate, ...]
    over_rates: Literal["worst", "mean"] = "worst"


ODDS = (TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE)
NAMED_OTHERWISE = {SELECTION_RATE.name: "demographic_parity", TRUE_POSITIVE_RATE.name: "equal_opportunity"}
# Demographic parity: Calders, Kamiran and Pechenizkiy, 2009. Equalized odds, equal opportunity: Hardt, Price and Srebro,
# Equality of opportunity in supervised learning, 2016. Average odds: AIF360's average_abs_odds_difference, Fairlearn's
# equalized_odds_difference(agg="mean"). Disparate impact: 29 CFR 1607.4(D). The others are differences and ratios of the
# rates they are named for.
DISPARITIES: dict[str, Disparity] = {
    disparity.name: disparity
    for disparity in (
        Disparity(name="disparate_impact", kind="ratio", rates=(SELECTION_RATE,)),
        Disparity(name="equalized_odds_difference", kind="difference", rates=ODDS),
        Disparity(name="equalized_odds_ratio", kind="ratio", rates=ODDS),
        Disparity(name="average_odds_difference", kind="difference", rates=ODDS, over_rates="mean"),
        *(
            Disparity(name=f"{NAMED_OTHERWISE.get(rate.name, rate.name)}_{kind}", kind=kind, rates=(rate,))
            for rate in RATES
            for kind in ("difference", "ratio")
        ),
    )
}

OF_RIGHT_ANSWERS = (ACCURACY, ERROR_RATE)  # rates that need no label to be the selected one


def is_about_right_answers(name: str) -> bool:
    """Whether a disparity has a meaning where none of several classes is the one to be selected."""
    return name in DISPARITIES and set(DISPARITIES[name].rates) <= set(OF_RIGHT_ANSWERS)


def against(cells: Cells, rate: Rate, group: str, reference: str) -> tuple[float, float | None] | None:
    """AIF360's signed comparison of an unprivileged group with a privileged one.

    Returns:
        The group's rate minus the reference's, from -1 to 1, and divided by it (None where that is 0); None where either
        has no such rate.
    """
    rates = group_rates(cells, rate)
    one, other = rates[group], rates[reference]
    if one is None or other is None:
        return None
    return one.value - other.value, one.value / other.value if other.value > 0 else None
