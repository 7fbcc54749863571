"""Agreement of two rankings of features, and the uncertainty of its mean over repetitions."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from rai_platform.explanations.mixing import Floats
from rai_platform.statistics.clusters import few_clusters
from rai_platform.statistics.estimates import NormalEstimate

NOTHING = 1e-9  # a size below this share of the largest is none at all
TOP = 3  # how many of the strongest features are compared by themselves
ONE_FEATURE = "no more than one feature moves the score, so there is no order to compare"


def sizes_without_noise(sizes: Floats) -> Floats:
    """Sizes (..., features) with 0 for those that are nothing but rounding beside the largest."""
    found: Floats = np.where(np.abs(sizes) > NOTHING * np.abs(sizes).max(axis=-1, keepdims=True), sizes, 0.0)
    return found


def kendall_tau_b(first: Floats, second: Floats) -> float:
    """Kendall's tau-b of two rankings (features,): 1 for the same order, 0 for none in common, -1 for the reverse.

    Ties are corrected for; where either is nothing but ties it is 0: no order was found again.

    Source: Kendall, The treatment of ties in ranking problems, Biometrika 33, 1945.
    """
    upper = np.triu_indices(len(first), 1)
    one, other = (np.sign(np.subtract.outer(each, each))[upper] for each in (first, second))
    untied = float(np.sum(one**2)) * float(np.sum(other**2))
    return float(np.sum(one * other)) / math.sqrt(untied) if untied > 0 else 0.0


def overlap_of_the_top(first: Floats, second: Floats, top: int) -> float:
    """Share of the strongest features of one that are among the strongest of the other, from 0 to 1."""
    one, other = (set(np.flatnonzero(rankdata(-each, method="ordinal") <= top)) for each in (first, second))
    return len(one & other) / top


def mean_over_pairs(between: Floats, n: int, *, least: float) -> NormalEstimate:
    """The mean over all pairs of repetitions, with the jackknife's standard error.

    A repetition is left out with all its pairs, since those share it. The error is widened by the ratio of Student's to the
    normal quantile, as it rests on few repetitions.

    Args:
        between: what was found between two repetitions (repetitions, repetitions), symmetric.
        n: rows it rests on.
        least: smallest possible value; the largest is 1.

    Source: Arvesen, Jackknifing U-statistics, Annals of Mathematical Statistics 40, 1969.
    """
    count = len(between)
    value = _mean_of_pairs(between, range(count))
    without = [_mean_of_pairs(between, [at for at in range(count) if at != out]) for out in range(count)]
    variance = (count - 1) / count * sum((each - float(np.mean(without))) ** 2 for each in without)
    error = math.sqrt(variance / few_clusters(count, 10_000))
    return NormalEstimate(value=value, standard_error=error, n=n, least=least, most=1.0)


def _mean_of_pairs(between: Floats, chosen: Sequence[int]) -> float:
    pairs = [between[one, other] for at, one in enumerate(chosen) for other in list(chosen)[at + 1 :]]
    return float(np.mean(pairs))
