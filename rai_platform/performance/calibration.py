"""Calibration: whether a score that is read as a chance is one."""

import numpy as np
import numpy.typing as npt

from rai_platform.performance.report import CalibrationBin
from rai_platform.statistics.estimates import Replicates, weighted_proportion

BINS = 10
REPLICATES = 1000
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)  # the clip that scikit-learn's log_loss applies to float64

Floats = npt.NDArray[np.float64]


def calibration_bins(
    y_score: Floats,
    y_true: npt.NDArray[np.int8],
    weight: Floats | None,
    cluster: npt.NDArray[np.int64] | None = None,
) -> tuple[CalibrationBin, ...]:
    """Score against observed rate over ten bins of equal width; empty bins are left out."""
    which = np.minimum((y_score * BINS).astype("int64"), BINS - 1)
    found = []
    for number in range(BINS):
        member = which == number
        if member.any():
            inside = None if weight is None else weight[member]
            found.append(
                CalibrationBin(
                    share=float(np.average(member, weights=weight)),
                    mean_score=float(np.average(y_score[member], weights=inside)),
                    observed=weighted_proportion(
                        y_true[member] == 1, inside, None if cluster is None else cluster[member]
                    ),
                )
            )
    return tuple(found)


def expected_calibration_error(bins: tuple[CalibrationBin, ...], *, seed: int) -> Replicates:
    """The mean distance of score and observed rate over the bins, each counting by its share of the rows.

    Its bounds come from drawing the counts of the bins again. The distance is never negative, so drawing again adds to
    it: the upper bound errs on the side of caution.

    Source: Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015.
    """
    size = np.array([bin_.observed.trials for bin_ in bins])
    said = np.array([bin_.mean_score for bin_ in bins])
    rate = np.array([bin_.observed.value for bin_ in bins])
    share = np.array([bin_.share for bin_ in bins])
    rng = np.random.default_rng(seed)
    drawn_sizes = rng.multinomial(round(size.sum()), size / size.sum(), size=REPLICATES)
    drawn = rng.binomial(drawn_sizes, rate) / np.maximum(drawn_sizes, 1)
    drawn_shares = drawn_sizes * share / size
    replicates = np.sum(drawn_shares * np.abs(drawn - said), axis=1) / drawn_shares.sum(axis=1)
    return Replicates(
        value=float(np.average(np.abs(rate - said), weights=share)),
        replicates=tuple(np.sort(replicates).tolist()),
        n=sum(bin_.observed.n for bin_ in bins),
    )
