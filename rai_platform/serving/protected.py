"""People's groups by pseudonym, in a database of their own: joined to predictions later, never opened by the service."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rai_platform.data.columns import as_text, group_of_rows
from rai_platform.data.sample import MISSING_GROUP
from rai_platform.errors import UnknownColumn, UnsuitableData, did_you_mean
from rai_platform.serving.labels import LONGEST_KEY, is_key
from rai_platform.serving.log_tables import SECONDS_FOR_A_LOCK, transaction
from rai_platform.spec.data import SensitiveFeature

if TYPE_CHECKING:
    import pandas as pd

KEY = "key"
AT_ONCE = 5_000  # rows in one transaction
TABLES = (
    # Which sensitive features a model has here, told apart from whose group of them is known.
    "CREATE TABLE IF NOT EXISTS features (model TEXT, feature TEXT, PRIMARY KEY (model, feature)) WITHOUT ROWID",
    """
    CREATE TABLE IF NOT EXISTS groups (
        model TEXT, key TEXT, feature TEXT, name TEXT, PRIMARY KEY (model, key, feature)
    ) WITHOUT ROWID
    """,
)


def groups_of_keys(table: "pd.DataFrame", features: Sequence[SensitiveFeature], *, where: str) -> "pd.DataFrame":
    """The group of every key by sensitive feature, as training forms them (keys, sensitive features); None where unknown.

    Args:
        table: one row for a key: ``key`` and the columns that the sensitive features are read from, nothing else.
        features: of the model.
        where: what a message is about.

    Raises:
        UnknownColumn: a column is missing.
        UnsuitableData: another column is there, a key is none or there twice, or groups cannot be formed.
    """
    expected = [KEY, *dict.fromkeys(feature.source_column for feature in features)]
    if absent := [column for column in expected if column not in table.columns]:
        raise UnknownColumn(absent[0], table.columns, where=where)
    if others := [str(column) for column in table.columns if column not in expected]:
        raise UnsuitableData(
            f"expected the columns {', '.join(expected)} alone, got {others[0]!r} too{did_you_mean(others[0], expected)}; "
            "what is not needed is not stored",
            where=where,
        )
    keys = as_text(table[KEY])
    if len(bad := [place for place, key in enumerate(keys, 1) if not is_key(key)]) > 0:
        raise UnsuitableData(
            f"row {bad[0]}: expected a key of 1 to {LONGEST_KEY} letters, got {keys.iloc[bad[0] - 1]!r}", where=where
        )
    if (twice := keys.duplicated()).any():
        place = int(twice.to_numpy().argmax())
        raise UnsuitableData(f"row {place + 1}: the key {keys.iloc[place]!r} is there twice", where=where)
    groups = table.drop(columns=KEY).assign(**{feature.name: group_of_rows(table, feature) for feature in features})
    named = groups[[feature.name for feature in features]].set_axis(keys, axis="index")
    return named.mask(named == MISSING_GROUP, None)


def write_groups(path: Path, groups: "pd.DataFrame", *, model: str) -> Iterator[int]:
    """Puts the groups of keys on record, in the place of what was known of these keys; tells how many keys are done.

    Args:
        path: of the database; created where there is none, readable by its owner alone.
        groups: as ``groups_of_keys`` gives them.
        model: that the groups are for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(path, timeout=SECONDS_FOR_A_LOCK, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        with transaction(connection):
            for statement in TABLES:
                connection.execute(statement)
            connection.executemany("INSERT OR IGNORE INTO features VALUES (?, ?)", [(model, name) for name in groups])
        for start in range(0, len(groups), AT_ONCE):
            part = groups.iloc[start : start + AT_ONCE]
            with transaction(connection):
                for name in groups:
                    connection.executemany(
                        "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?)",
                        [(model, key, name, group) for key, group in zip(part.index, part[name], strict=True)],
                    )
            yield start + len(part)


def read_groups(path: Path, keys: "pd.Series", *, model: str) -> "pd.DataFrame":
    """The groups of the people behind keys, by sensitive feature (rows, sensitive features); NA where they are not known.

    Args:
        path: of the database; where there is none, nothing is known and there is no column.
        keys: a pseudonym for every row, or None (rows,).
        model: that the groups are for.
    """
    import pandas as pd

    if not path.exists():
        return pd.DataFrame(index=keys.index)
    wanted = keys.dropna().unique()
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=SECONDS_FOR_A_LOCK, isolation_level=None)) as connection:
        connection.execute("CREATE TEMP TABLE wanted (key TEXT PRIMARY KEY) WITHOUT ROWID")
        with transaction(connection):
            connection.executemany("INSERT INTO wanted VALUES (?)", [(key,) for key in wanted])
        names = [row[0] for row in connection.execute("SELECT feature FROM features WHERE model = ?", (model,))]
        query = "SELECT key, name FROM wanted JOIN groups USING (key) WHERE model = ? AND feature = ?"
        known = {name: dict(connection.execute(query, (model, name)).fetchall()) for name in names}
    return pd.DataFrame({name: keys.map(known[name]).astype("string") for name in names}, index=keys.index)
