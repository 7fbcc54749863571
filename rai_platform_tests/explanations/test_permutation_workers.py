"""Attributions by permutation do not depend on how many processes find them."""

from typing import Any

import numpy as np
import pytest

from rai_platform import processes
from rai_platform.explanations import attributions
from rai_platform.explanations.attributions import BLOCK, PERMUTATIONS, attribute
from rai_platform.processes import made_of_each
from rai_platform_tests.explanations.small import fitted, people


@pytest.mark.slow
def test_they_are_the_same_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SECONDS_WORTH_STARTING", 0)
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


def test_how_much_there_is_to_do_is_told_by_the_rows_and_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def recorded(*arguments: Any, seconds: float, **others: Any) -> Any:
        asked.append(seconds)
        return made_of_each(*arguments, seconds=0, **others)

    monkeypatch.setattr(attributions, "made_of_each", recorded)
    monkeypatch.setattr(attributions, "seconds_of", lambda _: 0.5)
    sample = people(2 * BLOCK)
    model = fitted(sample, "sklearn.naive_bayes.GaussianNB", {})
    for rows in (BLOCK, 2 * BLOCK):
        attribute(model, "permutation", sample.features[:rows], sample.features[:5], seed=1, workers=8)
    width = len(model.manifest.features)
    assert asked == [0.5 * PERMUTATIONS * (2 * width + 1) * rows for rows in (BLOCK, 2 * BLOCK)]
