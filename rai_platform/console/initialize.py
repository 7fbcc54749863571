"""A first YAML for a table of one's own: as much as the table itself tells, and a place for what only its owner knows."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from rai_platform.data.columns import cell_text, labels, typed_column
from rai_platform.data.sources import read_table
from rai_platform.errors import InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.pipeline.models import SPEC_FILE, find_models
from rai_platform.settings import Settings
from rai_platform.spec.data import DataSpec, Source
from rai_platform.spec.reading import COMPONENT_TYPE

SENSITIVE = re.compile(
    r"(^|_)(sex|gender|race|rac1p|ethnic\w*|age|agep|religion|nationality|native_country|disab\w*|marital\w*|orientation)(_|$)",
    re.IGNORECASE,
)
WORDS_OF_A_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])|\W+")
LONGEST_NAME = 60
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
    folder = settings.models / name
    _must_be_free(name, folder, settings)
    path = data if "://" in data or Source(path=data).scheme else str((settings.working_folder / data).resolve())
    table = read_table(Source(path=path))
    for column in (target, *sensitive):
        if column not in table.columns:
            raise UnknownColumn(column, table.columns, where="--target" if column == target else "--sensitive")
    label, remarks = _positive(table[target], positive_label)
    labels(table[target], DataSpec(source=path, target=target, positive_label=label))  # or says why there are none
    unusable = _unusable(table, target)
    for column in sensitive:
        if column == target or column in unusable:
            why = unusable.get(column, "it is the outcome itself; name an attribute of the people")
            raise UnsuitableData(f"column {column!r}: {why}", where="--sensitive")
    chosen = sensitive or [column for column in table.columns if _looks_sensitive(column) and column not in unusable]
    chosen = [column for column in dict.fromkeys(chosen) if column != target]
    identifiers = _identifiers(table.drop(columns=[target, *unusable]))
    remarks += _remarks(chosen, bool(sensitive), identifiers, unusable)
    attributes = {
        "name": name,
        "owners": ["team:change-me"],
        "intended_use": "Write down what decisions this model prepares, about whom, and who takes them.",
        "out_of_scope": "Write down what it must not be used for.",
        "limitations": [],
        "data": {
            "source": path,
            "target": target,
            "positive_label": label,
            "exclude": [*identifiers, *unusable],
            "rules": RULES_FILE,
        },
        "sensitive_features": _sensitive_features(table[chosen]),
        "split": {"test_size": 0.3, "seed": 0},
        "estimator": {"type": estimator},
    }
    document = {"type": COMPONENT_TYPE, "attributes": attributes}
    folder.mkdir(parents=True, exist_ok=True)
    spec, rules = folder / SPEC_FILE, folder / RULES_FILE
    rules.write_text(_rules(table), encoding="utf-8")
    spec.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
    return NewModel(spec=spec, rules=rules, remarks=tuple(remarks))


def _remarks(chosen: list[str], given: bool, identifiers: list[str], unusable: dict[str, str]) -> list[str]:
    found = []
    if not chosen:
        found.append(
            "no column looks like a sensitive feature; name them in the YAML, or nothing can be said about groups of people"
        )
    elif not given:
        found.append(f"guessed as sensitive: {', '.join(chosen)}; correct this in the YAML")
    if identifiers:
        found.append(f"left out, since every row has a value of its own: {', '.join(identifiers)}")
    return [*found, *(f"left out: {column}, {why}" for column, why in unusable.items())]


def _must_be_free(name: str, folder: Path, settings: Settings) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > LONGEST_NAME:
        raise InvalidSpec(
            f"a name is up to {LONGEST_NAME} lower-case letters, digits and _, beginning with a letter, got {name!r}",
            where="NAME",
        )
    there = folder / SPEC_FILE
    known = find_models(settings).known
    if there.exists() or there.is_symlink() or name in known:
        where = there if name not in known else known[name].path
        raise InvalidSpec(
            f"{where} declares a model of that name already; edit it, or choose another name", where="NAME"
        )


def _positive(target: pd.Series, given: str | None) -> tuple[str | int, list[str]]:
    values = sorted({cell_text(value) for value in target.dropna().unique()})
    if given is not None:
        if given not in values:
            raise UnsuitableData(
                f"the positive label {given!r} does not occur; labels: {', '.join(values[:10])}",
                where="--positive-label",
            )
        return _plain(given), []
    if values == ["0", "1"] or len(values) != 2:
        return 1, []
    return _plain(values[1]), [
        f"took {values[1]!r} as the positive label, of {values[0]!r} and {values[1]!r}; correct it in the YAML"
    ]


def _plain(text: str) -> str | int:
    return int(text) if re.fullmatch(r"0|-?[1-9]\d*", text) else text


def _unusable(table: pd.DataFrame, target: str) -> dict[str, str]:
    """Why, by column that no model can use as it is."""
    found = {}
    for column in table.columns.drop(target):
        try:
            typed_column(table[column], where=column)
        except UnsuitableData as error:
            found[column] = error.message
    return found


def _identifiers(table: pd.DataFrame) -> list[str]:
    return [
        column for column in table.columns if table[column].is_unique and not pd.api.types.is_float_dtype(table[column])
    ]


def _looks_sensitive(column: str) -> bool:
    return bool(SENSITIVE.search(WORDS_OF_A_NAME.sub("_", column)))


def _sensitive_features(table: pd.DataFrame) -> list[dict[str, object]]:
    """How each column is declared; names are what the spec allows, and no two are the same."""
    found: list[dict[str, object]] = []
    for column in table.columns:
        plain = _spec_name(column)
        taken = {feature["name"] for feature in found}
        free = (
            name for name in (plain, *(f"{plain}_{number}" for number in range(2, len(found) + 3))) if name not in taken
        )
        feature: dict[str, object] = {"name": next(free)}
        if feature["name"] != column:
            feature["column"] = column
        if pd.api.types.is_numeric_dtype(table[column]) and table[column].nunique() > MOST_GROUPS:
            feature["bins"] = _edges(table[column])
        found.append(feature)
    return found


def _spec_name(column: str) -> str:
    """The column's name in lower-case letters without accents, digits and _."""
    letters = unicodedata.normalize("NFKD", column.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    return name if name[:1].isalpha() else f"feature_{name}".rstrip("_")


def _edges(column: pd.Series) -> list[float]:
    """The quartiles, rounded, as far as somebody lies below them; at least one."""
    values = column.dropna()
    whole = bool((values == values.round()).all())
    quartiles = [float(values.quantile(at)) for at in (0.25, 0.5, 0.75)]
    edges = {float(round(edge)) if whole else float(f"{edge:.3g}") for edge in quartiles}
    return sorted(edge for edge in edges if edge > values.min()) or [float(values[values > values.min()].min())]


def _rules(table: pd.DataFrame) -> str:
    """The table's own schema, loosened where the next table may well differ, for its owner to edit."""
    import pandera.pandas as pa

    columns = {
        str(name): pa.Column(
            object if table[name].dtype == object else None,
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
    if len(values) and all(isinstance(value, str) for value in values) and values.nunique() <= MOST_GROUPS:
        return [pa.Check.isin(sorted(values.unique()))]
    return []
