"""Whether features come out in the same order when other people are explained, with other seeds and other backgrounds."""

import numpy as np

from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import Attributions, attribute
from rai_platform.explanations.background import stand_for_everybody
from rai_platform.explanations.examination import Repetitions
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.ranks import (
    ONE_FEATURE,
    TOP,
    kendall_tau_b,
    mean_over_pairs,
    overlap_of_the_top,
    sizes_without_noise,
)
from rai_platform.explanations.redrawing import person_of
from rai_platform.explanations.report import Method
from rai_platform.statistics.estimates import NormalEstimate
from rai_platform.training.model import TrainedModel

REPETITIONS = 5
LEAST_ROWS = 5  # people (or clusters) of a repetition, below which a mean says nothing
# What a repetition may cost. By permutation all of them together ask the model a quarter of the questions of the report.
ROWS: dict[Method, int] = {"tree": 200, "linear": 200, "permutation": 25}
BACKGROUND_ROWS: dict[Method, int] = {"tree": 0, "linear": 2000, "permutation": 20}


def measure_stability(
    model: TrainedModel, found: Attributions, explained: Sample, sample: Sample, *, rng: np.random.Generator
) -> tuple[NormalEstimate, Repetitions] | str:
    """Kendall's tau-b between the mean absolute attributions of two repetitions, on average over all pairs; or why not.

    No person is in two repetitions, and clusters stay whole, so that importances which agree by chance alone have a mean tau-b
    of 0. Each repetition is of fewer rows than the report, whose order is therefore at least as stable. Attributions by the
    paths of a tree depend on neither seed nor background: only the people differ, and those of the report are divided.

    Args:
        model: the trained model.
        found: the attributions of the report.
        explained: the rows they are of.
        sample: the test data.
        rng: draws the people, the backgrounds and the seeds.
    """
    method = found.method
    if len(found.features) < 2:
        return "the model has fewer than two features"
    drawn_from = explained if method == "tree" else sample
    parts = apart(drawn_from, ROWS[method], rng)
    if parts is None:
        return f"fewer than {REPETITIONS * LEAST_ROWS} people can be explained"
    if method == "tree":
        sizes = [np.abs(found.values[part]) for part in parts]
    else:
        sizes = [_sizes(model, method, sample, part, rng) for part in parts]
    weights = [None if drawn_from.weight is None else drawn_from.weight[part] for part in parts]
    means = sizes_without_noise(
        np.array([np.average(size, axis=0, weights=weight) for size, weight in zip(sizes, weights, strict=True)])
    )
    if (means.max(axis=0) > 0).sum() < 2:
        return ONE_FEATURE
    background = min(BACKGROUND_ROWS[method], sample.n)
    return agreement(means, method, rows=[len(part) for part in parts], background=background)


def agreement(means: Floats, method: Method, *, rows: list[int], background: int) -> tuple[NormalEstimate, Repetitions]:
    """Of repetitions (repetitions, features) with at least two features that move the score."""
    top = min(TOP, means.shape[1] - 1)
    taus = np.array([[kendall_tau_b(one, other) for other in means] for one in means])
    shared = np.array([[overlap_of_the_top(one, other, top) for other in means] for one in means])
    return mean_over_pairs(taus, sum(rows), least=-1.0), Repetitions(
        count=len(means),
        rows=min(rows),
        background=background,
        seeds=method == "permutation" or (method == "partition" and background > 0),
        top=top,
        overlap=mean_over_pairs(shared, sum(rows), least=0.0),
    )


def apart(sample: Sample, most: int, rng: np.random.Generator) -> list[Integers] | None:
    """The rows of every repetition, no more than ``most`` each, clusters whole in one; None where people are too few."""
    of = person_of(sample)
    clusters = int(of.max()) + 1
    if clusters < REPETITIONS * LEAST_ROWS:
        return None
    part_of = np.empty(clusters, dtype="int64")
    part_of[rng.permutation(clusters)] = np.arange(clusters) % REPETITIONS
    parts = [np.flatnonzero(part_of[of] == part) for part in range(REPETITIONS)]
    return [np.sort(rng.choice(part, min(most, len(part)), replace=False)) for part in parts]


def _sizes(model: TrainedModel, method: Method, sample: Sample, rows: Integers, rng: np.random.Generator) -> Floats:
    """Absolute attributions of the rows of one repetition (rows, features)."""
    background = stand_for_everybody(sample, BACKGROUND_ROWS[method], rng, again=True)
    seed = int(rng.integers(2**31))
    return np.abs(attribute(model, method, sample.take(rows).features, background.features, seed=seed).values)
