"""What moved the score of some rows: how much of it each feature did, in a window and in the released explanation.

Of each row a feature has a share of the absolute SHAP values of all features. The mean of such shares lies between 0 and 1, as a
share of rows does, and is watched as one: a mean of numbers from 0 to 1 varies no more than a share of rows of the same size, and
the likelihood ratio of one stays an e-value (it is convex in every number, so at most what 0 and 1 with the same mean would give).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from rai_platform.explanations.report import Explanations
from rai_platform.statistics.estimates import Proportion

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """Attributions of some rows, summed up.

    Attributes:
        n: rows explained.
        sizes: mean absolute attribution by feature, in units of the explanation.
        shares: by feature, the mean over the rows of its share of a row's absolute attributions; of a row that nothing moves,
            every share is 0.
    """

    n: int
    sizes: dict[str, float]
    shares: dict[str, Proportion]

    @classmethod
    def of(cls, features: tuple[str, ...], values: Floats) -> Self:
        """From attributions (rows, features) of at least one row."""
        n = len(values)
        return cls(
            n=n,
            sizes=dict(zip(features, np.abs(values).mean(axis=0).tolist(), strict=True)),
            shares={
                name: Proportion(successes=min(float(total), n), trials=n, n=n)
                for name, total in zip(features, row_shares(values).sum(axis=0), strict=True)
            },
        )

    def __add__(self, other: Self) -> Self:
        """Of disjoint rows together."""
        n = self.n + other.n
        return type(self)(
            n=n,
            sizes={name: (self.n * size + other.n * other.sizes[name]) / n for name, size in self.sizes.items()},
            shares={name: _together(share, other.shares[name]) for name, share in self.shares.items()},
        )


def released_attributions(report: Explanations) -> Attributed:
    """Those of a released explanation: the sizes as it tells them, the shares from the rows that it kept.

    The shares are as sure as their own standard errors say.
    """
    shares = row_shares(np.array([row.attributions for row in report.rows]))
    n = len(shares)
    return Attributed(
        n=report.n,
        sizes={each.feature: each.mean_absolute for each in report.importance},
        shares={name: _as_sure(shares[:, at], n) for at, name in enumerate(report.features)},
    )


def row_shares(values: Floats) -> Floats:
    """The share of each feature in a row's absolute attributions (rows, features)."""
    sizes = np.abs(values)
    totals = sizes.sum(axis=1, keepdims=True)
    found: Floats = np.divide(sizes, totals, out=np.zeros_like(sizes), where=totals > 0)
    return found


def ndcg(before: dict[str, float], now: dict[str, float]) -> float | None:
    """How far the order of features by one attribution is that by another, from above 0 to 1, where it is the same.

    Normalized discounted cumulative gain: Σ a(f_i) / log2(i + 1) with features f_1, f_2, … in the order of ``now`` and a(f) the
    size in ``before``, divided by the same in the order of ``before``. Below 0.9 Amazon SageMaker Clarify speaks of drift.

    Source: Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 20, 2002; Amazon SageMaker
    Clarify, Feature attribution drift.

    Args:
        before: sizes by feature.
        now: sizes by feature; of the same features.

    Returns:
        None where all sizes are 0.
    """
    gains = np.array([before[name] for name in sorted(now, key=lambda name: -now[name])])
    discounts = 1 / np.log2(np.arange(len(gains)) + 2)
    ideal = float(np.sort(gains)[::-1] @ discounts)
    return float(gains @ discounts) / ideal if ideal > 0 else None


def _together(one: Proportion, other: Proportion) -> Proportion:
    return Proportion(successes=one.successes + other.successes, trials=one.trials + other.trials, n=one.n + other.n)


def _as_sure(shares: Floats, n: int) -> Proportion:
    """A mean of shares (rows,) as a proportion of as many trials as would be as sure of it."""
    mean, variance = float(shares.mean()), float(shares.var(ddof=1)) / n if n > 1 else 0.0
    trials = mean * (1 - mean) / variance if variance > 0 else float(n)
    return Proportion(successes=mean * trials, trials=trials, n=n)
