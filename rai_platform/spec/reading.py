"""A model's YAML, read once: templates resolved, paths made absolute, policy merged, every mistake told at once."""

import hashlib
import importlib.resources
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rai_platform.errors import InvalidSpec, did_you_mean
from rai_platform.spec.digests import digest_of
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.policy import Policy, PolicyOverlay, named_features
from rai_platform.spec.yaml_text import load_yaml

COMPONENT_TYPE = "rai_platform.pipeline.ResponsibleModel"
COMPONENT_KEYS = ("type", "attributes", "requirements", "post_processing", "template_vars_module")
TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
M = TypeVar("M", bound=BaseModel)
Place = tuple[str | int, ...]
IN_WORDS = {  # what pydantic wants, in the words of YAML
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
PATHS = (
    ("data", "source"),
    ("data", "rules"),
    ("split", "test"),
    ("predictions", "source"),
    ("policy",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDefinition:
    """A model as it will be run: its spec, the policy that judges it, and where it was written."""

    spec: ModelSpec
    policy: Policy
    path: Path

    @property
    def name(self) -> str:
        """The model's name, the prefix of its assets' keys."""
        return self.spec.name

    @property
    def spec_digest(self) -> str:
        """Digest of all that the spec says, without the policy."""
        return digest_of(json.loads(self.spec.model_dump_json(exclude={"policy"})))


def read_model(path: Path, *, environment: Mapping[str, str], working_folder: Path) -> ModelDefinition:
    """The model that a ``defs.yaml`` declares.

    Args:
        path: the YAML; a link is followed, and relative paths inside are relative to the file it leads to.
        environment: what ``{{ env.NAME }}`` may name.
        working_folder: what a relative path is relative to when it begins with an environment variable.

    Raises:
        InvalidSpec: the file cannot be read or does not declare a model; all problems are listed.
    """
    real = path.resolve()
    document = _read_yaml(real)
    _must_declare_a_model(document, _Lines(real, prefix=()), where=str(path))
    attributes = resolve_attributes(
        document["attributes"],
        folder=real.parent,
        environment=environment,
        working_folder=working_folder,
        where=str(path),
    )
    lines = _Lines(real, prefix=("attributes",))
    spec = _validated(ModelSpec, attributes, where=str(path), lines=lines)
    policy = _policy_of(spec)
    for feature in named_features(policy):
        if feature not in spec.group_features:
            raise InvalidSpec(
                f"the policy names the sensitive feature {feature!r}{did_you_mean(feature, spec.group_features)}; "
                f"declared: {', '.join(spec.group_features) or 'none'}",
                where=str(path),
            )
    return ModelDefinition(spec=spec, policy=policy, path=real)


def _must_declare_a_model(document: dict[str, Any], lines: "_Lines", *, where: str) -> None:
    unknown = [str(key) for key in document if key not in COMPONENT_KEYS]
    known = ", ".join(COMPONENT_KEYS)
    problems = [
        f"line {lines.of((key,))}, {key}: unknown key{did_you_mean(key, COMPONENT_KEYS)}; known: {known}"
        for key in unknown
    ]
    if document.get("type") != COMPONENT_TYPE or not isinstance(document.get("attributes"), dict):
        got = f"type {document.get('type')!r}, attributes {type(document.get('attributes')).__name__}"
        problems.append(f"expected `type: {COMPONENT_TYPE}` and a mapping `attributes`, got {got}")
    if problems:
        raise InvalidSpec("\n".join(problems), where=where)


def default_policy() -> Policy:
    """The policy that ships with the platform."""
    text = importlib.resources.files("rai_platform.spec").joinpath("default_policy.yaml").read_text(encoding="utf-8")
    return Policy.model_validate(yaml.safe_load(text))


def read_policy(path: Path) -> PolicyOverlay:
    """The policy file at ``path``.

    Raises:
        InvalidSpec: it cannot be read or is no policy.
    """
    return _validated(PolicyOverlay, _read_yaml(path), where=str(path), lines=_Lines(path, prefix=()))


def resolve_attributes(
    attributes: dict[str, Any], *, folder: Path, environment: Mapping[str, str], working_folder: Path, where: str
) -> dict[str, Any]:
    """The attributes with every ``{{ env.NAME }}`` replaced and every path made absolute."""
    problems: list[str] = []

    def resolve(value: Any, at: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {key: resolve(item, (*at, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [resolve(item, (*at, str(index))) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        text = TEMPLATE.sub(lambda found: _variable(found[1], environment, ".".join(at), problems), value)
        if at in PATHS or (at[-1] == "path" and at[:-1] in PATHS):
            return _absolute(text.strip(), working_folder if value.lstrip().startswith("{{") else folder)
        return text

    resolved: dict[str, Any] = resolve(attributes, ())
    if problems:
        raise InvalidSpec("\n".join(problems), where=where)
    return resolved


def _variable(expression: str, environment: Mapping[str, str], at: str, problems: list[str]) -> str:
    if not expression.startswith("env."):
        problems.append(f"{at}: only {{{{ env.NAME }}}} is replaced, got {{{{ {expression} }}}}")
        return ""
    name = expression.removeprefix("env.")
    if name not in environment:
        problems.append(f"{at}: the environment variable {name} is not set; set it and try again")
        return ""
    return environment[name]


def _absolute(text: str, folder: Path) -> str:
    if not text or "://" in text or text.startswith(("sklearn:", "openml:", "generator:")):
        return text
    path = Path(text).expanduser()
    return str(path if path.is_absolute() else (folder / path).resolve())


def _policy_of(spec: ModelSpec) -> Policy:
    overlay = read_policy(Path(spec.policy)) if isinstance(spec.policy, str) else spec.policy
    return overlay.over(default_policy()).model_copy(update={"rules_digest": _rules_digest(spec.data.rules)})


def _rules_digest(rules: str | None) -> str | None:
    """The digest of the rules' text, whose limits judge as the policy's do; None where they cannot be read."""
    if rules is None:
        return None
    try:
        return hashlib.sha256(Path(rules).read_text(encoding="utf-8").encode()).hexdigest()
    except (OSError, UnicodeDecodeError):
        return None  # told where the rules are applied


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = load_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidSpec("no such file", where=str(path)) from None
    except IsADirectoryError:
        raise InvalidSpec("expected a YAML file, got a folder", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise InvalidSpec(f"expected UTF-8 text: {error}", where=str(path)) from None
    except yaml.YAMLError as error:
        raise InvalidSpec(f"not valid YAML: {' '.join(str(error).split())}", where=str(path)) from None
    if not isinstance(document, dict):
        raise InvalidSpec(f"expected a mapping, got {type(document).__name__}", where=str(path))
    return document


class _Lines:
    """The line of a YAML file on which a key stands, so that a mistake can be found."""

    def __init__(self, path: Path, *, prefix: tuple[str, ...]) -> None:
        self._root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        self._prefix = prefix

    def of(self, location: Place) -> int:
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


def _validated(model: type[M], value: Any, *, where: str, lines: _Lines) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidSpec("\n".join(_problems(model, error.errors(), value, lines)), where=where) from None


def _problems(model: type[BaseModel], details: list[ErrorDetails], value: Any, lines: _Lines) -> list[str]:
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
    got = repr(given) if not isinstance(given, dict | list) else "a mapping" if isinstance(given, dict) else "a list"
    return f"{wanted[0].lower()}{wanted[1:].replace(' or expected ', ' or ')}, got {got}"


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
