"""Predictions as monitoring takes them: from the data a model was judged on, and from the inference log."""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rai_platform.data.sample import FEATURE, MISSING_GROUP, SENSITIVE, Sample, crossed
from rai_platform.monitoring.bins import NumberBins
from rai_platform.monitoring.windows import Classified, Predicted, Reference, reference_of
from rai_platform.spec.data import INTERSECTION
from rai_platform.training.manifest import Manifest
from rai_platform.training.predictions import Predictions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

COUNTED = ("number", "category")  # kinds of features; a text and an image are not


def reference_of_model(
    manifest: Manifest, predictions: Predictions, sample: Sample, group_features: "Sequence[str]"
) -> Reference | None:
    """The reference that the data make which a model was judged on; None where it cannot be watched.

    That is so of decisions without scores, and where nothing was measured.

    Args:
        manifest: of the model.
        predictions: what it said of the data.
        sample: the data.
        group_features: sensitive features and their intersections.
    """
    chances = predictions.y_proba
    if (chances if sample.classes else predictions.y_score) is None or not sample.n:
        return None
    kinds = {feature.name: feature.kind for feature in manifest.features if feature.kind in COUNTED}
    features: dict[str, pl.Series] = {name: _column(sample.features[name], kind) for name, kind in kinds.items()}
    table, groups = pl.DataFrame(features), _groups({name: sample.groups(name) for name in group_features})
    if sample.classes and chances is not None:
        score, names = chances.max(axis=1), np.array(sample.classes, dtype=object)
        predicted = _among_classes(
            table, groups, score, names[predictions.y_pred].tolist(), names[sample.y_true].tolist(), sample.classes
        )
    else:
        predicted = Predicted(
            features=table,
            groups=groups,
            score=pl.Series(predictions.y_score, dtype=pl.Float64),
            decision=pl.Series(predictions.y_pred.astype("int64")),
            label=pl.Series(sample.y_true.astype("int64")),
        )
    says = f"the {sample.n:,} rows of test data that it was judged on"
    return reference_of(predicted, kinds=kinds, says=f"{says}{_not_defined(manifest, kinds)}")


def _not_defined(manifest: Manifest, kinds: "Mapping[str, str]") -> str:
    """What is not watched of a model by its nature, for the end of a sentence; empty where all is."""
    told = []
    if whole := [feature.name for feature in manifest.features if feature.name not in kinds]:
        told.append(f"{' and '.join(whole)} is read as a whole and has no values to compare")
    if manifest.classes:
        told.append("selection rates, disparities and the ROC curve are of two labels and not told of several classes")
    return "".join(f"; {each}" for each in told)


def _among_classes(
    features: pl.DataFrame,
    groups: pl.DataFrame,
    score: "npt.NDArray[np.float64]",
    decided: "list[str]",
    label: "list[str | None]",
    classes: tuple[str, ...],
) -> Predicted:
    """Predictions of several classes, by name."""
    named = Classified(
        classes=classes, decided=pl.Series(decided, dtype=pl.String), label=pl.Series(label, dtype=pl.String)
    )
    return Predicted(
        features=features,
        groups=groups,
        score=pl.Series(score, dtype=pl.Float64),
        decision=pl.repeat(1, len(decided), dtype=pl.Int64, eager=True),
        label=(named.decided == named.label).cast(pl.Int64),
        classified=named,
    )


def observed_predictions(observed: "pd.DataFrame", reference: Reference) -> Predicted:
    """Predictions of the inference log, in the columns that a reference has.

    Args:
        observed: as ``serving.observed.read_observed`` gives them: ``feature:NAME``, ``sensitive:NAME``, ``score``, ``decision``
            and ``label`` (predictions, columns). What is not there counts as missing, and as not known.
        reference: what they will be held against.
    """
    features = {
        name: _column(
            _or_missing(observed, f"{FEATURE}{name}"), "number" if isinstance(bins, NumberBins) else "category"
        )
        for name, bins in reference.bins.items()
    }
    people = observed[[name for name in observed if str(name).startswith(SENSITIVE)]]
    people = people.rename(columns=lambda name: str(name).removeprefix(SENSITIVE))
    table = pl.DataFrame(features) if features else pl.DataFrame()
    groups = _groups({name: _group(people, name) for name in reference.sensitive_features})
    if reference.classes:
        known = [
            None if none else str(each) for each, none in zip(observed["label"], observed["label"].isna(), strict=True)
        ]
        decided = [str(each) for each in observed["decision"]]
        return _among_classes(table, groups, observed["score"].to_numpy("float64"), decided, known, reference.classes)
    return Predicted(
        features=table,
        groups=groups,
        score=pl.Series(observed["score"].to_numpy("float64")),
        decision=pl.Series(observed["decision"].to_numpy("int64")),
        label=pl.Series(observed["label"].to_numpy("float64"), dtype=pl.Float64, nan_to_null=True).cast(pl.Int64),
    )


def _or_missing(table: "pd.DataFrame", name: str) -> "pd.Series[Any]":
    import pandas as pd

    return table[name] if name in table else pd.Series(None, index=table.index, dtype=object)


def _column(values: "pd.Series[Any]", kind: str) -> pl.Series:
    import pandas as pd

    if kind == "number":
        numbers = pd.to_numeric(values.astype(object), errors="raise").to_numpy("float64", na_value=float("nan"))
        return pl.Series(numbers, dtype=pl.Float64, nan_to_null=True)
    return _texts(values)


def _texts(values: "pd.Series[Any]") -> pl.Series:
    """A column as text, null where there is no value."""
    missing = values.isna().tolist()
    told = [None if none else str(value) for value, none in zip(values.tolist(), missing, strict=True)]
    return pl.Series(told, dtype=pl.String)


def _group(people: "pd.DataFrame", name: str) -> "pd.Series[Any]":
    """The group of every row; none where it, or one of those that an intersection is made of, is not known."""
    if name in people or INTERSECTION not in name:
        return _or_missing(people, name)
    parts = name.split(INTERSECTION)
    if any(part not in people for part in parts):
        return _or_missing(people, name)
    known = people[parts].notna().all(axis=1)
    groups: pd.Series[Any] = crossed(people.fillna(MISSING_GROUP), name).astype(object)
    groups[~known] = None
    return groups


def _groups(columns: "dict[str, pd.Series[Any]]") -> pl.DataFrame:
    return pl.DataFrame({name: _texts(column) for name, column in columns.items()})
