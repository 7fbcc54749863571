"""Attributions by permutation do not depend on how many processes find them."""

from typing import Any

import numpy as np
import pytest

from rai_platform.explanations import attributions
from rai_platform.explanations.attributions import BLOCK, attribute
from rai_platform.processes import made_of_each
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.small import fitted, people


@pytest.mark.slow
def test_they_are_the_same_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributions, "WORTH_STARTING", 0)
    sample = people(2 * BLOCK + 5)
    model = fitted(sample, "sklearn.naive_bayes.GaussianNB", {})
    alone, together = (
        attribute(model, "permutation", sample.features, sample.features[:5], seed=1, workers=workers)
        for workers in (1, 2)
    )
    assert np.array_equal(alone.values, together.values)
    assert alone.base_value == together.base_value
    assert alone.additivity_error < 1e-9
    other = attribute(model, "permutation", sample.features, sample.features[:5], seed=2)
    assert other.additivity_error < 1e-9


def test_processes_are_started_where_there_is_much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def recorded(*arguments: Any, workers: int, **others: Any) -> Any:
        asked.append(workers)
        return made_of_each(*arguments, workers=1, **others)

    monkeypatch.setattr(attributions, "made_of_each", recorded)
    sample = people(BLOCK)
    model: TrainedModel = fitted(sample, "sklearn.naive_bayes.GaussianNB", {})
    for worth in (0.0, 1e9):
        monkeypatch.setattr(attributions, "WORTH_STARTING", worth)
        attribute(model, "permutation", sample.features, sample.features[:5], seed=1, workers=8)
    assert asked == [8, 1]
