"""What was predicted, and what was observed since: predictions, their current labels, and the groups of the people behind them.

This is what monitoring reads. A ``known_at`` in the past gives what was known then, whatever has arrived since.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from rai_platform.data.sample import FEATURE, SENSITIVE
from rai_platform.serving import labels
from rai_platform.serving.features import is_hashed
from rai_platform.serving.labels import RecordedLabel
from rai_platform.serving.log_tables import LABELS, PREDICTIONS, chosen, opened_to_read, told_time
from rai_platform.serving.protected import read_groups

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from rai_platform.settings import Settings

OF_A_PREDICTION = ("id", "recorded_at", "version", "digest", "key", "score", "decision", "latency_ms")
COLUMNS = (*OF_A_PREDICTION, "label", "label_observed_at", "label_arrived_at", "features")
TIMES = ("recorded_at", "label_observed_at", "label_arrived_at")


def read_observed(
    settings: "Settings",
    model: str,
    *,
    since: datetime | None = None,
    before: datetime | None = None,
    known_at: datetime | None = None,
    with_groups: bool = True,
) -> "pd.DataFrame":
    """The predictions of a model with what is known about them, oldest first (predictions, columns).

    Columns: ``id``, ``recorded_at``, ``version``, ``digest``, ``key``, ``score``, ``decision``, ``latency_ms``; ``label``, the
    one that arrived last, NaN where there is none (float64 of two labels, names of several); ``label_observed_at`` and
    ``label_arrived_at``, NaT where there is none; ``feature:NAME`` for every feature in the log, missing where a prediction has
    none or a hash of it; ``sensitive:NAME`` for every sensitive feature in the store of protected attributes, NA where the group
    is not known.

    Args:
        settings: where the log and the protected attributes are.
        model: by name.
        since: recorded then or later; a time with its zone.
        before: recorded earlier than then; a time with its zone.
        known_at: labels that had arrived by then count alone; all of them where None.
        with_groups: whether the protected attributes are read.

    Raises:
        EvidenceMissing: there is no log.
        Unreachable: a database cannot be read.
    """
    import pandas as pd

    with opened_to_read(settings.inference_log_url) as connection:
        rows = connection.execute(_query(connection, model, since=since, before=before, known_at=known_at)).all()
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(COLUMNS, ())
    texts = columns.pop("features")
    frame = pd.DataFrame({name: _column(name, list(column)) for name, column in columns.items()})
    parts = [frame, feature_columns(texts).add_prefix(FEATURE)]
    if with_groups:
        parts.append(read_groups(settings.protected_attributes_url, frame["key"], model=model).add_prefix(SENSITIVE))
    return pd.concat(parts, axis=1)


def label_history(settings: "Settings", identity: str) -> list[RecordedLabel]:
    """Every label of a prediction, in the order of arrival; the last is the current one.

    Raises:
        EvidenceMissing: there is no log.
    """
    with opened_to_read(settings.inference_log_url) as connection:
        return labels.label_history(connection, identity)


def _query(
    connection: sa.Connection,
    model: str,
    *,
    since: datetime | None,
    before: datetime | None,
    known_at: datetime | None,
) -> "sa.Select[Any]":
    """Predictions, each beside the last of its labels that had arrived."""
    own = LABELS.c.prediction_id == PREDICTIONS.c.id
    if known_at is not None:
        own &= LABELS.c.arrived_at <= told_time(known_at)
    last: sa.FromClause
    if connection.dialect.name == "postgresql":
        # By the index for each prediction, whatever PostgreSQL takes the number of labels for: it may compare all with all else.
        last = (
            sa.select(LABELS).where(own).order_by(LABELS.c.place.desc()).limit(1).correlate(PREDICTIONS).lateral("last")
        )
        joined = PREDICTIONS.outerjoin(last, sa.true())
    else:
        last = sa.alias(LABELS, "last")
        place = sa.select(sa.func.max(LABELS.c.place)).where(own).correlate(PREDICTIONS).scalar_subquery()
        joined = PREDICTIONS.outerjoin(last, last.c.place == place)
    table, label = PREDICTIONS.c, last.c
    return (
        sa.select(
            *(table[name] for name in OF_A_PREDICTION), label.label, label.observed_at, label.arrived_at, table.features
        )
        .select_from(joined)
        .where(chosen(model=model, since=since, before=before))
        .order_by(table.recorded_at, table.request_id, table.rowid)
    )


def feature_columns(texts: Sequence[str]) -> "pd.DataFrame":
    """The features of the log's JSON, a column for each (predictions, features); missing where there is a hash alone."""
    import pandas as pd

    rows: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
    rows = [{} if is_hashed(row) else row for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: _feature([row.get(name) for row in rows]) for name in names}, index=range(len(rows)))


def _feature(values: "list[Any]") -> "pd.Series":
    """A column of float64, or of texts where one of its values is a text."""
    import pandas as pd

    return pd.Series(values, dtype=object if any(isinstance(value, str) for value in values) else "float64")


def _column(name: str, values: "list[Any]") -> "pd.Series | np.ndarray[Any, Any]":
    import pandas as pd

    if name in TIMES:
        return pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601")
    if name in ("score", "latency_ms"):
        return pd.Series(values, dtype="float64")
    is_number = not any(isinstance(value, str) for value in values)
    if name == "label":
        return pd.Series(values, dtype="float64" if is_number else object)
    return pd.Series(values, dtype="int64" if name == "decision" and is_number else object)
