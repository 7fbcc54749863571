"""What is in production and why, from the ledger; and where Dagster or MLflow say otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg

from rai_platform.errors import LedgerBroken, TamperedArtifact, Unreachable
from rai_platform.home import Home
from rai_platform.pipeline.history import DagsterHistory
from rai_platform.release.ledger import Entry, EntryKind, Reader
from rai_platform.release.records import (
    SUBJECT,
    Production,
    RecordedVerdict,
    read_change,
    read_production,
    read_verdicts,
)
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import required_checks
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Interval, Limit, Verdict, severest

DECISIONS: dict[EntryKind, str] = {
    "promotion": "promoted",
    "confirmation": "promoted",
    "refusal": "refused",
    "rollback": "rolled_back",
    "withdrawal": "withdrawn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """Where a model stands.

    Attributes:
        model: its name.
        decision: the last one, or that of one run; None where nothing was decided.
        production: what is in production; None where nothing is.
        candidate: the model and data that were judged last.
        decided_because: the reasons of a refusal, or that nothing had to be done.
        to_know: what the production model was released in spite of.
        out_of_order: what a person should know although it changes nothing.
        verdicts: the ones that count.
    """

    model: str
    decision: str | None
    production: Production | None
    candidate: Subject | None
    decided_because: tuple[str, ...]
    to_know: tuple[str, ...]
    out_of_order: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that is to be said of it."""
        return (*self.decided_because, *self.to_know, *self.out_of_order)

    def as_json(self) -> dict[str, Any]:
        """The status for programs."""
        production = self.production
        return {
            "model": self.model,
            "decision": self.decision,
            "production": None
            if production is None
            else {
                "version": production.version,
                "model_digest": production.model_digest,
                "promoted_at": production.promoted_at,
                "rollback": _rollback_json(production),
            },
            "candidate": None if self.candidate is None else SUBJECT.dump_python(self.candidate, mode="json"),
            "reasons": list(self.reasons),
            "verdicts": [verdict_json(verdict) for verdict in self.verdicts],
        }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict for programs."""
    return {
        "asset": verdict.asset,
        "check": verdict.check,
        "requirement": verdict.requirement,
        "metric": verdict.metric,
        "sensitive_feature": verdict.sensitive_feature,
        "groups": list(verdict.groups),
        "verdict": verdict.outcome,
        "estimate": verdict.estimate,
        "interval": _interval_json(verdict.interval),
        "n": verdict.n,
        "detectable": verdict.detectable,
        "limit": _limit_json(verdict.limit),
        "severity": verdict.severity,
        "policy_digest": verdict.policy_digest,
        "subject": SUBJECT.dump_python(verdict.subject, mode="json"),
        "reason": verdict.reason,
    }


def status_of(
    name: str,
    home: Home,
    instance: dg.DagsterInstance,
    definition: ModelDefinition | None,
    *,
    run_id: str | None = None,
) -> ModelStatus:
    """Where a model stands, or what one run did to it.

    Args:
        name: the model.
        home: the platform's storage.
        instance: Dagster's.
        definition: None where the model's YAML is no longer there.
        run_id: of the run whose decision and verdicts are asked for; None for the last of all.
    """
    with home.ledger.read() as reader:
        decided = _last_decision(reader, name, run_id)
        verdicts = counting_verdicts(reader, name, definition, run_id)
        production = certified_production(home, reader, name)
        reasons = tuple(decided.body["reasons"]) if decided is not None and decided.kind == "refusal" else ()
        if decided is not None and decided.kind == "confirmation":
            reasons = ("identical to the production model already",)
        return ModelStatus(
            model=name,
            decision=next((word for kind, word in DECISIONS.items() if decided and kind == decided.kind), None),
            production=production,
            candidate=next((verdict.subject for verdict in verdicts if verdict.subject.model_digest), None),
            decided_because=reasons,
            to_know=(*_taken_back(reader, name), *(() if production is None else in_spite_of(production))),
            out_of_order=tuple(out_of_order(name, home, instance, definition, reader)),
            verdicts=verdicts,
        )


def counting_verdicts(
    reader: Reader, name: str, definition: ModelDefinition | None, run_id: str | None
) -> tuple[Verdict, ...]:
    """For every check of the model that was judged last the severest verdict; of one run, where that run judged anything."""
    recorded = read_verdicts(reader, name)
    if definition is not None:
        recorded = [item for item in recorded if item.verdict.policy_digest == definition.policy.digest]
    shown = [item for item in recorded if item.run_id == run_id] or recorded
    judged_last = next((item.verdict.subject for item in reversed(shown) if item.verdict.subject.model_digest), None)
    latest: dict[tuple[str, str], RecordedVerdict] = {
        (item.verdict.asset, item.verdict.check): item
        for item in shown
        if item.verdict.subject.model_digest is None or item.verdict.subject == judged_last
    }
    order = {
        (check.asset, check.name): place
        for place, check in enumerate(required_checks(definition) if definition else ())
    }
    wanted = sorted((key for key in latest if definition is None or key in order), key=lambda key: order.get(key, 0))
    return tuple(_counting(latest[key], recorded) for key in wanted)


def in_spite_of(production: Production) -> list[str]:
    """What the certificate of a production model says besides that it was released."""
    body = production.body
    less = [
        f"the policy it was released under asks for less than the default one: {told}" for told in body["departures"]
    ]
    return [*less, *(f"on record against the production model: {told}" for told in body["earlier"])]


def out_of_order(
    name: str, home: Home, instance: dg.DagsterInstance, definition: ModelDefinition | None, reader: Reader
) -> list[str]:
    """What a person should know although it changes nothing: a ledger, a Dagster record or an alias that was touched."""
    found = [f"the ledger does not verify: {problem}" for problem in home.ledger.problems()]
    if definition is None:
        return [*found, "its YAML is no longer there"]
    history = DagsterHistory(instance, definition)
    found += [*_if_readable(lambda: history.objections(reader)), *history.forgeries(reader)]
    production = certified_production(home, reader, name)
    change = read_change(reader, name)
    if production is None and change is not None and change.kind != "withdrawal":
        found.append(
            f"the last {change.kind} in the ledger is not certified by the platform's key: it was not made here"
        )
    try:
        return [*found, *_in_the_registry(name, home, production)]
    except Unreachable as error:  # what the ledger says is true all the same
        return [*found, error.message]


def _in_the_registry(name: str, home: Home, production: Production | None) -> list[str]:
    found = []
    if production is not None and (damage := home.registry.damage(production)) is not None:
        found.append(f"MLflow: {damage}; the next run restores what was released, and so does `rai doctor --mend`")
    pointed = home.registry.alias(name)
    if pointed != (production.version if production else None):
        found.append(
            f"MLflow's alias points to {f'version {pointed}' if pointed else 'nothing'}, the ledger says "
            f"{f'version {production.version}' if production else 'nothing'} is in production; the next run puts it right, and so "
            "does `rai doctor --mend`"
        )
    return found


def certified_production(home: Home, reader: Reader, name: str) -> Production | None:
    """What is in production, by a promotion that the platform's key certified for this very model; None otherwise.

    What was gone back to has the certificate that it was promoted with.
    """
    from rai_platform.release.certificate import read_certificate

    try:
        production = read_production(reader, name)
        if production is None:
            return None
        statement = read_certificate(production.body["certificate"], home.key.public)
    except (KeyError, TypeError, ValueError, TamperedArtifact, LedgerBroken):
        return None
    return production if statement["subject"][0]["digest"]["sha256"] == production.model_digest else None


def _taken_back(reader: Reader, name: str) -> list[str]:
    """That the last change of production was a rollback or a withdrawal, from what, by whom and why; empty otherwise."""
    change = read_change(reader, name)
    if change is None or change.kind == "promotion":
        return []
    try:
        return [told_change(change)]
    except (KeyError, TypeError):  # an entry that was tampered with; the ledger's problems name it
        return []


def told_change(change: Entry) -> str:
    """A rollback or a withdrawal in a sentence."""
    body = change.body
    left = f"version {body['left']['version']}" if body["left"] else "nothing in production"
    by = f"by {body['actor']}" if body["by"] == "hand" else f"as the policy says ({body['actor']})"
    if change.kind == "withdrawal":
        return f"{left} was withdrawn {by}, there was nothing to go back to: {body['reason']}"
    return f"rolled back from {left} to version {body['version']} {by}: {body['reason']}"


def _rollback_json(production: Production) -> dict[str, Any] | None:
    body = production.rollback
    if body is None:
        return None
    return {
        "entry": production.sequence,
        "from_version": body["left"] and body["left"]["version"],
        "reason": body["reason"],
        "actor": body["actor"],
        "by": body["by"],
    }


def _if_readable(look: Callable[[], list[str]]) -> list[str]:
    try:
        return look()
    except (KeyError, ValueError) as error:  # entries that were tampered with; the ledger's problems name them
        return [f"verdicts in the ledger cannot be read: {error}"]


def _last_decision(reader: Reader, name: str, run_id: str | None) -> Entry | None:
    entries = reader.entries(model=name, kinds=list(DECISIONS))
    mine = [entry for entry in entries if run_id is None or entry.body.get("run_id") == run_id]
    return mine[-1] if mine else None


def _counting(item: RecordedVerdict, recorded: list[RecordedVerdict]) -> Verdict:
    verdict = item.verdict
    same = [
        other.verdict
        for other in recorded
        if (other.verdict.asset, other.verdict.check, other.verdict.subject, other.verdict.policy_digest)
        == (verdict.asset, verdict.check, verdict.subject, verdict.policy_digest)
    ]
    worst = severest([other.outcome for other in same])
    return next(other for other in reversed(same) if other.outcome == worst)


def _interval_json(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.lower, interval.upper]


def _limit_json(limit: Limit) -> dict[str, Any]:
    side = {"min": limit.minimum} if limit.minimum is not None else {"max": limit.maximum}
    return {**side, "rule": limit.rule}
