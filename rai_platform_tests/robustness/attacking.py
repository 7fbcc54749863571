"""People to attack: numbers of which it is known what the cheapest change of each decision costs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.robustness.attack_measurement import measure_constrained_attack
from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform.spec.adversary import Adversary
from rai_platform.training.model import TrainedModel
from rai_platform_tests.training.lending import sample_of

WEIGHTS = {"a": 1.0, "b": -0.6, "c": 0.3, "d": 0.05}
SPREADS = {"a": 1.0, "b": 20.0, "c": 0.1, "d": 5.0}


def linear_people(rows: int = 600, *, seed: int = 0, noise: float = 0.6) -> Sample:
    """Four numbers on different scales; the label is the sign of their weighted sum, with noise."""
    rng = np.random.default_rng(seed)
    standard = {name: rng.standard_normal(rows) for name in WEIGHTS}
    total = sum(weight * standard[name] for name, weight in WEIGHTS.items()) + noise * rng.standard_normal(rows)
    features = pd.DataFrame({name: SPREADS[name] * values for name, values in standard.items()})
    groups = pd.DataFrame({"sex": rng.choice(["female", "male"], rows)})
    return sample_of(features, np.asarray(total) > 0, groups)


def mixed_people(rows: int = 300, *, seed: int = 0) -> Sample:
    """Numbers, counts, categories, columns of which one is 1, and cells that are missing."""
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 3, rows)
    age = rng.integers(18, 80, rows)
    features = pd.DataFrame(
        {
            "income": np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(3, 0.5, rows)),
            "age": age,
            "years": np.floor(rng.random(rows) * (age - 17)).astype("int64"),
            "home": pd.Series(rng.choice(["own", "rent", "other", None], rows), dtype=object),
            "north": (one == 0).astype("int64"),
            "south": (one == 1).astype("int64"),
            "west": (one == 2).astype("int64"),
            "level": rng.choice([1.0, 2.0, 5.0, 9.0], rows),
        }
    )
    total = features["income"].fillna(20) / 20 + features["years"] / 20 + (features["home"] == "own") - one / 2
    return sample_of(features, total + 0.3 * rng.standard_normal(rows) > total.median())


def attacked(model: TrainedModel, sample: Sample, declared: Mapping[str, Any], **asked: Any) -> ConstrainedAttack:
    adversary = Adversary.model_validate(declared)
    return measure_constrained_attack(model, sample, adversary, **{"left_alone": (), "seed": 0, **asked})


def exact_costs(model: TrainedModel, sample: Sample, declared: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """What the cheapest change of each decision of a linear model costs (rows,); infinite where there is none.

    The budget goes to the number that moves the score most for it, as far as its bounds allow, then to the next.
    """
    features, changes = sample.features, Adversary.model_validate(declared).features

    def margin(table: pd.DataFrame) -> npt.NDArray[np.float64]:
        score = model.score(table)
        odds: npt.NDArray[np.float64] = np.log(score) - np.log1p(-score)
        return odds

    start = margin(features)
    ways = []
    for name in features:
        change, values = changes.get(str(name)), features[name].to_numpy()
        slope = float((margin(features.assign(**{str(name): values + 1e-3})) - start).mean() / 1e-3)
        if change and change.immutable:
            continue
        low, high = (values.min(), values.max()) if change is None else (change.min, change.max)
        room = {
            1: (values.max() if high is None else high) - values,
            -1: values - (values.min() if low is None else low),
        }
        if change and change.monotone:
            room[-1 if change.monotone == "increasing" else 1] = np.zeros(len(values))
        ways.append((slope, features[name].std(ddof=0), change.cost if change else 1.0, room))
    costs, left = np.zeros(len(start)), np.abs(start)
    for slope, spread, cost, room in sorted(ways, key=lambda way: -abs(way[0]) * way[1] / way[2]):
        towards = np.where((start > 0) == (slope > 0), -1, 1)
        reach = np.maximum(np.where(towards == 1, room[1], room[-1]), 0.0)
        step = np.minimum(reach, left / abs(slope))
        costs, left = costs + step * cost / spread, left - step * abs(slope)
    return np.where(left > 1e-6, np.inf, costs)
