"""Input reduction: how few words of a text suffice for the same decision.

It takes no accuracy away. A decision that stands on two words nobody would decide by says that the model looks at something
else than a reader would; the shares are shown, and judged by nobody.

Source: Feng et al., Pathologies of neural models make interpretations difficult, EMNLP 2018.
"""

from collections.abc import Sequence

import numpy as np

from rai_platform.robustness.texts.asking import Predict, decide
from rai_platform.robustness.texts.attempt import Attacker, Job, OutOfTime
from rai_platform.robustness.texts.report import ReducedText, Reduction
from rai_platform.statistics.estimates import weighted_proportion

RECIPE = "input-reduction"
FEW = 2  # words that are left
SHOWN = 3


def reduce_texts(
    attacker: Attacker,
    predict: Predict,
    texts: Sequence[str],
    labels: Sequence[int],
    row_key: Sequence[int],
    *,
    classes: int,
    seed: int,
) -> Reduction | None:
    """What is left of rightly classified texts; None where no text was done with.

    Args:
        attacker: builds and runs the recipe.
        predict: the model.
        texts: rightly classified ones (texts,).
        labels: their classes (texts,).
        row_key: rows in the source (texts,).
        classes: how many there are.
        seed: of every draw.
    """
    before, left, few, shown = [], [], [], []
    for text, label, row in zip(texts, labels, row_key, strict=True):
        try:
            short = attacker.shortened(Job.of(RECIPE, text, int(label), seed))
        except OutOfTime:
            break
        if short is None:  # the recipe broke, and says nothing about the text
            continue
        if (
            decide(predict, [short], classes)[0] != label
        ):  # what is left does not suffice when asked again: all of it does
            short = text
        before.append(len(text.split()))
        left.append(len(short.split()))
        few.append(left[-1] <= FEW)
        shown.append(ReducedText(row_key=int(row), label=int(label), text=text, left=short))
    if not before:
        return None
    shown.sort(key=lambda each: (len(each.left.split()) / max(len(each.text.split()), 1), each.row_key))
    return Reduction(
        n=len(before),
        words=float(np.mean(before)),
        words_left=float(np.mean(left)),
        few=weighted_proportion(np.array(few), None),
        examples=tuple(shown[:SHOWN]),
    )
