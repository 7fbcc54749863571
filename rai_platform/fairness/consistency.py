"""Individual fairness: whether people who are alike get the same decision."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.fairness.report import NOTHING_TABULAR, Consistency
from rai_platform.statistics.clusters import clustered_variance
from rai_platform.statistics.estimates import Proportion
from rai_platform.training.estimators import build_preprocessing
from rai_platform.training.predictions import Predictions

NEIGHBOURS = 5  # as in AI Fairness 360
MOST_SEARCHED = 20_000  # people; a search among more takes minutes where the table is wide
MOST_JUDGED = 10_000  # people; so many are known to half a point or better

NO_FEATURES = "nobody knows what people are alike in: predictions alone come without features"

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def measure_consistency(
    predictions: Predictions, sample: Sample, *, protected: Collection[str], seed: int
) -> Consistency:
    """How far people who are alike in everything but the protected attributes get the same decision.

    ``1 - mean(|y_pred_i - mean of y_pred over the 5 nearest neighbours of i|)``: 1 where everybody is decided about as the
    people like them are. People are as near as the Euclidean distance between their features says, numbers standardized,
    categories one column each.

    AI Fairness 360's definition, in which a person is the first of the five. It differs in that protected attributes do not
    make people unlike: with them in the distance, the neighbours of a woman are women, and a model that decides by sex would
    look consistent.

    Args:
        predictions: of one model on the sample.
        sample: the test data; of many rows, some are judged, and neighbours looked for among some.
        protected: columns that hold a protected attribute.
        seed: of the choice of rows.

    Source: Zemel et al., Learning fair representations, ICML 2013, section 4.2.
    """
    names = [str(name) for name in sample.tabular]
    columns = [name for name in names if name not in protected and not sample.features[name].isna().all()]
    about = Consistency(columns=tuple(columns), left_out=tuple(name for name in names if name in protected))
    if not names:
        return replace(about, why_not=NOTHING_TABULAR if sample.free else NO_FEATURES)
    if not columns:
        return replace(about, why_not="nothing but protected attributes is known about people")
    if sample.n <= NEIGHBOURS:
        return replace(about, why_not=f"there are only {sample.n} people, and {NEIGHBOURS + 1} are needed")
    rng = np.random.default_rng(seed)
    searched = _some(np.arange(sample.n), MOST_SEARCHED, rng)
    judged = _some(np.arange(len(searched)), MOST_JUDGED, rng)
    features = sample.features[columns].iloc[searched].reset_index(drop=True)
    features = features.loc[:, features.notna().any()]
    encoded = np.asarray(build_preprocessing(features).fit_transform(features), dtype="float64")
    y_pred = predictions.y_pred[searched].astype("float64")
    near = neighbours(encoded, judged)
    rows = searched[judged]
    return replace(
        about,
        estimate=mean_agreement(
            np.abs(y_pred[judged] - y_pred[near].mean(axis=1)),
            near,
            weight=None if sample.weight is None else sample.weight[rows],
            cluster=None if sample.cluster is None else sample.cluster[rows],
        ),
        judged=len(judged),
        searched=len(searched),
    )


def neighbours(encoded: Floats, judged: Integers, count: int = NEIGHBOURS) -> Integers:
    """The rows nearest to each judged row, itself among them (judged, count); of equally near ones, any.

    Args:
        encoded: (rows, encoded columns).
        judged: rows to find neighbours of (judged,).
        count: how many.
    """
    from sklearn.neighbors import NearestNeighbors

    # A tree adds up distances one by one; a matrix product, which is faster, rounds them otherwise on every machine.
    search = NearestNeighbors(n_neighbors=count, algorithm="ball_tree").fit(encoded)
    near: Integers = search.kneighbors(encoded[judged], return_distance=False)
    return near


def mean_agreement(distance: Floats, near: Integers, *, weight: Floats | None, cluster: Integers | None) -> Proportion:
    """1 minus the weighted mean distance of decisions from those of their neighbours, with an effective number of people.

    People who have neighbours in common are not independent of each other: rows are no more than 0.7 of the error.
    Drawing rows again is no way out, since copies are each other's neighbours. So errors are added up over the people who
    share a neighbour, in proportion to how many they share; in simulations the standard error is 1.0 to 1.5 times the true
    one. Where nobody differs from their neighbours, people count once for every neighbourhood.

    Args:
        distance: from 0 to 1 (judged,).
        near: neighbours of the judged rows (judged, count).
        weight: sampling weights (judged,).
        cluster: of every judged row (judged,).

    Source: Chen and Shao, Normal approximation under local dependence, Annals of Probability 32, 2004; Abadie and Imbens, On
    the failure of the bootstrap for matching estimators, Econometrica 76, 2008.
    """
    rows, count = near.shape
    w = np.ones(rows) if weight is None else weight
    share = w / w.sum()
    value = 1 - float(share @ distance)
    error = share * (distance - (1 - value))
    through = np.bincount(near.ravel(), weights=np.repeat(error, count))
    variance = max(float(error @ error), float(through @ through) / count)
    if cluster is not None:
        variance = max(variance, clustered_variance(error, cluster))
    independent = float(w.sum() ** 2 / (w @ w)) / count
    room = value * (1 - value)
    trials = room / variance if room > 0 and variance > 0 else independent
    return Proportion(successes=min(max(value, 0.0), 1.0) * trials, trials=trials, n=rows)


def _some(rows: Integers, most: int, rng: np.random.Generator) -> Integers:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))
