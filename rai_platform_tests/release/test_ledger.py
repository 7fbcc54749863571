"""One contract for every database that can hold the ledger."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from rai_platform.errors import LedgerBroken, PromotionConflict
from rai_platform.release.keys import SigningKey, create_key, load_key
from rai_platform.release.ledger import GENESIS, Ledger, NewEntry, Reader
from rai_platform_tests.servers import postgres

Opened = Callable[[], Ledger]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Gives the URL of an empty database at every call."""
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}"
        return
    with postgres("ledger") as url:

        def emptied() -> str:
            engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
            with engine.begin() as connection:
                connection.execute(sa.text("drop table if exists ledger_entries, ledger_head"))
            engine.dispose()
            return url

        yield emptied


@pytest.fixture
def url(database: Callable[[], str]) -> str:
    return database()


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return create_key(tmp_path / "key.pem")


@pytest.fixture
def opened(url: str, key: SigningKey, tmp_path: Path) -> Opened:
    return lambda: Ledger(url, key, str(tmp_path / "anchor.json"), clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))


def entry(text: str, model: str = "loans") -> NewEntry:
    return NewEntry(kind="verdict", model=model, body={"text": text})


def behind_its_back(url: str, statement: str) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_entries_follow_from_each_other(opened: Opened) -> None:
    ledger = opened()
    first, second = ledger.append([entry("a"), entry("b")])
    (third,) = ledger.append([entry("c", model="other")])
    assert (first.sequence, second.sequence, third.sequence) == (1, 2, 3)
    assert (first.previous, second.previous, third.previous) == (GENESIS, first.digest, second.digest)
    assert first.recorded_at == "2026-01-02T00:00:00.000+00:00"
    assert opened().problems() == []
    with opened().read() as reader:
        assert [found.body["text"] for found in reader.entries(model="loans")] == ["a", "b"]
        assert reader.models() == ["loans", "other"]
        last = reader.last(model="loans", kinds=["verdict"])
        assert last is not None
        assert last.sequence == 2
        assert [found.sequence for found in reader.entries(after=1)] == [2, 3]


def test_a_guard_that_objects_leaves_nothing_behind(opened: Opened) -> None:
    ledger = opened()

    def objects(_: Reader) -> None:
        raise PromotionConflict("no")

    with pytest.raises(PromotionConflict):
        ledger.append([entry("a"), entry("b")], guard=objects)
    with ledger.read() as reader:
        assert list(reader.entries()) == []
    assert ledger.problems() == []


def test_of_many_writers_at_once_none_is_lost_and_the_chain_holds(opened: Opened) -> None:
    ledgers = [opened() for _ in range(4)]

    def write(ledger: Ledger, name: str) -> None:
        for number in range(10):
            ledger.append([entry(f"{name}{number}")])

    threads = [threading.Thread(target=write, args=(ledger, str(at))) for at, ledger in enumerate(ledgers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledgers[0].read() as reader:
        texts = [found.body["text"] for found in reader.entries()]
    assert sorted(texts) == sorted(f"{at}{number}" for at in range(4) for number in range(10))
    assert ledgers[0].problems() == []


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("""update ledger_entries set body = '{"text":"z"}' where sequence = 2""", "entry 2 .* was changed"),
        ("update ledger_entries set model = 'other' where sequence = 2", "entry 2 .* was changed"),
        ("update ledger_entries set recorded_at = '2020-01-01' where sequence = 1", "entry 1 .* was changed"),
        ("update ledger_entries set body = 'not json' where sequence = 1", "entry 1 .* was changed"),
        ("delete from ledger_entries where sequence = 2", "entry 2 is missing"),
        ("delete from ledger_entries where sequence = 3", "its end was cut off"),
        ("delete from ledger_head", "the signed head is missing"),
        ("update ledger_head set signature = '00'", "not signed by the platform's key"),
        ("delete from ledger_entries", "its end was cut off"),
    ],
)
def test_what_was_touched_shows(opened: Opened, url: str, statement: str, says: str) -> None:
    opened().append([entry("a"), entry("b"), entry("c")])
    behind_its_back(url, statement)
    with pytest.raises(LedgerBroken, match=says):
        opened().must_be_sound()


@pytest.mark.parametrize("statement", ["delete from ledger_entries where sequence = 3", "delete from ledger_head"])
def test_a_ledger_whose_end_was_touched_is_not_extended(opened: Opened, url: str, statement: str) -> None:
    opened().append([entry("a"), entry("b"), entry("c")])
    behind_its_back(url, statement)
    with pytest.raises(LedgerBroken):
        opened().append([entry("d")])


def test_another_key_does_not_verify_the_ledger(opened: Opened, url: str, tmp_path: Path) -> None:
    opened().append([entry("a")])
    stranger = Ledger(
        url, create_key(tmp_path / "other.pem"), str(tmp_path / "anchor.json"), clock=lambda: datetime.now(UTC)
    )
    assert any("not signed by the platform's key" in problem for problem in stranger.problems())


@pytest.mark.parametrize("content", [None, "", "{}", '{"sequence":0,"digest":"","signature":"","key_id":""}', "[1]"])
def test_an_anchor_that_was_touched_shows_and_stops_the_ledger(
    opened: Opened, tmp_path: Path, content: str | None
) -> None:
    opened().append([entry("a")])
    anchor = tmp_path / "anchor.json"
    anchor.unlink() if content is None else anchor.write_text(content)
    assert any("anchor" in problem for problem in opened().problems())


def test_an_anchor_one_entry_behind_is_a_crash_and_no_problem(opened: Opened, tmp_path: Path) -> None:
    ledger = opened()
    ledger.append([entry("a")])
    kept = (tmp_path / "anchor.json").read_bytes()
    ledger.append([entry("b")])
    (tmp_path / "anchor.json").write_bytes(kept)
    assert opened().problems() == []
    opened().append([entry("c")])
    assert json.loads((tmp_path / "anchor.json").read_text())["sequence"] == 3


def test_times_are_recorded_in_utc(url: str, key: SigningKey, tmp_path: Path) -> None:
    from datetime import timezone

    east = datetime(2026, 1, 2, 5, tzinfo=timezone(timedelta(hours=5)))
    ledger = Ledger(url, key, str(tmp_path / "anchor.json"), clock=lambda: east)
    assert ledger.append([entry("a")])[0].recorded_at == "2026-01-02T00:00:00.000+00:00"


def test_a_key_is_readable_by_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys" / "key.pem")
    assert (tmp_path / "keys" / "key.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_key(tmp_path / "keys" / "key.pem")
    again = load_key(tmp_path / "keys" / "key.pem")
    assert again.key_id == key.key_id
    assert again.verifies(b"text", key.sign(b"text"))
    assert not again.verifies(b"other", key.sign(b"text"))
    assert [path.name for path in (tmp_path / "keys").iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_gone_or_broken_says_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LedgerBroken, match=r"signing key is missing|expected an unencrypted"):
        load_key(path)
