"""What is wrong in a YAML: a sentence for every place, with its line, in the words of YAML."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rai_platform.errors import InvalidSpec, did_you_mean

M = TypeVar("M", bound=BaseModel)
Place = tuple[str | int, ...]
IN_WORDS = {  # what pydantic wants, in the words of YAML
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "string_pattern_mismatch": "lower-case letters, digits and _, beginning with a letter",
    "too_short": "at least one",
    "invalid_key": "a key that is text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


class Lines:
    """The line of a YAML file on which a key stands, so that a mistake can be found."""

    def __init__(self, path: Path, *, prefix: tuple[str, ...]) -> None:
        self._root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        self._prefix = prefix

    def of(self, location: Place) -> int:
        """The line, from 1, of the innermost key on the way to a place that is there."""
        node, line = self._root, 1
        for part in (*self._prefix, *location):
            found = next((pair for pair in _children(node) if pair[0] == part), None)
            if found is not None:
                _, line, node = found
        return line


def _children(node: yaml.Node | None) -> Iterator[tuple[str | int, int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key.value, key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, value.start_mark.line + 1, value


def validated(model: type[M], value: Any, *, where: str, lines: Lines) -> M:
    """The value as a model.

    Raises:
        InvalidSpec: it does not fit; all problems are listed, one a line.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidSpec("\n".join(_problems(model, error.errors(), value, lines)), where=where) from None


def _problems(model: type[BaseModel], details: list[ErrorDetails], value: Any, lines: Lines) -> list[str]:
    """One sentence for every place at which something is wrong, whatever the number of ways it could have been written."""
    at: dict[Place, list[ErrorDetails]] = {}
    for detail in _deepest_branches(details):
        at.setdefault(_place(detail, value), []).append(detail)
    return [
        f"line {lines.of(place)}, {'.'.join(str(part) for part in place) or 'attributes'}: {_told(model, found)}"
        for place, found in at.items()
    ]


def _deepest_branches(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what the other ways of writing a value would have wanted: of a union only the branch that got furthest."""
    return [
        detail
        for detail in details
        if not any(
            len(other["loc"]) > len(detail["loc"])
            and other["loc"][: len(detail["loc"]) - 1] == detail["loc"][:-1]
            and detail["type"] in ("string_type", "literal_error", "tuple_type", "dict_type", "none_required")
            and other["loc"][len(detail["loc"]) - 1] != detail["loc"][-1]
            for other in details
        )
    ]


def _place(detail: ErrorDetails, value: Any) -> Place:
    """Where a mistake is in what was written, without the words by which pydantic says which way of writing it tried."""
    place: list[str | int] = []
    for part in detail["loc"]:
        is_there = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if is_there:
            value = value[part]
            place.append(part)
    return (*place, detail["loc"][-1]) if detail["type"] == "missing" else tuple(place)


def _told(model: type[BaseModel], details: list[ErrorDetails]) -> str:
    first = details[0]
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        return f"unknown key{did_you_mean(str(first['loc'][-1]), known)}; known: {', '.join(known)}"
    if first["type"] == "missing":
        return "is missing"
    if first["type"] == "value_error":
        return " ".join(detail["msg"].removeprefix("Value error, ") for detail in details)
    wanted, given = " or ".join(dict.fromkeys(_wanted(detail) for detail in details)), first["input"]
    got = kind(given) if isinstance(given, dict | list) else repr(given)
    meant = did_you_mean(given, _choices(details)) if isinstance(given, str) else ""
    return f"{wanted[0].lower()}{wanted[1:].replace(' or expected ', ' or ')}, got {got}{meant}"


def _choices(details: list[ErrorDetails]) -> list[str]:
    """The values that would have been taken, where they can be listed."""
    listed = [str(detail["ctx"]["expected"]) for detail in details if detail["type"] == "literal_error"]
    return re.findall(r"'([^']*)'", " ".join(listed))


def _wanted(detail: ErrorDetails) -> str:
    if detail["type"] in IN_WORDS:
        return f"expected {IN_WORDS[detail['type']]}"
    return detail["msg"].replace("Input should be ", "expected ")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _keys_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    current: list[type[BaseModel]] = [model]
    for part in location:
        named = [candidate for candidate in current if candidate.__name__ == part]
        fields = [candidate.model_fields[part] for candidate in current if part in candidate.model_fields]
        if named:
            current = named
        elif fields:
            current = [inner for field in fields for inner in _models_in(field.annotation)] or current
    return sorted({key for candidate in current for key in candidate.model_fields})


def kind(value: Any) -> str:
    """What a YAML text holds, in the words of YAML."""
    kinds = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}
    return kinds.get(type(value), repr(value))
