"""Where a model's policy asks for less than the one that ships: allowed, and said aloud."""

from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Policy, Requirement, requirement_for
from rai_platform.spec.reading import ModelDefinition, default_policy

SEVERITY = {"off": 0, "warn": 1, "block": 2}


def departures(definition: ModelDefinition) -> tuple[str, ...]:
    """Every point in which the policy asks for less than the default one does, in words; what it asks beyond is no departure."""
    policy, default = definition.policy, default_policy()
    found = []
    if policy.confidence < default.confidence:
        found.append(
            f"it is content with {100 * policy.confidence:g} % confidence, the default asks for {100 * default.confidence:g} %"
        )
    if policy.minimum_group_size > default.minimum_group_size and policy.on_insufficient_evidence == "disclose":
        found.append(
            f"groups of fewer than {policy.minimum_group_size:,} people are only named, the default judges them from "
            f"{default.minimum_group_size:,} on"
        )
    for name, metric in METRICS.items():
        features: tuple[str | None, ...] = definition.spec.group_features if metric.by_group else (None,)
        told: dict[str, list[str]] = {}
        for feature in features:
            wanted = requirement_for(default, name, feature)
            if wanted is not None and wanted.severity == "block":
                why = _less(requirement_for(policy, name, feature), wanted, policy, default)
                if why:
                    told.setdefault(why, []).extend([feature] if feature else [])
        for why, of in told.items():
            by = f" by {' and '.join(each.replace('_x_', ' x ') for each in of)}" if of else ""
            found.append(f"{name.replace('_', ' ')}{by}: {why}")
    return tuple(found)


def _less(mine: Requirement | None, wanted: Requirement, policy: Policy, default: Policy) -> str:
    """How a requirement asks for less than the default one; empty where it does not."""
    limit = wanted.limit(default.rule)
    if mine is None or mine.severity == "off":
        return f"not asked for, the default asks for {limit}"
    if SEVERITY[mine.severity] < SEVERITY[wanted.severity]:
        return f"only a warning, the default asks for {limit}"
    ours = mine.limit(policy.rule)
    looser = (
        (ours.minimum or 0.0) < (limit.minimum or 0.0)
        if limit.minimum is not None
        else (ours.maximum or 0.0) > (limit.maximum or 0.0)
    )
    if looser:
        return f"{ours}, the default asks for {limit}"
    if ours.rule == "point" and limit.rule == "interval":
        return "judged on the bare estimate, the default judges the interval"
    insufficient = mine.on_insufficient_evidence or policy.on_insufficient_evidence
    if insufficient == "disclose" and (wanted.on_insufficient_evidence or default.on_insufficient_evidence) == "refuse":
        return "what cannot be judged is only named, the default refuses it"
    return ""
