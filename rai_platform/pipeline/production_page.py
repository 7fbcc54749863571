"""The page of a model in production: gathered from the ledger and the inference log, and written where the service finds it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import get_args

from rai_platform.dashboard.history import Change, Kind, ProductionHistory, Stretch, Told
from rai_platform.dashboard.rendering import render_page
from rai_platform.errors import BadInput, EvidenceMissing, UnsuitableData
from rai_platform.home import Home
from rai_platform.monitoring.monitors import Tolerances
from rai_platform.monitoring.watching import WATCHED
from rai_platform.pipeline.watching import watch_production
from rai_platform.release.ledger import Entry, EntryKind
from rai_platform.release.records import CHANGES_OF_PRODUCTION, Production, production_at
from rai_platform.release.rollbacks import Seen
from rai_platform.serving.served import find_production
from rai_platform.spec.policy import requirement_for
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.verdict import Limit

TOLD: tuple[EntryKind, ...] = (*CHANGES_OF_PRODUCTION, "rollback_failed", "rollback_verification", "alert")


def write_production_page(home: Home, definition: ModelDefinition, *, now: datetime, to: Path | None = None) -> Path:
    """Writes the page of a model in production; gives its file.

    Args:
        home: the platform's storage.
        definition: the model and its policy.
        now: the time.
        to: the file; the one that the service shows where None.

    Raises:
        UnknownModel: the ledger knows no model of that name.
        EvidenceMissing: none of its candidates was ever promoted.
        LedgerBroken: the ledger does not verify, and what it says of production is not to be believed.
        BadInput: the file cannot be written.
    """
    page = render_page(read_production_history(home, definition, now=now))
    file = to or home.settings.production_page(definition.name)
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise BadInput(
            f"the page cannot be written to {file}: {error.strerror}; name another file", where="--to"
        ) from None
    return file


def read_production_history(home: Home, definition: ModelDefinition, *, now: datetime) -> ProductionHistory:
    """Every version that was in production with what its windows say, and what happened; raises as ``write_production_page``."""
    name = definition.name
    home.ledger.must_be_sound()
    with home.ledger.read() as reader:
        entries = list(reader.entries(model=name, kinds=TOLD))
        changes = [entry for entry in entries if entry.kind in CHANGES_OF_PRODUCTION]
        productions = [production_at(reader, name, entry.sequence) for entry in changes]
    if not changes:
        find_production(home, name)
    ends = [*(datetime.fromisoformat(entry.recorded_at) for entry in changes[1:]), None]
    return ProductionHistory(
        model=name,
        made_at=now,
        stretches=tuple(
            _stretch(home, definition, production, until, now=now)
            for production, until in zip(productions, ends, strict=True)
            if production is not None
        ),
        changes=tuple(_changes(entries)),
        told=dict(_told(entry) for entry in entries if entry.kind == "alert" and entry.body["event"] == "opened"),
        tolerances=Tolerances(**definition.spec.monitoring.tolerated_change.model_dump()),
        limits=dict(_limits(definition)),
    )


def _stretch(
    home: Home, definition: ModelDefinition, production: Production, until: datetime | None, *, now: datetime
) -> Stretch:
    report, unknown = None, ""
    try:
        report = watch_production(home, definition, production, now=now, until=until)
    except (EvidenceMissing, UnsuitableData) as error:
        unknown = error.message
    return Stretch(
        version=production.version,
        digest=production.model_digest,
        since=datetime.fromisoformat(production.promoted_at),
        until=until,
        report=report,
        unknown=unknown,
    )


def _changes(entries: Sequence[Entry]) -> Iterator[Change]:
    seen = {entry.body["entry"]: _seen(entry) for entry in entries if entry.kind == "rollback_verification"}
    for entry in entries:
        if entry.kind in CHANGES_OF_PRODUCTION or entry.kind == "rollback_failed":
            yield _change(entry, seen.get(entry.sequence))


def _change(entry: Entry, seen: Seen | None) -> Change:
    body, kind = entry.body, get_args(Kind)[get_args(Kind).index(entry.kind)]
    at = datetime.fromisoformat(entry.recorded_at)
    if kind == "promotion":
        return Change(kind=kind, at=at, version=body["version"])
    return Change(
        kind=kind,
        at=at,
        version=body.get("version"),
        left=body["left"] and body["left"]["version"],
        reason=body["reason"],
        actor=body["actor"],
        by_policy=body["by"] == "policy",
        seen=seen,
    )


def _seen(entry: Entry) -> Seen:
    return Seen(**{name: entry.body[name] for name in Seen.__dataclass_fields__})


def _told(entry: Entry) -> tuple[Told, datetime]:
    body = entry.body
    return (body["model_digest"], body["about"], body["opened"]), datetime.fromisoformat(entry.recorded_at)


def _limits(definition: ModelDefinition) -> Iterator[tuple[tuple[str, str], Limit]]:
    policy = definition.policy
    for feature in definition.spec.group_features:
        for metric in WATCHED:
            requirement = requirement_for(policy, metric.name, feature)
            if requirement is not None and requirement.severity != "off":
                yield (metric.name, feature), requirement.limit(policy.rule)
