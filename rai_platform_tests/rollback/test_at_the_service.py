"""A rollback as the service's callers see it: no request fails, and somebody saw it follow; or nothing answers any more."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from rai_platform.cli import REFUSED, UNVERIFIED, execute
from rai_platform.errors import BadInput, Withdrawn
from rai_platform.release.ledger import NewEntry
from rai_platform.rollback.verifying import must_be_an_endpoint, see
from rai_platform.serving.served import find_production
from rai_platform.settings import user_name
from rai_platform_tests.rollback.conftest import LOGISTIC
from rai_platform_tests.rollback.going_back import go_back, promotions, set_policy
from rai_platform_tests.servers import free_port
from rai_platform_tests.serving.asking import PREDICT, Running, eventually, records, running
from rai_platform_tests.serving.test_following import asked_all_the_while, assert_all_are_answered_and_on_record
from rai_platform_tests.world import World, told

PEOPLE = records(5)
REFUSES = {"rollback": {"when_nothing_to_go_back_to": "refuse"}}


def address(service: Running) -> str:
    return str(service.client.base_url)


def test_the_service_switches_without_a_request_failing_and_is_seen_to(two: World) -> None:
    with running(two) as service:
        with asked_all_the_while(service) as answers:
            eventually(lambda: len(answers) > 10)
            done = go_back(two, endpoint=address(service))
            eventually(lambda: answers[-1][1] == "1")
        assert_all_are_answered_and_on_record(service, answers, {"1", "2"})
    assert done.seen is not None
    assert (done.seen.verified, done.unverified, done.seen.problem) == (True, False, None)
    assert 0 < done.seen.seconds < 30
    first = promotions(two)[0]
    (entry,) = two.entries("fair", "rollback_verification")
    body = entry.body
    assert (body["entry"], body["expected"], body["digest"]) == (done.entry, *[first.body["model_digest"]] * 2)
    assert (body["verified"], body["seconds"], body["endpoint"]) == (True, done.seen.seconds, done.seen.endpoint)
    assert two.home.ledger.problems() == []


@pytest.mark.slow
def test_a_service_that_does_not_follow_is_told_and_recorded(two: World) -> None:
    with running(two, every=3600) as service:
        done = go_back(two, endpoint=address(service), limit=0.5)
    assert done.outcome == "rolled_back"
    assert done.unverified
    (entry,) = two.entries("fair", "rollback_verification")
    assert entry.body["verified"] is False
    assert entry.body["digest"] == promotions(two)[1].body["model_digest"]
    assert entry.body["problem"] == "it answers with another model, version 2"
    assert entry.body["seconds"] >= 0.5


@pytest.mark.slow
def test_a_service_that_shows_another_certificate_is_not_taken_for_it(two: World) -> None:
    with running(two) as service:
        production = find_production(two.home, "fair")
        assert see(address(service), "fair", production, limit=0.5).verified
        body = {**production.body, "certificate": promotions(two)[0].body["certificate"]}
        two.home.ledger.append([NewEntry(kind="promotion", model="fair", body=body)])
        forged = see(address(service), "fair", find_production(two.home, "fair"), limit=0.5)
    assert forged.problem == "it shows another certificate than the ledger has"


@contextlib.contextmanager
def answering(status: int, content: bytes) -> Iterator[str]:
    """A server that answers everything alike."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


OTHER_MODEL = {"ready": True, "model": {"name": "loans", "version": "1", "digest": "0" * 64}, "problem": None}


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (200, b"<html>", "it does not answer"),
        (200, b"[1]", "not as the prediction service does"),
        (200, b'{"model": null}', "not as the prediction service does"),
        (404, b"{}", "not as the prediction service does"),
        (200, json.dumps(OTHER_MODEL).encode(), "it serves loans, and not fair"),
    ],
)
def test_whatever_else_answers_is_not_the_service(two: World, status: int, content: bytes, problem: str) -> None:
    with answering(status, content) as endpoint:
        seen = see(endpoint, "fair", find_production(two.home, "fair"), limit=0.1)
    assert not seen.verified
    assert problem in str(seen.problem)


def test_where_nothing_listens_it_is_said(two: World) -> None:
    seen = see(f"http://127.0.0.1:{free_port()}", "fair", find_production(two.home, "fair"), limit=0.3)
    assert (seen.verified, seen.digest) == (False, None)
    assert "it does not answer" in str(seen.problem)


@pytest.mark.parametrize(
    "endpoint", ["", "localhost:8100", "ftp://host", "http://", "http://host:99999", "http://h?key=1", "http://a:b@h"]
)
def test_an_endpoint_is_an_address_and_nothing_else(two: World, endpoint: str) -> None:
    with pytest.raises(BadInput, match="expected the address of a service") as error:
        go_back(two, endpoint=endpoint)
    assert "a:b" not in str(error.value)
    assert two.entries("fair", "rollback") == []
    assert must_be_an_endpoint("https://scores.example/fair/") == "https://scores.example/fair"


# --- nothing to go back to -------------------------------------------------------------------------------------------


def test_by_default_what_is_in_production_stays(two: World) -> None:
    go_back(two)
    with running(two) as service:
        assert go_back(two, endpoint=address(service)).outcome == "kept"
        assert service.post({"records": PEOPLE}).json()["model"]["version"] == "1"


def test_where_the_policy_refuses_nothing_answers_until_something_is_promoted(two: World) -> None:
    go_back(two)
    set_policy(two, **REFUSES)
    body = promotions(two)[0].body
    with running(two) as service:
        done = go_back(two, reason="All of them are wrong.", endpoint=address(service))
        assert (done.outcome, done.production, done.alias) == ("withdrawn", None, None)
        assert done.seen is not None
        assert (done.seen.verified, done.seen.expected, done.seen.digest) == (True, None, None)
        for path, asked in {PREDICT: {"records": PEOPLE}, "/invocations": {"inputs": PEOPLE}}.items():
            answer = service.post(asked, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "withdrawn")
            assert "no model is in production: version 1 was withdrawn on" in answer.json()["error"]["message"]
        assert service.client.get("/v1/models/fair/certificate").status_code == 503
        ready = service.client.get("/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert service.client.get("/health").status_code == 200

        status = two.status("fair")
        assert (status.decision, status.production, status.out_of_order) == ("withdrawn", None, ())
        assert (
            "version 1 was withdrawn by ada, there was nothing to go back to: All of them are wrong." in status.reasons
        )
        assert two.home.registry.alias("fair") is None
        assert two.entries("fair", "alias_restored") == []
        with pytest.raises(Withdrawn, match="version 1 was withdrawn"):
            find_production(two.home, "fair")
        assert go_back(two).outcome == "kept", "there is nothing left to withdraw"

        two.home.ledger.append([NewEntry(kind="promotion", model="fair", body={**body, "version": "7"})])
        eventually(lambda: service.client.get("/ready").status_code == 200)
        assert service.post({"records": PEOPLE}).json()["model"]["version"] == "7"


@pytest.mark.slow
def test_a_person_may_bring_back_what_was_withdrawn(two: World) -> None:
    go_back(two)
    set_policy(two, **REFUSES)
    assert go_back(two).outcome == "withdrawn"
    done = go_back(two, to="2", reason="The alarm was false.")
    assert (done.outcome, done.left) == ("rolled_back", None)
    assert find_production(two.home, "fair").version == two.home.registry.alias("fair") == "2"
    assert two.status("fair").out_of_order == ()


@pytest.mark.slow
def test_who_names_a_version_that_may_not_be_does_not_stop_the_service(two: World) -> None:
    set_policy(two, **REFUSES, asks=[{"metric": "accuracy_gain", "min": 0.9, "rule": "point"}])
    assert go_back(two, to="1").outcome == "kept"
    assert find_production(two.home, "fair").version == "2"


def test_a_withdrawal_that_nobody_signed_stops_no_service(two: World) -> None:
    with running(two) as service:
        with sqlite3.connect(two.settings.home / "ledger" / "ledger.db") as database:
            database.execute(
                "INSERT INTO ledger_entries SELECT sequence + 1, 'withdrawal', model, recorded_at, "
                '\'{"left": {"version": "2"}}\', digest, digest FROM ledger_entries ORDER BY sequence DESC LIMIT 1'
            )
        database.close()
        eventually(lambda: service.service.watch.problem)
        assert "it is not known what is in production" in service.client.get("/ready").json()["problem"]
        assert service.post({"records": PEOPLE}).status_code == 200


@pytest.mark.slow
def test_a_new_candidate_is_promoted_after_a_rollback_and_after_a_withdrawal(two: World) -> None:
    go_back(two)
    two.write("fair", estimator={**LOGISTIC, "params": {"max_iter": 500, "C": 0.2}})
    promoted = two.run("fair")
    assert promoted.success, told(promoted)
    status = two.status("fair")
    assert status.production is not None
    assert (status.production.version, status.decision, status.out_of_order) == ("3", "promoted", ())
    assert not any("rolled back" in each for each in status.reasons)
    (rollback,) = two.entries("fair", "rollback")
    assert promotions(two)[-1].body["replaces"] == rollback.sequence
    assert "production, version 1" in (two.settings.home / "cards" / "fair" / "model_card.md").read_text()
    assert two.home.registry.alias("fair") == "3"

    set_policy(two, **REFUSES)
    assert [go_back(two).outcome for _ in range(2)] == ["rolled_back", "withdrawn"]
    again = two.run("fair", ["model_card", "production_model"])
    assert not again.success, "the same candidate is not promoted by itself, though nothing is in production"
    two.write("fair", estimator={**LOGISTIC, "params": {"max_iter": 500, "C": 0.4}})
    promoted = two.run("fair")
    assert promoted.success, told(promoted)
    assert find_production(two.home, "fair").version == two.home.registry.alias("fair") == "4"


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(two: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """`rai rollback fair`, with what it gives back and prints."""
    monkeypatch.setenv("RAI_HOME", str(two.settings.home))
    monkeypatch.setenv("RAI_MODELS", str(two.settings.models))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("MLFLOW_TRACKING_URI", "RAI_LEDGER_URL", "RAI_STORE_URL", "RAI_LEDGER_ANCHOR", "RAI_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, of: str = "rollback") -> tuple[int, str]:
        capfd.readouterr()
        code = execute([of, "fair", *arguments])
        return code, capfd.readouterr().out

    return run


def test_the_command_tells_what_it_did_and_what_there_was_to_go_back_to(command: Any) -> None:
    code, page = command("--reason", "An alarm.")
    assert code == 0
    assert "fair: ROLLED BACK" in page
    assert "no service was asked whether it follows" in page
    code, page = command("--reason", "A third.")
    assert code == REFUSED
    assert "fair: NOTHING TO GO BACK TO" in page
    for each in ("version", "promoted (UTC)", "why it was not gone back to", "An alarm."):
        assert each in page
    code, answer = command("--reason", "A mistake.", "--to", "2", "--json")
    done = json.loads(answer)
    assert (code, done["outcome"], done["production"]["version"]) == (0, "rolled_back", "2")
    assert (done["left"]["version"], done["verification"], done["passed_over"]) == ("1", None, [])
    code, page = command(of="history")
    assert code == 0
    assert f"rolled back from version 2 to version 1 by {user_name()}: An alarm." in page
    assert "nothing to go back to, after versions 2: A third." in page


@pytest.mark.slow
def test_the_command_tells_whether_the_service_was_seen_to_follow(two: World, command: Any) -> None:
    with running(two) as service:
        code, page = command("--reason", "An alarm.", "--endpoint", address(service))
    assert code == 0
    assert f"seen at the service: {address(service)} follows, after" in page
    nowhere = f"http://127.0.0.1:{free_port()}"
    code, answer = command("--reason", "A mistake.", "--to", "2", "--endpoint", nowhere, "--within", "0.3", "--json")
    told = json.loads(answer)
    assert (code, told["outcome"], told["verification"]["verified"]) == (UNVERIFIED, "rolled_back", False)
    code, page = command(of="history")
    assert f"{address(service)} was seen to follow after" in page
    assert f"{nowhere} was not seen to follow: it does not answer" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reason", " "], "--reason: expected why, in words"),
        (["--reason", "x", "--endpoint", "nowhere"], "--endpoint: expected the address of a service"),
        ([], "Missing option"),
    ],
)
def test_the_command_says_what_is_wrong_with_what_it_was_given(
    two: World, command: Any, arguments: list[str], said: str
) -> None:
    code, answer = command(*arguments, "--json")
    assert code == 2
    assert said in f"{json.loads(answer)['error']['where']}: {json.loads(answer)['error']['message']}"
    assert two.entries("fair", "rollback") == []
