"""Where a model's policy asks for less than the one that ships: allowed, and said aloud."""

from collections.abc import Iterable

from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Policy, Requirement, requirement_for
from rai_platform.spec.reading import ModelDefinition, default_policy
from rai_platform.spec.verdict import Limit

SEVERITY = {"off": 0, "warn": 1, "block": 2}


def departures(definition: ModelDefinition) -> tuple[str, ...]:
    """Every point in which the policy asks for less than the default one does, in words; what it asks beyond is no departure."""
    policy, default = definition.policy, default_policy()
    columns = tuple(feature.source_column for feature in definition.spec.sensitive_features)
    found = []
    if policy.name == default.name and policy.requirements != default.requirements:
        found.append(f"it is called “{policy.name}” and is another one")
    if policy.confidence < default.confidence:
        found.append(
            f"it is content with {100 * policy.confidence:.15g} % confidence, the default asks for {100 * default.confidence:.15g} %"
        )
    if policy.rule == "point" and policy.minimum_group_size < default.minimum_group_size:
        found.append(
            f"groups are judged on the bare estimate from {policy.minimum_group_size:,} people on, the default asks for "
            f"{default.minimum_group_size:,}"
        )
    if not definition.spec.sensitive_features:
        found.append("no sensitive feature is declared, so nothing is judged by group")
    for name, metric in METRICS.items():
        features: tuple[str | None, ...] = definition.spec.group_features or (None,) if metric.by_group else (None,)
        told: dict[str, list[str]] = {}
        for feature in features:
            wanted = requirement_for(default, name, feature, definition.spec.data.modalities)
            if wanted is not None and wanted.severity == "block":
                mine = requirement_for(policy, name, feature, definition.spec.data.modalities)
                for why in _less(mine, wanted, policy, default, columns):
                    told.setdefault(why, []).extend([feature] if feature else [])
        for why, of in told.items():
            by = f" by {' and '.join(each.replace('_x_', ' x ') for each in of)}" if of else ""
            found.append(f"{name.replace('_', ' ')}{by}: {why}")
    return tuple(found)


def _less(
    mine: Requirement | None, wanted: Requirement, policy: Policy, default: Policy, sensitive_columns: tuple[str, ...]
) -> Iterable[str]:
    """Every way in which a requirement asks for less than the default one."""
    limit = wanted.limit(default.rule)
    if mine is None or mine.severity == "off":
        yield f"not asked for, the default asks for {limit}"
        return
    if SEVERITY[mine.severity] < SEVERITY[wanted.severity]:
        yield f"only a warning, the default asks for {limit}"
        return
    ours = mine.limit(policy.rule)
    if _is_looser(ours, limit):
        yield f"{ours}, the default asks for {limit}"
    if ours.rule == "point" and limit.rule == "interval":
        yield "judged on the bare estimate, the default judges the interval"
    if (mine.strength or 0) < (wanted.strength or 0):
        yield f"at strength {mine.strength or 0:.15g}, the default asks for {wanted.strength:.15g}"
    if mine.top is not None and (wanted.top is None or mine.top < wanted.top):
        yield f"among the strongest {mine.top}, the default looks at {wanted.top or 'all'}"
    if isinstance(mine.features, tuple) and not set(mine.features) >= set(sensitive_columns):
        yield f"of {', '.join(mine.features) or 'no feature at all'}, the default asks it of {', '.join(sensitive_columns)}"
    if _leave(mine, policy) == "disclose" and _leave(wanted, default) == "refuse":
        small = (
            f"; groups of fewer than {policy.minimum_group_size:,} people are not judged, the default judges them from "
            f"{default.minimum_group_size:,} on"
        )
        yield "what cannot be judged is only named, the default refuses it" + (
            small if policy.minimum_group_size > default.minimum_group_size else ""
        )


def _is_looser(ours: Limit, theirs: Limit) -> bool:
    if theirs.minimum is not None:
        return ours.minimum is None or ours.minimum < theirs.minimum
    return theirs.maximum is not None and (ours.maximum is None or ours.maximum > theirs.maximum)


def _leave(requirement: Requirement, policy: Policy) -> str:
    return requirement.on_insufficient_evidence or policy.on_insufficient_evidence
