"""A model's YAML, read once: templates resolved, paths made absolute, policy merged, every mistake told at once."""

import hashlib
import importlib.resources
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rai_platform.errors import InvalidSpec, did_you_mean
from rai_platform.spec.digests import digest_of
from rai_platform.spec.mistakes import Lines, kind, validated
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.policy import Policy, PolicyOverlay, named_features
from rai_platform.spec.yaml_text import load_yaml

COMPONENT_TYPE = "rai_platform.pipeline.ResponsibleModel"
COMPONENT_KEYS = ("type", "attributes", "requirements", "post_processing", "template_vars_module")
TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
HARMLESS = ("attacks", "guard", "harmless")
PATHS = (
    ("data", "source"),
    ("data", "rules"),
    ("split", "test"),
    ("predictions", "source"),
    ("policy",),
    ("attacks", "garak"),
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
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name no file can have
        raise InvalidSpec(f"cannot be read: {error}", where=str(path)) from None
    document = _read_yaml(real)
    _must_declare_a_model(document, Lines(real, prefix=()), where=str(path))
    attributes = resolve_attributes(
        document["attributes"],
        folder=real.parent,
        environment=environment,
        working_folder=working_folder,
        where=str(path),
    )
    lines = Lines(real, prefix=("attributes",))
    spec = validated(ModelSpec, attributes, where=str(path), lines=lines)
    policy = _policy_of(spec)
    for feature in named_features(policy):
        if feature not in spec.group_features:
            raise InvalidSpec(
                f"the policy names the sensitive feature {feature!r}{did_you_mean(feature, spec.group_features)}; "
                f"declared: {', '.join(spec.group_features) or 'none'}",
                where=str(path),
            )
    definition = ModelDefinition(spec=spec, policy=policy, path=real)
    _must_ask_for_something(definition, where=str(path))
    return definition


def _must_ask_for_something(definition: ModelDefinition, *, where: str) -> None:
    from rai_platform.spec.requirements import blocking_checks  # which needs the definition

    if not blocking_checks(definition):
        raise InvalidSpec(
            "the policy has no requirement that release depends on, so that any model would be released; give at least "
            "one whose severity is `block`",
            where=where,
        )


def _must_declare_a_model(document: dict[str, Any], lines: Lines, *, where: str) -> None:
    unknown = [str(key) for key in document if key not in COMPONENT_KEYS]
    known = ", ".join(COMPONENT_KEYS)
    problems = [
        f"line {lines.of((key,))}, {key}: unknown key{did_you_mean(key, COMPONENT_KEYS)}; known: {known}"
        for key in unknown
    ]
    if document.get("type") != COMPONENT_TYPE or not isinstance(document.get("attributes"), dict):
        got = f"type {document.get('type')!r}, attributes {kind(document.get('attributes'))}"
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
    return validated(PolicyOverlay, _read_yaml(path), where=str(path), lines=Lines(path, prefix=()))


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
        if at in PATHS or at[:-1] == HARMLESS or (at[-1] in ("path", "labels") and at[:-1] in PATHS):
            return _absolute(text.strip(), working_folder if value.lstrip().startswith("{{") else folder, at, problems)
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


def _absolute(text: str, folder: Path, at: tuple[str, ...], problems: list[str]) -> str:
    if not text or "://" in text or text.startswith(("sklearn:", "openml:", "generator:")):
        return text
    try:
        path = Path(text).expanduser()
        return str(path if path.is_absolute() else (folder / path).resolve())
    except (OSError, RuntimeError, ValueError) as error:  # somebody's home that is not there, a name no file can have
        problems.append(f"{'.'.join(at)}: no path can be {text!r}: {error}")
        return text


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
    except OSError as error:
        raise InvalidSpec(f"cannot be read: {error.strerror}", where=str(path)) from None
    except yaml.YAMLError as error:
        raise InvalidSpec(f"not valid YAML: {' '.join(str(error).split())}", where=str(path)) from None
    if not isinstance(document, dict):
        raise InvalidSpec(f"expected a mapping, got {kind(document)}", where=str(path))
    return document
