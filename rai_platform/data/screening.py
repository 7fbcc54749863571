"""The screen of data: is the table sound, and is everybody in it?"""

import dataclasses
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.bias import (
    compare_groups,
    label_conflict_rate,
    missing_by_group,
    must_be_of_these_groups,
    strata_of,
)
from rai_platform.data.copies import people_of, repeated_share, seen_share
from rai_platform.data.images import is_packed, unpack
from rai_platform.data.preparation import PreparedData, normal_form, telling_columns
from rai_platform.data.proxies import find_proxies
from rai_platform.data.repeats import not_by_chance
from rai_platform.data.report import ColumnSummary, DataReport, GroupAgainstOthers, GroupLabels, Violation
from rai_platform.data.sample import Sample, in_order
from rai_platform.data.schema import check_schema, infer_schema, read_schema
from rai_platform.spec.data import INTERSECTION
from rai_platform.spec.model import ModelSpec
from rai_platform.statistics.estimates import Estimate, Exact, weighted_proportion


def screen_training_data(prepared: PreparedData, spec: ModelSpec) -> DataReport:
    """What was found about the rows that are learned from."""
    sample = prepared.training
    if sample is None:
        raise ValueError("predictions alone have no training data")
    measured: dict[str, Estimate] = {
        "missing_rate": Exact(value=float(sample.features.isna().mean().max()), n=sample.n),
        "duplicate_rate": _duplicate_rate(sample, sample, _copied(sample, prepared, prepared.training_table)),
        "label_conflict_rate": label_conflict_rate(sample),
    }
    rules = _declared(sample, prepared.training_table, spec)
    report = _report("training", sample, spec, rules, measured, {})
    return dataclasses.replace(
        report,
        against_others=_against_others(sample, prepared.training_table.iloc[sample.row_key], spec),
        missing={feature: missing_by_group(sample, feature) for feature in spec.group_features},
        proxies={
            feature: find_proxies(sample, feature, source_columns=columns, seed=spec.split.seed)
            for feature, columns in _source_columns(spec).items()
        },
    )


def screen_test_data(prepared: PreparedData, spec: ModelSpec) -> DataReport:
    """What was found about the rows that are judged on, compared with those that were learned from."""
    training, sample = prepared.training, prepared.test
    declared = _declared(sample, prepared.test_table, spec)
    repeated: dict[str, Estimate] = {
        "duplicate_rate": _duplicate_rate(sample, training or sample, _copied(sample, prepared, prepared.test_table))
    }
    if training is None:
        why = "predictions alone: nobody knows what their model learned from"
        return _report("test", sample, spec, declared, repeated, {"leakage_rate": why})
    inferred = check_schema(sample.features, infer_schema(training.features, free=training.free))
    learned = _copied(training, prepared, prepared.training_table)
    measured = {**repeated, "leakage_rate": _leakage_rate(sample, training, learned)}
    report = _report("test", sample, spec, _both(inferred, declared), measured, {})
    return dataclasses.replace(report, compared_with=training.digest)


def _against_others(sample: Sample, table: pd.DataFrame, spec: ModelSpec) -> dict[str, tuple[GroupAgainstOthers, ...]]:
    """Every group against everybody else; reference and strata are declared of single features, not of intersections."""
    sample, found = sample.one_against_rest(), {}
    for feature in spec.sensitive_features:
        must_be_of_these_groups(feature, sample.groups(feature.name))
        strata = strata_of(feature, table)
        found[feature.name] = compare_groups(sample, feature.name, reference=feature.reference, strata=strata)
    crossed = [name for name in spec.group_features if name not in found]
    return found | {name: compare_groups(sample, name, reference=None, strata=None) for name in crossed}


def _source_columns(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """The columns that each sensitive feature or intersection is read from."""
    of = {feature.name: feature.source_column for feature in spec.sensitive_features}
    return {
        name: (of[name],) if name in of else tuple(of[part] for part in name.split(INTERSECTION))
        for name in spec.group_features
    }


Found = tuple[npt.NDArray[np.bool_], tuple[Violation, ...]]


def _declared(sample: Sample, table: pd.DataFrame, spec: ModelSpec) -> Found | None:
    if spec.data.rules is None:
        return None
    return check_schema(table.iloc[sample.row_key], read_schema(spec.data.rules))


def _both(one: Found, other: Found | None) -> Found:
    if other is None:
        return one
    return one[0] | other[0], (*one[1], *other[1])


def _report(
    role: str,
    sample: Sample,
    spec: ModelSpec,
    found: Found | None,
    measured: dict[str, Estimate],
    not_estimable: dict[str, str],
) -> DataReport:
    sound, two = _is_sound(sample), sample.one_against_rest()
    broken, violations = _both(sound, found)
    measured = {"schema_violation_rate": Exact(value=float(broken.mean()), n=sample.n), **measured}
    return DataReport(
        role="training" if role == "training" else "test",
        data_digest=sample.digest,
        n=sample.n,
        label_rate=float(np.average(two.y_true, weights=sample.weight)),
        columns=tuple(_summary(sample.features[name], is_whole=name in sample.free) for name in sample.features),
        class_counts={name: int((sample.y_true == place).sum()) for place, name in enumerate(sample.classes)},
        violations=violations,
        measured=measured,
        not_estimable=not_estimable,
        groups={feature: _group_labels(two, feature) for feature in spec.group_features},
    )


def _copied(sample: Sample, prepared: PreparedData, table: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """The sample's records that nobody else is expected to have by chance."""
    telling = telling_columns(prepared.training_table, prepared.test_table, free=sample.free)
    return not_by_chance(normal_form(table.iloc[sample.row_key], telling), sample.record)


def _duplicate_rate(sample: Sample, training: Sample, copied: npt.NDArray[np.uint64]) -> Exact:
    """Share of rows that repeat an earlier one, and not by chance: intervals count them as people of their own."""
    whole = pd.Series(sample.record).duplicated().to_numpy() & np.isin(sample.record, copied)
    return Exact(value=max(float(whole.mean()), repeated_share(people_of(sample, training))), n=sample.n)


def _leakage_rate(sample: Sample, training: Sample, learned: npt.NDArray[np.uint64]) -> Exact:
    """Share of rows that were learned from, and not by chance."""
    whole = float(np.isin(sample.record, learned).mean())
    seen = seen_share(people_of(sample, training), people_of(training, training))
    return Exact(value=max(whole, seen), n=sample.n)


def _is_sound(sample: Sample) -> Found:
    """Rules that hold for every table: a row says something about the person at all."""
    empty = (
        sample.features.isna().all(axis=1).to_numpy() if sample.features.shape[1] else np.zeros(sample.n, dtype=bool)
    )
    told = (Violation(column="", rule="a row has at least one feature", rows=int(empty.sum()), example="all missing"),)
    return empty, told if empty.any() else ()


def _whole(column: pd.Series) -> ColumnSummary:
    if is_packed(column):
        pixels = unpack(column, where=str(column.name))
        _, height, width, channels = pixels.shape
        lit = f"{pixels.mean() / 255:.0%} of full light on average"
        return ColumnSummary(
            name=str(column.name), kind="image", missing_rate=0.0, values=f"{height} x {width} x {channels}, {lit}"
        )
    words = column.str.split().str.len()
    told = f"{words.min()} to {words.max()} words, median {words.median():g}"
    return ColumnSummary(name=str(column.name), kind="text", missing_rate=0.0, values=told)


def _summary(column: pd.Series, *, is_whole: bool) -> ColumnSummary:
    if is_whole:
        return _whole(column)
    missing_rate = float(column.isna().mean())
    kind: Literal["number", "category"] = "category" if column.dtype == object else "number"
    if missing_rate == 1:
        return ColumnSummary(name=str(column.name), kind=kind, missing_rate=1.0, values="all missing")
    if kind == "category":
        common = column.value_counts().head(3)
        values = ", ".join(f"{value} {count / column.notna().sum():.0%}" for value, count in common.items())
        return ColumnSummary(name=str(column.name), kind=kind, missing_rate=missing_rate, values=values)
    low, middle, high = (f"{column.quantile(at):g}" for at in (0.0, 0.5, 1.0))
    return ColumnSummary(
        name=str(column.name), kind=kind, missing_rate=missing_rate, values=f"{low} to {high}, median {middle}"
    )


def _group_labels(sample: Sample, feature: str) -> tuple[GroupLabels, ...]:
    groups = sample.groups(feature).to_numpy()
    found = []
    for group in in_order(groups):
        member = groups == group
        labelled = weighted_proportion(
            sample.y_true[member] == 1,
            None if sample.weight is None else sample.weight[member],
            None if sample.cluster is None else sample.cluster[member],
        )
        found.append(
            GroupLabels(
                group=group,
                n=labelled.n,
                share=labelled.n / sample.n,
                positives=labelled.successes,
                trials=labelled.trials,
            )
        )
    return tuple(found)
