"""What attacks did to texts, counted, once the model was asked again about every success."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from rai_platform.robustness.texts.asking import Predict, decide
from rai_platform.robustness.texts.attempt import Attempt
from rai_platform.robustness.texts.corpus import Corpus
from rai_platform.robustness.texts.marking import side_by_side
from rai_platform.robustness.texts.recipes import Recipe
from rai_platform.robustness.texts.report import RecipeResult, TextExample
from rai_platform.statistics.estimates import Proportion, weighted_proportion

EXAMPLES = 3  # texts shown of each recipe
Mask = npt.NDArray[np.bool_]


class Attacked:
    """Texts after all attacks, every success asked about again.

    Args:
        corpus: the texts (texts,).
        recipes: who attacked (recipes,).
        right: who is rightly classified as is, and so was attacked (texts,).
        attempts: what came of it, by text and recipe; empty for a text that nobody attacked.
        predict: the model.
    """

    def __init__(
        self,
        *,
        corpus: Corpus,
        recipes: tuple[Recipe, ...],
        right: Mask,
        attempts: list[list[Attempt]],
        predict: Predict,
    ) -> None:
        self.corpus = corpus
        self.recipes = recipes
        self.right = right
        self.attempts = attempts
        self.becomes = np.full((len(attempts), len(recipes)), -1)
        changed = {
            (row, at): attempt.perturbed
            for row, found in enumerate(attempts)
            for at, attempt in enumerate(found)
            if attempt.perturbed is not None
        }
        if changed:  # together: no model is a candidate that answers a text otherwise alone than among others
            self.becomes[tuple(np.array(list(changed)).T)] = decide(
                predict, list(changed.values()), len(corpus.classes)
            )
        self.turned: Mask = (self.becomes >= 0) & (self.becomes != corpus.labels[:, None])

    def result(self, at: int) -> RecipeResult:
        """What one recipe did."""
        attempts = [found[at] for found in self.attempts if found]
        turned = self.turned[self.right, at]
        shares = [each.words_changed / max(each.words, 1) for each, one in zip(attempts, turned, strict=True) if one]
        recipe = self.recipes[at]
        return RecipeResult(
            recipe=recipe.name,
            how=recipe.how,
            attacked=len(attempts),
            succeeded=int(turned.sum()),
            broken=sum(each.outcome == "broken" for each in attempts),
            unconfirmed=sum(each.outcome == "succeeded" for each in attempts) - int(turned.sum()),
            accuracy=self.corpus.people.share(self.right & ~self.turned[:, at]),
            success_rate=self.corpus.people.take(self.right).share(turned) if attempts else None,
            words_changed=float(np.mean(shares)) if shares else None,
            queries=float(np.mean([each.queries for each in attempts])) if attempts else None,
            cut_short=weighted_proportion(np.array([each.cut_short for each in attempts]), None) if attempts else None,
            told=tuple(dict.fromkeys(each.told for each in attempts if each.told))[:3],
        )

    def exhausted(self) -> Proportion | None:
        """The share of the attacked that stand and about which a recipe had no question left; None where none was attacked."""
        cut = np.array([any(each.cut_short for each in found) for found in self.attempts])
        return weighted_proportion((self.stands & cut)[self.right], None) if self.right.any() else None

    def unmoved(self) -> Proportion | None:
        """The share of the attacked whose score no change of any recipe moved; None where none was attacked."""
        still = np.array([not any(each.moved for each in found) for found in self.attempts if found], dtype=bool)
        return weighted_proportion(still, None) if len(still) else None

    def examples(self) -> Iterable[TextExample]:
        """Of each recipe the texts of which it changed the smallest share."""
        names = self.corpus.classes
        for at, recipe in enumerate(self.recipes):
            rows = np.flatnonzero(self.turned[:, at])
            share = {row: self.attempts[row][at].words_changed / max(self.attempts[row][at].words, 1) for row in rows}
            for row in sorted(rows, key=lambda row: (share[row], int(self.corpus.row_key[row])))[:EXAMPLES]:
                attempt = self.attempts[row][at]
                before, after = side_by_side(self.corpus.texts[row], attempt.perturbed or "")
                yield TextExample(
                    row_key=int(self.corpus.row_key[row]),
                    recipe=recipe.name,
                    label=names[int(self.corpus.labels[row])],
                    becomes=names[int(self.becomes[row, at])],
                    before=before,
                    after=after,
                    queries=attempt.queries,
                )

    @property
    def stands(self) -> Mask:
        """Who is rightly classified as is and however it was changed (texts,)."""
        return self.right & ~self.turned.any(axis=1)

    def by_class(self) -> dict[str, Proportion]:
        """Accuracy in the worst case by class."""
        labels = self.corpus.labels
        return {
            name: self.corpus.people.take(labels == number).share(self.stands[labels == number])
            for number, name in enumerate(self.corpus.classes)
            if (labels == number).any()
        }

    def by_group(self) -> dict[str, dict[str, Proportion]]:
        """Accuracy in the worst case by sensitive feature and group."""
        return self.corpus.people.by_group(self.stands)
