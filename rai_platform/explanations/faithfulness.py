"""Whether an attribution names what the model uses: features are taken away and put back in its order.

Deletion and insertion were defined for pictures (Petsiuk, Das and Saenko, RISE: Randomized input sampling for explanation of
black-box models, BMVC 2018). Here a feature is taken away by giving the row another person's value of it, and what counts is
how far the row's output goes from where it was to where that person's is, compared with an order drawn at random.

Features are ordered by their attribution in the direction in which the person departs from the base value, and changes are
counted in that direction. Sizes alone would not do: two features that cancel each other have large attributions of opposite
sign, and taking away both changes nothing, so that a perfect attribution could fare worse than chance. In this order it
cannot, where the model is linear.
"""

import numpy as np
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import ROUNDING, Attributions
from rai_platform.explanations.background import stand_for_everybody
from rai_platform.explanations.examination import Curves
from rai_platform.explanations.mixing import Floats, Integers, Pool
from rai_platform.explanations.redrawing import people, redrawn_weights
from rai_platform.explanations.report import Output
from rai_platform.statistics.estimates import Replicates
from rai_platform.training.model import TrainedModel

ROWS = 200
STEPS = 10  # of a curve at most; a model of fewer features has one step for each
ORDERS = 5
LEAST_PEOPLE = 20
SAME_ODDS = 1e-12  # a chance is at least so far from 0 and 1 where it is told in log odds


def measure_faithfulness(
    model: TrainedModel, found: Attributions, explained: Sample, sample: Sample, *, rng: np.random.Generator
) -> tuple[Replicates, Curves] | str:
    """The area between the curves of the attribution and those of random orders, or why there is none.

    The mean of the areas of deletion and insertion, each in shares of the mean distance from the base value: 0 where the
    attribution tells no more than chance, above where it names what the model uses, below where it misleads. Bounds are those
    of drawing the people again, each with both orders.

    Args:
        model: the trained model.
        found: attributions (rows, features).
        explained: the rows they are of.
        sample: the test data, from which the other persons are drawn.
        rng: draws people and orders.

    Raises:
        UnscorableRows: the model refuses rows that are put together from two others.
    """
    if len(found.features) < 2:
        return "the model has fewer than two features, which have no order"
    chosen = np.sort(rng.choice(explained.n, min(explained.n, ROWS), replace=False))
    rows, values = explained.take(chosen), found.values[chosen]
    if people(rows) < LEAST_PEOPLE:
        return f"fewer than {LEAST_PEOPLE} people were explained"
    departure = found.outputs[chosen] - found.base_value
    if np.abs(departure).max() <= ROUNDING * max(1.0, float(np.abs(found.outputs).max())):
        return "everybody gets the same score"
    others = stand_for_everybody(sample, rows.n, rng)
    others = others.take(rng.integers(0, others.n, rows.n))
    walk = _Walk(model, rows.features, others.features, np.sign(departure), found.output)
    by_size = walk.along(np.argsort(-values * np.sign(departure)[:, None], axis=1, kind="stable"))
    drawn = [walk.along(rng.permuted(np.tile(np.arange(values.shape[1]), (rows.n, 1)), axis=1)) for _ in range(ORDERS)]
    by_chance = np.mean(drawn, axis=0)
    return compared(by_size, by_chance, walk.replaced, np.abs(departure), rows, rng)


class _Walk:
    """From a person to another one, feature by feature, and back."""

    def __init__(
        self, model: TrainedModel, rows: pd.DataFrame, others: pd.DataFrame, direction: Floats, output: Output
    ) -> None:
        self._pool = Pool(model, pd.concat([rows, others], ignore_index=True))
        self._n, self._width = rows.shape[0], len(model.manifest.features)
        self._direction, self._output = direction, output
        half = np.round(np.linspace(0, self._width / 2, min(self._width, STEPS) // 2 + 1))
        self._steps = np.unique([*half, *(self._width - half)]).astype("int64")
        own = np.repeat(np.arange(self._n)[:, None], self._width, axis=1)
        self._own, self._other = own, own + self._n
        self._at_home, self._abroad = self._outputs(self._own), self._outputs(self._other)

    @property
    def replaced(self) -> Floats:
        """Share of the features at every step (steps,)."""
        return self._steps / self._width

    def along(self, order: Integers) -> Floats:
        """What is lost and what is won along an order of features (rows, features): (2, steps, rows)."""
        taken = np.argsort(order, axis=1) < self._steps[:, None, None]
        mixed = np.stack([np.where(taken, self._other, self._own), np.where(taken, self._own, self._other)])
        lost, won = self._outputs(mixed.reshape(-1, self._width)).reshape(2, len(self._steps), self._n)
        return self._direction * np.stack([self._at_home - lost, won - self._abroad])

    def _outputs(self, mixed: Integers) -> Floats:
        """In the units of the attributions (rows,)."""
        scores = self._pool.scores(mixed)
        if self._output != "log odds":
            return scores
        chance = np.clip(scores, SAME_ODDS, 1 - SAME_ODDS)
        found: Floats = np.log(chance / (1 - chance))
        return found


def compared(
    by_size: Floats, by_chance: Floats, replaced: Floats, distance: Floats, rows: Sample, rng: np.random.Generator
) -> tuple[Replicates, Curves]:
    """From what is lost and won (2, steps, rows) to the area between, and to curves."""
    area = np.trapezoid((by_size - by_chance).mean(axis=0), replaced, axis=0)
    weight = np.ones(rows.n) if rows.weight is None else rows.weight
    counts = redrawn_weights(rows, rng)
    unit = counts @ distance
    drawn = (counts @ area)[unit > 0] / unit[unit > 0]
    estimate = Replicates(
        value=float(weight @ area / (weight @ distance)), replicates=tuple(np.sort(drawn).tolist()), n=rows.n
    )
    curves = [tuple((each @ weight / (weight @ distance)).tolist()) for each in (*by_size, *by_chance)]
    return estimate, Curves(
        replaced=tuple(replaced.tolist()),
        deletion=curves[0],
        insertion=curves[1],
        random_deletion=curves[2],
        random_insertion=curves[3],
        n=rows.n,
        orders=ORDERS,
    )
