"""A rollback: look, choose, write if nothing changed meanwhile, and see whether the service follows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rai_platform.errors import PromotionConflict, in_a_line
from rai_platform.home import Home
from rai_platform.release.ledger import Entry, NewEntry, Reader
from rai_platform.release.records import Production, read_change, read_production
from rai_platform.release.rollbacks import (
    PassedOver,
    RollbackRequest,
    Seen,
    failed_entry,
    rollback_entry,
    verification_entry,
    withdrawal_entry,
)
from rai_platform.rollback.targets import Look, Target, choose_target, look_at
from rai_platform.rollback.verifying import SECONDS_TO_FOLLOW, must_be_an_endpoint, see
from rai_platform.spec.reading import ModelDefinition

Outcome = Literal["rolled_back", "withdrawn", "kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What a rollback came to.

    Attributes:
        model: the model's name.
        outcome: `rolled_back`; `withdrawn`, as the policy's fallback says; `kept`: nothing changed.
        entry: its place in the ledger.
        left: what was in production; None where nothing was.
        production: what is in production now; None where nothing is.
        passed_over: the versions that were looked at and not gone back to.
        alias: why MLflow's alias does not follow; None where it does, or where nothing changed.
        seen: what the service answers; None where nobody asked it.
    """

    model: str
    outcome: Outcome
    entry: int
    left: Production | None
    production: Production | None
    passed_over: tuple[PassedOver, ...]
    alias: str | None
    seen: Seen | None

    @property
    def changed(self) -> bool:
        """Whether something else is in production than before."""
        return self.outcome != "kept"

    @property
    def says(self) -> str:
        """What became of production, in words."""
        left = "nothing" if self.left is None else f"version {self.left.version}"
        if self.outcome == "withdrawn":
            return f"{left} was withdrawn, and nothing answers"
        if self.outcome == "kept" or self.production is None:
            return f"production stays at {left}: there is nothing to go back to"
        seen = ", and the service was not seen to follow" if self.unverified else ""
        return f"production went back from {left} to version {self.production.version}{seen}"

    @property
    def unverified(self) -> bool:
        """Whether a service was asked and was not seen to follow."""
        return self.seen is not None and not self.seen.verified

    def as_json(self) -> dict[str, Any]:
        """The outcome for programs."""
        return {
            "model": self.model,
            "outcome": self.outcome,
            "entry": self.entry,
            "left": _version_json(self.left),
            "production": _version_json(self.production),
            "passed_over": [
                {"version": each.version, "promoted_at": each.promoted_at, "why": each.why} for each in self.passed_over
            ],
            "alias": self.alias,
            "verification": None
            if self.seen is None
            else {
                "endpoint": self.seen.endpoint,
                "expected": self.seen.expected,
                "digest": self.seen.digest,
                "verified": self.seen.verified,
                "seconds": self.seen.seconds,
                "problem": self.seen.problem,
            },
        }


def roll_back(
    home: Home,
    definition: ModelDefinition,
    request: RollbackRequest,
    *,
    endpoint: str | None = None,
    limit: float = SECONDS_TO_FOLLOW,
) -> RolledBack:
    """Production goes back to the last certified version that passes today's policy, or to the one that is named.

    Where there is none, the policy's fallback holds: the model stays, or is withdrawn. The ledger decides; the service
    and MLflow's alias follow it, and what does not follow is told and changes nothing.

    Args:
        home: the platform's storage.
        definition: the model and its policy as they are now.
        request: who asks, and why.
        endpoint: where the service listens, to see that it follows.
        limit: seconds that it has for that.

    Raises:
        BadInput: the endpoint is none.
        UnknownModel: the ledger knows no model of that name.
        EvidenceMissing: none of its candidates was promoted, or not the version that is named.
        LedgerBroken: the ledger does not verify; nothing is written.
        PromotionConflict: what is in production changed meanwhile; nothing is written.
    """
    asked = None if endpoint is None else must_be_an_endpoint(endpoint)
    look = look_at(home, definition.name)
    target, passed_over = choose_target(home, definition, look, request)
    new, outcome = _what_follows(definition, look, request, target, passed_over)
    (entry,) = home.ledger.append([new], guard=_still_holds(look))
    began = time.monotonic()
    with home.ledger.read() as reader:
        production = read_production(reader, definition.name)
    seen = alias = None
    if outcome != "kept":
        seen = None if asked is None else _seen(home, entry, production, asked, began, limit)
        alias = follow_alias(home, definition.name)
    return RolledBack(
        model=definition.name,
        outcome=outcome,
        entry=entry.sequence,
        left=look.production,
        production=production,
        passed_over=passed_over,
        alias=alias,
        seen=seen,
    )


def follow_alias(home: Home, name: str) -> str | None:
    """Puts MLflow's alias where the ledger says; why it does not follow, None where it does."""
    try:
        home.registry.bring_in_line(name)
    except Exception as error:  # the ledger has decided, and whatever MLflow says changes nothing about that
        return f"MLflow's alias does not follow yet: {in_a_line(error)}; the next run puts it right, or `rai doctor --mend`"
    return None


def _what_follows(
    definition: ModelDefinition,
    look: Look,
    request: RollbackRequest,
    target: Target | None,
    passed_over: tuple[PassedOver, ...],
) -> tuple[NewEntry, Outcome]:
    policy, left = definition.policy, look.production
    if target is not None:
        return rollback_entry(
            request,
            target.production,
            left=left,
            replaces=look.change.sequence,
            policy=policy,
            verdicts=target.verdicts,
            passed_over=passed_over,
        ), "rolled_back"
    refuses = policy.rollback.when_nothing_to_go_back_to == "refuse"
    if refuses and left is not None and request.to is None:  # who names a version wants that one, and nothing instead
        return withdrawal_entry(request, left, policy=policy, passed_over=passed_over), "withdrawn"
    return failed_entry(definition.name, request, left, policy=policy, passed_over=passed_over), "kept"


def _still_holds(look: Look) -> Callable[[Reader], None]:
    """The compare of compare-and-swap."""

    def guard(reader: Reader) -> None:
        change = read_change(reader, look.change.model)
        if change is None or change.sequence != look.change.sequence:
            raise PromotionConflict(
                "what is in production changed while an earlier version was looked for, and nothing was written: look at "
                f"`rai status {look.change.model}` and ask again",
                where=look.change.model,
            )

    return guard


def _seen(home: Home, entry: Entry, production: Production | None, endpoint: str, began: float, limit: float) -> Seen:
    seen = see(endpoint, entry.model, production, since=began, limit=limit)
    home.ledger.append([verification_entry(entry, seen)])
    return seen


def _version_json(production: Production | None) -> dict[str, Any] | None:
    return None if production is None else {"version": production.version, "model_digest": production.model_digest}
