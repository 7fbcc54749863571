"""pandera schemas: inferred from what was learned from, or declared by the user in a YAML of pandera's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from rai_platform.data.column_rules import ColumnRule, column_rules
from rai_platform.data.images import shape_of
from rai_platform.data.report import Violation
from rai_platform.errors import InvalidSpec


def infer_schema(features: pd.DataFrame, *, free: tuple[str, ...] = ()) -> pa.DataFrameSchema:
    """The schema that further rows should satisfy.

    It asks for the types, categories and ranges of these rows, and for missing values only where these have some; of the columns
    in ``free`` for texts, or for images of the size of these.
    """
    return schema_of(column_rules(features, free=free))


def schema_of(rules: Sequence[ColumnRule]) -> pa.DataFrameSchema:
    """The same of rules that were kept."""
    return pa.DataFrameSchema({rule.name: _column(rule) for rule in rules}, strict=False)


def read_schema(path: str) -> pa.DataFrameSchema:
    """The schema in a pandera YAML.

    Raises:
        InvalidSpec: the file is missing or is no pandera schema.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        schema = pa.DataFrameSchema.from_yaml(text)
    except FileNotFoundError:
        raise InvalidSpec("no such file", where=f"data.rules, {path}") from None
    except Exception as error:  # pandera lets through whatever its YAML reader meets
        raise InvalidSpec(f"not a pandera schema: {error}", where=f"data.rules, {path}") from None
    return schema


def check_schema(
    frame: pd.DataFrame, schema: pa.DataFrameSchema
) -> tuple[npt.NDArray[np.bool_], tuple[Violation, ...]]:
    """Which rows break the schema (rows,), and which rules they break, most rows first.

    A rule about a whole column, such as its type, is broken by every row.
    """
    frame = frame.reset_index(drop=True)
    broken = np.zeros(len(frame), dtype=bool)
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        violations = []
        for (column, rule), found in cases.groupby(["column", "check"], dropna=False):
            positions = pd.to_numeric(found["index"], errors="coerce").dropna().astype(int)
            if len(positions) == 0:
                broken[:] = True
            broken[positions] = True
            violations.append(
                Violation(
                    column="" if pd.isna(column) else str(column),
                    rule=str(rule),
                    rows=len(positions) or len(frame),
                    example=str(found["failure_case"].iloc[0]),
                )
            )
        return broken, tuple(sorted(violations, key=lambda violation: -violation.rows))
    return broken, ()


def _column(rule: ColumnRule) -> pa.Column:
    if rule.kind == "text":
        return pa.Column(object, pa.Check(lambda texts: texts.str.strip() != "", name="is not empty"))
    if rule.kind == "image":
        check = pa.Check(lambda images: images.map(shape_of) == rule.shape, name="has the size of the training images")
        return pa.Column(object, check)
    if rule.categories is not None:
        return pa.Column(object, pa.Check.isin(rule.categories), nullable=rule.nullable)
    check = pa.Check.in_range(rule.low, rule.high)
    # A whole number that is missing somewhere is read as a float; both are numbers.
    return pa.Column(None, [check, pa.Check(pd.api.types.is_numeric_dtype, name="is a number")], nullable=rule.nullable)
