"""JSON Schemas of what people write and what programs read, made from the very types that check and hold them.

`rai schema` prints them; `docs/schemas/` publishes them.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from rai_platform.card.rendering import card_schema
from rai_platform.release.rollbacks import By
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.model import ASSETS, MITIGATION_REPORT, ModelSpec
from rai_platform.spec.policy import PolicyOverlay
from rai_platform.spec.reading import COMPONENT_KEYS, COMPONENT_TYPE
from rai_platform.spec.verdict import Outcome, Rule, Severity

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ORIGINS = ("estimator", "model", "predictions")  # of a model's decisions: one of them is given
EXACTLY = ConfigDict(extra="forbid")


def model_schema() -> Schema:
    """What a model's ``defs.yaml`` may say: Dagster's frame around the attributes of a ``ModelSpec``."""
    attributes = ModelSpec.model_json_schema()
    definitions = attributes.pop("$defs")
    definitions["Requirement"] |= _limits_on_the_good_side(definitions["Requirement"])
    attributes["properties"]["resources"]["propertyNames"] = {"enum": ["default", *ASSETS, MITIGATION_REPORT]}
    attributes["oneOf"] = [
        {
            "required": [one],
            "properties": {one: {"type": "object"}, **{other: {"type": "null"} for other in ORIGINS if other != one}},
        }
        for one in ORIGINS
    ]
    dagsters_own = {key: {"description": "Dagster's own."} for key in COMPONENT_KEYS}
    return {
        "$schema": DRAFT,
        "title": "A model",
        "type": "object",
        "properties": {**dagsters_own, "type": {"const": COMPONENT_TYPE}, "attributes": {"$ref": "#/$defs/ModelSpec"}},
        "required": ["type", "attributes"],
        "additionalProperties": False,
        "$defs": {**definitions, "ModelSpec": attributes},
    }


def policy_schema() -> Schema:
    """What a policy file may say; a policy inside a model's YAML is the same."""
    schema = PolicyOverlay.model_json_schema()
    schema["$defs"]["Requirement"] |= _limits_on_the_good_side(schema["$defs"]["Requirement"])
    return {"$schema": DRAFT, **schema, "title": "A policy"}


def _limits_on_the_good_side(requirement: Schema) -> Schema:
    """What a requirement's validator asks for besides the types: a metric that exists, and a limit on its good side."""

    def judged(metrics: list[str], wanted: str, other: str) -> Schema:
        properties = {"metric": {"enum": metrics}, wanted: {"type": "number"}, other: {"type": "null"}}
        return {"properties": properties, "required": [wanted]}

    high = sorted(name for name, metric in METRICS.items() if metric.good == "high")
    low = sorted(name for name, metric in METRICS.items() if metric.good == "low")
    metric = {**requirement["properties"]["metric"], "enum": sorted(METRICS)}
    return {
        "properties": {**requirement["properties"], "metric": metric},
        "if": {"properties": {"severity": {"const": "off"}}, "required": ["severity"]},
        "then": {"properties": {"reason": {"minLength": 1}}, "required": ["reason"]},
        "else": {"oneOf": [judged(high, "min", "max"), judged(low, "max", "min")]},
    }


@dataclass(config=EXACTLY)
class About:
    """The model and the data that evidence is about."""

    model_digest: Digest | None
    data_digest: Digest


@dataclass(config=EXACTLY)
class GoneBackTo:
    """The rollback that put a version back in production."""

    entry: Annotated[int, Field(description="Its place in the ledger.")]
    from_version: Annotated[str | None, Field(description="What was left; null where nothing was in production.")]
    reason: str
    actor: str
    by: By


@dataclass(config=EXACTLY)
class InProduction:
    """What is in production."""

    version: str
    model_digest: Digest
    promoted_at: Annotated[
        str, Field(json_schema_extra={"format": "date-time"}, description="Since when; ISO 8601, UTC.")
    ]
    rollback: Annotated[
        GoneBackTo | None, Field(description="Null where it was promoted, and nothing went back to it.")
    ]


@dataclass(config=EXACTLY)
class AtLeast:
    """A limit from below."""

    min: float
    rule: Rule


@dataclass(config=EXACTLY)
class AtMost:
    """A limit from above."""

    max: float
    rule: Rule


@dataclass(config=EXACTLY)
class Judged:
    """One verdict."""

    asset: str
    check: str
    requirement: str
    metric: str
    sensitive_feature: str | None
    groups: list[str]
    verdict: Outcome
    estimate: float | None
    interval: tuple[float, float] | None
    n: int
    detectable: float | None
    limit: AtLeast | AtMost
    severity: Severity
    policy_digest: Digest
    subject: About
    reason: str


@dataclass(config=EXACTLY)
class Status:
    """Where one model stands."""

    model: str
    decision: Annotated[
        Literal["promoted", "refused", "rolled_back", "withdrawn"] | None,
        Field(description="The last one, or that of the run; null where none."),
    ]
    production: InProduction | None
    candidate: Annotated[About | None, Field(description="The model and data that were judged last.")]
    reasons: list[str]
    verdicts: list[Judged]


@dataclass(config=EXACTLY)
class Problem:
    """What went wrong, by a code that stays the same, in words, and where."""

    code: str
    message: str
    where: str | None


@dataclass(config=EXACTLY)
class Failed:
    """What a command prints instead, when it cannot do its work (exit codes 1 and 2)."""

    error: Problem


def status_schema() -> Schema:
    """What ``rai run``, ``promote`` and ``status`` print with ``--json``; without a name ``status`` prints a list."""
    schema = TypeAdapter(Status | list[Status] | Failed).json_schema()
    return {"$schema": DRAFT, "title": "The answer of rai run, promote and status with --json", **schema}


SCHEMAS: dict[str, Callable[[], Schema]] = {
    "model": model_schema,
    "policy": policy_schema,
    "card": card_schema,
    "status": status_schema,
}
