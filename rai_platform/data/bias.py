"""Bias of labelled data before anything is trained on them: who is there, who is labelled how, whose values are missing."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.columns import NOT_IN_BINS, as_text, is_nested
from rai_platform.data.images import fingerprints, is_packed
from rai_platform.data.pretraining import LabelCounts, conditional_demographic_disparity
from rai_platform.data.report import GroupAgainstOthers, MissingByGroup
from rai_platform.data.sample import MISSING_GROUP, Sample, in_order
from rai_platform.errors import UnknownColumn, UnsuitableData
from rai_platform.spec.data import SensitiveFeature
from rai_platform.statistics.estimates import Exact, weighted_proportion

STRATA = 5  # parts of a number that labels are compared within
MOST_STRATA = 200  # values of a column within which labels are compared


def compare_groups(
    sample: Sample, feature: str, *, reference: dict[str, float] | None, strata: npt.NDArray[np.int64] | None
) -> tuple[GroupAgainstOthers, ...]:
    """Every group of a feature against everybody else.

    Args:
        sample: the training data.
        feature: a sensitive feature or intersection.
        reference: shares of the population by group, as ``must_be_of_these_groups`` accepts it.
        strata: the value of the column that may account for a difference in labels, as a number from 0 (rows,).
    """
    weight = np.ones(sample.n) if sample.weight is None else sample.weight
    groups, positive = sample.groups(feature).to_numpy(object), sample.y_true == 1
    known = np.isin(groups, list(reference)) if reference else np.ones(sample.n, dtype=bool)
    names = in_order([*groups, *(reference or {})])
    found = []
    for group in names:
        member = groups == group
        found.append(
            GroupAgainstOthers(
                group=group,
                n=int(member.sum()),
                other_n=int((~member).sum()),
                labels=_label_counts(member, positive, weight),
                trials=_trials(member, sample),
                other_trials=_trials(~member, sample),
                conditional=None if strata is None else _within(member, positive, weight, strata),
                share=float(weight[member].sum() / weight[known].sum()) if known.any() else 0.0,
                expected_share=(reference or {}).get(group),
            )
        )
    return tuple(found)


def missing_by_group(sample: Sample, feature: str) -> tuple[MissingByGroup, ...]:
    """The columns with missing values, the share of them in every group, those first in which groups differ most."""
    gaps = sample.features.isna()
    groups = sample.groups(feature).to_numpy(object)
    columns = [str(column) for column in gaps if gaps[column].any()]
    rates = gaps[columns].groupby(groups).mean().loc[in_order(groups)]
    found = [
        MissingByGroup(column=column, rates=dict(zip(rates.index, map(float, rates[column]), strict=True)))
        for column in columns
    ]
    return tuple(sorted(found, key=lambda each: (min(each.rates.values()) - max(each.rates.values()), each.column)))


def label_conflict_rate(sample: Sample) -> Exact:
    """Share of rows that the model sees alike and that have different labels: no model of these columns gets all right."""
    seen = pd.util.hash_pandas_object(_comparable(sample.features), index=False).to_numpy()
    labels = pd.Series(sample.y_true).groupby(seen)
    return Exact(value=float((labels.transform("max") > labels.transform("min")).mean()), n=sample.n)


def must_be_of_these_groups(feature: SensitiveFeature, groups: "pd.Series[str]") -> None:
    """Refuses a reference population that says nothing about a group of the data, as one that is spelled otherwise does.

    Raises:
        UnsuitableData: a group of the data has no share.
    """
    if feature.reference is None:
        return
    unknown = set(groups) - set(feature.reference) - {MISSING_GROUP, NOT_IN_BINS}
    if unknown:
        raise UnsuitableData(
            f"expected a share for every group of the data, got none for {', '.join(map(repr, in_order(unknown)))}; "
            f"given: {', '.join(map(repr, feature.reference))}",
            where=f"sensitive_features, {feature.name}, reference",
        )


def strata_of(feature: SensitiveFeature, table: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    """The part of every row by the column that may account for a difference in labels, from 0 (rows,); None without one.

    Numbers with many values are cut into fifths; missing values are a part of their own.

    Raises:
        UnknownColumn: the column is not there.
        UnsuitableData: it holds lists, or more values than labels can be compared within.
    """
    name, where = feature.conditional_on, f"sensitive_features, {feature.name}, conditional_on"
    if name is None:
        return None
    if name not in table.columns:
        raise UnknownColumn(name, table.columns, where=where)
    column = table[name]
    if is_nested(column):
        raise UnsuitableData(f"column {name!r} holds lists; name one of single values", where=where)
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 2 * STRATA:
        values = column.to_numpy("float64", na_value=np.nan)
        edges = np.unique(np.nanquantile(values, np.arange(1, STRATA) / STRATA))
        return np.where(np.isnan(values), len(edges) + 1, np.digitize(values, edges)).astype("int64")
    if column.nunique() > MOST_STRATA:
        raise UnsuitableData(
            f"column {name!r} has {column.nunique()} values, expected up to {MOST_STRATA}; take values together",
            where=where,
        )
    codes, _ = pd.factorize(as_text(column), use_na_sentinel=False)
    return codes.astype("int64")


def _label_counts(
    member: npt.NDArray[np.bool_], positive: npt.NDArray[np.bool_], weight: npt.NDArray[np.float64]
) -> LabelCounts:
    return LabelCounts(
        positive=float(weight[member & positive].sum()),
        negative=float(weight[member & ~positive].sum()),
        other_positive=float(weight[~member & positive].sum()),
        other_negative=float(weight[~member & ~positive].sum()),
    )


def _within(
    member: npt.NDArray[np.bool_],
    positive: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64],
    strata: npt.NDArray[np.int64],
) -> float | None:
    cell = strata * 4 + 2 * ~member + ~positive
    sums = np.bincount(cell, weights=weight, minlength=4 * (int(strata.max()) + 1)).reshape(-1, 4).tolist()
    return conditional_demographic_disparity(
        [LabelCounts(positive=a, negative=b, other_positive=c, other_negative=d) for a, b, c, d in sums]
    )


def _trials(member: npt.NDArray[np.bool_], sample: Sample) -> float:
    weight = None if sample.weight is None else sample.weight[member]
    cluster = None if sample.cluster is None else sample.cluster[member]
    return weighted_proportion(sample.y_true[member] == 1, weight, cluster).trials if member.any() else 0.0


def _comparable(features: pd.DataFrame) -> pd.DataFrame:
    """Equal values, and missing ones, in one form."""
    return pd.DataFrame(
        {
            position: fingerprints(column)
            if is_packed(column)
            else column.fillna("\0").astype(str)
            if column.dtype == object
            else column.astype("float64").fillna(np.inf) + 0.0
            for position, (_, column) in enumerate(features.items())
        }
    )
