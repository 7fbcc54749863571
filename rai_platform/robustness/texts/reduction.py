"""Input reduction: how few words of a text suffice for the same decision.

It takes no accuracy away. A decision that stands on two words nobody would decide by says that the model looks at something
else than a reader would; the shares are shown, and judged by nobody.

Source: Feng et al., Pathologies of neural models make interpretations difficult, EMNLP 2018.
"""

from collections.abc import Sequence

import numpy as np

from rai_platform.robustness.texts.asking import Predict, decide
from rai_platform.robustness.texts.attempt import Attempt
from rai_platform.robustness.texts.corpus import Corpus
from rai_platform.robustness.texts.report import ReducedText, Reduction

FEW = 2  # words that are left
SHOWN = 3


def reduction_of(corpus: Corpus, attempts: Sequence[Sequence[Attempt]], predict: Predict) -> Reduction | None:
    """What is left of rightly classified texts; None where nothing can be said of any.

    Args:
        corpus: the texts (texts,).
        attempts: of the recipe that reduces, by text; empty for one that is not classified rightly.
        predict: the model, which is asked again about what is left: where that does not suffice, all of the text does.
    """
    left = {row: found[0].perturbed for row, found in enumerate(attempts) if found and found[0].perturbed is not None}
    if not left:
        return None
    rows = np.array(list(left))
    stands = decide(predict, [str(text) for text in left.values()], len(corpus.classes)) == corpus.labels[rows]
    kept = [
        ReducedText(
            row_key=int(corpus.row_key[row]),
            label=int(corpus.labels[row]),
            text=corpus.texts[row],
            left=str(left[row]) if suffices else corpus.texts[row],
        )
        for row, suffices in zip(rows, stands, strict=True)
    ]
    words = np.array([len(each.text.split()) for each in kept])
    words_left = np.array([len(each.left.split()) for each in kept])
    order = np.lexsort((corpus.row_key[rows], words_left / np.maximum(words, 1)))
    return Reduction(
        n=len(kept),
        words=float(words.mean()),
        words_left=float(words_left.mean()),
        few=corpus.people.take(rows).share(words_left <= FEW),
        examples=tuple(kept[place] for place in order[:SHOWN]),
    )
