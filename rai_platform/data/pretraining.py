"""Measures of bias in labelled data before anything is trained on them: a group against everybody else.

Names and definitions are those of Amazon SageMaker Clarify's pre-training bias metrics: facet d is the group, facet a
everybody else. All but the conditional one are functions of four counts: rows of d and of a, with and without the
positive label.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCounts:
    """Rows (or sums of weights) of a group and of everybody else, by label.

    Attributes:
        positive: rows of the group with the positive label.
        negative: rows of the group without it.
        other_positive: rows of everybody else with it.
        other_negative: rows of everybody else without it.
    """

    positive: float
    negative: float
    other_positive: float
    other_negative: float

    @property
    def n(self) -> float:
        """Rows of the group."""
        return self.positive + self.negative

    @property
    def other_n(self) -> float:
        """Rows of everybody else."""
        return self.other_positive + self.other_negative

    @property
    def label_rate(self) -> float:
        """P(y = 1) in the group, q_d; needs rows."""
        return self.positive / self.n

    @property
    def other_label_rate(self) -> float:
        """P(y = 1) among everybody else, q_a; needs rows."""
        return self.other_positive / self.other_n


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One pre-training measure.

    Attributes:
        name: its name in a policy.
        short: its name in Clarify.
        symbols: its definition.
        range: what values it can take, and what they mean.
        of: its value; only asked where both sides have rows.
    """

    name: str
    short: str
    symbols: str
    range: str
    of: Callable[[LabelCounts], float | None]


def class_imbalance(counts: LabelCounts) -> float:
    """(n_a - n_d) / (n_a + n_d): 0 where both are as many, towards 1 the fewer are in the group, -1 the more."""
    return (counts.other_n - counts.n) / (counts.other_n + counts.n)


def label_rate_gap(counts: LabelCounts) -> float:
    """q_a - q_d, difference in proportions of labels: above 0 where the group has the positive label less often."""
    return counts.other_label_rate - counts.label_rate


def kullback_leibler(counts: LabelCounts) -> float | None:
    """Sum over labels of P_a ln(P_a / P_d), from 0 upwards; None (infinite) where a label never occurs in the group."""
    total = 0.0
    for of_others, of_group in zip(*_distributions(counts), strict=True):
        if of_others > 0:
            if of_group <= 0:
                return None
            total += of_others * math.log(of_others / of_group)
    return total


def jensen_shannon(counts: LabelCounts) -> float:
    """(KL(P_a, M) + KL(P_d, M)) / 2 with M the mean of both, from 0 to ln 2."""
    total = 0.0
    for of_others, of_group in zip(*_distributions(counts), strict=True):
        middle = (of_others + of_group) / 2
        total += sum(share * math.log(share / middle) / 2 for share in (of_others, of_group) if share > 0)
    return total


def lp_norm(counts: LabelCounts) -> float:
    """Square root of the summed squared differences of the label distributions, from 0 to the square root of 2."""
    return math.sqrt(sum((a - d) ** 2 for a, d in zip(*_distributions(counts), strict=True)))


def total_variation_distance(counts: LabelCounts) -> float:
    """Half the summed absolute differences of the label distributions, from 0 to 1."""
    return sum(abs(a - d) for a, d in zip(*_distributions(counts), strict=True)) / 2


def kolmogorov_smirnov(counts: LabelCounts) -> float:
    """The largest absolute difference of the label distributions, from 0 to 1."""
    return max(abs(a - d) for a, d in zip(*_distributions(counts), strict=True))


def demographic_disparity(counts: LabelCounts) -> float | None:
    """Share of the group among the rejected minus its share among the accepted.

    Returns:
        From -1 to 1, above 0 where it is rejected more than its part; None where nobody is rejected, or nobody accepted.
    """
    rejected, accepted = counts.negative + counts.other_negative, counts.positive + counts.other_positive
    if rejected <= 0 or accepted <= 0:
        return None
    return counts.negative / rejected - counts.positive / accepted


def conditional_demographic_disparity(strata: Sequence[LabelCounts]) -> float | None:
    """The demographic disparity within each stratum of a factor, weighted by the rows of the stratum.

    Where a disparity vanishes within strata, the factor accounts for it (Simpson's paradox). Strata in which nobody is
    rejected, or nobody accepted, have no disparity: everybody in them was treated alike.

    Returns:
        From -1 to 1; None without rows.

    Source: Wachter, Mittelstadt and Russell, Why fairness cannot be automated, 2021; Clarify's CDDL.
    """
    total = sum(stratum.n + stratum.other_n for stratum in strata)
    if total <= 0:
        return None
    weighed = ((stratum.n + stratum.other_n) * (demographic_disparity(stratum) or 0.0) for stratum in strata)
    return sum(weighed) / total


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="class_imbalance",
            short="CI",
            symbols="(n_a - n_d) / (n_a + n_d)",
            range="-1 to 1; 0: as many in the group as elsewhere",
            of=class_imbalance,
        ),
        Measure(
            name="label_rate_gap",
            short="DPL",
            symbols="q_a - q_d",
            range="-1 to 1; 0: the positive label is as common",
            of=label_rate_gap,
        ),
        Measure(
            name="kullback_leibler_divergence",
            short="KL",
            symbols="sum P_a ln(P_a / P_d)",
            range="0 upwards; 0: equal label distributions",
            of=kullback_leibler,
        ),
        Measure(
            name="jensen_shannon_divergence",
            short="JS",
            symbols="(KL(P_a, M) + KL(P_d, M)) / 2",
            range="0 to 0.693; 0: equal label distributions",
            of=jensen_shannon,
        ),
        Measure(
            name="lp_norm",
            short="LP",
            symbols="sqrt(sum (P_a - P_d)^2)",
            range="0 to 1.414; 0: equal label distributions",
            of=lp_norm,
        ),
        Measure(
            name="total_variation_distance",
            short="TVD",
            symbols="sum |P_a - P_d| / 2",
            range="0 to 1; 0: equal label distributions",
            of=total_variation_distance,
        ),
        Measure(
            name="kolmogorov_smirnov_distance",
            short="KS",
            symbols="max |P_a - P_d|",
            range="0 to 1; 0: equal label distributions",
            of=kolmogorov_smirnov,
        ),
    )
}


def measure_labels(counts: LabelCounts) -> dict[str, float | None]:
    """Every measure of a group against everybody else; None where it has no value."""
    if counts.n <= 0 or counts.other_n <= 0:
        return dict.fromkeys(MEASURES)
    return {name: measure.of(counts) for name, measure in MEASURES.items()}


def _distributions(counts: LabelCounts) -> tuple[tuple[float, float], tuple[float, float]]:
    """P(y = 0), P(y = 1) of everybody else, and of the group."""
    q_a, q_d = counts.other_label_rate, counts.label_rate
    return (1 - q_a, q_a), (1 - q_d, q_d)
