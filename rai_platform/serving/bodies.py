"""Bodies of requests: JSON of the service's own form, or of MLflow's scoring protocol, read into records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rai_platform.errors import UnusableRequest, did_you_mean
from rai_platform.serving.inputs import shown
from rai_platform.serving.labels import LONGEST_KEY, is_key

REASONS = 4  # told of a row unless somebody says how many: more help nobody (Regulation B, comment 9(b)(2)-1)
MOST_REASONS = 100
MLFLOW_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may hold, and how many are taken on at once."""

    rows: int = 1000
    content_bytes: int = 1024 * 1024
    waiting_requests: int = 256
    seconds_to_send: float = 30
    seconds_to_answer: float = 30
    explained_rows: int = 20
    waiting_explanations: int = 16


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        UnusableRequest: it is no JSON object in UTF-8, or holds what JSON cannot say, such as NaN.
    """
    try:
        body = json.loads(content.decode(), parse_constant=_refuse)
    except UnicodeDecodeError:
        raise UnusableRequest("the body is not UTF-8") from None
    except RecursionError:
        raise UnusableRequest("the body is nested too deeply") from None
    except ValueError as error:
        raise UnusableRequest(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise UnusableRequest(f"expected a JSON object, got {shown(body)}")
    return body


def own_records(body: dict[str, Any], limits: Limits, _: Sequence[str]) -> list[Any]:
    """The rows of ``{"records": [{…}, …]}``, with or without ``keys`` and ``explain``.

    Raises:
        UnusableRequest: the body has another form, or too many rows.
    """
    _only(body, ("records", "keys", "explain"))
    if "records" not in body:
        raise UnusableRequest('expected {"records": [{…}, …]}; `records` is absent', status=422)
    return _rows(body["records"], "records", limits)


def mlflow_records(body: dict[str, Any], limits: Limits, features: Sequence[str]) -> list[Any]:
    """The rows of ``dataframe_split``, ``dataframe_records``, ``instances`` or ``inputs``, with or without ``params``.

    Args:
        body: the request's.
        limits: on rows.
        features: of the model; where there is one, values by themselves are rows too.

    Raises:
        UnusableRequest: the body has another form, or too many rows.
    """
    _only(body, (*MLFLOW_FORMS, "params"))
    forms = [form for form in body if form != "params"]
    if len(forms) != 1:
        raise UnusableRequest(
            f"expected one of {', '.join(MLFLOW_FORMS)}; got {', '.join(forms) or 'none of them'}", status=422
        )
    form, value = forms[0], body[forms[0]]
    if form == "dataframe_split":
        return _split(value, limits)
    if form == "inputs" and isinstance(value, dict):
        return _by_column(value, limits)
    rows = _rows(value, form, limits)
    if form != "dataframe_records" and len(features) == 1 and not any(isinstance(row, dict) for row in rows):
        return [{features[0]: row} for row in rows]
    return rows


def given_keys(body: dict[str, Any], rows: int) -> Sequence[str | None]:
    """The pseudonym of every row: ``keys`` of the service's own form, and of ``params`` in MLflow's; None where none is given.

    Raises:
        UnusableRequest: they are not as many texts as there are rows, each of 1 to 200 letters.
    """
    told = body.get("params", body)
    if not isinstance(told, dict):
        raise UnusableRequest(f'expected an object in "params", got {shown(told)}', status=422)
    if told is not body:
        _only(told, ("keys", "explain"))
    keys = told.get("keys")
    if keys is None:
        return [None] * rows
    if not isinstance(keys, list) or len(keys) != rows:
        raise UnusableRequest(f'expected a list of {rows} in "keys", one for each row; got {shown(keys)}', status=422)
    if bad := [place for place, key in enumerate(keys) if not is_key(key)]:
        raise UnusableRequest(
            f"row {bad[0]}: expected a key of 1 to {LONGEST_KEY} letters; got {shown(keys[bad[0]])}", status=422
        )
    return keys


def may_ask_reasons(content: bytes) -> bool:
    """Whether a body can hold ``explain``, spelt as it is or in escapes of JSON; most can not, and are not read for it."""
    return b"explain" in content or b"\\u006" in content or b"\\u007" in content


def asked_reasons(body: dict[str, Any]) -> int | None:
    """How many reasons are asked for with ``explain``, in the body itself or in MLflow's ``params``; None where none are.

    Raises:
        UnusableRequest: it is neither true, false, nor a number of reasons.
    """
    told = body.get("params", body)
    asked = told.get("explain", False) if isinstance(told, dict) else False
    if isinstance(asked, bool):
        return REASONS if asked else None
    if not isinstance(asked, int) or not 1 <= asked <= MOST_REASONS:
        raise UnusableRequest(
            f'expected true, false or a number of reasons from 1 to {MOST_REASONS} in "explain"; got {shown(asked)}',
            status=422,
        )
    return asked


def label_items(body: dict[str, Any]) -> object:
    """The value of ``{"labels": […]}``.

    Raises:
        UnusableRequest: the body has another form.
    """
    _only(body, ("labels",))
    if "labels" not in body:
        raise UnusableRequest('expected {"labels": [{…}, …]}; `labels` is absent', status=422)
    return body["labels"]


def _split(value: object, limits: Limits) -> list[Any]:
    if not isinstance(value, dict) or not {"columns", "data"} <= value.keys() <= {"columns", "data", "index"}:
        raise UnusableRequest(
            'expected {"dataframe_split": {"columns": […], "data": [[…], …]}}, with or without `index`', status=422
        )
    columns = value["columns"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise UnusableRequest("expected the names of the columns in `columns`", status=422)
    _distinct(columns)
    rows = _rows(value["data"], "data", limits)
    for place, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise UnusableRequest(
                f"row {place}: expected a list of {len(columns)} values, one for each column; got {shown(row)}",
                status=422,
            )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _by_column(value: dict[str, Any], limits: Limits) -> list[Any]:
    lists = {name: _rows(column, name, limits) for name, column in value.items()}
    sizes = {len(column) for column in lists.values()}
    if len(sizes) != 1:
        raise UnusableRequest("expected lists of equal length in `inputs`, one for each feature", status=422)
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _rows(value: object, name: str, limits: Limits) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise UnusableRequest(f"expected a list of at least one row in {shown(name)}; got {shown(value)}", status=422)
    if len(value) > limits.rows:
        raise UnusableRequest(
            f"expected up to {limits.rows} rows in a request, got {len(value)}; ask in parts", status=413
        )
    return value


def _only(body: dict[str, Any], known: Sequence[str]) -> None:
    for name in body:
        if name not in known:
            raise UnusableRequest(
                f"{shown(name)} is not known here{did_you_mean(name, known)}; expected {', '.join(known)}", status=422
            )


def _distinct(columns: list[str]) -> None:
    if len(set(columns)) != len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise UnusableRequest(f"the column {shown(twice)} is there twice", status=422)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON; write null where a value is missing")
