"""Which earlier version may be gone back to, and why each of the others may not."""

from collections.abc import Iterable
from dataclasses import dataclass

from rai_platform.errors import EvidenceMissing, RaiError, UnknownModel, in_a_line, message_of
from rai_platform.home import Home
from rai_platform.release.ledger import Entry
from rai_platform.release.records import (
    Production,
    RecordedVerdict,
    read_change,
    read_production,
    read_promoted,
    read_verdicts,
)
from rai_platform.release.rejudging import judge_again
from rai_platform.release.rollbacks import PassedOver, RollbackRequest, read_left_behind
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the ledger says at one moment of all that a rollback depends on.

    Attributes:
        change: the entry that changed production last.
        production: what is in it; None after a withdrawal.
        promoted: every model that was promoted, the last one first.
        behind: the models that somebody went back from, by digest.
        verdicts: all that are on record.
    """

    change: Entry
    production: Production | None
    promoted: tuple[Production, ...]
    behind: dict[str, Entry]
    verdicts: tuple[RecordedVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A version to go back to, and the verdicts by which it may be in production today."""

    production: Production
    verdicts: tuple[Verdict, ...]


def look_at(home: Home, name: str) -> Look:
    """What is in production, and what was.

    Raises:
        UnknownModel: the ledger knows no model of that name.
        EvidenceMissing: none of its candidates was ever promoted.
        LedgerBroken: the ledger does not verify.
    """
    home.ledger.must_be_sound()
    with home.ledger.read() as reader:
        change = read_change(reader, name)
        if change is None:
            if name not in (known := reader.models()):
                raise UnknownModel(name, known)
            raise EvidenceMissing("no candidate was promoted yet, so there is nothing to go back from", where=name)
        return Look(
            change=change,
            production=read_production(reader, name),
            promoted=tuple(read_promoted(reader, name)),
            behind=read_left_behind(reader, name),
            verdicts=tuple(read_verdicts(reader, name)),
        )


def choose_target(
    home: Home, definition: ModelDefinition, look: Look, request: RollbackRequest
) -> tuple[Target | None, tuple[PassedOver, ...]]:
    """The last version that may be gone back to, and those before which it was taken; of one that is named, that one alone.

    Raises:
        EvidenceMissing: a version is named that was never promoted.
    """
    passed_over: list[PassedOver] = []
    for production in _asked_for(look, request):
        why, verdicts = _why_not(home, definition, look, request, production)
        if why is None:
            return Target(production=production, verdicts=verdicts), tuple(passed_over)
        passed_over.append(
            PassedOver(
                version=production.version,
                promotion=production.promotion,
                model_digest=production.model_digest,
                promoted_at=production.promoted_at,
                why=why,
            )
        )
    return None, tuple(passed_over)


def _asked_for(look: Look, request: RollbackRequest) -> Iterable[Production]:
    now = None if look.production is None else look.production.promotion
    if request.to is None:
        return [production for production in look.promoted if production.promotion != now]
    named = [production for production in look.promoted if production.version == request.to]
    if not named:
        known = ", ".join(production.version for production in reversed(look.promoted))
        raise EvidenceMissing(f"version {request.to} was never promoted; versions: {known}", where="--to")
    return named


def _why_not(
    home: Home, definition: ModelDefinition, look: Look, request: RollbackRequest, production: Production
) -> tuple[str | None, tuple[Verdict, ...]]:
    """Why a version is not gone back to, None where it may be, and the verdicts that say so."""
    digest = production.model_digest
    if look.production is not None and digest == look.production.model_digest:
        return "it is the model that is in production", ()
    if request.to is None and (left := look.behind.get(digest)) is not None:
        return f"it was left itself on {left.recorded_at[:10]}: {left.body['reason']}", ()
    if request.avoid and digest in request.avoid:
        return request.avoid[digest], ()
    try:
        _must_verify(home, production)
        judged = judge_again(definition, production, look.verdicts, home.store)
    except RaiError as error:
        return message_of(error), ()
    except Exception as error:  # what cannot be looked at is not gone back to, and is no reason to look at nothing else
        return f"it cannot be judged: {in_a_line(error)}", ()
    return ("; ".join(judged.reasons) or None), judged.verdicts


def _must_verify(home: Home, production: Production) -> None:
    """Refuses a model whose certificate or files are not what was promoted, or that cannot be loaded.

    Raises:
        TamperedArtifact: something was changed.
        EvidenceMissing: something is gone.
    """
    from rai_platform.registry.flavor import certified_candidate, certified_model
    from rai_platform.training.loading import stored_files

    candidate = certified_candidate(production, home.store, home.key.public)
    if candidate.manifest.composition == "given":  # somebody else's scores: there are files, and no model to load
        stored_files(candidate, home.store)
    else:
        certified_model(production, home.store, home.key.public)
