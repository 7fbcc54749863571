"""Images and texts explained: which rows, by which methods, at what cost."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from rai_platform.data.sample import Sample
from rai_platform.explanations.background import stand_for_everybody
from rai_platform.explanations.examining_parts import Methods, Opinion, left_out
from rai_platform.explanations.expected_gradients import DRAWS, expected_gradients
from rai_platform.explanations.images import ImageParts, average_maps, shown_examples
from rai_platform.explanations.lime_opinion import lime_of_texts
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.parts import Bools, NamedParts, Parts, PartValues, share_out
from rai_platform.explanations.shown import ExplainedText, ImageExplanations
from rai_platform.explanations.texts import TextParts, shown_texts
from rai_platform.training.model import TrainedModel

IMAGES, TEXTS = 100, 200  # explained
LARGE_MODEL_ROWS = 40  # explained of a network of so many parameters that a question takes a noticeable time
LARGE_MODEL = 5_000_000
QUESTIONS = 500  # about one input
BACKGROUND = 100  # images behind a mean image
EXAMPLES = 6  # shown of right decisions, and of wrong ones
ROWS_AGAIN = 20  # of a repetition
GRADIENT_BACKGROUND, GRADIENT_IMAGES = 50, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Inputs explained as a whole.

    Attributes:
        explained: the rows.
        parts: their inputs.
        values: attributions of the parts.
        named: the same by name.
        methods: by which they are examined.
        images: what is shown of images.
        texts: what is shown of texts.
    """

    explained: Sample
    parts: Parts
    values: PartValues
    named: NamedParts
    methods: Methods
    images: ImageExplanations | None = None
    texts: tuple[ExplainedText, ...] = ()


def explain_images(model: TrainedModel, sample: Sample, rng: np.random.Generator, *, seed: int) -> Explained:
    """Attributions of the cells of some images, hidden behind the mean image of others.

    Args:
        model: sees an image and nothing else.
        sample: the test data.
        rng: draws images and background.
        seed: of the methods.

    Raises:
        UnscorableRows: the model refuses an image of which parts are hidden.
    """
    rows = _drawn(model, sample, IMAGES, rng)
    explained = sample.take(rows)
    background = stand_for_everybody(sample, BACKGROUND, rng)
    parts = ImageParts(model, explained, background)
    values = share_out(parts, questions=QUESTIONS, seed=seed)
    named = parts.named(values, explained.weight)
    order = [parts.names.index(name) for name in named.found.features]

    def again(part: Integers, draws: np.random.Generator) -> Floats:
        others = ImageParts(model, sample.take(part), stand_for_everybody(sample, BACKGROUND, draws, again=True))
        found = share_out(others, questions=QUESTIONS, seed=int(draws.integers(2**31)))
        return np.abs(others.by_region(np.stack(found.values))[:, order])

    is_network = type(model.estimators[0]).__module__.startswith("rai_platform.training.networks.")
    methods = Methods(
        modality="image",
        again=again,
        rows=ROWS_AGAIN,
        background=min(BACKGROUND, sample.n),
        second_method="expected gradients" if is_network else "leave one region out",
        second=partial(_by_gradients, model, parts, order, background)
        if is_network
        else partial(_by_leaving_out, parts, values, named),
    )
    names, decided = _decisions(model, sample)
    some = _examples(decided == sample.y_true, rng)
    examples = ImageParts(model, sample.take(some), background)
    shown = shown_examples(
        examples, share_out(examples, questions=QUESTIONS, seed=seed), sample.take(some), names, decided[some]
    )
    images = ImageExplanations(
        height=parts.pixels.shape[1],
        width=parts.pixels.shape[2],
        channels=parts.pixels.shape[3],
        regions=parts.regions,
        examples=shown,
        averages=average_maps(parts, values, explained, names, decided[rows]),
    )
    return Explained(explained=explained, parts=parts, values=values, named=named, methods=methods, images=images)


def explain_texts(model: TrainedModel, sample: Sample, rng: np.random.Generator, *, seed: int) -> Explained:
    """Attributions of the words of some texts, each left out or not.

    Args:
        model: sees a text and nothing else.
        sample: the test data.
        rng: draws texts.
        seed: of the methods.

    Raises:
        UnscorableRows: the model refuses a text of which words are left out.
    """
    explained = sample.take(_drawn(model, sample, TEXTS, rng))
    parts = TextParts(model, explained)
    values = share_out(parts, questions=QUESTIONS, seed=seed)
    named = parts.named(values, explained.weight)
    methods = Methods(
        modality="text",
        again=None,
        rows=TEXTS,
        background=0,
        second_method="leave one word out",
        second=partial(_by_leaving_out, parts, values, named),
        lime=partial(lime_of_texts, parts, named),
    )
    names, decided = _decisions(model, sample)
    some = _examples(decided == sample.y_true, rng)
    examples = TextParts(model, sample.take(some))
    shown = shown_texts(
        examples, share_out(examples, questions=QUESTIONS, seed=seed), sample.take(some), names, decided[some]
    )
    return Explained(explained=explained, parts=parts, values=values, named=named, methods=methods, texts=shown)


def _drawn(model: TrainedModel, sample: Sample, most: int, rng: np.random.Generator) -> Integers:
    network = getattr(model.estimators[0], "network_", None)
    if network is not None and sum(each.numel() for each in network.parameters()) > LARGE_MODEL:
        most = LARGE_MODEL_ROWS
    return np.sort(rng.choice(sample.n, min(sample.n, most), replace=False))


def _examples(right: Bools, rng: np.random.Generator) -> Integers:
    """Some rows of right decisions and some of wrong ones, which are rare among rows drawn from all."""
    drawn = rng.permutation(len(right))
    return np.sort(np.concatenate([drawn[right[drawn]][:EXAMPLES], drawn[~right[drawn]][:EXAMPLES]]))


def _decisions(model: TrainedModel, sample: Sample) -> tuple[tuple[str, ...], Integers]:
    """The names of the classes by number, and the class that the model decides for (rows,)."""
    positive = model.manifest.positive_label
    names = model.manifest.classes or (f"not {positive}", positive)
    return names, model.decide(sample.features, sample.sensitive_features).astype("int64")


def _by_leaving_out(parts: Parts, values: PartValues, named: NamedParts, _: np.random.Generator) -> Opinion:
    rows = np.arange(parts.n)
    return rows, left_out(parts, values, named, rows)


def _by_gradients(
    model: TrainedModel, parts: ImageParts, order: list[int], background: Sample, rng: np.random.Generator
) -> Opinion:
    rows = np.sort(rng.choice(parts.n, min(parts.n, GRADIENT_IMAGES), replace=False))
    behind = background.take(np.arange(min(background.n, GRADIENT_BACKGROUND)))
    pixels = expected_gradients(
        model.estimators[0].network_,
        parts.inputs[rows],
        model.encode(behind.features),
        parts.decision.numbers[rows],
        draws=DRAWS,
        seed=int(rng.integers(2**31)),
    )
    return rows, parts.by_region(parts.by_cell(pixels.sum(axis=1)))[:, order]
