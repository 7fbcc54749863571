"""The area under the ROC curve with its standard error."""

import math

import numpy as np
import numpy.typing as npt

from rai_platform.statistics.clusters import clustered_size, clustered_variance
from rai_platform.statistics.estimates import NormalEstimate, effective_size

Floats = npt.NDArray[np.float64]


def roc_auc(
    y_true: npt.NDArray[np.int8],
    y_score: Floats,
    weight: Floats | None,
    cluster: npt.NDArray[np.int64] | None = None,
) -> NormalEstimate:
    """The chance that a positive row scores above a negative one, ties counting half, with DeLong's standard error.

    Where rows come in clusters the structural components are summed over each of them (Obuchowski, Nonparametric analysis
    of clustered ROC curve data, Biometrics 53, 1997).

    Source: DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated ROC curves,
    Biometrics 44, 1988; weighted by the rows' sampling weights where there are any.
    """
    w = np.ones(len(y_true)) if weight is None else weight
    positive = y_true == 1
    above = _share_below(y_score[positive], y_score[~positive], w[~positive])
    below = 1 - _share_below(y_score[~positive], y_score[positive], w[positive])
    area = float(np.average(above, weights=w[positive]))
    variance = sum(
        float(np.sum(part**2 * (values - area) ** 2) / part.sum() ** 2) * len(part) / max(len(part) - 1, 1)
        for values, part in ((above, w[positive]), (below, w[~positive]))
    )
    if area in (0.0, 1.0):
        # Scores that separate the labels leave DeLong no spread to see; one row of each label on the wrong side does.
        sizes = [effective_size(part) for part in (w[positive], w[~positive])]
        if cluster is not None:
            sizes = [clustered_size(np.ones(len(w[of])), w[of], cluster[of]) for of in (positive, ~positive)]
        variance = sum((size + 1) / (size + 2) ** 3 for size in sizes)
    elif cluster is not None:
        influence = np.empty(len(w))
        influence[positive] = w[positive] * (above - area) / w[positive].sum()
        influence[~positive] = w[~positive] * (below - area) / w[~positive].sum()
        variance = max(variance, clustered_variance(influence, cluster))
    return NormalEstimate(value=area, standard_error=math.sqrt(variance), n=len(y_true), scale="logit", most=1.0)


def _share_below(scores: Floats, others: Floats, weight: Floats) -> Floats:
    """For every score the weighted share of the others that lie below it, ties counting half."""
    order = np.argsort(others, kind="stable")
    ranked, cumulative = others[order], np.concatenate([[0.0], np.cumsum(weight[order])])
    below = cumulative[np.searchsorted(ranked, scores, side="left")]
    up_to = cumulative[np.searchsorted(ranked, scores, side="right")]
    share: Floats = (below + up_to) / 2 / cumulative[-1]
    return share
