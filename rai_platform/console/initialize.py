"""A first YAML for a table of one's own: as much as the table itself tells, and a place for what only its owner knows."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from rai_platform.data.preparation import cell_text
from rai_platform.data.sources import read_table
from rai_platform.errors import InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.pipeline.models import SPEC_FILE
from rai_platform.settings import Settings
from rai_platform.spec.data import Source
from rai_platform.spec.reading import COMPONENT_TYPE

SENSITIVE = re.compile(
    r"(^|_)(sex|gender|race|rac1p|ethnic\w*|age|agep|religion|nationality|native_country|disab\w*|marital\w*|orientation)(_|$)",
    re.IGNORECASE,
)
MOST_GROUPS = 12
RULES_FILE = "rules.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """What was written.

    Attributes:
        spec: the YAML.
        rules: the inferred pandera schema.
        remarks: what the owner should look at.
    """

    spec: Path
    rules: Path
    remarks: tuple[str, ...]


def initialize(
    name: str,
    data: str,
    target: str,
    *,
    positive_label: str | None,
    sensitive: list[str],
    estimator: str,
    settings: Settings,
) -> NewModel:
    """Writes ``defs.yaml`` and an editable schema into a folder of its own among the user's models.

    Raises:
        BadInput: the table cannot be read, a column is not there, or the folder is taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InvalidSpec(
            f"a name is lower-case letters, digits and _, beginning with a letter, got {name!r}", where="NAME"
        )
    folder = settings.models / name
    if (folder / SPEC_FILE).exists():
        raise InvalidSpec(f"{folder / SPEC_FILE} is there already; edit it, or choose another name", where="NAME")
    path = data if "://" in data or ":" in data.split("/")[0] else str((settings.working_folder / data).resolve())
    table = read_table(Source(path=path))
    for column in (target, *sensitive):
        if column not in table.columns:
            raise UnknownColumn(column, table.columns, where="--target" if column == target else "--sensitive")
    label, remarks = _positive(table[target], positive_label)
    chosen = sensitive or [column for column in table.columns if SENSITIVE.search(column) and column != target]
    if not chosen:
        remarks.append(
            "no column looks like a sensitive feature; name them in the YAML, or nothing can be said about groups of people"
        )
    elif not sensitive:
        remarks.append(f"guessed as sensitive: {', '.join(chosen)}; correct this in the YAML")
    document = {
        "type": COMPONENT_TYPE,
        "attributes": {
            "name": name,
            "owners": ["team:change-me"],
            "intended_use": "Write down what decisions this model prepares, about whom, and who takes them.",
            "out_of_scope": "Write down what it must not be used for.",
            "limitations": [],
            "data": {
                "source": path,
                "target": target,
                "positive_label": label,
                "exclude": _identifiers(table, target),
                "rules": RULES_FILE,
            },
            "sensitive_features": [_sensitive(table[column]) for column in chosen],
            "split": {"test_size": 0.3, "seed": 0},
            "estimator": {"type": estimator},
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    spec, rules = folder / SPEC_FILE, folder / RULES_FILE
    rules.write_text(_rules(table), encoding="utf-8")
    spec.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
    return NewModel(spec=spec, rules=rules, remarks=tuple(remarks))


def _positive(target: pd.Series, given: str | None) -> tuple[str | int, list[str]]:
    values = sorted({cell_text(value) for value in target.dropna().unique()})
    if len(values) != 2:
        raise UnsuitableData(
            f"expected two labels, got {len(values)}: {', '.join(values[:10])}", where=f"column {target.name!r}"
        )
    if given is not None:
        if given not in values:
            raise UnsuitableData(
                f"the positive label {given!r} does not occur; labels: {', '.join(values)}", where="--positive-label"
            )
        return _plain(given), []
    if values == ["0", "1"]:
        return 1, []
    return _plain(values[1]), [
        f"took {values[1]!r} as the positive label, of {values[0]!r} and {values[1]!r}; correct it in the YAML"
    ]


def _plain(text: str) -> str | int:
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _identifiers(table: pd.DataFrame, target: str) -> list[str]:
    return [
        column
        for column in table.columns
        if column != target and table[column].is_unique and not pd.api.types.is_float_dtype(table[column])
    ]


def _sensitive(column: pd.Series) -> dict[str, object]:
    name = re.sub(r"\W+", "_", str(column.name)).strip("_").lower()
    name = name if name[:1].isalpha() else f"feature_{name}"
    found: dict[str, object] = {"name": name}
    if name != column.name:
        found["column"] = str(column.name)
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MOST_GROUPS:
        found["bins"] = sorted({float(round(column.quantile(at))) for at in (0.25, 0.5, 0.75)})
    return found


def _rules(table: pd.DataFrame) -> str:
    """The table's own schema, loosened where the next table may well differ, for its owner to edit."""
    import pandera.pandas as pa

    columns = {
        str(name): pa.Column(
            None if pd.api.types.is_numeric_dtype(table[name]) else object,
            nullable=bool(table[name].isna().any()),
            checks=_checks(table[name]),
        )
        for name in table.columns
    }
    head = "# Rules that every table for this model must satisfy, in pandera's YAML. Inferred once; edit them.\n"
    return head + str(pa.DataFrameSchema(columns).to_yaml())


def _checks(column: pd.Series) -> list[Any]:
    import pandera.pandas as pa

    values = column.dropna()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return [pa.Check.ge(0)] if len(values) and values.min() >= 0 else []
    if values.nunique() <= MOST_GROUPS:
        return (
            [pa.Check.isin(sorted(values.astype(str).unique()))]
            if all(isinstance(value, str) for value in values)
            else []
        )
    return []
