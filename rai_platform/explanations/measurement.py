"""What moves a model's score: attributions of many rows, put together for everybody and by group."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.errors import UnscorableRows
from rai_platform.explanations.attributions import Attributions, attribute, method_for
from rai_platform.explanations.background import stand_for_everybody
from rai_platform.explanations.examining import examine
from rai_platform.explanations.examining_parts import examine_parts
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.redrawing import redrawn_weights
from rai_platform.explanations.report import ExplainedRow, Explanations, Importance, Method, nothing_to_explain
from rai_platform.explanations.whole import explain_images, explain_texts
from rai_platform.spec.subject import Subject
from rai_platform.training.model import TrainedModel

EXPLAINED_ROWS: dict[Method, int] = {"tree": 1000, "linear": 1000, "permutation": 200}
# Each of a permutation's rows costs another pass through the model; a mean costs nothing, and a rare group needs many rows.
BACKGROUND_ROWS: dict[Method, int] = {"tree": 1, "linear": 10_000, "permutation": 50}
TEXT_ROWS, TEXT_BACKGROUND = 100, 15  # where a text is one feature among columns
KEPT_ROWS = 300
LONGEST_VALUE = 80  # letters of a text that stands in for itself
LARGEST_SPELT_OUT = 1e15


def explain(
    model: TrainedModel,
    subject: Subject,
    sample: Sample,
    *,
    group_features: tuple[str, ...] = (),
    training: DataReport | None = None,
    seed: int,
    code_version: str,
    workers: int = 1,
) -> Explanations:
    """What moves the model's score on a random part of the sample, and how far that can be relied upon.

    Args:
        model: the trained model.
        subject: the model and the data, as they are on record.
        sample: the test data.
        group_features: sensitive features and intersections whose groups are compared.
        training: the screen of the training data, which knows proxies; None where nobody knows them.
        seed: of the choice of rows and of the permutations.
        code_version: of the measuring code.
        workers: processes at most, which are started where there is much to do; nothing depends on it.
    """
    if model.manifest.sees_a_whole:
        return _explain_whole(
            model,
            subject,
            sample,
            group_features=group_features,
            training=training,
            seed=seed,
            code_version=code_version,
        )
    if model.manifest.classes:
        model, sample = dataclasses.replace(model, focus=sample.set_apart), sample.one_against_rest()
    rng, method = np.random.default_rng(seed), method_for(model)
    explained, background = _drawn(sample, method, rng)
    try:
        found = attribute(model, method, explained.features, background.features, seed=seed, workers=workers)
    except UnscorableRows as error:
        why = f"explaining a person asks the model about features put together from several people, and {error.message}"
        return nothing_to_explain(subject, why, code_version=code_version, group_features=model.manifest.group_features)
    order = _strongest_first(found, explained)
    report = _report(found, explained, explained.features, order, subject, rng, code_version)
    examination = examine(
        model, found, explained, sample, order=order, group_features=group_features, training=training, seed=seed
    )
    return dataclasses.replace(report, group_features=model.manifest.group_features, examination=examination)


def kept_background(model: TrainedModel, sample: Sample, *, seed: int) -> pd.DataFrame | None:
    """The rows that stand for everybody where ``explain`` explains with the same seed (rows, features).

    None where single answers are not explained with such rows: trees remember theirs, and several classes, images and texts are
    explained in the report alone.
    """
    method = method_for(model)
    if method == "tree" or model.manifest.classes or model.manifest.sees_a_whole:
        return None
    _, background = _drawn(sample, method, np.random.default_rng(seed))
    return background.features[[feature.name for feature in model.manifest.features]].reset_index(drop=True)


def _drawn(sample: Sample, method: Method, rng: np.random.Generator) -> tuple[Sample, Sample]:
    """The rows that are explained, and those that stand for everybody."""
    # A text is read anew for every mixture.
    most, behind = (TEXT_ROWS, TEXT_BACKGROUND) if sample.free else (EXPLAINED_ROWS[method], BACKGROUND_ROWS[method])
    explained = sample.take(np.sort(rng.choice(sample.n, min(sample.n, most), replace=False)))
    return explained, stand_for_everybody(sample, behind, rng)


def _explain_whole(
    model: TrainedModel,
    subject: Subject,
    sample: Sample,
    *,
    group_features: tuple[str, ...],
    training: DataReport | None,
    seed: int,
    code_version: str,
) -> Explanations:
    """The same of a model that sees an image or a text, and nothing else."""
    rng = np.random.default_rng(seed)
    explain_all = explain_images if model.manifest.features[0].kind == "image" else explain_texts
    try:
        found = explain_all(model, sample, rng, seed=seed)
    except UnscorableRows as error:
        why = f"explaining asks the model about inputs of which parts are hidden, and {error.message}"
        return nothing_to_explain(subject, why, code_version=code_version, group_features=model.manifest.group_features)
    attributions = found.named.found
    order = np.arange(len(attributions.features))
    report = _report(attributions, found.explained, found.named.told, order, subject, rng, code_version)
    examination = examine_parts(
        found.parts,
        found.values,
        found.named,
        found.explained,
        sample,
        found.methods,
        group_features=group_features,
        training=training,
        seed=seed,
    )
    return dataclasses.replace(
        report,
        group_features=model.manifest.group_features,
        examination=examination,
        modality=found.methods.modality,
        images=found.images,
        texts=found.texts,
    )


def _strongest_first(found: Attributions, explained: Sample) -> Integers:
    """Places of the features (features,)."""
    means = np.average(np.abs(found.values), axis=0, weights=explained.weight)
    return np.argsort(-means, kind="stable")


def _report(
    found: Attributions,
    explained: Sample,
    told: pd.DataFrame,
    order: Integers,
    subject: Subject,
    rng: np.random.Generator,
    code_version: str,
) -> Explanations:
    weight = np.ones(explained.n) if explained.weight is None else explained.weight
    size, names = np.abs(found.values[:, order]), tuple(found.features[at] for at in order)
    counts = redrawn_weights(explained, rng)
    drawn = counts @ size / counts.sum(axis=1, keepdims=True)
    return Explanations(
        subject=subject,
        not_possible=None,
        method=found.method,
        output=found.output,
        features=names,
        base_value=found.base_value,
        n=explained.n,
        importance=_importance(names, np.average(size, axis=0, weights=weight), drawn),
        replicates=tuple(tuple(_short(value) for value in row) for row in drawn),
        by_group={
            str(feature): _by_group(size, explained.sensitive_features[feature].to_numpy(object), weight)
            for feature in explained.sensitive_features
        },
        additivity_error=found.additivity_error,
        rows=tuple(
            ExplainedRow(
                row_key=int(explained.row_key[row]),
                output=float(found.outputs[row]),
                attributions=tuple(_short(value) for value in found.values[row, order]),
                values=tuple(_as_text(told[name].iloc[row]) for name in names),
            )
            # By chance, not the first: a file may be sorted by group, or by time.
            for row in np.sort(rng.choice(explained.n, min(explained.n, KEPT_ROWS), replace=False))
        ),
        code_version=code_version,
    )


def _importance(names: tuple[str, ...], means: Floats, drawn: Floats) -> tuple[Importance, ...]:
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return tuple(
        Importance(feature=name, mean_absolute=float(means[at]), lower=float(low[at]), upper=float(high[at]))
        for at, name in enumerate(names)
    )


def _by_group(size: Floats, groups: npt.NDArray[np.object_], weight: Floats) -> dict[str, tuple[float, ...]]:
    return {
        str(group): tuple(
            float(value) for value in np.average(size[groups == group], axis=0, weights=weight[groups == group])
        )
        for group in sorted(set(groups))
    }


def _short(value: float) -> float:
    """Six digits, however small the number: to so many decimals, small attributions would all be 0."""
    return float(f"{value:.6g}")


def _as_text(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    if isinstance(value, bytes):
        return "an image"
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
    return str(int(value)) if float(value).is_integer() and abs(value) < LARGEST_SPELT_OUT else f"{value:g}"
