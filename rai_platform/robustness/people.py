"""Who is counted when something is changed: by weight, by cluster, by group."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.statistics.estimates import PairedDifference, Proportion, paired_difference, weighted_proportion

if TYPE_CHECKING:
    import pandas as pd

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Rows of test data, without what is known about each but the groups.

    Attributes:
        sensitive_features: the group of every row (rows, sensitive features); may have no columns.
        weight: sampling weights (rows,); None where all rows count the same.
        cluster: a number for the patient or household that a row is of (rows,); None where rows are independent.
    """

    sensitive_features: "pd.DataFrame"
    weight: npt.NDArray[np.float64] | None = None
    cluster: npt.NDArray[np.int64] | None = None

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """The rows of a sample."""
        return cls(sensitive_features=sample.sensitive_features, weight=sample.weight, cluster=sample.cluster)

    def take(self, rows: npt.NDArray[np.int64] | Mask) -> Self:
        """Some of the rows, by their places or by a mask."""
        places = np.flatnonzero(rows) if rows.dtype == bool else rows
        return type(self)(
            sensitive_features=self.sensitive_features.iloc[places].reset_index(drop=True),
            weight=None if self.weight is None else self.weight[places],
            cluster=None if self.cluster is None else self.cluster[places],
        )

    def share(self, of: Mask) -> Proportion:
        """The share of the rows (rows,)."""
        return weighted_proportion(of, self.weight, self.cluster)

    def drop(self, before: Mask, after: Mask) -> PairedDifference:
        """The first share minus the second, of the same rows (rows,)."""
        return paired_difference(before, after, self.weight, self.cluster)

    def by_group(self, of: Mask) -> dict[str, dict[str, Proportion]]:
        """The share in every group, by sensitive feature."""
        told = {str(name): self.sensitive_features[name].astype(str).to_numpy() for name in self.sensitive_features}
        return {
            feature: {
                str(group): self.take(groups == group).share(of[groups == group]) for group in sorted(set(groups))
            }
            for feature, groups in told.items()
        }
