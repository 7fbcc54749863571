"""Texts whose words can be left out, and what is told of their attributions: by word, and text by text."""

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.decided import OutputOfDecision
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.parts import Bools, NamedParts, PartValues, halved
from rai_platform.explanations.report import Output
from rai_platform.explanations.shown import ExplainedText
from rai_platform.training.model import TrainedModel

# One sign of a script that puts no space between words counts as a word.
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")
STRONGEST = 30  # words that a report names
OTHER_WORDS = "(all other words)"  # no word has a space in it
LONGEST_EXAMPLE = 200  # words
AT_ONCE = 2000


class TextParts:
    """Texts whose words can be left out; what stands between words stays.

    Attributes:
        n: texts.
        widths: words of each (texts,).
        decision: what is explained of them.
        words: of each text, as they stand in it (texts, words).
    """

    def __init__(self, model: TrainedModel, sample: Sample) -> None:
        self._model, self._name = model, model.manifest.features[0].name
        self.decision = OutputOfDecision(model, sample.features)
        column = sample.features[self._name]
        self._texts = ["" if missing else str(text) for text, missing in zip(column, column.isna(), strict=True)]
        self._spans = [[match.span() for match in WORD.finditer(text)] for text in self._texts]
        self.words = tuple(
            tuple(text[start:end] for start, end in spans) for text, spans in zip(self._texts, self._spans, strict=True)
        )
        self.n, self.widths = len(self._texts), np.array([len(words) for words in self.words])

    @property
    def output(self) -> Output:
        """The kind of the output."""
        return self.decision.output

    def outputs(self, rows: Integers, kept: Sequence[Bools]) -> Floats:
        """See ``Parts``."""
        found = []
        for start in range(0, len(rows), AT_ONCE):
            chosen = rows[start : start + AT_ONCE]
            texts = [self.left(row, each) for row, each in zip(chosen, kept[start : start + AT_ONCE], strict=True)]
            found.append(self._asked(texts, self.decision.numbers[chosen]))
        return np.concatenate(found)

    def outputs_of(self, texts: list[str], row: int) -> Floats:
        """The output (texts,) for other texts in the place of one; raises as ``outputs`` does."""
        return self._asked(texts, np.full(len(texts), self.decision.numbers[row]))

    def text(self, row: int) -> str:
        """One text as a whole."""
        return self._texts[row]

    def _asked(self, texts: list[str], numbers: Integers) -> Floats:
        frame = pd.DataFrame({self._name: pd.Series(texts, dtype=object)})
        return self.decision.of(self._model.encode(frame), numbers)

    def left(self, row: int, kept: Bools) -> str:
        """What is left of a text of which these words are kept."""
        text, pieces, last = self._texts[row], [], 0
        for at in np.flatnonzero(~kept):
            start, end = self._spans[row][at]
            pieces.append(text[last:start])
            last = end
        return "".join([*pieces, text[last:]])

    def hierarchy(self, row: int) -> Floats:
        """See ``Parts``."""
        return halved(1, int(self.widths[row]))

    def spelt(self, row: int) -> tuple[str, ...]:
        """The words of a text, each with what follows it up to the next; what stands before the first goes with it."""
        starts = [0, *(start for start, _ in self._spans[row][1:]), len(self._texts[row])]
        return tuple(self._texts[row][start:end] for start, end in itertools.pairwise(starts) if self.widths[row])

    def named(self, found: PartValues, weight: Floats | None) -> NamedParts:
        """Attributions by word in small letters, strongest first, and last those of all other words together."""
        known = sorted({word.lower() for words in self.words for word in words})
        number = {word: at for at, word in enumerate(known)}
        of = [np.array([number[word.lower()] for word in words], dtype="int64") for words in self.words]
        share = np.full(self.n, 1 / self.n) if weight is None else weight / weight.sum()
        size = np.zeros(len(known))
        for row in range(self.n):
            size += share[row] * np.abs(np.bincount(of[row], weights=found.values[row], minlength=len(known)))
        named = np.argsort(-size, kind="stable")[:STRONGEST]
        names = tuple(known[at] for at in named)
        place = np.full(len(known), len(names))
        place[named] = np.arange(len(names))
        if len(known) > len(names):
            names = (*names, OTHER_WORDS)
        places = tuple(place[each] for each in of)
        sums = [
            np.bincount(at, weights=each, minlength=len(names)) for at, each in zip(places, found.values, strict=True)
        ]
        times = [np.bincount(at, minlength=len(names)) for at in places]
        return NamedParts(
            found=Attributions(
                features=names,
                values=np.array(sums, dtype="float64").reshape(self.n, len(names)),
                outputs=found.outputs,
                base_value=float(share @ found.base_values),
                base_values=found.base_values,
                method="partition",
                output=self.output,
            ),
            of=places,
            told=pd.DataFrame(np.array(times).reshape(self.n, len(names)), columns=list(names)),
        )


def shown_texts(
    parts: TextParts, found: PartValues, sample: Sample, names: tuple[str, ...], decided: Integers
) -> tuple[ExplainedText, ...]:
    """Texts with their words.

    Args:
        parts: the texts.
        found: their attributions.
        sample: the rows they are of.
        names: of the classes, by number.
        decided: the class that the model decides for (texts,).
    """
    return tuple(
        ExplainedText(
            row_key=int(sample.row_key[row]),
            label=names[sample.y_true[row]],
            decided=names[decided[row]],
            output=float(found.outputs[row]),
            base_value=float(found.base_values[row]),
            words=parts.spelt(row)[:LONGEST_EXAMPLE],
            attributions=tuple(float(f"{value:.4g}") for value in found.values[row][:LONGEST_EXAMPLE]),
            left_out=max(0, int(parts.widths[row]) - LONGEST_EXAMPLE),
        )
        for row in range(parts.n)
    )
