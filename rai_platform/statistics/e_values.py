"""Evidence that may be looked at as often as one likes: e-values of a rate, and detectors that restart by themselves.

An e-value is a number that is at most 1 on average while the null hypothesis holds, so that a large one speaks against it
(Ramdas, Grünwald, Vovk and Shafer, Game-theoretic statistics and safe anytime-valid inference, Statistical Science 2023).
All are given as natural logarithms: evidence of a large window exceeds what a float can hold.
"""

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Numbers = npt.NDArray[np.float64]


def log_e_value_above(successes: npt.ArrayLike, trials: npt.ArrayLike, bound: npt.ArrayLike) -> Numbers:
    """Evidence that a rate is above a bound; the null is that it is the bound or less.

    The likelihood ratio of a rate θ to the bound, averaged over θ uniform between the bound and 1. For every single θ above the
    bound the ratio grows with the successes, so its mean under a smaller rate is at most the mean under the bound, which is 1.

    Args:
        successes: counts, one for each monitor (monitors,).
        trials: counts (monitors,); with none, the e-value is 1.
        bound: rates from 0 to 1 (monitors,). Where it is 1 nothing can speak against the null: 1. Where it is 0 and something
            succeeded the null is refuted: infinite.

    Returns:
        Natural logarithms (monitors,).
    """
    x, n, b = np.broadcast_arrays(*(np.asarray(each, dtype="float64") for each in (successes, trials, bound)))
    if bool(((x < 0) | (x > n) | (b < 0) | (b > 1)).any()):
        raise ValueError("expected 0 ≤ successes ≤ trials and bounds from 0 to 1")
    inside = np.where((b > 0) & (b < 1), b, 0.5)
    with np.errstate(divide="ignore"):
        beyond = stats.beta.logsf(inside, x + 1, n - x + 1)
    mixed = special.betaln(x + 1, n - x + 1) + beyond - np.log1p(-inside)
    under_null = special.xlogy(x, inside) + special.xlog1py(n - x, -inside)
    at_zero = np.where(x > 0, np.inf, -np.log1p(n))  # ∫ (1 - θ)^n dθ = 1 / (n + 1)
    found: Numbers = np.where(b >= 1, 0.0, np.where(b <= 0, at_zero, mixed - under_null))
    return found


def log_e_value_outside(
    successes: npt.ArrayLike, trials: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike
) -> Numbers:
    """Evidence that a rate is outside two bounds: the mean of the evidence that it is above one and below the other."""
    x, n = np.asarray(successes, dtype="float64"), np.asarray(trials, dtype="float64")
    above = log_e_value_above(x, n, upper)
    below = log_e_value_above(n - x, n, 1 - np.asarray(lower, dtype="float64"))
    found: Numbers = np.logaddexp(above, below) - np.log(2)
    return found


def log_mean(log_e_values: npt.ArrayLike) -> float:
    """The mean of e-values, which is one too, however they depend on each other; 0, for a mean of 1, of none."""
    values = np.asarray(log_e_values, dtype="float64")
    return float(special.logsumexp(values) - np.log(len(values))) if len(values) else 0.0


def restarted(before: npt.ArrayLike, log_e_value: npt.ArrayLike) -> Numbers:
    """A detector after one more disjoint batch: M_t = (M_{t-1} + 1) E_t, from M_0 = 0, in logarithms (-inf for 0).

    While the null holds, E[M_t] ≤ t. So the first time at which it is A or more comes after A batches at least on average, and
    among the first T batches it comes with a probability of T / A at most.

    Source: Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework for sequential change detection, NEJSDS 2024,
    section 3 (the Shiryaev-Roberts kind).
    """
    found: Numbers = np.logaddexp(np.asarray(before, dtype="float64"), 0.0) + np.asarray(log_e_value, dtype="float64")
    return found
