"""Who may ask the service, and how often."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rai_platform.errors import BadInput, NotPermitted, TooManyRequests, UnknownCaller
from rai_platform.home import Home
from rai_platform.serving.access import (
    MOST_BUCKETS,
    SCOPE_OF_ROUTE,
    Access,
    Buckets,
    Keys,
    add_key,
    client_of,
    is_loopback,
    read_rate,
)
from rai_platform_tests.serving.asking import PREDICT, Running, records, running
from rai_platform_tests.world import Command, World

PEOPLE = records(2)
PREDICTING = "/v1/models/{name}/predict"


def admitted(keys: Keys, key: str | None, route: str = PREDICTING) -> None:
    Access(keys=keys).admit(route, key=key, address="10.0.0.1")


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_is_for_what_it_was_made_for_and_is_nowhere_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    teller, clerk = add_key(file, "teller"), add_key(file, "clerk", ["label"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert teller not in file.read_text()
    assert clerk not in file.read_text()
    keys = Keys(file)
    for route, scope in SCOPE_OF_ROUTE.items():
        admitted(keys, teller, route)
        if scope in (None, "label"):
            admitted(keys, clerk, route)
        else:
            with pytest.raises(NotPermitted, match=f"the key of clerk is not for this: it has no scope '{scope}'"):
                admitted(keys, clerk, route)
    for wrong in (None, "", "rai_wrong", teller[:-1], "ä\udc80"):
        with pytest.raises(UnknownCaller):
            admitted(keys, wrong)
        admitted(keys, wrong, "/health")


def test_an_address_without_a_rule_is_closed(tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys", "teller")
    with pytest.raises(NotPermitted):
        admitted(Keys(tmp_path / "keys"), key, "/v1/new")
    with pytest.raises(NotPermitted):
        Access().admit("/v1/new", key=None, address="")


def test_the_file_is_read_again_when_it_changes_and_the_last_good_one_holds(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = add_key(file, "first")
    keys = Keys(file)
    second = add_key(file, "second")
    admitted(keys, second)
    file.write_text(file.read_text().splitlines()[1] + "\n")  # the first is taken back
    admitted(keys, second)
    with pytest.raises(UnknownCaller):
        admitted(keys, first)
    for damage in ("second:12\n", "\x00" * 3):
        file.write_text(damage)
        admitted(keys, second)
    file.unlink()
    admitted(keys, second)
    assert "the keys stay those that were read last" in (Access(keys=keys).problem or "")
    third = add_key(file, "third")
    assert Access(keys=keys).problem is None
    admitted(keys, third)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no colon at all", "expected a name of 1 to 64 letters"),
        ("a b:" + "0" * 64, "expected a name of 1 to 64 letters"),
        ("teller:SECRET-that-was-pasted", "expected name:sha256hex"),
        ("teller:" + "0" * 64 + ":predict,lable", "did you mean 'label'"),
        ("teller:" + "0" * 64 + ":rai_SECRET", "expected scopes among predict, label, read; got another word"),
        ("teller:" + "0" * 64 + ":", "expected scopes among predict, label, read; got another word"),
    ],
)
def test_a_line_that_says_no_caller_is_refused_without_showing_it(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "keys").write_text(f"  # callers\n\n{line}\n")
    with pytest.raises(BadInput) as refused:
        Keys(tmp_path / "keys")
    assert said in str(refused.value)
    assert "line 3" in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_a_file_that_others_could_read_is_closed_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.touch(mode=0o644)
    add_key(file, "teller")
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"\xff\xfe")
    for read in (lambda: add_key(file, "teller"), lambda: Keys(file)):
        with pytest.raises(BadInput, match="UnicodeDecodeError"):
            read()


def test_a_hash_that_somebody_made_with_their_own_tools_is_taken(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"made elsewhere").hexdigest()
    (tmp_path / "keys").write_text(f"gateway:{digest}\n")
    admitted(Keys(tmp_path / "keys"), "made elsewhere")


# --- rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "a_second"), [("100/s", 100), ("60/min", 1), ("7200/h", 2)])
def test_a_rate_is_so_many_requests_in_so_much_time(text: str, a_second: float) -> None:
    rate = read_rate(text, where="RAI_RATE_LIMIT")
    assert (rate.per_second, str(rate)) == (a_second, text)


@pytest.mark.parametrize("text", ["", "0/s", "10", "10/day", "-1/s", "1.5/s", "10/s ", "1e3/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected a number of requests a second, minute or hour"):
        read_rate(text, where="RAI_RATE_LIMIT")


def test_a_caller_gets_as_many_as_the_rate_and_then_one_whenever_one_is_due() -> None:
    now = [0.0]
    buckets = Buckets(read_rate("3/min", where=""), now=lambda: now[0])
    for _ in range(3):
        buckets.take("a")
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("a")
    assert refused.value.wait == 20
    buckets.take("b")
    now[0] = 19.9
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("a")
    assert refused.value.wait == 1
    now[0] = 20.1
    buckets.take("a")
    now[0] = 10_000.0
    for _ in range(3):
        buckets.take("a")
    with pytest.raises(TooManyRequests):
        buckets.take("a")


def test_many_addresses_do_not_fill_the_memory_and_do_not_free_whoever_asks_most() -> None:
    buckets = Buckets(read_rate("2/h", where=""), now=lambda: 0.0)
    for _ in range(2):
        buckets.take("greedy")
    for address in range(MOST_BUCKETS + 500):
        buckets.take(str(address))
        with pytest.raises(TooManyRequests):
            buckets.take("greedy")
    assert len(buckets._left) <= MOST_BUCKETS


def test_whoever_has_a_network_of_ipv6_is_one_client() -> None:
    assert client_of("2001:db8:1:2::1") == client_of("2001:db8:1:2:ffff::9") != client_of("2001:db8:1:3::1")
    assert client_of("10.0.0.1") != client_of("10.0.0.2")
    assert client_of("") == ""


# --- at the service --------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(released: World, tmp_path: Path) -> Iterator[tuple[Running, Path]]:
    """A service that asks for keys, and their file."""
    file = tmp_path / "keys"
    add_key(file, "nobody")
    settings = dataclasses.replace(released.settings, api_keys=file, rate_limit="5/h")
    with running(released, home=Home(settings)) as service:
        yield service, file


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_nobody_without_a_key_is_answered_and_nothing_of_a_key_is_told(
    guarded: tuple[Running, Path], caplog: pytest.LogCaptureFixture
) -> None:
    service, file = guarded
    document = service.client.get("/openapi.json", headers=bearer(add_key(file, "client", ["read"]))).json()
    assert document["paths"]["/metrics"]["get"]["security"] == [{"bearer": []}, {"header": []}]
    assert "security" not in document["paths"]["/ready"]["get"]
    key, reader = add_key(file, "teller", ["predict"]), add_key(file, "auditor", ["read"])
    body = {"records": PEOPLE}
    without = service.client.post(PREDICT, json=body)
    assert (without.status_code, without.json()["error"]["code"]) == (401, "unknown_caller")
    assert without.headers["www-authenticate"] == "Bearer"
    assert service.client.post(PREDICT, json=body, headers=bearer("rai_guess")).status_code == 401
    assert service.client.post(PREDICT, json=body, headers=bearer(reader)).status_code == 403
    assert service.client.get("/metrics", headers=bearer(key)).status_code == 403
    assert service.client.get("/metrics", headers=bearer(reader)).status_code == 200
    for open_to_all in ("/health", "/ready", "/v1/models/fair/certificate"):
        assert service.client.get(open_to_all).status_code == 200
    assert service.client.get("/nowhere").status_code == 404
    assert service.client.post(PREDICT, json=body, headers=bearer(key)).status_code == 200
    assert service.client.post(PREDICT, json=body, headers={"X-API-Key": key}).status_code == 200
    assert len(service.logged()) == 2 * len(PEOPLE)
    told = caplog.text + service.client.get("/metrics", headers=bearer(reader)).text
    assert key not in told
    assert hashlib.sha256(key.encode()).hexdigest() not in told


def test_a_caller_that_asks_too_often_is_told_when_to_come_back(guarded: tuple[Running, Path]) -> None:
    service, file = guarded
    assert service.client.get("/ready").json()["problem"] is None
    hasty, other = add_key(file, "hasty"), add_key(file, "other")
    statuses = [
        service.client.post(PREDICT, json={"records": PEOPLE}, headers=bearer(hasty)).status_code for _ in range(6)
    ]
    assert statuses == [200] * 5 + [429]
    refused = service.client.post(PREDICT, json={"records": PEOPLE}, headers=bearer(hasty))
    assert 700 <= int(refused.headers["retry-after"]) <= 720
    assert "5/h" in refused.json()["error"]["message"]
    assert service.client.post(PREDICT, json={"records": PEOPLE}, headers=bearer(other)).status_code == 200


def test_a_key_is_made_shown_once_and_works(rai: Callable[[World], Command], tmp_path: Path) -> None:
    run, file = rai(World(tmp_path)), tmp_path / "keys"
    code, key, told = run("api-key", "teller", "--scope", "predict", "--to", str(file))
    assert code == 0
    assert f"the hash of teller's key is in {file}" in " ".join(told.split())
    admitted(Keys(file), key.strip())
    code, _, told = run("api-key", "teller", "--scope", "predit", "--to", str(file))
    assert (code, "did you mean 'predict'" in told) == (2, True)
    assert len(file.read_text().splitlines()) == 1
    code, _, told = run("api-key", "teller")
    assert (code, "--to FILE" in told) == (2, True)


def test_an_address_of_this_machine_alone_is_told_from_others() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1", "host")] == [  # noqa: S104
        True, True, True, False, False, False,
    ]  # fmt: skip
