"""What a released model asks of a row, compiled once; rows are held to it before anything is scored."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.column_rules import ColumnRule
from rai_platform.data.columns import LARGEST_NUMBER, cell_text
from rai_platform.errors import UnusableRequest, did_you_mean
from rai_platform.serving.images import Shape, expected_image, read_image
from rai_platform.training.candidate import Candidate
from rai_platform.training.estimators import known_categories
from rai_platform.training.manifest import Feature, FeatureKind
from rai_platform.training.model import PREPROCESSING, TrainedModel

MOST_DETAILS = 20
LISTED = 10  # categories in a message
SHOWN = 80  # letters of a value in a message
Value = int | float | str | bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """What one feature of a row has to be.

    Attributes:
        name: of the feature.
        kind: as the manifest says.
        may_be_missing: whether the training data had rows without it.
        categories: those of the training data; None where they are not known.
        low: the smallest number that is taken; None where any is.
        high: the largest.
        shape: of an image (height, width, channels).
    """

    name: str
    kind: FeatureKind
    may_be_missing: bool
    categories: frozenset[str] | None = None
    low: float | None = None
    high: float | None = None
    shape: Shape | None = None

    @property
    def expected(self) -> str:
        """What is expected, in words."""
        if self.shape is not None:
            return expected_image(self.shape)
        number = "a number" if self.low is None else f"a number from {self.low:.6g} to {self.high:.6g}"
        told = {"number": number, "text": "a text that is not empty"}.get(self.kind, "a text")
        if self.categories is not None:
            listed = sorted(self.categories)
            more = f" or {len(listed) - LISTED} more" if len(listed) > LISTED else ""
            told = f"one of {', '.join(repr(name) for name in listed[:LISTED])}{more}"
        return f"{told}, or null" if self.may_be_missing else told

    def read(self, value: object) -> Value:
        """The value as the model sees it.

        Raises:
            ValueError: it is not what is expected; with the end of a sentence that offers another, or nothing.
        """
        if value is None:
            if self.may_be_missing:
                return None
            raise ValueError
        if self.shape is not None:
            return read_image(value, self.shape)
        return self._number(value) if self.kind == "number" else self._text(value)

    def _number(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if abs(value) > LARGEST_NUMBER:
            raise ValueError
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise ValueError
        return value

    def _text(self, value: object) -> str:
        if self.categories is not None and isinstance(value, bool | int | float):
            text = cell_text(value)  # a category that is written as a number: 1, 1.0 and "1" are one
        elif isinstance(value, str):
            text = value
        else:
            raise ValueError
        if not is_unicode(text) or (self.kind == "text" and not text.strip()):
            raise ValueError
        if self.categories is not None and text not in self.categories:
            raise ValueError(did_you_mean(text, self.categories))
        return text


@dataclass(frozen=True, slots=True)
class InputRules:
    """What a model asks of the rows of a request.

    Attributes:
        fields: a rule for every feature.
        tells_whole_numbers: whether a column of whole numbers is a table's int64; where the platform's own preprocessing makes
            numbers of 64 bits of every column, it is not.
    """

    fields: tuple[FieldRule, ...]
    tells_whole_numbers: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the manifest."""
        return tuple(field.name for field in self.fields)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The smallest and the largest number that is taken, by feature."""
        return {
            field.name: (field.low, field.high)
            for field in self.fields
            if field.low is not None and field.high is not None
        }

    def read(self, records: Sequence[object]) -> list[dict[str, Value]]:
        """The rows, each with every feature of the model and nothing else.

        Raises:
            UnusableRequest: a row is not what the model asks for; with the row, the field, what was expected and what came.
        """
        rows: list[dict[str, Value]] = []
        problems: list[dict[str, object]] = []
        known = {field.name: field for field in self.fields}
        for place, record in enumerate(records):
            if not isinstance(record, Mapping):
                problems.append(_problem(place, None, "an object of features", shown(record)))
                continue
            unknown = itertools.islice((name for name in record if name not in known), MOST_DETAILS)
            problems += [
                _problem(place, name, "only features of the model", f"another name{did_you_mean(name, known)}")
                for name in unknown
            ]
            row: dict[str, Value] = {}
            for name, field in known.items():
                if name not in record:
                    problems.append(_problem(place, name, field.expected, "nothing: the field is absent"))
                    continue
                try:
                    row[name] = field.read(record[name])
                except ValueError as error:
                    problems.append(_problem(place, name, field.expected, f"{shown(record[name])}{error}"))
            rows.append(row)
            if len(problems) >= MOST_DETAILS:
                break
        if problems:
            raise _refusal(problems[:MOST_DETAILS])
        return rows

    def types(self, rows: Sequence[Mapping[str, Value]]) -> tuple[bool, ...]:
        """Which columns ``frame`` makes int64; rows are not the same in one table with others of which that differs."""
        if not self.tells_whole_numbers:
            return ()
        return tuple(_is_whole([row[field.name] for row in rows]) for field in self.fields if field.kind == "number")

    def frame(self, rows: Sequence[Mapping[str, Value]]) -> pd.DataFrame:
        """Rows that were read, as a table (rows, features) with the types that training data have."""
        return pd.DataFrame(
            {field.name: self._column(field, [row[field.name] for row in rows]) for field in self.fields}
        )

    def _column(self, field: FieldRule, values: list[Value]) -> npt.NDArray[Any]:
        if field.kind == "number":
            if self.tells_whole_numbers and _is_whole(values):
                return np.array(values, dtype="int64")
            return np.array([np.nan if value is None else value for value in values], dtype="float64")
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column


def compile_rules(candidate: Candidate, model: TrainedModel, *, takes_any_number: bool = False) -> InputRules:
    """What the model asks of a row, compiled from the rules that its pandera schema is made from.

    Of a candidate without rules, from before they were kept: the missing values and the categories of its training data.

    Args:
        candidate: that was released.
        model: the same, loaded.
        takes_any_number: whether numbers far from those of the training data are taken too.
    """
    known = known_categories(model.parts[PREPROCESSING]) if PREPROCESSING in model.parts else {}
    rules = {rule.name: rule for rule in candidate.rules or _rules_of_report(candidate)}
    return InputRules(
        tells_whole_numbers=PREPROCESSING not in model.parts,
        fields=tuple(
            _field(feature, rules.get(feature.name), known.get(feature.name), takes_any_number=takes_any_number)
            for feature in model.manifest.features
        ),
    )


def _rules_of_report(candidate: Candidate) -> list[ColumnRule]:
    columns = candidate.training_report.columns if candidate.training_report else ()
    return [ColumnRule(name=each.name, kind=each.kind, nullable=each.missing_rate > 0) for each in columns]


def _field(
    feature: Feature, rule: ColumnRule | None, known: frozenset[str] | None, *, takes_any_number: bool
) -> FieldRule:
    kind, name = feature.kind, feature.name
    if rule is None:
        return FieldRule(name=name, kind=kind, may_be_missing=False, categories=known)
    categories = known if rule.categories is None else frozenset(rule.categories)
    if categories is not None and known is not None:  # what the preprocessing has no column for cannot be encoded
        categories &= known
    low, high = (None, None) if takes_any_number else (rule.low, rule.high)
    return FieldRule(
        name=name,
        kind=kind,
        may_be_missing=rule.nullable,
        categories=categories,
        low=low,
        high=high,
        shape=rule.shape,
    )


def shown(value: object) -> str:
    """A value as it came, in JSON, cut where it is long."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "something nested deeply"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _is_whole(values: Sequence[Value]) -> bool:
    return all(isinstance(value, int) and -(2**63) <= value < 2**63 for value in values)


def _problem(row: int, field: str | None, expected: str, got: str) -> dict[str, object]:
    return {"row": row, "field": field, "expected": expected, "got": got}


def _refusal(problems: list[dict[str, object]]) -> UnusableRequest:
    first = problems[0]
    where = f"row {first['row']}" + ("" if first["field"] is None else f", field {shown(first['field'])}")
    more = f" ({len(problems) - 1} more in `details`)" if len(problems) > 1 else ""
    return UnusableRequest(
        f"{where}: expected {first['expected']}; got {first['got']}{more}", status=422, details=tuple(problems)
    )


def is_unicode(text: str) -> bool:
    """Whether a text can be written at all: JSON can spell half of a pair of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
