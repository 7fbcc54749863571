"""Which checks a release requires: from the spec and the policy, never from what happened to run."""

from collections.abc import Iterator
from dataclasses import dataclass

from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Policy, Requirement, requirement_for
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.verdict import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredCheck:
    """One check that the policy asks for.

    Attributes:
        asset: the asset it judges.
        requirement: the limit and its reason.
        sensitive_feature: the feature or intersection it is judged by; None where it is judged once.
    """

    asset: str
    requirement: Requirement
    sensitive_feature: str | None

    @property
    def name(self) -> str:
        """``<metric>__<sensitive_feature>``, or ``<metric>``."""
        metric = self.requirement.metric
        return f"{metric}__{self.sensitive_feature}" if self.sensitive_feature else metric

    @property
    def severity(self) -> Severity:
        """Whether release depends on it."""
        return "warn" if self.requirement.severity == "warn" else "block"

    def in_words(self, policy: Policy) -> str:
        """The requirement as a phrase: ``disparate_impact by sex at least 0.8``."""
        by = f" by {self.sensitive_feature}" if self.sensitive_feature else ""
        at = f" at strength {self.requirement.strength:g}" if self.requirement.strength else ""
        return f"{self.requirement.metric}{by}{at} {self.requirement.limit(policy.rule)}"


def required_checks(definition: ModelDefinition) -> tuple[RequiredCheck, ...]:
    """Every check the policy asks for, warnings included, in the order of the metrics' list.

    A metric by group is asked for every sensitive feature and intersection; where none is declared it is asked once,
    and finds no evidence.
    """
    return tuple(
        RequiredCheck(asset=asset, requirement=requirement, sensitive_feature=feature)
        for requirement, feature in _requirements_that_hold(definition)
        if requirement.severity != "off"
        for asset in METRICS[requirement.metric].assets
        if not (asset == "training_data" and not definition.spec.learns)
    )


def switched_off(definition: ModelDefinition) -> dict[str, Requirement]:
    """What the policy says is not to be judged, by name: ``roc_auc``, ``disparate_impact by sex and race``."""
    features: dict[str, list[str]] = {}
    switched: dict[str, Requirement] = {}
    for requirement, feature in _requirements_that_hold(definition):
        if requirement.severity == "off":
            switched[requirement.metric] = requirement
            features.setdefault(requirement.metric, []).extend([feature] if feature else [])
    declared = list(definition.spec.group_features)
    return {
        metric if features[metric] in ([], declared) else f"{metric} by {' and '.join(features[metric])}": requirement
        for metric, requirement in switched.items()
    }


def _requirements_that_hold(definition: ModelDefinition) -> Iterator[tuple[Requirement, str | None]]:
    """For every metric and feature the one requirement that holds, in the order of the metrics' list."""
    for name, metric in METRICS.items():
        features: tuple[str | None, ...] = (definition.spec.group_features or (None,)) if metric.by_group else (None,)
        for feature in features:
            requirement = requirement_for(definition.policy, name, feature, definition.spec.data.modalities)
            if requirement is not None:
                yield requirement, feature


def checks_of(definition: ModelDefinition, asset: str) -> tuple[RequiredCheck, ...]:
    """The checks of one asset."""
    return tuple(check for check in required_checks(definition) if check.asset == asset)


def blocking_checks(definition: ModelDefinition) -> tuple[RequiredCheck, ...]:
    """The checks that release depends on."""
    return tuple(check for check in required_checks(definition) if check.severity == "block")
