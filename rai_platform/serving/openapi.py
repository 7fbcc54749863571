"""What the service takes and gives, as OpenAPI 3.1: for the model that answers, with its features and their categories."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from rai_platform.data.columns import LARGEST_NUMBER
from rai_platform.explanations.report import Output
from rai_platform.serving.access import SCOPE_OF_ROUTE
from rai_platform.serving.bodies import MLFLOW_FORMS, MOST_REASONS, Limits
from rai_platform.serving.images import Shape
from rai_platform.serving.inputs import FieldRule
from rai_platform.serving.labels import LONGEST_KEY, MOST_LABELS, LabelCounts
from rai_platform.serving.served import ServedModel

Schema = dict[str, Any]
JSON, HTML, TEXT = "application/json", "text/html", "text/plain"
WRONG = {
    400: "the body is no JSON object",
    404: "another model is served here, or there is nothing yet",
    408: "the body did not arrive in time",
    413: "too many rows or bytes",
    415: "the body is not sent as application/json",
    422: "what was sent does not fit the model",
    503: "it cannot be recorded, too much is asked at once, or no model is in production",
}
OF_A_BODY = (400, 408, 413, 415, 422, 503)


def describe(served: ServedModel, limits: Limits, *, asks_for_keys: bool) -> Schema:
    """The document for a model.

    Args:
        served: the model that answers.
        limits: of a request.
        asks_for_keys: whether callers need one.
    """
    fields, name = served.rules.fields, served.production.model
    prediction = _object(
        {
            "id": _text(),
            "score": {"type": "number"},
            "decision": {"type": ["string", "integer"]},
            "explanation": {**_explanation(), "description": "Where `explain` asks for it."},
        },
        optional=("explanation",),
    )
    predictions = {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}
    model = _object(dict.fromkeys(("name", "version", "digest"), _text()))
    own = _object({"request_id": _text(), "model": model, "predictions": predictions})
    paths = {
        "/v1/models/{name}/predict": {
            "post": _door(
                "Predictions for records.",
                answer=own,
                body=_object({"records": _rows(limits), **_beside(limits)}, optional=tuple(_beside(limits))),
                wrong=(404, *OF_A_BODY),
            )
        },
        "/invocations": {
            "post": _door(
                "Predictions for the bodies of MLflow's scoring protocol.",
                answer=_object({"predictions": predictions}),
                body={"oneOf": [_mlflow_form(form, fields, limits) for form in MLFLOW_FORMS]},
                wrong=OF_A_BODY,
            )
        },
        "/v1/labels": {
            "post": _door(
                "Records what was observed about predictions.",
                answer=_object({each.name: _count() for each in dataclasses.fields(LabelCounts)}),
                body=_object({"labels": _labels(served)}),
                wrong=OF_A_BODY,
            )
        },
        "/v1/models/{name}/certificate": {
            "get": _door("The certificate in the ledger.", answer={"type": "object"}, wrong=(404, 503))
        },
        "/v1/models/{name}/dashboard": {"get": _door("The page of production.", kinds={HTML: _text()}, wrong=(404,))},
        "/v1/models/{name}/card": {
            "get": _door(
                "The model card that was released.", kinds={HTML: _text(), JSON: {"type": "object"}}, wrong=(404, 503)
            )
        },
        "/metrics": {"get": _door("Figures for Prometheus.", kinds={TEXT: _text()})},
        "/openapi.json": {"get": _door("This document.", answer={"type": "object"})},
        "/ready": {"get": _door("Whether predictions are given.", answer={"type": "object"})},
        "/health": {"get": _door("Whether the process lives.", answer=_object({"alive": {"const": True}}))},
    }
    paths["/ready"]["get"]["responses"]["503"] = paths["/ready"]["get"]["responses"]["200"]
    for path, doors in paths.items():
        for door in doors.values():
            _admit(door, path, name, asks_for_keys=asks_for_keys)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Predictions of {name}", "version": served.production.version},
        "paths": paths,
        "components": {
            "schemas": {"Prediction": prediction, "Row": _row(fields), "Error": _error()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _door(
    says: str,
    *,
    answer: Schema | None = None,
    kinds: Mapping[str, Schema] | None = None,
    body: Schema | None = None,
    wrong: Sequence[int] = (),
) -> Schema:
    given = dict(kinds or {}) if answer is None else {JSON: answer}
    responses = {"200": {"description": says, "content": {kind: {"schema": schema} for kind, schema in given.items()}}}
    told: Schema = {"summary": says, "responses": {**responses, **{str(code): _refusal(WRONG[code]) for code in wrong}}}
    if body is not None:
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return told


def _admit(door: Schema, path: str, name: str, *, asks_for_keys: bool) -> None:
    """Adds what the address itself asks for: the model's name, and a key."""
    if "{name}" in path:
        door["parameters"] = [
            {"name": "name", "in": "path", "required": True, "schema": {"const": name, "type": "string"}}
        ]
    if (scope := SCOPE_OF_ROUTE[path]) is None:
        return
    door["responses"]["429"] = _refusal("too many requests", {"Retry-After": "seconds until the next is answered"})
    if asks_for_keys:
        door["security"] = [{"bearer": []}, {"header": []}]
        door["description"] = f"Needs a key with the scope `{scope}`."
        door["responses"]["401"] = _refusal("no key was sent, or an unknown one", {"WWW-Authenticate": "Bearer"})
        door["responses"]["403"] = _refusal("the key is for other things")


def _refusal(says: str, headers: Mapping[str, str] | None = None) -> Schema:
    told: Schema = {"description": says, "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}
    if headers:
        told["headers"] = {name: {"description": text, "schema": _text()} for name, text in headers.items()}
    return told


def _error() -> Schema:
    details = {"type": "array", "items": {"type": "object"}}
    return _object({"error": _object({"code": _text(), "message": _text(), "details": details}, optional=("details",))})


def _row(fields: Sequence[FieldRule]) -> Schema:
    return _object({field.name: {**_values(field), "description": field.expected} for field in fields})


def _values(field: FieldRule) -> Schema:
    if field.kind == "number":
        low, high = (
            (-LARGEST_NUMBER if field.low is None else field.low),
            (LARGEST_NUMBER if field.high is None else field.high),
        )
        known: Schema = {"type": "number", "minimum": low, "maximum": high}
    elif field.shape is not None:
        known = {"anyOf": [{"type": "string", "contentEncoding": "base64"}, *_pixels(field.shape)]}
    elif field.categories is not None:
        known = {"type": "string", "enum": sorted(field.categories)}
    else:
        known = {"type": "string", **({"pattern": r"\S"} if field.kind == "text" else {})}
    return {"anyOf": [known, {"type": "null"}]} if field.may_be_missing else known


def _pixels(shape: Shape) -> list[Schema]:
    """Rows of pixels, each a number or a list of one for every channel."""
    height, width, channels = shape
    light = {"type": "number", "minimum": 0, "maximum": 255}
    pixels = [_list_of(light, channels), *([light] if channels == 1 else [])]
    return [_list_of(_list_of(pixel, width), height) for pixel in pixels]


def _list_of(item: Schema, length: int) -> Schema:
    return {"type": "array", "minItems": length, "maxItems": length, "items": item}


def _explanation() -> Schema:
    reason = {
        "feature": _text(),
        "value": {"type": ["number", "string", "null"]},
        "attribution": {"type": "number"},
        "direction": {"enum": ["raises", "lowers"]},
        "says": _text(),
    }
    told: dict[str, Schema] = {
        "unit": {"enum": list(get_args(Output))},
        "base_value": {"type": "number"},
        "output": {"type": "number"},
        "attributions": {"type": "object", "additionalProperties": {"type": "number"}},
        "reasons": {"type": "array", "items": _object(reason)},
    }
    return _object(told)


def _rows(limits: Limits) -> Schema:
    return {"type": "array", "minItems": 1, "maxItems": limits.rows, "items": {"$ref": "#/components/schemas/Row"}}


def _mlflow_form(form: str, fields: Sequence[FieldRule], limits: Limits) -> Schema:
    rows = _rows(limits)
    if form == "dataframe_split":
        names = [field.name for field in fields]
        values = {
            "type": "array",
            "prefixItems": [_values(field) for field in fields],
            "items": False,
            "minItems": len(names),
        }
        data = {"type": "array", "minItems": 1, "maxItems": limits.rows, "items": values}
        rows = _object({"columns": {"const": names}, "data": data, "index": {}}, optional=("index",))
    params = _object(_beside(limits), optional=tuple(_beside(limits)))
    return _object({form: rows, "params": params}, optional=("params",))


def _beside(limits: Limits) -> dict[str, Schema]:
    """What may stand beside the rows."""
    asked = {"type": ["boolean", "integer"], "minimum": 1, "maximum": MOST_REASONS}
    return {
        "keys": _keys(limits),
        "explain": {**asked, "description": "Whether, or with how many reasons, to say why."},
    }


def _keys(limits: Limits) -> Schema:
    key = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY}
    return {"type": "array", "maxItems": limits.rows, "items": key, "description": "A pseudonym for every row."}


def _labels(served: ServedModel) -> Schema:
    told = {
        "id": {**_text(), "description": "Of the prediction."},
        "key": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_KEY,
            "description": "Of the one prediction that has it.",
        },
        "label": {"enum": list(dict.fromkeys([*served.labels.labels, *served.labels.labels.values()]))},
        "observed_at": {"type": "string", "format": "date-time"},
    }
    label = _object(told, optional=("id", "key", "observed_at"))
    return {"type": "array", "minItems": 1, "maxItems": MOST_LABELS, "items": label}


def _object(properties: Mapping[str, Schema], *, optional: Sequence[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def _count() -> Schema:
    return {"type": "integer", "minimum": 0}


def _text() -> Schema:
    return {"type": "string"}
