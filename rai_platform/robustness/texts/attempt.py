"""One recipe on one text."""

import hashlib
import json
import random
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np

from rai_platform.robustness.texts.asking import Predict, Scores
from rai_platform.robustness.texts.loading import quiet_and_offline
from rai_platform.robustness.texts.recipes import RECIPES, build
from rai_platform.robustness.texts.report import Outcome


class OutOfTime(Exception):
    """The time for all attacks is over in the middle of one."""


class ModelRefused(Exception):
    """The model gives no scores for a text that an attack made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A text to attack.

    Attributes:
        recipe: who attacks it.
        text: the text.
        label: its class, a number.
        seed: of every draw of the recipe on this text.
    """

    recipe: str
    text: str
    label: int
    seed: int

    @classmethod
    def of(cls, recipe: str, text: str, label: int, seed: int) -> "Job":
        """With a seed of its own, so that neither the order of the texts nor who attacks them matters."""
        told = json.dumps([seed, recipe, text, label]).encode()
        return cls(recipe=recipe, text=text, label=label, seed=int.from_bytes(hashlib.sha256(told).digest()[:4], "big"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of it.

    Attributes:
        outcome: as the recipe says; nobody has asked a second time yet.
        perturbed: the changed text, or what is left of a reduced one; None where the attack failed.
        queries: questions to the model.
        words: of the text.
        words_changed: words of the text at whose place there is another.
        cut_short: whether it failed with no question left.
        moved: whether any change moved the score of the text's class.
        told: what broke the recipe; None where nothing did.
    """

    outcome: Outcome
    perturbed: str | None
    queries: int
    words: int
    words_changed: int
    cut_short: bool
    moved: bool
    told: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a file or another process."""
        return asdict(self)


class Attacker:
    """Attacks texts with recipes that were built once.

    Args:
        textattack: the module.
        predict: the model.
        query_budget: questions about one text at most, of each recipe.
    """

    def __init__(self, textattack: ModuleType, predict: Predict, *, query_budget: int) -> None:
        self._textattack = textattack
        self._predict = predict
        self._budget = query_budget
        self._built: dict[tuple[str, int], Any] = {}
        self._scores: list[float] = []
        self._label = 0

    def attack(self, job: Job) -> Attempt:
        """What the recipe makes of the text; the same whenever and wherever it is tried.

        Raises:
            OutOfTime: the model is not asked any more.
        """
        self._scores, self._label = [], job.label
        with quiet_and_offline():
            try:
                attack = self._attack_of(job)
                _seed(job.seed)
                attack.clear_cache()
                result = attack.attack(job.text, job.label)
            except OutOfTime:
                raise
            except Exception as error:
                return self._broken(error)
        return self._attempt(result, reduces=RECIPES[job.recipe].reduces)

    def _attack_of(self, job: Job) -> Any:
        key = (job.recipe, job.label)
        if key not in self._built:
            self._built[key] = build(
                self._textattack, RECIPES[job.recipe], self._observed, query_budget=self._budget, label=job.label
            )
        return self._built[key]

    def _observed(self, texts: list[str]) -> Scores:
        scores = self._predict(texts)
        self._scores += [float(each) for each in scores[:, self._label]]
        return scores

    def _attempt(self, result: Any, *, reduces: bool) -> Attempt:
        succeeded = isinstance(result, self._textattack.attack_results.SuccessfulAttackResult) and not reduces
        before, after = result.original_result.attacked_text, result.perturbed_result.attacked_text
        queries = int(result.num_queries)
        return Attempt(
            outcome="reduced" if reduces else "succeeded" if succeeded else "failed",
            perturbed=after.text if succeeded or reduces else None,
            queries=queries,
            words=len(before.words),
            words_changed=len(before.all_words_diff(after)) if succeeded else 0,
            cut_short=not succeeded and queries >= self._budget,
            moved=self._moved(),
        )

    def _moved(self) -> bool:
        return len(self._scores) > 1 and float(np.ptp(self._scores)) > 0

    def _broken(self, error: Exception) -> Attempt:
        told = str(error) if isinstance(error, ModelRefused) else f"{type(error).__name__}: {error}"
        return Attempt(
            outcome="broken",
            perturbed=None,
            queries=len(self._scores),
            words=0,
            words_changed=0,
            cut_short=False,
            moved=self._moved(),
            told=" ".join(told.split())[:300],
        )


def _seed(seed: int) -> None:
    """As TextAttack's ``set_seed``, which without a GPU takes milliseconds to note what a GPU would have to be told."""
    import torch

    random.seed(seed)
    np.random.seed(seed)
    if torch.cuda.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
