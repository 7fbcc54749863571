"""The service over HTTP: what it answers, what it refuses, and what is on record of either."""

import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from rai_platform.serving.bodies import Limits
from rai_platform.serving.inference_log import read_predictions
from rai_platform_tests.serving.asking import PREDICT, Running, ids, records, running
from rai_platform_tests.world import World

PEOPLE = [*records(38), *[person for person in records(400, seed=5) if person["savings"] is None][:2]]


@pytest.fixture(scope="module")
def fair(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that listens; its tests add to its log and break nothing."""
    with running(released_world.copy(tmp_path_factory.mktemp("serving"))) as service:
        yield service


def test_predictions_are_those_of_the_model_that_was_released_and_are_on_record(fair: Running) -> None:
    before = datetime.now(UTC)
    answer = fair.post({"records": PEOPLE})
    assert answer.status_code == 200, answer.text
    said, model = answer.json(), fair.service.watch.served.model
    table = pd.DataFrame(PEOPLE)
    assert [each["score"] for each in said["predictions"]] == model.score(table).tolist()
    assert [each["decision"] for each in said["predictions"]] == model.decide(table).tolist()
    (promotion,) = fair.world.entries("fair", "promotion")
    assert said["model"] == {"name": "fair", "version": "1", "digest": promotion.body["model_digest"]}

    logged = read_predictions(fair.world.settings.inference_log_url, model="fair", since=before)
    assert logged["id"].tolist() == ids(answer)
    assert set(logged["request_id"]) == {said["request_id"]}
    assert logged["score"].tolist() == model.score(table).tolist()
    assert logged["decision"].tolist() == model.decide(table).tolist()
    assert logged["features"].tolist() == PEOPLE
    assert set(logged["version"]) == {"1"}
    assert set(logged["digest"]) == {promotion.body["model_digest"]}
    assert ((logged["recorded_at"] >= before) & (logged["recorded_at"] <= datetime.now(UTC))).all()
    assert (logged["latency_ms"] > 0).all()
    later = read_predictions(fair.world.settings.inference_log_url, since=datetime.now(UTC) + timedelta(seconds=1))
    assert later.empty
    assert list(later) == list(logged)


def test_a_person_alone_gets_the_same_answer_as_among_others(fair: Running) -> None:
    together = fair.post({"records": PEOPLE}).json()["predictions"]
    alone = [fair.post({"records": [person]}).json()["predictions"][0] for person in PEOPLE[:5]]
    np.testing.assert_allclose([each["score"] for each in alone], [each["score"] for each in together[:5]], rtol=1e-12)
    assert [each["decision"] for each in alone] == [each["decision"] for each in together[:5]]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": PEOPLE[:3]},
        {"instances": PEOPLE[:3]},
        {"inputs": PEOPLE[:3]},
        {"inputs": {name: [person[name] for person in PEOPLE[:3]] for name in PEOPLE[0]}},
        {"dataframe_split": json.loads(pd.DataFrame(PEOPLE[:3]).to_json(orient="split", double_precision=15))},
    ],
    ids=["dataframe_records", "instances", "rows of inputs", "columns of inputs", "dataframe_split"],
)
def test_mlflows_forms_give_the_same_answers(fair: Running, body: dict[str, Any]) -> None:
    own = fair.post({"records": PEOPLE[:3]}).json()["predictions"]
    answer = fair.post(body, "/invocations")
    assert answer.status_code == 200, answer.text
    given = answer.json()["predictions"]
    np.testing.assert_allclose([each["score"] for each in given], [each["score"] for each in own], rtol=1e-9)
    assert [each["decision"] for each in given] == [each["decision"] for each in own]
    assert set(ids(answer)) <= set(fair.logged()["id"])


def changed(**values: Any) -> dict[str, Any]:
    return {"records": [PEOPLE[0], {**PEOPLE[1], **values}]}


def without(name: str) -> dict[str, Any]:
    return {"records": [{key: value for key, value in PEOPLE[0].items() if key != name}]}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (changed(income="much"), 422, """row 1, field "income": expected a number from -1.51 to 139.01; got "much\""""),
        (changed(income=139.02), 422, """row 1, field "income": expected a number from -1.51 to 139.01; got 139.02"""),
        (changed(income=True), 422, """row 1, field "income": expected a number from -1.51 to 139.01; got true"""),
        (changed(income=None), 422, """row 1, field "income": expected a number from -1.51 to 139.01; got null"""),
        (changed(income=10**400), 422, """row 1, field "income": expected a number from -1.51 to 139.01; got 1000"""),
        (changed(home="ownn"), 422, """'rent'; got "ownn"; did you mean 'own'?"""),
        (changed(home=[1]), 422, """row 1, field "home": expected one of 'other', 'own', 'rent'; got [1]"""),
        (changed(home="\ud800"), 422, """got "\\ud800\""""),
        (changed(incme=3), 422, """row 1, field "incme": expected only features of the model; got another name; did you mean"""),
        (without("amount"), 422, """amount": expected a number from -9.04 to 117.44; got nothing: the field is absent"""),
        ({"records": [[1, 2]]}, 422, "row 0: expected an object of features; got [1, 2]"),
        ({"records": []}, 422, "expected a list of at least one row"),
        ({"records": 5}, 422, "expected a list of at least one row"),
        ({"recrods": []}, 422, '"recrods" is not known here; did you mean'),
        ({}, 422, "`records` is absent"),
        ([1], 400, "expected a JSON object, got [1]"),
        ({"records": PEOPLE[:1] * 1001}, 413, "expected up to 1000 rows in a request, got 1001"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_are_refused_with_row_field_and_what_came(
    fair: Running, body: Any, status: int, said: str
) -> None:
    known = len(fair.logged())
    answer = fair.client.post(PREDICT, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]
    assert "Traceback" not in answer.text
    assert len(fair.logged()) == known


def test_every_problem_is_told_to_a_program_up_to_a_number(fair: Running) -> None:
    answer = fair.post({"records": [{**person, "income": "x", "home": "y"} for person in PEOPLE]})
    details = answer.json()["error"]["details"]
    assert len(details) == 20
    by_field = {problem["field"]: problem for problem in details if problem["row"] == 0}
    expected = "one of 'other', 'own', 'rent'"
    assert by_field["home"] == {"row": 0, "field": "home", "expected": expected, "got": '"y"'}
    assert by_field["income"]["expected"].startswith("a number from ")
    many = fair.post({"records": [{f"unknown_{number}": 1 for number in range(20_000)}]})
    assert many.status_code == 422
    assert len(many.json()["error"]["details"]) == 20


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "the body is not JSON"),
        (b"", "application/json", 400, "the body is not JSON"),
        (b"\xff", "application/json", 400, "the body is not UTF-8"),
        (b'{"records": [{"income": NaN}]}', "application/json", 400, "NaN is no value of JSON"),
        (b"[" * 500_000, "application/json", 400, "the body is nested too deeply"),
        (b'{"records": [{"income": 1e999}]}', "application/json; charset=utf-8", 422, "to 139.01; got Infinity"),
        (b'{"records": [{"income": ' + b"9" * 5000 + b"}]}", "application/json", 400, "the body is not JSON"),
        (b"income\n1", "text/csv", 415, "expected the content type application/json, got text/csv"),
        (b"x" * (1024 * 1024 + 1), "application/json", 413, "expected up to 1048576 bytes"),
    ],
    ids=["cut", "empty", "no text", "nan", "deep", "infinite", "endless", "csv", "large"],
)  # fmt: skip
def test_a_body_that_cannot_be_read_gets_one_clear_message(
    fair: Running, content: bytes, kind: str, status: int, said: str
) -> None:
    for path in (PREDICT, "/invocations"):
        answer = fair.client.post(path, content=content, headers={"content-type": kind})
        if path == PREDICT or status != 422:
            assert answer.status_code == status, answer.text
            assert said in answer.json()["error"]["message"]
        assert 400 <= answer.status_code < 500
        assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "expected one of dataframe_split, dataframe_records, instances, inputs; got none of them"),
        ({"instances": [PEOPLE[0]], "inputs": [PEOPLE[0]]}, "got instances, inputs"),
        ({"instances": [1.5]}, "row 0: expected an object of features; got 1.5"),
        ({"dataframe_split": {"columns": ["income"]}}, "expected {\"dataframe_split\""),
        ({"dataframe_split": {"columns": ["income", "income"], "data": [[1, 2]]}}, "is there twice"),
        ({"dataframe_split": {"columns": ["income"], "data": [[1, 2]]}}, "row 0: expected a list of 1 values"),
        ({"inputs": {"income": [1], "amount": [1, 2]}}, "expected lists of equal length"),
        ({"params": {}}, "got none of them"),
        ({"instances": PEOPLE[:1], "params": {"key": ["a"]}}, '"key" is not known here; did you mean'),
        ({"instances": PEOPLE[:1], "params": ["a"]}, 'expected an object in "params", got ["a"]'),
        ({"instances": PEOPLE[:1], "keys": ["a"]}, '"keys" is not known here'),
        ({"instances": PEOPLE[:1], "params": {"keys": ["a", "b"]}}, 'expected a list of 1 in "keys"'),
    ],
)  # fmt: skip
def test_mlflows_forms_are_held_to_their_shape(fair: Running, body: Any, said: str) -> None:
    answer = fair.post(body, "/invocations")
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["error"]["message"]


def test_a_compressed_body_is_refused(fair: Running) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = fair.client.post(PREDICT, content=b"{}", headers=headers)
    assert (answer.status_code, "gzip" in answer.json()["error"]["message"]) == (415, True)


def test_it_says_how_it_is_and_shows_the_certificate_of_the_ledger(fair: Running) -> None:
    assert fair.client.get("/health").json() == {"alive": True}
    ready = fair.client.get("/ready")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    assert ready.json()["problem"] is None
    assert ready.json()["model"]["version"] == "1"
    (promotion,) = fair.world.entries("fair", "promotion")
    assert fair.client.get("/v1/models/fair/certificate").json() == promotion.body["certificate"]


def test_it_shows_the_page_of_production_once_somebody_wrote_it(fair: Running) -> None:
    missing = fair.client.get("/v1/models/fair/dashboard")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == "the page was not written yet: `rai dashboard fair` writes it"
    file = fair.world.settings.production_page("fair")
    file.parent.mkdir(parents=True)
    file.write_text("<p>Ä</p>", encoding="utf-8")
    shown = fair.client.get("/v1/models/fair/dashboard")
    assert (shown.status_code, shown.text) == (200, "<p>Ä</p>")
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in shown.headers["content-security-policy"]


def test_being_ready_leaves_nothing_in_the_log(fair: Running) -> None:
    known = len(fair.logged())
    fair.client.get("/ready")
    assert len(fair.logged()) == known


@pytest.mark.parametrize(
    "path", ["/v1/models/fiar/predict", "/v1/models/fiar/certificate", "/v1/models/fiar/dashboard"]
)
def test_another_model_is_not_served_here(fair: Running, path: str) -> None:
    method = "POST" if path.endswith("predict") else "GET"
    answer = fair.client.request(method, path, json={"records": PEOPLE[:1]})
    assert answer.status_code == 404
    assert "no model 'fiar'; did you mean 'fair'?" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", PREDICT, 405), ("GET", "/docs", 404)]
)
def test_no_other_door_is_open(fair: Running, method: str, path: str, status: int) -> None:
    answer = fair.client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "no_such_route"


def test_no_line_of_the_process_holds_a_persons_features(fair: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "a-secret-of-somebody"
    fair.post({"records": [{**PEOPLE[0], "income": secret}]})
    fair.post({"records": [{**PEOPLE[0], "income": 123456.789}]})
    fair.client.get(f"/health?income={secret}")
    own = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not [record for record in own if secret in record.getMessage() or "123456" in record.getMessage()]


def test_a_request_beyond_those_that_may_wait_is_told_to_come_again(released: World) -> None:
    with running(released, limits=Limits(waiting_requests=0)) as service:
        answer = service.post({"records": PEOPLE[:1]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert service.client.get("/ready").status_code == 200


def test_a_body_that_never_arrives_does_not_hold_a_place_for_long(released: World) -> None:
    with running(released, limits=Limits(seconds_to_send=0.2)) as service:

        def slowly() -> Iterator[bytes]:
            yield b"{"
            time.sleep(0.6)
            yield b"}"

        try:
            answer = service.client.post(PREDICT, content=slowly(), headers={"content-type": "application/json"})
            assert answer.status_code == 408
        except httpx.TransportError:
            pass  # the service has closed the connection while the client still sent
        assert service.service.waiting == 0
