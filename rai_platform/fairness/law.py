"""Readings of the law from the same counts: New York City's Local Law 144, and the four-fifths rule of the UGESP.

They compute the tables that the rules describe. Whether a rule applies, and what follows, is for a lawyer to say.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rai_platform.data.sample import MISSING_GROUP, in_order
from rai_platform.fairness.cells import Cells
from rai_platform.fairness.rates import SELECTION_RATE, group_rates
from rai_platform.statistics.estimates import Proportion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LL144_LEAST_SHARE = 0.02  # 6 RCNY 5-301(d)(4): smaller categories may be left out of the impact ratio, and are named
FOUR_FIFTHS = 0.8
SIGNIFICANT = 0.05
CROSSED = " & "


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactRow:
    """One category of an impact-ratio table.

    Attributes:
        category: sex, race/ethnicity, or both crossed.
        n: applicants.
        share: of all applicants whose category is known.
        rate: selection rate, or scoring rate (the share that scored above the sample's median).
        impact_ratio: rate divided by that of the category with the highest rate; None where the category is left out.
        left_out: whether it has less than two percent of the applicants and is left out, as the rule allows.
    """

    category: str
    n: int
    share: float
    rate: Proportion | None
    impact_ratio: float | None
    left_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactTable:
    """An impact-ratio table as Local Law 144 wants it published.

    Attributes:
        feature: the attribute, or several crossed.
        kind: ``selection`` or ``scoring``.
        rows: categories.
        unknown: applicants whose category is not known; they are counted, and not compared.
    """

    feature: str
    kind: str
    rows: tuple[ImpactRow, ...]
    unknown: int


def selection_table(feature: str, cells: Cells) -> ImpactTable:
    """The table for a tool that selects: 6 RCNY 5-301(b).

    Args:
        feature: the attribute's name.
        cells: its counts.
    """
    return _table(
        feature, "selection", group_rates(cells, SELECTION_RATE), dict(zip(cells.groups, cells.sizes, strict=True))
    )


def scoring_table(feature: str, groups: "npt.NDArray[np.object_]", y_score: "npt.NDArray[np.float64]") -> ImpactTable:
    """The table for a tool that scores: 6 RCNY 5-301(c). A scoring rate is the share that scored above the median.

    Args:
        feature: the attribute's name.
        groups: the category of every applicant (applicants,).
        y_score: scores (applicants,).
    """
    import numpy as np

    above = y_score > np.median(y_score)
    rates: dict[str, Proportion | None] = {}
    for group in in_order(groups):
        member = groups == group
        rates[group] = Proportion(successes=float(above[member].sum()), trials=float(member.sum()), n=int(member.sum()))
    return _table(feature, "scoring", rates, {group: rate.n for group, rate in rates.items() if rate})


def _table(feature: str, kind: str, rates: dict[str, Proportion | None], sizes: dict[str, int]) -> ImpactTable:
    unknown = {group for group in sizes if MISSING_GROUP in group.split(CROSSED)}
    known = sum(n for group, n in sizes.items() if group not in unknown)
    shares = {group: n / known for group, n in sizes.items() if group not in unknown and known}
    compared = {
        group: rate.value
        for group, rate in rates.items()
        if rate is not None and shares.get(group, 0.0) >= LL144_LEAST_SHARE
    }
    highest = max(compared.values(), default=0.0)
    return ImpactTable(
        feature=feature,
        kind=kind,
        rows=tuple(
            ImpactRow(
                category=group,
                n=sizes[group],
                share=share,
                rate=rates[group],
                impact_ratio=compared[group] / highest if group in compared and highest > 0 else None,
                left_out=share < LL144_LEAST_SHARE,
            )
            for group, share in shares.items()
        ),
        unknown=sum(sizes[group] for group in unknown),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseImpact:
    """A group against the group with the highest selection rate, by both readings of the UGESP, 29 CFR 1607.4(D).

    Attributes:
        group: the group.
        reference: the group with the highest rate.
        ratio: of the selection rates.
        below_four_fifths: whether the ratio is under 0.8, which is generally regarded as evidence of adverse impact.
        score_p_value: of equal rates, by the score test.
        fisher_p_value: of equal rates, by Fisher's exact test.
        significant: whether the difference is statistically significant at 5 % (the smaller expected count decides which
            test is read: Fisher's where it is under 5).
        reading: what the two say together, in a sentence.
    """

    group: str
    reference: str
    ratio: float | None
    below_four_fifths: bool
    score_p_value: float
    fisher_p_value: float
    significant: bool
    reading: str


def adverse_impact(cells: Cells) -> tuple[AdverseImpact, ...]:
    """Every group but the one with the highest selection rate, compared with that one; people of unknown group are not."""
    rates = {
        group: rate
        for group, rate in group_rates(cells, SELECTION_RATE).items()
        if rate is not None and MISSING_GROUP not in group.split(CROSSED)
    }
    if len(rates) < 2:
        return ()
    reference = max(rates, key=lambda group: rates[group].value)
    return tuple(
        _impact(group, rate, reference, rates[reference]) for group, rate in rates.items() if group != reference
    )


def _impact(group: str, rate: Proportion, reference: str, other: Proportion) -> AdverseImpact:
    from rai_platform.statistics.comparisons import fisher_test, score_test

    ratio = rate.value / other.value if other.value > 0 else None
    counts = rate.successes, rate.trials, other.successes, other.trials
    (by_score,) = score_test(*([value] for value in counts)).tolist()
    exact = fisher_test(*counts)
    pooled = (rate.successes + other.successes) / (rate.trials + other.trials)
    smallest = min(rate.trials, other.trials) * min(pooled, 1 - pooled)
    significant = (exact if smallest < 5 else by_score) < SIGNIFICANT
    below = ratio is not None and ratio < FOUR_FIFTHS
    return AdverseImpact(
        group=group,
        reference=reference,
        ratio=ratio,
        below_four_fifths=below,
        score_p_value=by_score,
        fisher_p_value=exact,
        significant=significant,
        reading=READINGS[below, significant],
    )


READINGS = {
    (True, True): "Below four fifths and statistically significant: evidence of adverse impact by both readings.",
    (True, False): "Below four fifths, but not more than chance may explain: too few people to say; gather more data.",
    (False, True): (
        "At least four fifths, but more than chance explains: a smaller difference may still be adverse impact where it is "
        "significant in both statistical and practical terms."
    ),
    (False, False): "At least four fifths, and not more than chance may explain.",
}
