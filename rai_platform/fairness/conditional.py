"""Disparities among people who are alike in what may lawfully count: a declared legitimate factor.

People are divided into strata by the factor, numbers into four bins of about equal size. Within a stratum a group is compared
with everybody else; over the strata the comparisons are put together. Rows count the same, whatever their weight.

Sources: Mantel and Haenszel, JNCI 22, 1959; Sato, On the variance estimator for the Mantel-Haenszel risk difference, Biometrics
45, 1989; Wachter, Mittelstadt and Russell, Why fairness cannot be automated, Computer Law and Security Review 41, 2021.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import MISSING_GROUP
from rai_platform.fairness.report import ConditionalDisparity
from rai_platform.fairness.subgroups import encode_attributes
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import REPORTED_ALPHA, normal_quantile

Floats = npt.NDArray[np.float64]


def conditional_disparities(
    factors: pd.DataFrame, groups: dict[str, npt.NDArray[np.object_]], y_pred: npt.NDArray[np.int8]
) -> tuple[ConditionalDisparity, ...]:
    """Every group against everybody else, among people alike in each factor and, where there are several, in all of them.

    Args:
        factors: the legitimate factors (rows, factors).
        groups: the group of every row (rows,), by sensitive feature.
        y_pred: decisions (rows,).
    """
    return tuple(
        _compared(feature, str(group), factor, member, stratum, y_pred)
        for factor, stratum in _strata(factors)
        for feature, of_row in groups.items()
        for group in sorted(set(of_row.tolist()) - {MISSING_GROUP})
        if not (member := of_row == group).all()
    )


def _strata(factors: pd.DataFrame) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """The stratum of every row (rows,), by each factor and by all of them."""
    attributes = encode_attributes(factors)
    for each in attributes:
        yield each.name, each.codes.astype("int64")
    if len(attributes) > 1:
        codes = np.stack([each.codes for each in attributes], axis=1)
        yield " and ".join(each.name for each in attributes), np.unique(codes, axis=0, return_inverse=True)[1].ravel()


def _compared(
    feature: str,
    group: str,
    factor: str,
    member: npt.NDArray[np.bool_],
    stratum: npt.NDArray[np.int64],
    y_pred: npt.NDArray[np.int8],
) -> ConditionalDisparity:
    strata = int(stratum.max()) + 1
    cell = (stratum * 2 + member) * 2 + (y_pred == 1)
    counts = np.bincount(cell, minlength=4 * strata).reshape(strata, 2, 2).astype(float)  # stratum, member, selected
    both = (counts.sum(axis=2) > 0).all(axis=1)
    table = counts[both]
    difference, interval = _difference(table)
    raw = counts.sum(axis=0)
    return ConditionalDisparity(
        feature=feature,
        group=group,
        factor=factor,
        strata=len(table),
        n=int(table.sum()),
        left_out=int(counts[~both].sum()),
        raw_difference=float(raw[1, 1] / raw[1].sum() - raw[0, 1] / raw[0].sum()),
        difference=difference,
        interval=interval,
        p_value=_same_everywhere(table),
        demographic_disparity=_demographic_disparity(counts),
    )


def _difference(table: Floats) -> tuple[float | None, Interval | None]:
    """Mantel and Haenszel's difference of selection rates over strata (strata, member, selected), with Sato's interval."""
    if not len(table):
        return None, None
    x1, x0, n1, n0 = table[:, 1, 1], table[:, 0, 1], table[:, 1].sum(axis=1), table[:, 0].sum(axis=1)
    n = n1 + n0
    weight = n1 * n0 / n
    difference = float((weight * (x1 / n1 - x0 / n0)).sum() / weight.sum())
    p = (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / n**2
    q = (x1 * (n0 - x0) + x0 * (n1 - x1)) / n / 2
    error = np.sqrt(max(float(difference * p.sum() + q.sum()), 0.0)) / weight.sum()
    reach = normal_quantile(REPORTED_ALPHA) * float(error)
    return difference, Interval(lower=max(-1.0, difference - reach), upper=min(1.0, difference + reach))


def _same_everywhere(table: Floats) -> float | None:
    """The p-value of equal selection rates in every stratum, by the Cochran-Mantel-Haenszel test without correction."""
    n1, n0 = table[:, 1].sum(axis=1), table[:, 0].sum(axis=1)
    selected, n = table[:, :, 1].sum(axis=1), table.sum(axis=(1, 2))
    large = n > 1
    spread = (n1 * n0 * selected * (n - selected))[large] / (n**2 * (n - 1))[large]
    if spread.sum() <= 0:
        return None
    from scipy import stats

    surprise = float((table[:, 1, 1] - n1 * selected / n)[large].sum() ** 2 / spread.sum())
    return float(stats.chi2.sf(surprise, df=1))


def _demographic_disparity(counts: Floats) -> float | None:
    """Share of the group among those passed over minus its share among those selected, the mean over people's strata."""
    passed, selected = counts[:, :, 0], counts[:, :, 1]
    both = (passed.sum(axis=1) > 0) & (selected.sum(axis=1) > 0)
    if not both.any():
        return None
    disparity = passed[both, 1] / passed[both].sum(axis=1) - selected[both, 1] / selected[both].sum(axis=1)
    size = counts[both].sum(axis=(1, 2))
    return float((disparity * size).sum() / size.sum())
