"""What a model gives when parts of an input are hidden, and how its output is shared out over the parts.

The parts are those that a person sees: cells of an image, words of a text. Values are Owen's, by shap's PartitionExplainer: Shapley
values of a hierarchy of parts, which add up to the output whatever the model is (Owen, Values of games with a priori unions,
1977). A hierarchy that is too deep for the number of questions is not followed to its end: parts that were not told apart share
what they have together.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import shap

from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.report import Output

Bools = npt.NDArray[np.bool_]
BATCH = 128  # masks asked at once
MOST_DENSE = 2000  # parts
DRAWING = threading.Lock()  # shap draws from numpy's generator, which the whole process shares


class Parts(Protocol):
    """Inputs whose parts can be hidden.

    Attributes:
        n: inputs.
        widths: parts of each (inputs,).
        output: the kind of the output.
    """

    n: int
    widths: Integers

    @property
    def output(self) -> Output:
        """The kind of the output."""
        ...

    def outputs(self, rows: Integers, kept: Sequence[Bools]) -> Floats:
        """The output (questions,) for inputs (questions,) of which these parts are kept (questions, parts).

        Raises:
            UnscorableRows: the model refuses an input of which parts are hidden.
        """
        ...

    def hierarchy(self, row: int) -> Floats:
        """Which parts belong together, as scipy's linkage (parts - 1, 4)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartValues:
    """The outputs of inputs, shared out over their parts.

    Attributes:
        values: of the parts of each input (inputs, parts).
        outputs: (inputs,).
        base_values: the outputs where everything is hidden (inputs,).
    """

    values: tuple[Floats, ...]
    outputs: Floats
    base_values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedParts:
    """Attributions put together under names that hold for all inputs, such as regions or words.

    Attributes:
        found: attributions (inputs, names), strongest first.
        of: the place of each part's name (inputs, parts).
        told: what a person reads as the value of a name (inputs, names).
    """

    found: Attributions
    of: tuple[Integers, ...]
    told: pd.DataFrame


def share_out(parts: Parts, *, questions: int, seed: int) -> PartValues:
    """The output of every input, shared out over its parts.

    Args:
        parts: the inputs.
        questions: that the model is asked about one of them, at most.
        seed: of the order in which equal parts are looked into.

    Raises:
        UnscorableRows: the model refuses an input of which parts are hidden.
    """
    everyone = np.arange(parts.n)
    whole = parts.outputs(everyone, [np.ones(width, dtype=bool) for width in parts.widths])
    hidden = parts.outputs(everyone, [np.zeros(width, dtype=bool) for width in parts.widths])
    values = []
    with seeded(seed):
        for row, width in enumerate(parts.widths):
            values.append(
                _owen_values(parts, row, questions)
                if width > 1
                else np.full(width, whole[row] - hidden[row], dtype="float64")
            )
    return PartValues(values=tuple(values), outputs=whole, base_values=hidden)


def halved(rows: int, columns: int) -> Floats:
    """The hierarchy of a grid that is halved again and again across its longer side, as scipy's linkage."""
    number, links = np.arange(rows * columns).reshape(rows, columns), []

    def node(cells: Integers) -> int:
        if cells.size == 1:
            return int(cells[0, 0])
        axis = 0 if cells.shape[0] >= cells.shape[1] else 1
        children = [node(half) for half in np.array_split(cells, 2, axis=axis)]
        links.append([*children, cells.size, cells.size])
        return rows * columns + len(links) - 1

    node(number)
    return np.array(links, dtype="float64").reshape(-1, 4)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Numpy's generator of the whole process with this seed, and afterwards as it was."""
    with DRAWING:
        before = np.random.get_state()
        try:
            np.random.seed(seed % 2**32)
            yield
        finally:
            np.random.set_state(before)


class _Kept(shap.maskers.Masker):  # type: ignore[misc]  # shap publishes no types
    """Gives shap the masks themselves: what a hidden part looks like is the business of ``Parts``."""

    immutable_outputs = True

    def __init__(self, hierarchy: Floats) -> None:
        self.clustering = hierarchy
        self.shape = (1, len(hierarchy) + 1)

    def __call__(self, mask: Bools, *_: Any) -> tuple[Bools]:
        return (mask.reshape(1, -1).copy(),)


def _owen_values(parts: Parts, row: int, questions: int) -> Floats:
    def ask(kept: Bools) -> Floats:
        return parts.outputs(np.full(len(kept), row), list(kept.astype(bool)))

    width = int(parts.widths[row])
    explainer = shap.PartitionExplainer(ask, _Kept(parts.hierarchy(row)))
    if width <= MOST_DENSE:  # a row of a sparse matrix costs more than the question to most models
        explainer._mask_matrix = explainer._mask_matrix.toarray()
    shared = explainer(
        np.ones((1, width)), max_evals=min(questions, width * (width - 1) + 2), batch_size=BATCH, silent=True
    )
    return np.asarray(shared.values, dtype="float64").reshape(width)
