"""Drawing explained rows again, whole clusters together."""

import numpy as np

from rai_platform.data.sample import Sample
from rai_platform.explanations.mixing import Floats

REPLICATES = 200


def redrawn_weights(sample: Sample, rng: np.random.Generator) -> Floats:
    """What every row counts when the rows, or whole clusters of them, are drawn again (replicates, rows)."""
    of = np.arange(sample.n) if sample.cluster is None else np.unique(sample.cluster, return_inverse=True)[1]
    number = int(of.max()) + 1
    times = rng.multinomial(number, np.full(number, 1 / number), size=REPLICATES)[:, of]
    counts: Floats = times * (np.ones(sample.n) if sample.weight is None else sample.weight)
    return counts


def people(sample: Sample) -> int:
    """Clusters of the sample, or rows where rows are independent."""
    return sample.n if sample.cluster is None else len(np.unique(sample.cluster))
