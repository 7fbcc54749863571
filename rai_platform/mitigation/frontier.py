"""What a method gives at other settings: the curve along which accuracy is traded for a disparity."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.mitigation.report import GRID_POINT, FrontierPoint
from rai_platform.spec.mitigation import Mitigation
from rai_platform.spec.model import ModelSpec
from rai_platform.training.fitting import fit_grid, fit_model

# Fairlearn's `eps` only bounds the multipliers and hardly moves an exponentiated gradient; the bound of its constraint does.
SETTINGS: dict[str, tuple[str, float, tuple[float, ...]]] = {  # the parameter, Fairlearn's default, the values tried
    "exponentiated_gradient": ("difference_bound", 0.01, (0.02, 0.05, 0.1, 0.2)),
    "correlation_remover": ("alpha", 1.0, (0.0, 0.25, 0.5, 0.75, 1.0)),
}

MOST_ROWS = (
    10_000  # of the training data, for each of the other settings: a reduction trains its estimator some 20 times
)

Decisions = npt.NDArray[np.int8]


def rows_of_frontier(spec: ModelSpec, training: Sample) -> int:
    """Rows that the models at other settings learn from; the models of a grid are there already, and learned from all."""
    if spec.mitigation is None or spec.mitigation.method not in SETTINGS:
        return training.n
    return min(training.n, MOST_ROWS)


def measure_frontier(
    spec: ModelSpec,
    training: Sample,
    test: Sample,
    decided: Decisions,
    *,
    disparity: Callable[[Decisions], float | None],
) -> tuple[FrontierPoint, ...]:
    """Accuracy and disparity on the test data at every setting of the method, in order; empty where it has one answer.

    Args:
        spec: of the mitigated model.
        training: what it learned from.
        test: the test data.
        decided: the mitigated model's decisions on them (rows,).
        disparity: of decisions (rows,).
    """
    if spec.mitigation is None:
        return ()
    return tuple(
        FrontierPoint(
            parameter=parameter,
            value=value,
            accuracy=float(np.average(decisions == test.y_true, weights=test.weight)),
            disparity=disparity(decisions),
            chosen=decisions is decided,
        )
        for parameter, value, decisions in _family(spec, spec.mitigation, training, test, decided)
    )


def _family(
    spec: ModelSpec, asked: Mitigation, training: Sample, test: Sample, decided: Decisions
) -> Iterator[tuple[str, float, Decisions]]:
    if asked.method == "grid_search":
        models, chosen = fit_grid(spec, training)
        for at, model in enumerate(models):
            yield GRID_POINT, float(at + 1), decided if at == chosen else model.decide(test.features)
    if asked.method in SETTINGS:
        parameter, default, values = SETTINGS[asked.method]
        learned_from = _drawn(spec, training)
        own = float(asked.params.get(parameter, default))
        for value in sorted({own, *values}):
            yield (
                parameter,
                value,
                decided if value == own else _decisions(spec, asked, parameter, value, learned_from, test),
            )


def _drawn(spec: ModelSpec, training: Sample) -> Sample:
    seed = spec.estimator.seed if spec.estimator else 0
    rows = np.random.default_rng(seed).permutation(training.n)[: rows_of_frontier(spec, training)]
    return training.take(np.sort(rows))


def _decisions(
    spec: ModelSpec, asked: Mitigation, parameter: str, value: float, training: Sample, test: Sample
) -> Decisions:
    other = asked.model_copy(update={"params": {**asked.params, parameter: value}})
    model, _ = fit_model(spec.model_copy(update={"mitigation": other}), training)
    return model.decide(test.features, test.sensitive_features)
