"""What each group of people receives from a model: counted once, and searched for people whom nobody named."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from rai_platform.data.sample import Sample
from rai_platform.fairness.cells import Cells, with_clusters
from rai_platform.fairness.conditional import conditional_disparities
from rai_platform.fairness.consistency import measure_consistency
from rai_platform.fairness.flipping import flip_attribute
from rai_platform.fairness.indices import INDICES, measure_index
from rai_platform.fairness.law import ImpactTable, scoring_table
from rai_platform.fairness.rates import ERROR_RATE, SELECTION_RATE
from rai_platform.fairness.report import ConditionalDisparity, Discovery, FairnessReport, must_match
from rai_platform.fairness.subgroups import discover, encode_attributes
from rai_platform.fairness.tabulation import Columns, Tabulation, tabulate
from rai_platform.spec.data import INTERSECTION
from rai_platform.statistics.estimates import Estimate
from rai_platform.training.model import TrainedModel
from rai_platform.training.predictions import Predictions

SUPPORT = 50  # rows of a subgroup in each half of the search; a rate of fewer is known to no better than 14 points
MOST_SEARCHED = 200_000  # rows; more would not find much more, and take minutes
NO_BENEFIT = "nobody has any benefit: every decision wrongly passes somebody over"


def measure_fairness(
    predictions: Predictions,
    sample: Sample,
    *,
    features: tuple[str, ...],
    seed: int,
    code_version: str,
    model: TrainedModel | None = None,
    columns: Mapping[str, str] | None = None,
) -> FairnessReport:
    """Counts what every group of every feature received, and looks for subgroups that nobody declared.

    Args:
        predictions: of one model on the sample.
        sample: the test data.
        features: sensitive features and intersections (``sex_x_race``).
        seed: of the bootstrap and of the division of rows for the search.
        code_version: of the measuring code.
        model: that made the predictions; None where nobody has it.
        columns: the column that holds a sensitive feature, where that bears another name.

    Raises:
        EvidenceMismatch: the predictions are about other data.
        UnsuitableData: a feature has more groups than anybody can compare.
    """
    must_match(predictions, sample)
    answered = predictions
    predictions, sample = _with_two_labels(predictions, sample)
    counted = _counted(predictions, sample)
    held_in = {str(name): str(name) for name in sample.sensitive_features} | dict(columns or {})
    crossed = {
        feature: feature.split(INTERSECTION) if feature not in counted.attributes else [feature] for feature in features
    }
    cells = {
        feature: _clustered(counted.cells(*names), sample.groups(feature).to_numpy(object), predictions, sample)
        for feature, names in crossed.items()
    }
    everybody = counted.cells()
    everybody = _clustered(everybody, np.full(sample.n, everybody.groups[0], dtype=object), predictions, sample)
    indices = {
        name: measure_index(everybody, index, seed=seed) for name, index in INDICES.items() if not index.between_groups
    }
    return FairnessReport(
        subject=predictions.subject,
        n=sample.n,
        weighted=sample.weight is not None,
        cells=cells,
        scores={feature: counted.scores(*names) for feature, names in crossed.items()} if counted.scored else {},
        measured={name: value for name, value in indices.items() if value is not None},
        not_estimable={name: NO_BENEFIT for name, value in indices.items() if value is None},
        between_groups={feature: _between(each, seed) for feature, each in cells.items()},
        discoveries=_discoveries(predictions, sample, seed),
        scoring=_scoring(predictions, sample, features),
        conditional=_conditional(predictions, sample),
        consistency=measure_consistency(predictions, sample, protected=set(held_in.values()), seed=seed),
        flips={
            feature: flip_attribute(model, answered, sample, feature, columns=held_in, seed=seed)
            for feature in features
        },
        code_version=code_version,
        compared_by="right" if answered.y_proba is not None and sample.positive is None else "selected",
    )


def _with_two_labels(predictions: Predictions, sample: Sample) -> tuple[Predictions, Sample]:
    """Decisions and labels as two: for one of several classes or for another; where none is selected, right or wrong."""
    if not sample.classes:
        return predictions, sample
    if sample.positive is None:
        right = (predictions.y_pred == sample.y_true).astype("int8")
        everybody = dataclasses.replace(sample, y_true=np.ones(sample.n, dtype="int8"), classes=())
        return dataclasses.replace(predictions, y_pred=right, y_score=None), everybody
    chances = predictions.y_proba
    two = dataclasses.replace(
        predictions,
        y_pred=(predictions.y_pred == sample.positive).astype("int8"),
        y_score=None if chances is None else chances[:, sample.positive],
    )
    return two, sample.one_against_rest()


def _counted(predictions: Predictions, sample: Sample) -> Tabulation:
    columns: dict[str, object] = {
        str(name): pl.Series(sample.sensitive_features[name].tolist(), dtype=pl.String)
        for name in sample.sensitive_features
    }
    attributes = tuple(columns)
    columns |= {"(label)": sample.y_true, "(decision)": predictions.y_pred}
    if scored := predictions.y_score is not None and predictions.score_is_probability:
        columns["(score of a row)"] = predictions.y_score
    if sample.weight is not None:
        columns["(weight of a row)"] = sample.weight
    return tabulate(
        pl.DataFrame(columns),
        Columns(
            groups=attributes,
            y_true="(label)",
            y_pred="(decision)",
            y_score="(score of a row)" if scored else None,
            weight=None if sample.weight is None else "(weight of a row)",
        ),
    )


def _clustered(cells: Cells, groups: npt.NDArray[np.object_], predictions: Predictions, sample: Sample) -> Cells:
    if sample.cluster is None:
        return cells
    cell = 2 * sample.y_true.astype("int64") + predictions.y_pred.astype("int64")
    return with_clusters(cells, groups, cell, sample.weight, sample.cluster)


def _scoring(predictions: Predictions, sample: Sample, features: tuple[str, ...]) -> dict[str, ImpactTable]:
    if predictions.y_score is None:
        return {}
    return {
        feature: scoring_table(feature, sample.groups(feature).to_numpy(object), predictions.y_score)
        for feature in features
    }


def _conditional(predictions: Predictions, sample: Sample) -> tuple[ConditionalDisparity, ...]:
    if sample.factors is None:
        return ()
    groups = {str(name): sample.sensitive_features[name].to_numpy(object) for name in sample.sensitive_features}
    return conditional_disparities(sample.factors, groups, predictions.y_pred)


def _between(cells: Cells, seed: int) -> Estimate | None:
    return measure_index(cells, INDICES["between_group_entropy_index"], seed=seed)


def _discoveries(predictions: Predictions, sample: Sample, seed: int) -> tuple[Discovery, ...]:
    """Subgroups by the sensitive features and by what the model sees; rows count the same, whatever their weight.

    Of every cluster one row is taken, drawn by chance: the search takes rows to be independent.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(sample.n)
    if sample.cluster is not None:
        shuffled = rng.permutation(sample.n)
        rows = np.sort(shuffled[np.unique(sample.cluster[shuffled], return_index=True)[1]])
    if len(rows) > MOST_SEARCHED:
        rows = np.sort(rng.choice(rows, MOST_SEARCHED, replace=False))
    sensitive = sample.sensitive_features
    known = sample.tabular
    others = [name for name in known if name not in sensitive]
    table = pd.concat([sensitive, known[others]], axis=1).iloc[rows].reset_index(drop=True)
    attributes = encode_attributes(table)
    return tuple(
        discover(attributes, rate, sample.y_true[rows], predictions.y_pred[rows], support=SUPPORT, seed=seed)
        for rate in ((ERROR_RATE,) if sample.positive is None else (SELECTION_RATE, ERROR_RATE))
        if table.shape[1]
    )
