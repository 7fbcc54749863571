"""The attribute flip test: who gets another decision when nothing about them is changed but a protected attribute.

This asks the model, not the world. It is the causal discrimination of software testing, on the people of the test data: a
person with another sex and the same income. It is not counterfactual fairness (Kusner et al., 2017), in which whatever
follows from the attribute changes with it, and for which the causes have to be known; nor FlipTest (Black, Yeom and
Fredrikson, 2020) or SageMaker Clarify's counterfactual fliptest, which compare a person with other people who are like them.

Source: Galhotra, Brun and Meliou, Fairness testing: testing software for discrimination, ESEC/FSE 2017 (Themis).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import MISSING_GROUP, Sample, in_order, joined
from rai_platform.errors import UnscorableRows, UnsuitableData
from rai_platform.fairness.report import AttributeFlip, FlippedGroup
from rai_platform.spec.data import INTERSECTION
from rai_platform.statistics.estimates import Exact, weighted_proportion
from rai_platform.training.model import TrainedModel, draws
from rai_platform.training.predictions import Predictions

MOST_ANSWERS = 200_000  # people times groups; about as many as the robustness report asks for
LEAST_PEOPLE = 1_000
NO_MODEL = "there is no model to ask: the spec brings predictions alone"
ONE_GROUP = "people of known attribute are all of one group"

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crossing:
    """An attribute, or several crossed, on the people asked about.

    Attributes:
        parts: the sensitive features that it crosses, by the column that holds each.
        known: rows of the sample whose attribute is known (people,).
        group: of each of them (people,).
        targets: every group, by name, with its group of each part.
    """

    parts: dict[str, str]
    known: Integers
    group: npt.NDArray[np.object_]
    targets: dict[str, dict[str, str]]


def flip_attribute(
    model: TrainedModel | None,
    predictions: Predictions,
    sample: Sample,
    feature: str,
    *,
    columns: Mapping[str, str],
    seed: int,
) -> AttributeFlip:
    """Who would be decided about otherwise with another value of a sensitive feature, or of several crossed.

    Everybody of known attribute is asked about as a member of every other group. A number becomes the lower median of that
    group, a category its commonest value; a threshold that differs by group becomes that group's. Where decisions are
    drawn, the draw stays the person's own.

    Args:
        model: that made the predictions; None where nobody has it.
        predictions: on the sample.
        sample: the test data; of many rows, some are asked about.
        feature: a sensitive feature, or an intersection (``sex_x_race``).
        columns: the column that holds a sensitive feature, where that bears another name.
        seed: of the choice of rows.
    """
    if model is None:
        return AttributeFlip(feature=feature, why_not=NO_MODEL)
    crossing = _crossing(sample, feature, columns, seed)
    manifest = model.manifest
    inputs = {each.name for each in manifest.features}
    seen = tuple(dict.fromkeys(column for column in crossing.parts.values() if column in inputs))
    thresholds = tuple(part for part in crossing.parts if part in manifest.group_features)
    if not seen and not thresholds:
        return AttributeFlip(feature=feature, rate=Exact(value=0.0, n=len(crossing.known)))
    about = AttributeFlip(feature=feature, seen=seen, thresholds=thresholds)
    if len(crossing.targets) < 2:
        return about.without(ONE_GROUP)
    asked = sample.take(crossing.known)
    decided = predictions.y_pred[crossing.known]
    try:
        values = {group: _stand_ins(sample, parts, seen) for group, parts in crossing.targets.items()}
        changed = np.zeros(asked.n, dtype=bool)
        for rows, answers in _answers(model, asked, crossing, values):
            changed[rows] |= answers != decided[rows]
    except (UnscorableRows, UnsuitableData) as error:
        return about.without(error.message)
    return about.measured(
        weighted_proportion(changed, asked.weight, asked.cluster),
        values={group: {column: str(value) for column, value in each.items()} for group, each in values.items()},
        by_group=tuple(
            FlippedGroup(
                group=group,
                n=int((member := crossing.group == group).sum()),
                gained=int((changed & member & (decided == 0)).sum()),
                lost=int((changed & member & (decided == 1)).sum()),
            )
            for group in (() if manifest.classes else crossing.targets)  # between several classes there is no direction
        ),
    )


def _crossing(sample: Sample, feature: str, columns: Mapping[str, str], seed: int) -> _Crossing:
    parts = [feature] if feature in sample.sensitive_features else feature.split(INTERSECTION)
    groups = sample.sensitive_features[parts]
    known = np.flatnonzero((groups != MISSING_GROUP).all(axis=1).to_numpy())
    names = joined(groups.iloc[known]) if len(known) else pd.Series(dtype=object)
    first = names.drop_duplicates()
    targets = {
        group: {part: str(groups[part].loc[first.index[first == group][0]]) for part in parts}
        for group in in_order(first)
    }
    most = max(LEAST_PEOPLE, MOST_ANSWERS // max(len(targets), 1))
    if len(known) > most:
        known = np.sort(np.random.default_rng(seed).choice(known, most, replace=False))
    return _Crossing(
        parts={part: columns.get(part, part) for part in parts},
        known=known,
        group=names.loc[groups.index[known]].to_numpy(object),
        targets=targets,
    )


def _stand_ins(sample: Sample, groups: Mapping[str, str], seen: tuple[str, ...]) -> dict[str, object]:
    """The value of every seen column that stands for a group: one that somebody in it has."""
    member = np.ones(sample.n, dtype=bool)
    for part, group in groups.items():
        member &= (sample.sensitive_features[part] == group).to_numpy()
    return {column: _middle(sample.features[column][member].dropna()) for column in seen}


def _middle(values: pd.Series) -> object:
    if not len(values):
        raise UnsuitableData(f"no value of {values.name!r} stands for one of the groups", where="attribute flip test")
    if values.dtype == object:
        counted = values.value_counts()
        return min(counted[counted == counted.max()].index)
    middle = np.quantile(values.to_numpy(), 0.5, method="lower")
    return middle.item()


def _answers(
    model: TrainedModel, asked: Sample, crossing: _Crossing, values: Mapping[str, Mapping[str, object]]
) -> Iterator[tuple[Integers, npt.NDArray[np.int8]]]:
    """People (positions) and the decisions about them as members of another group, one group after the other."""
    manifest = model.manifest
    drawn = draws(asked.features, manifest) if manifest.randomized else None
    for group, parts in crossing.targets.items():
        rows = np.flatnonzero(crossing.group != group)
        features = asked.features.iloc[rows].copy()
        for column, value in values[group].items():
            features[column] = pd.Series([value] * len(rows), index=features.index, dtype=features[column].dtype)
        sensitive = asked.sensitive_features.iloc[rows].copy()
        for part, value in parts.items():
            sensitive[part] = value
        if manifest.group_features:
            # Nobody knows a threshold for people of whom training had nobody.
            names = joined(sensitive[list(manifest.group_features)])
            can = names.isin(list(manifest.thresholds)).to_numpy()
            rows, features, sensitive = rows[can], features[can], sensitive[can]
        if len(rows):
            yield rows, model.decide(features, sensitive, drawn=None if drawn is None else drawn[rows])
