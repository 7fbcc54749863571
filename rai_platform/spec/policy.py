"""What a model must prove before it is released: requirements, limits, and who said so."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rai_platform.errors import did_you_mean
from rai_platform.spec.digests import digest_of
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.modality import MODALITIES, Modality
from rai_platform.spec.verdict import Limit, Rule

Insufficient = Literal["refuse", "disclose"]


class Strict(BaseModel):
    """What a person writes: frozen, and unknown keys are mistakes."""

    # A parameter may be infinite; as text it stays apart from null where it is digested.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="strings")


class ReferenceGroup(Strict):
    """The group that all others are compared with."""

    group: str


ServiceLevel = Literal["data", "prediction", "attribution", "performance", "fairness"]
Reference = Literal["best", "largest"] | ReferenceGroup


class Requirement(Strict):
    """One limit on one metric."""

    metric: str = Field(description="What is measured; see the list of metrics.")
    sensitive_features: Literal["all"] | tuple[str, ...] = Field(
        default="all", description="Which sensitive features or intersections (`sex_x_race`) it is judged by."
    )
    min: float | None = Field(default=None, description="The smallest value allowed.")
    max: float | None = Field(default=None, description="The largest value allowed.")
    rule: Rule | None = Field(
        default=None,
        description="`interval` judges the interval, `point` the bare estimate; the policy's rule by default.",
    )
    severity: Literal["block", "warn", "off"] = Field(
        default="block",
        description="`block`: release depends on it. `warn`: judged and shown. `off`: not judged, and the card says so.",
    )
    on_insufficient_evidence: Insufficient | None = Field(
        default=None,
        description="What happens with groups below the minimum group size: `refuse`, or `disclose` them and judge the rest.",
    )
    reference: Reference | None = Field(
        default=None,
        description="Fairness: whom groups are compared with. `best`: every group with every other, so with the one that "
        "fares best; `largest`; or `{group: NAME}`. The policy's by default.",
    )
    strength: float | None = Field(
        default=None,
        gt=0,
        description="Robustness: the strength of the perturbation; of an attack, its budget or distance.",
    )
    top: int | None = Field(
        default=None, ge=1, description="Explanations: how many of the strongest features are looked at."
    )
    features: Literal["sensitive"] | tuple[str, ...] | None = Field(
        default=None,
        description="Explanations: the forbidden features; `sensitive` means the declared sensitive columns.",
    )
    applies_to: tuple[Modality, ...] | None = Field(
        default=None,
        description="What a model has to see for it to be asked: `table`, `text`, `image`; all by default.",
    )
    reason: str = Field(default="", description="Why this limit.")
    source: str = Field(default="", description="The law, guideline or study behind it.")

    @model_validator(mode="after")
    def _is_about_a_metric_that_exists(self) -> Self:
        metric = METRICS.get(self.metric)
        if metric is None:
            raise ValueError(
                f"no metric {self.metric!r}{did_you_mean(self.metric, METRICS)}; metrics: {', '.join(sorted(METRICS))}"
            )
        if self.severity == "off":
            if not self.reason:
                raise ValueError(f"switching {self.metric} off needs a `reason`; the card will show it")
            return self
        wanted, other = ("min", "max") if metric.good == "high" else ("max", "min")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"{self.metric} is good when it is {metric.good}: give `{wanted}`, and no `{other}`")
        if metric.is_share and abs(getattr(self, wanted)) > 1:
            raise ValueError(f"{self.metric} is a share: write `{wanted}: 0.05` for 5 %, got {getattr(self, wanted):g}")
        if metric.strength_is_share and (self.strength or 0) > 1:
            raise ValueError(
                f"the strength of {self.metric} is a share of the cells, from 0 to 1, got {self.strength:g}"
            )
        if metric.strengths and self.strength is not None and self.strength not in metric.strengths:
            known = ", ".join(f"{each:g}" for each in metric.strengths)
            raise ValueError(f"the strength of {self.metric} is one of {known}, got {self.strength:g}")
        if not metric.by_group and self.sensitive_features != "all":
            raise ValueError(f"{self.metric} is judged once, not by group: leave out `sensitive_features`")
        if self.reference is not None and metric.assets != ("fairness_report",):
            raise ValueError(f"{self.metric} compares no groups of people: leave out `reference`")
        for option in ("strength", "top", "features"):
            if getattr(self, option) is not None and option not in metric.options:
                raise ValueError(f"{self.metric} takes no `{option}`")
        return self

    def limit(self, default_rule: Rule) -> Limit:
        """The limit with the rule that applies."""
        return Limit(minimum=self.min, maximum=self.max, rule=self.rule or default_rule)


class RollbackRule(Strict):
    """When production goes back by itself, and what a rollback does where it has a choice."""

    on: tuple[ServiceLevel, ...] = Field(
        default=(),
        description="Alerts about these lead back by themselves: `data` (what the model sees), `prediction` (what it says), "
        "`attribution` (what moves its score), `performance`, `fairness`. None by default: an alert is told, and a person decides.",
    )
    when_nothing_to_go_back_to: Literal["keep_serving", "refuse"] = Field(
        default="keep_serving",
        description="Where no earlier version may be gone back to: `keep_serving` leaves the one in production, `refuse` "
        "withdraws it, and the service answers with 503 until the next promotion.",
    )


class Policy(Strict):
    """The requirements that decide about a release."""

    name: str
    description: str = ""
    confidence: float = Field(
        default=0.95, ge=0.5, lt=1, description="How sure a PASS and a FAIL have to be, each on its own side."
    )
    minimum_group_size: int = Field(
        default=100, ge=1, description="Rows below which a rate of a group is not judged, for lack of evidence."
    )
    rule: Rule = "interval"
    on_insufficient_evidence: Insufficient = "refuse"
    reference: Reference = Field(default="best", description="Whom groups are compared with.")
    requirements: tuple[Requirement, ...] = ()
    rules_digest: str | None = Field(
        default=None, description="SHA-256 of the model's `data.rules`, which decide what breaks the schema."
    )
    rollback: RollbackRule = RollbackRule()

    @property
    def digest(self) -> str:
        """The digest that goes into every verdict made under this policy; of all that judges, so without the rollback."""
        return digest_of(self.model_dump(mode="json", exclude={"rollback"}))


class PolicyOverlay(Strict):
    """A file or an inline mapping that changes the default policy, or replaces it with ``extends: none``."""

    extends: Literal["default", "none"] = "default"
    name: str | None = None
    description: str | None = None
    confidence: Annotated[float | None, Field(ge=0.5, lt=1)] = None
    minimum_group_size: Annotated[int | None, Field(ge=1)] = None
    rule: Rule | None = None
    on_insufficient_evidence: Insufficient | None = None
    reference: Reference | None = None
    rollback: RollbackRule | None = None
    requirements: tuple[Requirement, ...] = ()

    def over(self, default: Policy) -> Policy:
        """The policy that results; of two requirements on the same metric and feature the later one holds."""
        kept = {
            name: getattr(self, name) for name in type(self).model_fields if name not in ("extends", "requirements")
        }
        given: dict[str, Any] = {name: value for name, value in kept.items() if value is not None}
        if self == PolicyOverlay():
            return default
        if self.extends == "none":
            return Policy(**{"name": "inline", **given}, requirements=self.requirements)
        return default.model_copy(
            update={
                "name": f"{default.name}, changed for this model",
                **given,
                "requirements": (*default.requirements, *self.requirements),
            }
        )


def requirement_for(
    policy: Policy, metric: str, feature: str | None, modalities: tuple[Modality, ...] = MODALITIES
) -> Requirement | None:
    """The requirement on a metric that holds for a feature: the last one that names it or all; None where there is none.

    One that applies to other kinds of input alone does not count.
    """
    matching = [
        requirement
        for requirement in policy.requirements
        if requirement.metric == metric
        and (requirement.applies_to is None or set(requirement.applies_to) & set(modalities))
        and (feature is None or requirement.sensitive_features == "all" or feature in requirement.sensitive_features)
    ]
    return matching[-1] if matching else None


def named_features(policy: Policy) -> Sequence[str]:
    """Every sensitive feature or intersection that the policy calls by name."""
    return [
        feature
        for requirement in policy.requirements
        if requirement.sensitive_features != "all"
        for feature in requirement.sensitive_features
    ]
