"""The rows that stand for everybody."""

import numpy as np

from rai_platform.data.sample import Sample


def stand_for_everybody(sample: Sample, most: int, rng: np.random.Generator, *, again: bool = False) -> Sample:
    """Rows drawn at random; each as often as its weight says, where rows are weighted.

    Args:
        sample: everybody.
        most: how many, or all of them where they are fewer.
        rng: draws.
        again: whether a row may be drawn twice, so that all of them together are another draw of people, too.
    """
    if sample.weight is None:
        return sample.take(np.sort(rng.choice(sample.n, min(sample.n, most), replace=again)))
    return sample.take(np.sort(rng.choice(sample.n, most, p=sample.weight / sample.weight.sum())))
