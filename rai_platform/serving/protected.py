"""People's groups by pseudonym, in a database of their own: joined to predictions later, never opened by the service."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rai_platform.data.columns import as_text, group_of_rows
from rai_platform.data.sample import MISSING_GROUP
from rai_platform.errors import UnknownColumn, Unreachable, UnsuitableData, did_you_mean
from rai_platform.serving.databases import FAILURES, file_of, in_words, open_to_write, place_of, read_from
from rai_platform.serving.labels import LONGEST_KEY, is_key
from rai_platform.spec.data import SensitiveFeature

if TYPE_CHECKING:
    import pandas as pd

KEY = "key"
AT_ONCE = 5_000  # rows in one transaction
LOOKED_UP_AT_ONCE = 10_000  # keys in one query
METADATA = sa.MetaData()
# Which sensitive features a model has here, told apart from whose group of them is known.
FEATURES = sa.Table(
    "features",
    METADATA,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("feature", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)
GROUPS = sa.Table(
    "groups",
    METADATA,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("feature", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sqlite_with_rowid=False,
)
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


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


def write_groups(url: str, groups: "pd.DataFrame", *, model: str) -> Iterator[int]:
    """Puts the groups of keys on record, in the place of what was known of these keys; tells how many keys are done.

    Args:
        url: of the database; a file is created where there is none, readable by its owner alone.
        groups: as ``groups_of_keys`` gives them.
        model: that the groups are for.

    Raises:
        Unreachable: the database cannot be written.
    """
    names = [str(name) for name in groups]
    try:
        with closing(open_to_write(url)) as connection:
            with connection.begin():
                METADATA.create_all(connection)
                _put(connection, FEATURES, [{"model": model, "feature": name} for name in names])
            for start in range(0, len(groups), AT_ONCE):
                part = groups.iloc[start : start + AT_ONCE]
                rows = [
                    {"model": model, "key": key, "feature": name, "name": group}
                    for name in names
                    for key, group in zip(part.index, part[name], strict=True)
                ]
                with connection.begin():
                    _put(connection, GROUPS, rows)
                yield start + len(part)
    except FAILURES as error:
        raise Unreachable(f"people's groups cannot be written: {in_words(error)}", where=place_of(url)) from None


def read_groups(url: str, keys: "pd.Series", *, model: str) -> "pd.DataFrame":
    """The groups of the people behind keys, by sensitive feature (rows, sensitive features); NA where they are not known.

    Args:
        url: of the database; where there is none, nothing is known and there is no column.
        keys: a pseudonym for every row, or None (rows,).
        model: that the groups are for.

    Raises:
        Unreachable: the database cannot be read.
    """
    import pandas as pd

    if (path := file_of(url)) is not None and not path.exists():
        return pd.DataFrame(index=keys.index)
    wanted = sorted(keys.dropna().unique())
    with read_from(url, what="people's groups") as connection:
        if not sa.inspect(connection).has_table(GROUPS.name):
            return pd.DataFrame(index=keys.index)
        named = sa.select(FEATURES.c.feature).where(FEATURES.c.model == model).order_by(FEATURES.c.feature)
        known: dict[str, dict[str, str]] = {name: {} for name in connection.execute(named).scalars()}
        query = sa.select(GROUPS.c.feature, GROUPS.c.key, GROUPS.c.name).where(GROUPS.c.model == model)
        for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
            part = query.where(GROUPS.c.key.in_(wanted[start : start + LOOKED_UP_AT_ONCE]))
            for name, key, group in connection.execute(part):
                known[name][key] = group
    return pd.DataFrame({name: keys.map(known[name]).astype("string") for name in known}, index=keys.index)


def _put(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, str]]) -> None:
    """Adds rows, each in the place of the one with the same key."""
    insert = _INSERTS[connection.dialect.name](table)
    others = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    keys = [column.name for column in table.primary_key]
    if others:
        insert = insert.on_conflict_do_update(index_elements=keys, set_=others)
    else:
        insert = insert.on_conflict_do_nothing(index_elements=keys)
    connection.execute(insert, list(rows))
