"""What the platform writes into the ledger, and how it reads it back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from rai_platform.errors import LedgerBroken
from rai_platform.release.ledger import Entry, EntryKind, NewEntry, Reader
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Verdict
from rai_platform.training.candidate import Candidate

VERDICT = TypeAdapter(Verdict)
SUBJECT = TypeAdapter(Subject)
CHANGES_OF_PRODUCTION: tuple[EntryKind, ...] = ("promotion", "rollback", "withdrawal")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVerdict:
    """A verdict with its place in the ledger."""

    verdict: Verdict
    model: str
    sequence: int
    digest: str
    run_id: str
    recorded_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedEvaluation:
    """A judgement that was begun; unfinished where no verdict of the same attempt follows."""

    asset: str
    checks: tuple[str, ...]
    subject: Subject
    policy_digest: str
    run_id: str
    sequence: int
    recorded_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What is in production: what was promoted last in the ledger, or gone back to since.

    Attributes:
        model: the model's name.
        version: in the registry.
        model_digest: of the model.
        data_digest: of the data its evidence was measured on.
        promoted_at: since when it is in production, ISO 8601, UTC.
        sequence: the place in the ledger of what put it there: its promotion, or the rollback to it.
        body: all that was recorded when it was promoted, the certificate among it.
        rollback: what was recorded of the rollback to it; None where it was promoted and nothing else happened.
    """

    model: str
    version: str
    model_digest: str
    data_digest: str
    promoted_at: str
    sequence: int
    body: dict[str, Any]
    rollback: dict[str, Any] | None = None

    @property
    def promotion(self) -> int:
        """The place in the ledger of its promotion, whose certificate it has."""
        return self.sequence if self.rollback is None else int(self.rollback["promotion"])

    @property
    def replaces(self) -> int | None:
        """The place in the ledger of what was in production before."""
        before = self.body if self.rollback is None else self.rollback
        found: int | None = before["replaces"]
        return found


def verdict_entry(model: str, verdict: Verdict, *, run_id: str) -> NewEntry:
    """A verdict for the ledger."""
    return NewEntry(
        kind="verdict", model=model, body={"verdict": VERDICT.dump_python(verdict, mode="json"), "run_id": run_id}
    )


def started_entry(
    model: str, *, asset: str, checks: Sequence[str], subject: Subject, policy_digest: str, run_id: str
) -> NewEntry:
    """The beginning of a judgement for the ledger, so that one that never finished shows."""
    return NewEntry(
        kind="evaluation_started",
        model=model,
        body={
            "asset": asset,
            "checks": sorted(checks),
            "subject": SUBJECT.dump_python(subject, mode="json"),
            "policy_digest": policy_digest,
            "run_id": run_id,
        },
    )


def refusal_entry(
    model: str, *, reasons: Sequence[str], candidate: Subject | None, policy_digest: str, run_id: str
) -> NewEntry:
    """A refusal for the ledger."""
    return NewEntry(
        kind="refusal",
        model=model,
        body={
            "reasons": list(reasons),
            "candidate": None if candidate is None else SUBJECT.dump_python(candidate, mode="json"),
            "policy_digest": policy_digest,
            "run_id": run_id,
        },
    )


def confirmation_entry(production: Production, *, candidate: Subject, policy_digest: str, run_id: str) -> NewEntry:
    """For the ledger: a candidate was found to be the production model already, and to satisfy the policy."""
    return NewEntry(
        kind="confirmation",
        model=production.model,
        body={
            "promotion": production.sequence,
            "candidate": SUBJECT.dump_python(candidate, mode="json"),
            "policy_digest": policy_digest,
            "run_id": run_id,
        },
    )


def read_verdicts(reader: Reader, model: str) -> list[RecordedVerdict]:
    """Every verdict about a model, oldest first."""
    return [recorded_verdict(entry) for entry in reader.entries(model=model, kinds=["verdict"])]


def read_verdicts_on(reader: Reader, model_digest: str | None) -> list[RecordedVerdict]:
    """Every verdict about a model by its digest, under whatever name it was judged, oldest first."""
    if model_digest is None:
        return []
    found = [recorded_verdict(entry) for entry in reader.entries(kinds=["verdict"], naming=model_digest)]
    return [item for item in found if item.verdict.subject.model_digest == model_digest]


def recorded_verdict(entry: Entry) -> RecordedVerdict:
    """The verdict in an entry."""
    return RecordedVerdict(
        verdict=VERDICT.validate_python(entry.body["verdict"]),
        model=entry.model,
        sequence=entry.sequence,
        digest=entry.digest,
        run_id=entry.body["run_id"],
        recorded_at=entry.recorded_at,
    )


def read_unfinished(reader: Reader, model: str) -> list[StartedEvaluation]:
    """Judgements that were begun, each with those of its checks that have had no verdict since."""
    open_checks: dict[tuple[str, Subject, str], dict[str, StartedEvaluation]] = {}
    for entry in reader.entries(model=model, kinds=["evaluation_started", "verdict"]):
        if entry.kind == "evaluation_started":
            started = _started(entry)
            begun = open_checks.setdefault((started.asset, started.subject, started.policy_digest), {})
            begun.update(dict.fromkeys(started.checks, started))
        else:
            verdict = recorded_verdict(entry).verdict
            open_checks.get((verdict.asset, verdict.subject, verdict.policy_digest), {}).pop(verdict.check, None)
    unfinished: dict[int, StartedEvaluation] = {}
    for begun in open_checks.values():
        for check, started in begun.items():
            known = unfinished.get(started.sequence)
            checks = (*known.checks, check) if known else (check,)
            unfinished[started.sequence] = replace(started, checks=checks)
    return list(unfinished.values())


def candidate_entry(candidate: Candidate, *, run_id: str) -> NewEntry:
    """A trained candidate for the ledger: which model learned from which data."""
    return NewEntry(
        kind="candidate",
        model=candidate.model,
        body={
            "model_digest": candidate.model_digest,
            "training_digest": candidate.training_digest,
            "spec_digest": candidate.spec_digest,
            "files": {name: file.content for name, file in candidate.files.items()},
            "composition": candidate.manifest.composition,
            "mlflow_run_id": candidate.mlflow_run_id,
            "code_version": candidate.code_version,
            "run_id": run_id,
        },
    )


def is_on_record(reader: Reader, candidate: Candidate) -> bool:
    """Whether the platform itself trained this model on these data, with these files, in this run."""
    known = ("model_digest", "training_digest", "files", "composition", "mlflow_run_id")
    mine = candidate_entry(candidate, run_id="").body
    return any(
        all(entry.body.get(name) == mine[name] for name in known)
        for entry in reader.entries(model=candidate.model, kinds=["candidate"])
    )


def read_change(reader: Reader, model: str) -> Entry | None:
    """The last entry that changed what is in production; None where nothing ever was."""
    return reader.last(model=model, kinds=CHANGES_OF_PRODUCTION)


def read_production(reader: Reader, model: str) -> Production | None:
    """What is in production, or None; where its files in the registry had to be restored, the version that holds them.

    Raises:
        LedgerBroken: a rollback went back to something that was never promoted.
    """
    changed = read_change(reader, model)
    production = None if changed is None else _made_by(reader, changed)
    return None if production is None else held_now(reader, production)


def read_promoted(reader: Reader, model: str) -> list[Production]:
    """Every model that was promoted under a name, the last one first, by the version that holds it now."""
    promoted = [production_of(entry) for entry in reader.entries(model=model, kinds=["promotion"])]
    return [held_now(reader, production) for production in reversed(promoted)]


def production_at(reader: Reader, model: str, sequence: int) -> Production | None:
    """What an entry put in production, by the version that held it then; None where it put nothing there."""
    entry = reader.at(sequence)
    if entry is None or entry.model != model or entry.kind not in CHANGES_OF_PRODUCTION:
        return None
    return _made_by(reader, entry)


def held_now(reader: Reader, production: Production) -> Production:
    """A production model by the version that holds its files now: the one they were restored to, where they had to be."""
    for entry in reversed(list(reader.entries(model=production.model, kinds=["release_restored"]))):
        if entry.body["promotion"] == production.promotion:
            body = {**production.body, "version": entry.body["version"], "release": entry.body["release"]}
            return replace(production, version=entry.body["version"], body=body)
    return production


def production_of(entry: Entry) -> Production:
    """The production model that a promotion made."""
    return Production(
        model=entry.model,
        version=entry.body["version"],
        model_digest=entry.body["model_digest"],
        data_digest=entry.body["data_digest"],
        promoted_at=entry.recorded_at,
        sequence=entry.sequence,
        body=entry.body,
    )


def _made_by(reader: Reader, entry: Entry) -> Production | None:
    """What a change of production left there."""
    if entry.kind == "withdrawal":
        return None
    if entry.kind == "promotion":
        return production_of(entry)
    promoted = reader.at(entry.body["promotion"])
    if (
        promoted is None
        or (promoted.kind, promoted.model) != ("promotion", entry.model)
        or promoted.body["model_digest"] != entry.body["model_digest"]
    ):
        raise LedgerBroken(
            f"entry {entry.sequence} goes back to entry {entry.body['promotion']}, which is no promotion of that model"
        )
    return replace(production_of(promoted), promoted_at=entry.recorded_at, sequence=entry.sequence, rollback=entry.body)


def _started(entry: Entry) -> StartedEvaluation:
    body = entry.body
    return StartedEvaluation(
        asset=body["asset"],
        checks=tuple(body["checks"]),
        subject=SUBJECT.validate_python(body["subject"]),
        policy_digest=body["policy_digest"],
        run_id=body["run_id"],
        sequence=entry.sequence,
        recorded_at=entry.recorded_at,
    )
