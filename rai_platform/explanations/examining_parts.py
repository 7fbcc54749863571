"""An explanation of images or texts examined: by hiding what it names, in the ways in which tables are examined."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import ROUNDING
from rai_platform.explanations.examination import (
    FAITHFULNESS,
    LIME,
    PROXIES,
    SECOND_OPINION,
    STABILITY,
    Curves,
    Examination,
    Repetitions,
    SecondMethod,
)
from rai_platform.explanations.examining import asked
from rai_platform.explanations.faithfulness import LEAST_PEOPLE, ORDERS, STEPS, compared
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.parity import shares_by_feature
from rai_platform.explanations.parts import Bools, NamedParts, Parts, PartValues
from rai_platform.explanations.ranks import ONE_FEATURE, sizes_without_noise
from rai_platform.explanations.redrawing import people
from rai_platform.explanations.second_opinion import agreement_of_methods
from rai_platform.explanations.stability import LEAST_ROWS, REPETITIONS, agreement, apart
from rai_platform.explanations.texts import OTHER_WORDS
from rai_platform.spec.modality import Modality
from rai_platform.statistics.estimates import NormalEstimate, Replicates

FAITHFUL_INPUTS = 100
NO_PROXIES: dict[Modality, str] = {
    "image": "a region of an image is no column, and nobody screened the training data for regions that give groups away",
    "text": "a word is no column, and nobody screened the training data for words that give groups away",
}
Opinion = tuple[Integers, Floats]  # the rows asked about (rows,), and what each name matters to them (rows, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Methods:
    """How images, or texts, are examined where they differ.

    Attributes:
        modality: images or texts.
        again: absolute attributions (rows, names) of rows against a background drawn anew; None where none is needed.
        rows: of a repetition at most.
        background: rows behind a background drawn anew.
        second_method: of the second opinion.
        second: asks it.
        lime: asks LIME, or says why not; None where LIME is not asked.
    """

    modality: Modality
    again: Callable[[Integers, np.random.Generator], Floats] | None
    rows: int
    background: int
    second_method: SecondMethod
    second: Callable[[np.random.Generator], Opinion]
    lime: Callable[[np.random.Generator], Opinion | str] | None = None


def examine_parts(
    parts: Parts,
    values: PartValues,
    named: NamedParts,
    explained: Sample,
    sample: Sample,
    methods: Methods,
    *,
    group_features: tuple[str, ...],
    training: DataReport | None,
    seed: int,
) -> Examination:
    """What there is to say for and against attributions of parts.

    Args:
        parts: the explained inputs.
        values: their attributions.
        named: the same under the names of the report.
        explained: the rows they are of.
        sample: the test data.
        methods: how they are examined.
        group_features: sensitive features and intersections to compare groups by.
        training: the screen of the training data; None where nobody knows them.
        seed: of every draw; each part has its own stream.
    """
    streams = [np.random.default_rng([seed, part]) for part in range(4)]
    stability = asked(lambda: _stability(named, explained, sample, methods, streams[0]))
    faithfulness = asked(lambda: _faithfulness(parts, values, explained, streams[1]))
    second = asked(lambda: _agreement(methods.second(streams[2]), named, explained, streams[2]))
    told = {STABILITY: stability, FAITHFULNESS: faithfulness, SECOND_OPINION: second}
    lime: tuple[Replicates, Floats] | str = ""
    if (ask := methods.lime) is not None:
        lime = asked(lambda: _agreement(ask(streams[3]), named, explained, streams[3]))
        told[LIME] = lime
    unknown = {name: each for name, each in told.items() if isinstance(each, str)}
    return Examination(
        measured={name: each[0] for name, each in told.items() if not isinstance(each, str)},
        not_estimable={**unknown, PROXIES: NO_PROXIES[methods.modality]},
        repetitions=None if isinstance(stability, str) else stability[1],
        curves=None if isinstance(faithfulness, str) else faithfulness[1],
        permutation_importance=() if isinstance(second, str) else tuple(second[1].tolist()),
        parity=shares_by_feature(np.abs(named.found.values), explained, group_features),
        proxies=(),
        screened=None if training is None else (),
        second_method=methods.second_method,
        lime=() if isinstance(lime, str) else tuple(lime[1].tolist()),
    )


def left_out(parts: Parts, values: PartValues, named: NamedParts, rows: Integers) -> Floats:
    """How far the output falls when all parts of a name are hidden (rows, names); 0 where an input has none of them."""
    width = len(named.found.features)
    questions = [(at, row, name) for at, row in enumerate(rows) for name in np.unique(named.of[row])]
    fall = np.zeros((len(rows), width))
    if questions:
        at, asked_about, names = (np.array(each) for each in zip(*questions, strict=True))
        kept = [named.of[row] != name for _, row, name in questions]
        fall[at, names] = values.outputs[asked_about] - parts.outputs(asked_about, kept)
    return fall


def _stability(
    named: NamedParts, explained: Sample, sample: Sample, methods: Methods, rng: np.random.Generator
) -> tuple[NormalEstimate, Repetitions] | str:
    """As ``measure_stability`` does: on others each time, and against another background where there is one."""
    places = _comparable(named)
    if len(places) < 2:
        return ONE_FEATURE
    drawn_from = explained if methods.again is None else sample
    chosen = apart(drawn_from, methods.rows, rng)
    if chosen is None:
        return f"fewer than {REPETITIONS * LEAST_ROWS} {methods.modality}s can be explained"
    if methods.again is None:
        sizes = [np.abs(named.found.values[part]) for part in chosen]
    else:
        sizes = [methods.again(part, rng) for part in chosen]
    weights = [None if drawn_from.weight is None else drawn_from.weight[part] for part in chosen]
    means = np.array([np.average(size, axis=0, weights=weight) for size, weight in zip(sizes, weights, strict=True)])
    means = sizes_without_noise(means[:, places])
    if (means.max(axis=0) > 0).sum() < 2:
        return ONE_FEATURE
    return agreement(means, "partition", rows=[len(part) for part in chosen], background=methods.background)


def _faithfulness(
    parts: Parts, values: PartValues, explained: Sample, rng: np.random.Generator
) -> tuple[Replicates, Curves] | str:
    """As ``measure_faithfulness`` does, where a part that is taken away is hidden."""
    rows = np.sort(rng.choice(parts.n, min(parts.n, FAITHFUL_INPUTS), replace=False))
    sample = explained.take(rows)
    if people(sample) < LEAST_PEOPLE:
        return f"fewer than {LEAST_PEOPLE} were explained"
    departure = values.outputs[rows] - values.base_values[rows]
    if np.abs(departure).max() <= ROUNDING * max(1.0, float(np.abs(values.outputs).max())):
        return "the output is the same where everything is hidden"
    walk = _Walk(parts, values, rows, np.sign(departure))
    by_size = walk.along([np.argsort(-values.values[row] * sign, kind="stable") for row, sign in walk.directed])
    by_chance = np.mean(
        [walk.along([rng.permutation(parts.widths[row]) for row in rows]) for _ in range(ORDERS)], axis=0
    )
    return compared(by_size, by_chance, walk.replaced, np.abs(departure), sample, rng)


class _Walk:
    """From an input to the one of which everything is hidden, and back."""

    def __init__(self, parts: Parts, values: PartValues, rows: Integers, direction: Floats) -> None:
        self._parts, self._rows, self._direction = parts, rows, direction
        self._whole, self._hidden = values.outputs[rows], values.base_values[rows]
        self.replaced = np.linspace(0, 1, STEPS + 1)
        self.directed = list(zip(rows, direction, strict=True))

    def along(self, orders: list[Integers]) -> Floats:
        """What is lost and what is won along an order of the parts of each input: (2, steps, inputs)."""
        lost = np.empty((len(self.replaced), len(self._rows)))
        won = np.empty_like(lost)
        places = [np.argsort(order) for order in orders]
        for step, share in enumerate(self.replaced):
            taken: list[Bools] = [place < round(share * len(place)) for place in places]
            lost[step] = self._whole - self._parts.outputs(self._rows, [~each for each in taken])
            won[step] = self._parts.outputs(self._rows, taken) - self._hidden
        return np.asarray(self._direction * np.stack([lost, won]))


def _agreement(
    opinion: Opinion | str, named: NamedParts, explained: Sample, rng: np.random.Generator
) -> tuple[Replicates, Floats] | str:
    """Kendall's tau-b between mean absolute attributions and what another method says, with that by name; or why not."""
    if isinstance(opinion, str):
        return opinion
    (rows, other), places = opinion, _comparable(named)
    sizes, others = np.abs(named.found.values[rows][:, places]), np.abs(other[:, places])
    return agreement_of_methods(sizes, others, explained.take(rows), rng)


def _comparable(named: NamedParts) -> Integers:
    """Places of the names that are of one thing, and not of all others together."""
    return np.array([at for at, name in enumerate(named.found.features) if name != OTHER_WORDS], dtype="int64")
