"""Labels: what is observed later about a prediction, added in the order of arrival and never changed.

The same label with the same time of observation is on record once, however often it arrives. Another label is a correction:
the history stays, and the current label is the one that arrived last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from rai_platform.data.columns import cell_text
from rai_platform.errors import UnusableRequest, did_you_mean
from rai_platform.serving.inputs import MOST_DETAILS, is_unicode, shown
from rai_platform.serving.log_tables import LABELS, PREDICTIONS, insert, one_at_a_time, told_time
from rai_platform.training.candidate import Candidate

MOST_LABELS = 10_000  # in a request
LONGEST_KEY = 200
LISTED = 10  # labels in a message
Label = int | str


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a message names one of many labels.

    Attributes:
        word: what it is called: a label of a request, a row of a file.
        first: the number of the first.
    """

    word: str = "label"
    first: int = 0


IN_A_REQUEST = Numbering()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLabel:
    """A label that arrives.

    Attributes:
        id: of the prediction; None where a key tells it.
        key: of the one prediction of the model that has it; None where an id tells it.
        label: 1 or 0; of several classes, the name of one.
        observed_at: ISO 8601, UTC, with microseconds; None where nobody said.
    """

    id: str | None = None
    key: str | None = None
    label: Label
    observed_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCounts:
    """What became of the labels that arrived together.

    Attributes:
        recorded: added, where there was no label or the same one, observed at another time.
        repeated: on record already, and not added.
        corrected: added, and different from the label before.
    """

    recorded: int = 0
    repeated: int = 0
    corrected: int = 0

    def __add__(self, other: "LabelCounts") -> "LabelCounts":
        return LabelCounts(
            recorded=self.recorded + other.recorded,
            repeated=self.repeated + other.repeated,
            corrected=self.corrected + other.corrected,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLabel:
    """A label on record.

    Attributes:
        place: in the order of arrival, over all predictions.
        label: 1 or 0; of several classes, the name of one.
        observed_at: ISO 8601, UTC; None where nobody said.
        arrived_at: ISO 8601, UTC.
    """

    place: int
    label: Label
    observed_at: str | None
    arrived_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRules:
    """Which labels a model's target has.

    Attributes:
        labels: what a label is recorded as, by how it may be written.
        listed: the labels as a message names them.
    """

    labels: Mapping[str, Label]
    listed: tuple[str, ...]

    @property
    def expected(self) -> str:
        """What is expected, in words."""
        more = f" or {len(self.listed) - LISTED} more" if len(self.listed) > LISTED else ""
        return f"one of {', '.join(repr(label) for label in self.listed[:LISTED])}{more}"

    def read(self, value: object) -> Label:
        """The label as it is recorded.

        Raises:
            ValueError: the target has no such label; with the end of a sentence that offers another, or nothing.
        """
        if not isinstance(value, bool | int | float | str):
            raise ValueError
        text = cell_text(value)
        if text not in self.labels:
            raise ValueError(did_you_mean(text, self.listed))
        return self.labels[text]


def compile_label_rules(candidate: Candidate) -> LabelRules:
    """The labels of the target that a candidate learned.

    Of two labels, each is 1 or 0 as training has it, and may be written as in the data. 1 and 0 may be written too, unless the
    data's own labels are written so and mean something else.
    """
    manifest = candidate.manifest
    if manifest.classes:
        return LabelRules(labels={name: name for name in manifest.classes}, listed=manifest.classes)
    own: dict[str, Label] = {manifest.positive_label: 1}
    if candidate.negative_label is not None:
        own[candidate.negative_label] = 0
    numbers: dict[str, Label] = {"1": 1, "0": 0}
    is_whole = candidate.negative_label is not None or manifest.positive_label == "1"
    if not is_whole or any(own.get(text, number) != number for text, number in numbers.items()):
        return LabelRules(labels=own, listed=tuple(own))
    labels = {**own, **{text: number for text, number in numbers.items() if text not in own}}
    words: dict[str, Label] = {"true": 1, "True": 1, "false": 0, "False": 0} if labels == numbers else {}
    return LabelRules(labels={**labels, **words}, listed=tuple(labels))


def read_labels(value: object, rules: LabelRules) -> list[NewLabel]:
    """The labels of a request, the value of ``labels``: objects of ``id`` or ``key``, ``label`` and perhaps ``observed_at``.

    Raises:
        UnusableRequest: there are none or too many, or one is not what is expected; with its place, the field, and what came.
    """
    if not isinstance(value, list) or not value:
        raise UnusableRequest(f'expected a list of at least one label in "labels"; got {shown(value)}', status=422)
    if len(value) > MOST_LABELS:
        raise UnusableRequest(
            f"expected up to {MOST_LABELS} labels in a request, got {len(value)}; send them in parts", status=413
        )
    return each_label(value, rules)


def each_label(items: Iterable[object], rules: LabelRules, *, numbering: Numbering = IN_A_REQUEST) -> list[NewLabel]:
    """Labels, each as it came.

    Raises:
        UnusableRequest: one is not what is expected; with its place, the field, and what came.
    """
    labels: list[NewLabel] = []
    problems: list[dict[str, object]] = []
    for place, item in enumerate(items, numbering.first):
        try:
            labels.append(_read_label(item, rules))
        except _NotExpected as error:
            problems.append({"row": place, "field": error.field, "expected": error.expected, "got": error.got})
            if len(problems) == MOST_DETAILS:
                break
    if problems:
        raise _refusal(problems, numbering)
    return labels


def read_time(value: object) -> str:
    """A time as the log has it.

    Raises:
        ValueError: it is no time, or says no zone.
    """
    time = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        time = datetime.fromisoformat(value)
    if time is None or time.tzinfo is None:
        raise ValueError
    try:
        return told_time(time)
    except OverflowError:
        raise ValueError from None


def record_labels(
    connection: sa.Connection,
    labels: Sequence[NewLabel],
    *,
    model: str,
    now: datetime,
    numbering: Numbering = IN_A_REQUEST,
) -> LabelCounts:
    """Adds labels within a transaction, in their order.

    Raises:
        UnusableRequest: there is no prediction of the model that one is for, or several have its key; nothing was added.
    """
    one_at_a_time(connection)
    ids = prediction_ids(connection, labels, model=model, numbering=numbering)
    known = _history(connection, ids)
    added: list[tuple[str, Label, str | None, str]] = []
    counted = {"recorded": 0, "repeated": 0, "corrected": 0}
    for identity, item in zip(ids, labels, strict=True):
        history, told = known.setdefault(identity, []), (item.label, item.observed_at)
        if told in history:
            counted["repeated"] += 1
            continue
        counted["corrected" if history and history[-1][0] != item.label else "recorded"] += 1
        history.append(told)
        added.append((identity, *told, told_time(now)))
    insert(connection, LABELS, added)
    return LabelCounts(**counted)


def prediction_ids(
    connection: sa.Connection, labels: Sequence[NewLabel], *, model: str, numbering: Numbering = IN_A_REQUEST
) -> list[str]:
    """The id of the prediction that each label is for.

    Raises:
        UnusableRequest: there is none of the model, or several have its key; with the place of each in ``details``.
    """
    table = PREDICTIONS.c
    wanted = {item.id for item in labels if item.id is not None}
    query = sa.select(table.id).where(table.model == model)
    ids = {row.id for row in _looked_up(connection, query, table.id, wanted)}
    keys = {item.key for item in labels if item.key is not None}
    query = sa.select(table.key, sa.func.min(table.id), sa.func.count()).where(table.model == model).group_by(table.key)
    of_key = {key: (first, count) for key, first, count in _looked_up(connection, query, table.key, keys)}
    found: list[str] = []
    problems: list[dict[str, object]] = []
    for place, item in enumerate(labels, numbering.first):
        identity, count = (item.id, int(item.id in ids)) if item.key is None else of_key.get(item.key, (None, 0))
        if count == 1 and identity is not None:
            found.append(identity)
            continue
        name, value = ("id", item.id) if item.key is None else ("key", item.key)
        got = "none" if count == 0 else f"{count}, which only an id tells apart"
        expected = f"a prediction of {model!r} with the {name} {shown(value)}"
        problems.append({"row": place, "field": name, "expected": expected, "got": got})
    if problems:
        raise _refusal(problems, numbering)
    return found


def label_history(connection: sa.Connection, identity: str) -> list[RecordedLabel]:
    """Every label of a prediction, in the order of arrival; the last is the current one."""
    table = LABELS.c
    query = (
        sa.select(table.place, table.label, table.observed_at, table.arrived_at)
        .where(table.prediction_id == identity)
        .order_by(table.place)
    )
    return [
        RecordedLabel(place=place, label=label, observed_at=observed_at, arrived_at=arrived_at)
        for place, label, observed_at, arrived_at in connection.execute(query)
    ]


def _refusal(problems: Sequence[dict[str, object]], numbering: Numbering) -> UnusableRequest:
    """What is wrong with labels: the first problem in words, up to a number of them for programs."""
    first = problems[0]
    where = f"{numbering.word} {first['row']}" + ("" if first["field"] is None else f", field {shown(first['field'])}")
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return UnusableRequest(
        f"{where}: expected {first['expected']}; got {first['got']}{more}; no label was recorded",
        status=422,
        details=tuple(problems[:MOST_DETAILS]),
    )


class _NotExpected(Exception):
    """One label of a request that cannot be read."""

    def __init__(self, field: str | None, expected: str, got: str) -> None:
        super().__init__(field)
        self.field, self.expected, self.got = field, expected, got


def _read_label(item: object, rules: LabelRules) -> NewLabel:
    if not isinstance(item, Mapping):
        raise _NotExpected(None, "an object of `id` and `label`", shown(item))
    known = ("id", "key", "label", "observed_at")
    if unknown := next((name for name in item if name not in known), None):
        raise _NotExpected(unknown, f"only {', '.join(known)}", f"another name{did_you_mean(unknown, known)}")
    given = [name for name in ("id", "key") if item.get(name) is not None]
    if len(given) != 1:
        raise _NotExpected("id", "either `id` or `key`", "both" if given else "neither")
    told = item[given[0]]
    if not is_key(told):
        raise _NotExpected(given[0], f"a text of 1 to {LONGEST_KEY} letters", shown(told))
    if "label" not in item:
        raise _NotExpected("label", rules.expected, "nothing: the field is absent")
    try:
        label = rules.read(item["label"])
    except ValueError as error:
        raise _NotExpected("label", rules.expected, f"{shown(item['label'])}{error}") from None
    observed_at = item.get("observed_at")
    try:
        time = None if observed_at is None else read_time(observed_at)
    except ValueError:
        expected = "a time with its zone, such as 2026-01-31T12:00:00Z"
        raise _NotExpected("observed_at", expected, shown(observed_at)) from None
    return NewLabel(
        id=told if given == ["id"] else None, key=told if given == ["key"] else None, label=label, observed_at=time
    )


def is_key(value: object) -> bool:
    """Whether a value can be a key: a text of 1 to 200 letters, none of them NUL, which PostgreSQL knows no text with."""
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_KEY and is_unicode(value) and "\0" not in value


def _looked_up(
    connection: sa.Connection, query: "sa.Select[Any]", column: "sa.ColumnClause[Any]", values: set[str]
) -> Sequence[Any]:
    return connection.execute(query.where(column.in_(sorted(values)))).all() if values else []


def _history(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[tuple[Label, str | None]]]:
    table = LABELS.c
    query = sa.select(table.prediction_id, table.label, table.observed_at).order_by(table.place)
    history: dict[str, list[tuple[Label, str | None]]] = {}
    for identity, label, observed_at in _looked_up(connection, query, table.prediction_id, set(ids)):
        history.setdefault(identity, []).append((label, observed_at))
    return history
