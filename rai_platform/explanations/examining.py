"""An explanation examined: is it the same again, does it name what the model uses, for whom does what matter?"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.errors import UnscorableRows
from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.examination import (
    FAITHFULNESS,
    LIME,
    SECOND_OPINION,
    STABILITY,
    Examination,
)
from rai_platform.explanations.faithfulness import measure_faithfulness
from rai_platform.explanations.mixing import Integers
from rai_platform.explanations.parity import shares_by_feature
from rai_platform.explanations.proxies import proxies_among
from rai_platform.explanations.second_opinion import measure_lime, measure_second_opinion
from rai_platform.explanations.stability import measure_stability
from rai_platform.training.model import TrainedModel

Found = TypeVar("Found")


def examine(
    model: TrainedModel,
    found: Attributions,
    explained: Sample,
    sample: Sample,
    *,
    order: Integers,
    group_features: tuple[str, ...],
    training: DataReport | None,
    seed: int,
) -> Examination:
    """What there is to say for and against attributions.

    Args:
        model: the trained model.
        found: attributions (rows, features).
        explained: the rows they are of.
        sample: the test data.
        order: places of the features, most important first (features,).
        group_features: sensitive features and intersections to compare groups by.
        training: the screen of the training data; None where nobody knows them.
        seed: of every draw; each part has its own stream.
    """
    streams = [np.random.default_rng([seed, part]) for part in range(4)]
    stability = asked(lambda: measure_stability(model, found, explained, sample, rng=streams[0]))
    faithfulness = asked(lambda: measure_faithfulness(model, found, explained, sample, rng=streams[1]))
    opinion = asked(lambda: measure_second_opinion(model, found, explained, rng=streams[2]))
    lime = asked(lambda: measure_lime(model, found, explained, rng=streams[3]))
    told = {STABILITY: stability, FAITHFULNESS: faithfulness, SECOND_OPINION: opinion, LIME: lime}
    return Examination(
        measured={name: each[0] for name, each in told.items() if not isinstance(each, str)},
        not_estimable={name: each for name, each in told.items() if isinstance(each, str)},
        repetitions=None if isinstance(stability, str) else stability[1],
        curves=None if isinstance(faithfulness, str) else faithfulness[1],
        permutation_importance=() if isinstance(opinion, str) else tuple(opinion[1][order].tolist()),
        parity=shares_by_feature(np.abs(found.values[:, order]), explained, group_features),
        proxies=proxies_among(found.features, training),
        screened=None if training is None else tuple(name for name, each in training.proxies.items() if each),
        lime=() if isinstance(lime, str) else tuple(lime[1][order].tolist()),
    )


def asked(measure: Callable[[], Found | str]) -> Found | str:
    """What is measured, or why not: a model may refuse rows that are put together from several people."""
    try:
        return measure()
    except UnscorableRows as error:
        return f"it asks the model about features put together from several people, and {error.message}"
