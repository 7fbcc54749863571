"""A second opinion on what a model uses, by another definition: permutation importance.

A feature matters by it as far as the model errs more when the feature's values are dealt out to the wrong people (Breiman,
Random forests, Machine Learning 45, 2001; Fisher, Rudin and Dominici, All models are wrong, but many are useful, JMLR 20, 2019).
It looks at labels, where SHAP looks at the score alone: a feature that moves the score and makes it no better matters to SHAP
only, so that the two need not agree in full.
"""

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.lime_opinion import lime_of_rows
from rai_platform.explanations.mixing import Floats, Pool
from rai_platform.explanations.ranks import ONE_FEATURE, kendall_tau_b, sizes_without_noise
from rai_platform.explanations.redrawing import people, redrawn_weights
from rai_platform.statistics.estimates import Replicates
from rai_platform.training.model import TrainedModel

SHUFFLES = 5
LEAST_PEOPLE = 20
MOST_SCORES = 100_000  # rows that the model may be asked about


def measure_second_opinion(
    model: TrainedModel, found: Attributions, explained: Sample, *, rng: np.random.Generator
) -> tuple[Replicates, Floats] | str:
    """Kendall's tau-b between mean absolute attributions and permutation importances, with these (features,); or why not.

    Bounds are those of drawing the people again.

    Args:
        model: the trained model.
        found: attributions (rows, features).
        explained: the rows they are of.
        rng: draws people and shuffles.

    Raises:
        UnscorableRows: the model refuses rows that are put together from two others.
    """
    width = len(found.features)
    if width < 2:
        return "the model has fewer than two features"
    if people(explained) < LEAST_PEOPLE:
        return f"fewer than {LEAST_PEOPLE} people were explained"
    most = max(LEAST_PEOPLE, MOST_SCORES // (width * SHUFFLES))
    chosen = np.sort(rng.choice(explained.n, min(explained.n, most), replace=False))
    rows, sizes = explained.take(chosen), np.abs(found.values[chosen])
    if (sizes_without_noise(sizes.mean(axis=0)) > 0).sum() < 2:
        return ONE_FEATURE
    increase = increase_of_loss(model, rows, rng)
    importance = np.average(increase, axis=0, weights=rows.weight)
    if not sizes_without_noise(importance).any():
        return "the model errs no more and no less when any one of its features is shuffled"
    return _agreement(sizes, increase, rows, rng), importance


def increase_of_loss(model: TrainedModel, rows: Sample, rng: np.random.Generator) -> Floats:
    """How much more a row is erred about when one feature is shuffled, on average over shuffles (rows, features)."""
    pool, width = Pool(model, rows.features), len(model.manifest.features)
    own = np.repeat(np.arange(rows.n)[:, None], width, axis=1)
    before = _loss(model, pool.scores(own), rows.y_true)
    after = np.empty((rows.n, width))
    for at in range(width):
        mixed = np.tile(own, (SHUFFLES, 1))
        mixed[:, at] = rng.permuted(np.tile(np.arange(rows.n), (SHUFFLES, 1)), axis=1).ravel()
        after[:, at] = _loss(model, pool.scores(mixed).reshape(SHUFFLES, rows.n), rows.y_true).mean(axis=0)
    increase: Floats = after - before[:, None]
    return increase


def _loss(model: TrainedModel, scores: Floats, y_true: npt.NDArray[np.int8]) -> Floats:
    """Brier's loss of a chance, the hinge loss of a margin (..., rows)."""
    if model.manifest.score_is_probability:
        return np.square(scores - y_true)
    return np.maximum(0.0, 1 - (2.0 * y_true - 1) * scores)


def measure_lime(
    model: TrainedModel, found: Attributions, explained: Sample, *, rng: np.random.Generator
) -> tuple[Replicates, Floats] | str:
    """Kendall's tau-b between mean absolute attributions and mean absolute weights of LIME, with these (features,); or why not.

    Args:
        model: the trained model.
        found: attributions (rows, features).
        explained: the rows they are of.
        rng: draws people and neighbours.

    Raises:
        UnscorableRows: the model refuses rows in the neighbourhood of a person.
    """
    if len(found.features) < 2:
        return "the model has fewer than two features"
    opinion = lime_of_rows(model, explained, rng)
    if isinstance(opinion, str):
        return opinion
    chosen, weights = opinion
    return agreement_of_methods(np.abs(found.values[chosen]), np.abs(weights), explained.take(chosen), rng)


def agreement_of_methods(
    sizes: Floats, others: Floats, rows: Sample, rng: np.random.Generator
) -> tuple[Replicates, Floats] | str:
    """Kendall's tau-b between mean absolute attributions of two methods, with those of the other (features,); or why not.

    Bounds are those of drawing the rows again.

    Args:
        sizes: absolute attributions by the one method (rows, features).
        others: by the other (rows, features).
        rows: what they are of.
        rng: draws rows.
    """
    if people(rows) < LEAST_PEOPLE:
        return f"fewer than {LEAST_PEOPLE} were explained"
    if min((sizes_without_noise(each.mean(axis=0)) > 0).sum() for each in (sizes, others)) < 2:
        return ONE_FEATURE
    return _agreement(sizes, others, rows, rng), np.average(others, axis=0, weights=rows.weight)


def _agreement(sizes: Floats, others: Floats, rows: Sample, rng: np.random.Generator) -> Replicates:
    """Kendall's tau-b of two kinds of sizes (rows, features), each summed over rows, with those of rows drawn again."""

    def of(counts: Floats) -> float:
        return kendall_tau_b(sizes_without_noise(counts @ sizes), sizes_without_noise(counts @ others))

    drawn = tuple(sorted(of(counts) for counts in redrawn_weights(rows, rng)))
    return Replicates(value=of(np.ones(rows.n) if rows.weight is None else rows.weight), replicates=drawn, n=rows.n)
