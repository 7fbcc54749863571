"""Somebody else's scores and decisions, read beside the rows they are about."""

import numpy as np
import pandas as pd

from rai_platform.data.columns import cell_text, selected_label
from rai_platform.data.preparation import record_hashes, telling_columns
from rai_platform.data.sample import Sample
from rai_platform.data.sources import read_table
from rai_platform.errors import EvidenceMismatch, InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.spec.digests import digest_of
from rai_platform.spec.model import GivenPredictions, ModelSpec
from rai_platform.training.manifest import Manifest


def given_values(
    spec: ModelSpec, sample: Sample
) -> tuple["np.typing.NDArray[np.float64] | None", "np.typing.NDArray[np.int8]"]:
    """Scores, if any, and decisions of given predictions, in the order of the sample's rows.

    Raises:
        UnknownColumn: a column that the spec names is not there.
        UnsuitableData: a row has no prediction, or a score is not a number.
        EvidenceMismatch: the source no longer holds the rows of the sample.
    """
    given = spec.predictions
    if given is None:
        raise InvalidSpec("the spec brings no predictions", where="predictions")
    source = read_table(spec.data.table, missing=spec.data.missing)
    _must_hold_the_rows(source, sample)
    table = _predictions_table(given, spec, source).iloc[sample.row_key]
    y_score = None if given.score is None else _numbers(table[given.score])
    if given.decision is not None:
        decisions = table[given.decision]
        _no_gaps(decisions)
        return y_score, _selected(decisions, positive=selected_label(spec.data))
    if y_score is None or given.threshold is None:
        raise InvalidSpec("give `decision`, or `score` and `threshold`", where="predictions")
    return y_score, (y_score >= given.threshold).astype("int8")


def given_digest(
    manifest: Manifest, y_score: "np.typing.NDArray[np.float64] | None", y_pred: "np.typing.NDArray[np.int8]"
) -> str:
    """The digest of somebody else's model: of its rule, of every score and of every decision."""
    values = {"score": None if y_score is None else y_score.tolist(), "decision": y_pred.tolist()}
    return digest_of({"manifest": manifest.in_digests(), "values": values})


def _must_hold_the_rows(source: pd.DataFrame, sample: Sample) -> None:
    """Rows are known by their place in the source, so a source that was sorted anew would give them others' predictions."""
    records = record_hashes(source, telling_columns(source))
    if sample.row_key.max() >= len(source) or not np.array_equal(records[sample.row_key], sample.record):
        raise EvidenceMismatch(
            f"{sample.source} no longer holds the rows of the test data, or not in their places: materialize test_data again",
            where="data.source",
        )


def _predictions_table(given: GivenPredictions, spec: ModelSpec, table: pd.DataFrame) -> pd.DataFrame:
    """The predictions in the order of the rows of the source table."""
    wanted = list(dict.fromkeys(name for name in (given.score, given.decision) if name is not None))
    if given.table is None or given.key is None:
        _must_have(table, wanted, where="predictions")
        return table
    other = read_table(given.table, missing=spec.data.missing)
    _must_have(table, [given.key], where="data.source")
    _must_have(other, [given.key, *wanted], where="predictions.source")
    # Keys are compared as text: one file may hold as numbers what the other holds as text. No key is nobody's key.
    other = other[other[given.key].notna()]
    by_key = other.set_index(other[given.key].map(cell_text))[wanted]
    if by_key.index.has_duplicates:
        doubled = sorted(set(by_key.index[by_key.index.duplicated()]))
        shown = ", ".join(repr(key) for key in doubled[:10])
        raise UnsuitableData(
            f"expected every key of {given.key!r} once; these occur more often: {shown}"
            + (f" and {len(doubled) - 10} more" if len(doubled) > 10 else ""),
            where="predictions.source",
        )
    return by_key.reindex(table[given.key].map(cell_text, na_action="ignore")).reset_index(drop=True)


def _must_have(table: pd.DataFrame, columns: list[str], *, where: str) -> None:
    for column in columns:
        if column not in table.columns:
            raise UnknownColumn(column, table.columns, where=where)


def _selected(decisions: pd.Series, *, positive: str) -> "np.typing.NDArray[np.int8]":
    texts = decisions.map(cell_text)
    if positive not in set(texts):
        shown = ", ".join(repr(text) for text in sorted(set(texts))[:10])
        raise UnsuitableData(
            f"nobody was selected: the positive label {positive!r} does not occur; values: {shown}",
            where=f"predictions, column {decisions.name!r}",
        )
    selected: np.typing.NDArray[np.int8] = (texts == positive).to_numpy().astype("int8")
    return selected


def _numbers(column: pd.Series) -> "np.typing.NDArray[np.float64]":
    _no_gaps(column)
    numbers = pd.to_numeric(column, errors="coerce")
    if not np.isfinite(numbers).all():
        bad = column[~np.isfinite(numbers)].iloc[0]
        raise UnsuitableData(
            f"expected numbers as scores, got {cell_text(bad)!r}", where=f"predictions, column {column.name!r}"
        )
    return numbers.to_numpy("float64")


def _no_gaps(column: pd.Series) -> None:
    if column.isna().any():
        raise UnsuitableData(
            f"{int(column.isna().sum())} of {len(column)} rows have no prediction",
            where=f"predictions, column {column.name!r}",
        )
