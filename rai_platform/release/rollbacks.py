"""Rollbacks in the ledger: who went back from what to what, why, what was passed over, and who saw it happen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rai_platform.errors import BadInput
from rai_platform.release.ledger import Entry, NewEntry, Reader
from rai_platform.release.records import Production
from rai_platform.spec.policy import Policy
from rai_platform.spec.verdict import Verdict

By = Literal["hand", "policy"]
Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """Who asks for a rollback, and why.

    Attributes:
        reason: in words.
        actor: the person, or what of the platform acts by the policy.
        by: whether a person asks or the policy does.
        to: the version to go back to; the last one that may be gone back to where None.
        avoid: why a model is not to be gone back to, by its digest: one that is itself in breach.
        breach: of the policy, that made it necessary; plain JSON.
    """

    reason: str
    actor: str
    by: By = "hand"
    to: str | None = None
    avoid: Mapping[str, str] | None = None
    breach: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise BadInput("expected why, in words, got nothing: the ledger keeps it", where="--reason")
        if self.by == "policy" and self.to is not None:
            raise BadInput("only a person names the version to go back to", where="to")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """An earlier version that was not gone back to.

    Attributes:
        version: in the registry.
        promotion: its promotion's place in the ledger.
        model_digest: of the model.
        promoted_at: ISO 8601, UTC.
        why: not, in words.
    """

    version: str
    promotion: int
    model_digest: str
    promoted_at: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a service answered after a change of production.

    Attributes:
        endpoint: that was asked.
        expected: digest of the model that should answer; None where none should.
        digest: of the model that answered last; None where none did.
        verified: whether it was what was expected, in time.
        seconds: from the change to the answer that shows it, or until nobody asked any more.
        problem: what stands in the way, in words; None where it was verified.
    """

    endpoint: str
    expected: str | None
    digest: str | None
    verified: bool
    seconds: float
    problem: str | None


def rollback_entry(
    request: RollbackRequest,
    target: Production,
    *,
    left: Production | None,
    replaces: int,
    policy: Policy,
    verdicts: Sequence[Verdict],
    passed_over: Sequence[PassedOver],
) -> NewEntry:
    """A rollback for the ledger; the certificate stays where it is, with the promotion."""
    body = {
        "promotion": target.promotion,
        "version": target.version,
        "model_digest": target.model_digest,
        "verdicts": [_judged(verdict) for verdict in verdicts],
        **_asked(request, left, policy, passed_over),
        "replaces": replaces,
    }
    return NewEntry(kind="rollback", model=target.model, body=body)


def withdrawal_entry(
    request: RollbackRequest,
    left: Production,
    *,
    policy: Policy,
    passed_over: Sequence[PassedOver],
) -> NewEntry:
    """For the ledger: nothing is in production from now on."""
    body = {**_asked(request, left, policy, passed_over), "replaces": left.sequence}
    return NewEntry(kind="withdrawal", model=left.model, body=body)


def failed_entry(
    model: str,
    request: RollbackRequest,
    left: Production | None,
    *,
    policy: Policy,
    passed_over: Sequence[PassedOver],
) -> NewEntry:
    """For the ledger: somebody wanted to go back, and there is nothing to go back to."""
    return NewEntry(kind="rollback_failed", model=model, body=_asked(request, left, policy, passed_over))


def verification_entry(changed: Entry, seen: Seen) -> NewEntry:
    """For the ledger: what a service answered after a rollback or a withdrawal."""
    return NewEntry(kind="rollback_verification", model=changed.model, body={"entry": changed.sequence, **asdict(seen)})


def read_left_behind(reader: Reader, model: str) -> dict[str, Entry]:
    """The models that somebody went back from and that nobody has gone back to since, by digest, with what says so.

    Going back to a later version, after a rollback that was a mistake, leaves nothing behind.
    """
    behind: dict[str, Entry] = {}
    for entry in reader.entries(model=model, kinds=["rollback", "withdrawal"]):
        left = entry.body["left"]
        target = entry.body.get("promotion")
        if target is not None:
            behind.pop(entry.body["model_digest"], None)
        if left is not None and (target is None or target < left["promotion"]):
            behind[left["model_digest"]] = entry
    return behind


def left_behind_in_words(entry: Entry) -> str:
    """Why a model that somebody went back from is not promoted again, from the entry that says so."""
    version = entry.body["left"]["version"]
    return (
        f"this very model was in production as version {version} and taken out of it on {entry.recorded_at[:10]}: "
        f"{entry.body['reason']}. The same model is not promoted again by itself: train another candidate, or bring it back by "
        f"hand with `rai rollback {entry.model} --to {version} --reason …`"
    )


def _asked(
    request: RollbackRequest, left: Production | None, policy: Policy, passed_over: Sequence[PassedOver]
) -> Body:
    return {
        "left": None if left is None else _told(left),
        "reason": request.reason.strip(),
        "actor": request.actor,
        "by": request.by,
        "named": request.to,
        "breach": None if request.breach is None else dict(request.breach),
        "policy": {"name": policy.name, "sha256": policy.digest, **policy.rollback.model_dump(mode="json")},
        "passed_over": [asdict(each) for each in passed_over],
    }


def _told(production: Production) -> Body:
    return {
        "entry": production.sequence,
        "promotion": production.promotion,
        "version": production.version,
        "model_digest": production.model_digest,
    }


def _judged(verdict: Verdict) -> Body:
    return {
        "asset": verdict.asset,
        "check": verdict.check,
        "verdict": verdict.outcome,
        "estimate": verdict.estimate,
        "n": verdict.n,
        "evidence": verdict.evidence_digest,
        "reason": verdict.reason,
    }
