"""Measured values that know how sure they are: each gives its bounds at whatever level it is asked for.

A report stores these, so that a policy with another confidence can judge it again without measuring again.
"""

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rai_platform.spec.verdict import Interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

REPORTED_ALPHA = 0.025  # a report shows 95 % between its bounds, whatever the policy asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A share of trials that succeeded; its bounds are Wilson's.

    Attributes:
        successes: count, or effective count where rows are weighted.
        trials: count, or effective sample size (Kish) where rows are weighted; positive.
        n: rows it rests on.
    """

    successes: float
    trials: float
    n: int
    kind: Literal["proportion"] = "proportion"

    @property
    def value(self) -> float:
        """The rate, from 0 to 1."""
        return self.successes / self.trials

    def bounds(self, lower_alpha: float = REPORTED_ALPHA, upper_alpha: float = REPORTED_ALPHA) -> Interval:
        """Bounds, each wrong with the probability given for its side."""
        from rai_platform.statistics.proportions import wilson_bounds

        lower, _ = wilson_bounds(self.successes, self.trials, z=normal_quantile(lower_alpha))
        _, upper = wilson_bounds(self.successes, self.trials, z=normal_quantile(upper_alpha))
        return Interval(lower=float(lower), upper=float(upper))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """A difference of two proportions on the same rows, such as accuracy before and after a perturbation.

    Only the rows on which the two disagree count. The bounds are Wald's after one imaginary row is added to each kind
    of disagreement (Bonett and Price, Improved Wald confidence intervals for the comparison of paired proportions, 2012).

    Attributes:
        first_only: rows where only the first succeeded (effective count where weighted).
        second_only: rows where only the second succeeded.
        trials: all rows (effective sample size where weighted); positive.
        n: rows it rests on.
    """

    first_only: float
    second_only: float
    trials: float
    n: int
    kind: Literal["paired_difference"] = "paired_difference"

    @property
    def value(self) -> float:
        """First rate minus second rate, from -1 to 1."""
        return (self.first_only - self.second_only) / self.trials

    def bounds(self, lower_alpha: float = REPORTED_ALPHA, upper_alpha: float = REPORTED_ALPHA) -> Interval:
        """Bounds, each wrong with the probability given for its side."""
        total = self.trials + 2
        first, second = (self.first_only + 1) / total, (self.second_only + 1) / total
        centre, error = first - second, math.sqrt(max(first + second - (first - second) ** 2, 0.0) / total)
        lower = centre - normal_quantile(lower_alpha) * error
        upper = centre + normal_quantile(upper_alpha) * error
        return Interval(lower=max(-1.0, min(lower, self.value)), upper=min(1.0, max(upper, self.value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalEstimate:
    """An estimate whose error is close to normal, on its own scale or on that of the log odds.

    Attributes:
        value: the estimate.
        standard_error: of the estimate, on its own scale.
        n: rows it rests on.
        scale: ``logit`` for values between 0 and 1 that must stay there.
        least: smallest possible value.
        most: largest possible value; None where there is none.
    """

    value: float
    standard_error: float
    n: int
    scale: Literal["identity", "logit"] = "identity"
    least: float = 0.0
    most: float | None = None
    kind: Literal["normal"] = "normal"

    def bounds(self, lower_alpha: float = REPORTED_ALPHA, upper_alpha: float = REPORTED_ALPHA) -> Interval:
        """Bounds, each wrong with the probability given for its side."""
        down, up = normal_quantile(lower_alpha), normal_quantile(upper_alpha)
        if self.scale == "logit" and 0 < self.value < 1:
            centre = math.log(self.value / (1 - self.value))
            error = self.standard_error / (self.value * (1 - self.value))
            lower, upper = _expit(centre - down * error), _expit(centre + up * error)
        else:
            lower, upper = self.value - down * self.standard_error, self.value + up * self.standard_error
        most = math.inf if self.most is None else self.most
        return Interval(lower=max(self.least, lower), upper=min(most, upper))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """A value that describes the very rows that count, with nothing to infer: a share of duplicate rows, a number of features."""

    value: float
    n: int
    kind: Literal["exact"] = "exact"

    def bounds(self, lower_alpha: float = 0.0, upper_alpha: float = 0.0) -> Interval:  # noqa: ARG002 - one protocol
        """The value itself on both sides."""
        return Interval(lower=self.value, upper=self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicates:
    """An estimate with the sorted values it took when the rows were drawn again (bootstrap).

    Attributes:
        value: the estimate.
        replicates: sorted values (replicates,).
        n: rows it rests on.
    """

    value: float
    replicates: tuple[float, ...]
    n: int
    kind: Literal["replicates"] = "replicates"

    def bounds(self, lower_alpha: float = REPORTED_ALPHA, upper_alpha: float = REPORTED_ALPHA) -> Interval:
        """Percentile bounds; a level beyond what the number of replicates resolves gives the extreme replicate."""
        import numpy as np

        lower = float(np.quantile(self.replicates, lower_alpha, method="lower"))
        upper = float(np.quantile(self.replicates, 1 - upper_alpha, method="higher"))
        return Interval(lower=min(lower, self.value), upper=max(upper, self.value))


Estimate = Annotated[Proportion | PairedDifference | NormalEstimate | Exact | Replicates, Field(discriminator="kind")]


def weighted_proportion(
    succeeded: "npt.NDArray[np.bool_]",
    weight: "npt.NDArray[np.float64] | None",
    cluster: "npt.NDArray[np.int64] | None" = None,
) -> Proportion:
    """The share of rows that succeeded, with an effective sample size where rows are weighted (Kish) or clustered.

    Args:
        succeeded: (rows,), at least one row.
        weight: (rows,), or None.
        cluster: the cluster of every row (rows,), or None where rows are independent.
    """
    rows = len(succeeded)
    if weight is None and cluster is None:
        return Proportion(successes=float(succeeded.sum()), trials=float(rows), n=rows)
    effective = _effective(succeeded.astype("float64"), weight, cluster)
    if weight is None:
        return Proportion(successes=float(succeeded.mean()) * effective, trials=effective, n=rows)
    return Proportion(successes=float(weight[succeeded].sum() / weight.sum()) * effective, trials=effective, n=rows)


def paired_difference(
    first: "npt.NDArray[np.bool_]",
    second: "npt.NDArray[np.bool_]",
    weight: "npt.NDArray[np.float64] | None",
    cluster: "npt.NDArray[np.int64] | None" = None,
) -> PairedDifference:
    """The share of rows on which the first succeeded minus that of the second, rows matched; arguments (rows,)."""
    import numpy as np

    rows = len(first)
    if weight is None and cluster is None:
        only_first, only_second = float((first & ~second).sum()), float((second & ~first).sum())
        return PairedDifference(first_only=only_first, second_only=only_second, trials=float(rows), n=rows)
    w = np.ones(rows) if weight is None else weight
    effective = _effective(first.astype("float64") - second, weight, cluster)
    scale = effective / w.sum()
    return PairedDifference(
        first_only=float(w[first & ~second].sum() * scale),
        second_only=float(w[second & ~first].sum() * scale),
        trials=effective,
        n=rows,
    )


def weighted_mean(
    values: "npt.NDArray[np.float64]",
    weight: "npt.NDArray[np.float64] | None",
    cluster: "npt.NDArray[np.int64] | None" = None,
    *,
    most: float | None = None,
) -> NormalEstimate:
    """The mean of values (rows,) with the standard error of a weighted mean (linearized), over clusters where there are any."""
    import numpy as np

    rows = len(values)
    w = np.ones(rows) if weight is None else weight
    mean = float(np.average(values, weights=w))
    error = float(np.sqrt(np.sum(w**2 * (values - mean) ** 2)) / w.sum()) * math.sqrt(rows / max(rows - 1, 1))
    if cluster is not None:
        from rai_platform.statistics.clusters import clustered_variance

        error = max(error, math.sqrt(clustered_variance(w * (values - mean) / w.sum(), cluster)))
    return NormalEstimate(value=mean, standard_error=error, n=rows, most=most)


def _effective(
    values: "npt.NDArray[np.float64]",
    weight: "npt.NDArray[np.float64] | None",
    cluster: "npt.NDArray[np.int64] | None",
) -> float:
    """The effective number of rows behind a mean (Kish, or over clusters); rows are weighted, clustered or both."""
    if cluster is not None:
        from rai_platform.statistics.clusters import clustered_size

        return clustered_size(values, weight, cluster)
    return float(len(values)) if weight is None else effective_size(weight)


def effective_size(weight: "npt.NDArray[np.float64]") -> float:
    """The number of equally weighted rows that tell as much (Kish, Survey Sampling, 1965): (sum w)^2 / sum w^2."""
    return float(weight.sum() ** 2 / (weight**2).sum())


@functools.lru_cache(maxsize=512)
def normal_quantile(alpha: float) -> float:
    """The value that a standard normal variable exceeds with probability ``alpha``."""
    return -NormalDist().inv_cdf(alpha)  # not inv_cdf(1 - alpha): 1 - alpha has no digits left for a tiny alpha


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
