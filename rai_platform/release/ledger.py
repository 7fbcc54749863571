"""The append-only, hash-chained, signed log of everything that decides about production.

Every entry holds the digest of the one before it. The digest of the last one, the head, is signed, and lies twice: in
the database beside the entries, and outside it in the *anchor*. So an edited entry breaks the chain, a chain that was
computed anew breaks the signature, and a tail that was cut off together with the head leaves the anchor ahead.
Whoever holds the signing key and the anchor as well can still rewrite history; keep them apart from the database.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import fsspec
import sqlalchemy as sa

from rai_platform.errors import LedgerBroken
from rai_platform.spec.digests import canonical_json, digest_of
from rai_platform.store import write_whole

if TYPE_CHECKING:
    from rai_platform.release.keys import SigningKey

EntryKind = Literal[
    "candidate",
    "evaluation_started",
    "verdict",
    "refusal",
    "promotion",
    "confirmation",
    "rollback",
    "withdrawal",
    "rollback_failed",
    "rollback_verification",
    "alias_restored",
    "release_restored",
    "alert",
    "alert_delivery",
    "acknowledgement",
]
GENESIS = "0" * 64
SECONDS_TO_CONNECT = 10

METADATA = sa.MetaData()
ENTRIES = sa.Table(
    "ledger_entries",
    METADATA,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("model", sa.String(80), nullable=False),
    sa.Column("recorded_at", sa.String(40), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Index("ledger_by_model", "model", "kind", "sequence"),
)
HEAD = sa.Table(
    "ledger_head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("key_id", sa.String(80), nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """What is to be recorded: a kind, a model, and a body of plain JSON."""

    kind: EntryKind
    model: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was recorded.

    Attributes:
        sequence: its place, from 1.
        kind: what it records.
        model: the model it is about.
        recorded_at: ISO 8601, UTC.
        body: plain JSON.
        previous: digest of the entry before it.
        digest: of all of the above.
    """

    sequence: int
    kind: str
    model: str
    recorded_at: str
    body: dict[str, Any]
    previous: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the chain, signed."""

    sequence: int
    digest: str
    signature: str
    key_id: str


Guard = Callable[["Reader"], None]


class Reader:
    """Entries as one transaction sees them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def entries(
        self,
        *,
        model: str | None = None,
        kinds: Sequence[EntryKind] = (),
        after: int = 0,
        naming: str | None = None,
    ) -> Iterator[Entry]:
        """Entries in the order they were recorded; with ``naming``, those in whose body a digest stands."""
        query = sa.select(ENTRIES).where(ENTRIES.c.sequence > after).order_by(ENTRIES.c.sequence)
        if model is not None:
            query = query.where(ENTRIES.c.model == model)
        if kinds:
            query = query.where(ENTRIES.c.kind.in_(kinds))
        if naming is not None:
            query = query.where(ENTRIES.c.body.contains(naming, autoescape=True))
        for row in self._connection.execute(query):
            yield _entry(row)

    def last(self, *, model: str, kinds: Sequence[EntryKind]) -> Entry | None:
        """The latest entry of some kinds about a model."""
        query = (
            sa.select(ENTRIES)
            .where(ENTRIES.c.model == model, ENTRIES.c.kind.in_(kinds))
            .order_by(ENTRIES.c.sequence.desc())
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return _entry(row) if row else None

    def at(self, sequence: int) -> Entry | None:
        """The entry of a place; None where there is none."""
        row = self._connection.execute(sa.select(ENTRIES).where(ENTRIES.c.sequence == sequence)).first()
        return _entry(row) if row else None

    def models(self) -> list[str]:
        """Every model the ledger knows."""
        return list(self._connection.execute(sa.select(ENTRIES.c.model).distinct().order_by(ENTRIES.c.model)).scalars())

    def head(self) -> Head | None:
        """The signed head in the database."""
        row = self._connection.execute(sa.select(HEAD).where(HEAD.c.id == 1)).first()
        return (
            Head(sequence=row.sequence, digest=row.digest, signature=row.signature, key_id=row.key_id) if row else None
        )

    def final(self) -> Entry | None:
        """The last entry of all."""
        row = self._connection.execute(sa.select(ENTRIES).order_by(ENTRIES.c.sequence.desc()).limit(1)).first()
        return _entry(row) if row else None


class Ledger:
    """The log in a database, with its signing key and its anchor."""

    def __init__(self, url: str, key: "SigningKey", anchor_url: str, *, clock: Callable[[], datetime]) -> None:
        self._engine = _engine(url)
        self._key = key
        self._clock = clock
        self._filesystem, self._anchor = fsspec.core.url_to_fs(anchor_url)
        self._begin_where_nothing_is()

    def append(self, entries: Sequence[NewEntry], *, guard: Guard | None = None) -> list[Entry]:
        """Records entries, all or none, after the current end.

        Args:
            entries: what to record.
            guard: called inside the transaction before anything is written; raises to record nothing (compare-and-swap).

        Raises:
            LedgerBroken: the end of the chain is not the one that was signed; extending it would hide that.
        """
        with self._engine.begin() as connection:
            _lock(connection)
            reader = Reader(connection)
            self._must_end_as_signed(reader)
            if guard is not None:
                guard(reader)
            final = reader.final()
            sequence, previous = (final.sequence, final.digest) if final else (0, GENESIS)
            recorded = []
            for new in entries:
                sequence += 1
                entry = _sealed(
                    new, sequence, previous, self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
                )
                previous = entry.digest
                recorded.append(entry)
                connection.execute(
                    sa.insert(ENTRIES).values(
                        sequence=entry.sequence,
                        kind=entry.kind,
                        model=entry.model,
                        recorded_at=entry.recorded_at,
                        body=canonical_json(entry.body).decode(),
                        previous=entry.previous,
                        digest=entry.digest,
                    )
                )
            head = self._signed(sequence, previous)
            connection.execute(
                sa.update(HEAD)
                .where(HEAD.c.id == 1)
                .values(sequence=head.sequence, digest=head.digest, signature=head.signature, key_id=head.key_id)
            )
        self._write_anchor(head)
        return recorded

    def read(self) -> "_Reading":
        """A consistent view: ``with ledger.read() as reader: …``."""
        return _Reading(self._engine)

    def problems(self) -> list[str]:
        """Everything that does not verify, in words; empty for a sound ledger."""
        told: list[str] = []
        anchor = self._read_anchor()  # before the entries: one that is appended meanwhile is in the database first
        previous, sequence = GENESIS, 0
        by_sequence: dict[int, str] = {0: GENESIS}
        with self.read() as reader:
            for entry in reader.entries():
                if entry.sequence != sequence + 1:
                    told.append(f"entry {sequence + 1} is missing")
                if entry.previous != previous:
                    told.append(f"entry {entry.sequence} does not follow from the entry before it")
                if entry.digest != _digest(entry):
                    told.append(
                        f"entry {entry.sequence} ({entry.kind} of {entry.model}) was changed after it was written"
                    )
                previous, sequence = entry.digest, entry.sequence
                by_sequence[sequence] = entry.digest
            head = reader.head()
        if head is None:
            told.append("the signed head is missing from the database")
        elif (head.sequence, head.digest) != (sequence, previous):
            told.append(
                f"the signed head is entry {head.sequence}, the chain ends with entry {sequence}: entries were cut or added"
            )
        elif not self._key.verifies(_head_bytes(head.sequence, head.digest), head.signature):
            told.append("the head is not signed by the platform's key: the chain was computed anew")
        return told + self._anchor_problems(anchor, by_sequence)

    def must_be_sound(self) -> None:
        """Refuses to go on with a ledger that does not verify.

        Raises:
            LedgerBroken: with everything that does not verify.
        """
        if told := self.problems():
            raise LedgerBroken("the ledger does not verify: " + "; ".join(told))

    def _anchor_problems(self, anchor: Head | None, by_sequence: dict[int, str]) -> list[str]:
        if anchor is None:
            return ["the anchor, the copy of the signed head outside the database, is missing"]
        if not self._key.verifies(_head_bytes(anchor.sequence, anchor.digest), anchor.signature):
            return ["the anchor is not signed by the platform's key"]
        if anchor.sequence not in by_sequence:
            return [
                f"the anchor knows entry {anchor.sequence}, the ledger ends with {max(by_sequence)}: its end was cut off"
            ]
        if by_sequence[anchor.sequence] != anchor.digest:
            return [f"entry {anchor.sequence} is not the one that the anchor knows: the chain was computed anew"]
        return []

    def _begin_where_nothing_is(self) -> None:
        with self._engine.begin() as connection:
            METADATA.create_all(connection)
            _lock(connection)
            reader = Reader(connection)
            if reader.head() is not None or reader.final() is not None:
                return
            if self._read_anchor() is not None:
                return  # a ledger that was emptied: what is missing will be said, and not begun anew
            head = self._signed(0, GENESIS)
            connection.execute(
                sa.insert(HEAD).values(id=1, sequence=0, digest=GENESIS, signature=head.signature, key_id=head.key_id)
            )
            self._write_anchor(head)

    def _must_end_as_signed(self, reader: Reader) -> None:
        head, final = reader.head(), reader.final()
        end = (final.sequence, final.digest) if final else (0, GENESIS)
        if (
            head is None
            or (head.sequence, head.digest) != end
            or not self._key.verifies(_head_bytes(*end), head.signature)
        ):
            raise LedgerBroken(
                "the ledger does not end as it was signed; nothing is recorded on it until that is cleared up"
            )
        anchor = self._read_anchor()
        if anchor is None or anchor.sequence > end[0]:
            raise LedgerBroken("the ledger ends before its anchor: its end was cut off, or the anchor was removed")

    def _signed(self, sequence: int, digest: str) -> Head:
        return Head(
            sequence=sequence,
            digest=digest,
            signature=self._key.sign(_head_bytes(sequence, digest)),
            key_id=self._key.key_id,
        )

    def _write_anchor(self, head: Head) -> None:
        known = self._read_anchor()
        if known is None or known.sequence <= head.sequence:
            body = {
                "sequence": head.sequence,
                "digest": head.digest,
                "signature": head.signature,
                "key_id": head.key_id,
            }
            write_whole(self._filesystem, self._anchor, canonical_json(body))

    def _read_anchor(self) -> Head | None:
        try:
            return Head(**json.loads(self._filesystem.cat_file(self._anchor)))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return Head(sequence=0, digest="", signature="", key_id="")  # no longer readable, and so never verified


class _Reading:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Reader:
        self._connection = self._engine.connect().execution_options(reads=True)
        return Reader(self._connection)

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _engine(url: str) -> sa.Engine:
    """An engine whose transactions write one after the other."""
    parsed = sa.make_url(url)
    if parsed.drivername == "postgresql":  # SQLAlchemy 2.1 would take psycopg 3, which dagster-postgres cannot use
        parsed = parsed.set(drivername="postgresql+psycopg2")
    if parsed.get_backend_name() != "sqlite":
        waits = {"connect_timeout": SECONDS_TO_CONNECT} if parsed.get_backend_name() == "postgresql" else {}
        return sa.create_engine(parsed, pool_pre_ping=True, connect_args=waits)
    Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": 60}, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the transaction begins where the next listener says, not at the first write
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _lock(connection: sa.Connection) -> None:
    """On SQLite ``BEGIN IMMEDIATE`` has locked the file already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE ledger_head IN EXCLUSIVE MODE")


def _sealed(new: NewEntry, sequence: int, previous: str, recorded_at: str) -> Entry:
    body = json.loads(canonical_json(new.body))
    unsealed = Entry(
        sequence=sequence,
        kind=new.kind,
        model=new.model,
        recorded_at=recorded_at,
        body=body,
        previous=previous,
        digest="",
    )
    return Entry(
        sequence=sequence,
        kind=new.kind,
        model=new.model,
        recorded_at=recorded_at,
        body=body,
        previous=previous,
        digest=_digest(unsealed),
    )


def _digest(entry: Entry) -> str:
    return digest_of(
        {
            "sequence": entry.sequence,
            "kind": entry.kind,
            "model": entry.model,
            "recorded_at": entry.recorded_at,
            "body": entry.body,
            "previous": entry.previous,
        }
    )


def _head_bytes(sequence: int, digest: str) -> bytes:
    return canonical_json({"rai_ledger_head": {"sequence": sequence, "digest": digest}})


def _entry(row: Any) -> Entry:
    return Entry(
        sequence=row.sequence,
        kind=row.kind,
        model=row.model,
        recorded_at=row.recorded_at,
        body=_parsed(row.body),
        previous=row.previous,
        digest=row.digest,
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {"unreadable": text}
    return body if isinstance(body, dict) else {"unreadable": text}
