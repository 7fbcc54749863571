"""Drawing explained rows again, whole clusters together."""

import numpy as np

from rai_platform.data.sample import Sample
from rai_platform.explanations.mixing import Floats, Integers

REPLICATES = 200


def redrawn_weights(sample: Sample, rng: np.random.Generator) -> Floats:
    """What every row counts when the rows, or whole clusters of them, are drawn again (replicates, rows)."""
    of = person_of(sample)
    number = int(of.max()) + 1
    times = rng.multinomial(number, np.full(number, 1 / number), size=REPLICATES)[:, of]
    counts: Floats = times * (np.ones(sample.n) if sample.weight is None else sample.weight)
    return counts


def person_of(sample: Sample) -> Integers:
    """The cluster of every row, counted from 0 (rows,); each row its own where rows are independent."""
    return np.arange(sample.n) if sample.cluster is None else np.unique(sample.cluster, return_inverse=True)[1]


def people(sample: Sample) -> int:
    """Clusters of the sample, or rows where rows are independent."""
    return len(np.unique(person_of(sample)))
