"""Keys and labels over a real socket: what is answered is on record, and what is refused is not."""

import dataclasses
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from rai_platform.serving.bodies import Limits
from rai_platform.serving.features import is_hashed
from rai_platform.serving.inference_log import read_predictions
from rai_platform.serving.labels import MOST_LABELS
from rai_platform.serving.observed import label_history, read_observed
from rai_platform.settings import Settings
from rai_platform_tests.serving.asking import PREDICT, Running, command, eventually, ids, records, running
from rai_platform_tests.serving.conftest import file_at
from rai_platform_tests.world import World

LABELS = "/v1/labels"
PEOPLE = records(6)


@pytest.fixture(scope="module")
def fair(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that listens; its tests add to its log and break nothing."""
    with running(released_world.copy(tmp_path_factory.mktemp("labels"))) as service:
        yield service


def history(fair: Running, identity: str) -> list[tuple[Any, str | None]]:
    return [(each.label, each.observed_at) for each in label_history(fair.world.settings, identity)]


def send(fair: Running, *labels: dict[str, Any]) -> httpx.Response:
    return fair.post({"labels": list(labels)}, LABELS)


def test_keys_are_on_record_in_every_form(fair: Running) -> None:
    keys = [f"key {place} é" for place in range(6)]
    own = fair.post({"records": PEOPLE, "keys": keys})
    mlflow = fair.post({"dataframe_records": PEOPLE, "params": {"keys": keys}}, "/invocations")
    without = fair.post({"instances": PEOPLE, "params": {}}, "/invocations")
    assert [answer.status_code for answer in (own, mlflow, without)] == [200, 200, 200]
    logged = fair.logged().set_index("id")["key"]
    assert logged[ids(own)].tolist() == keys
    assert logged[ids(mlflow)].tolist() == keys
    assert logged[ids(without)].isna().all()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["a"] * 5, 'expected a list of 6 in "keys", one for each row'),
        ("abcdef", 'expected a list of 6 in "keys"'),
        ([*"abcde", 7], "row 5: expected a key of 1 to 200 letters; got 7"),
        ([*"abcde", None], "row 5: expected a key of 1 to 200 letters; got null"),
        (["", *"abcde"], "row 0: expected a key of 1 to 200 letters"),
        (["k" * 201, *"abcde"], "row 0: expected a key of 1 to 200 letters"),
    ],
)
def test_keys_that_are_none_are_refused(fair: Running, keys: Any, said: str) -> None:
    known = len(fair.logged())
    answer = fair.post({"records": PEOPLE, "keys": keys})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]
    assert len(fair.logged()) == known


def test_labels_are_recorded_repeated_and_corrected(fair: Running) -> None:
    one, other, *_ = ids(fair.post({"records": PEOPLE}))
    first = send(fair, {"id": one, "label": 1, "observed_at": "2026-01-01T13:00:00+01:00"}, {"id": other, "label": "0"})
    assert (first.status_code, first.json()) == (200, {"recorded": 2, "repeated": 0, "corrected": 0})
    again = send(fair, {"id": one, "label": True, "observed_at": "2026-01-01T12:00:00Z"}, {"id": other, "label": 1})
    assert (again.status_code, again.json()) == (200, {"recorded": 0, "repeated": 1, "corrected": 1})
    assert history(fair, one) == [(1, "2026-01-01T12:00:00.000000+00:00")]
    assert history(fair, other) == [(0, None), (1, None)]
    observed = read_observed(fair.world.settings, "fair").set_index("id")["label"]
    assert observed[[one, other]].tolist() == [1, 1]


def test_a_label_by_key_is_that_of_the_one_prediction_with_it(fair: Running) -> None:
    (identity,) = ids(fair.post({"records": PEOPLE[:1], "keys": ["once"]}))
    fair.post({"records": PEOPLE[:2], "keys": ["often", "often"]})
    assert send(fair, {"key": "once", "label": 1}).json()["recorded"] == 1
    assert history(fair, identity) == [(1, None)]
    refused = send(fair, {"key": "often", "label": 1})
    assert refused.status_code == 422
    assert 'the key "often"; got 2, which only an id tells apart' in refused.json()["error"]["message"]


def test_a_request_with_one_unknown_id_records_nothing(fair: Running) -> None:
    (known,) = ids(fair.post({"records": PEOPLE[:1]}))
    refused = send(fair, {"id": known, "label": 1}, *({"id": f"nobody-{place}", "label": 1} for place in range(25)))
    error = refused.json()["error"]
    assert refused.status_code == 422
    assert (
        'label 1, field "id": expected a prediction of \'fair\' with the id "nobody-0"; got none (24 more)'
        in error["message"]
    )
    assert [each["row"] for each in error["details"]] == list(range(1, 21))
    assert history(fair, known) == []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "`labels` is absent"),
        ({"labels": []}, 422, 'expected a list of at least one label in "labels"; got []'),
        ({"labels": [{"id": "a", "label": 2}]}, 422, "expected one of '1', '0'; got 2"),
        ({"labels": [{"id": "a", "label": None}]}, 422, "expected one of '1', '0'; got null"),
        ({"labels": [], "model": "x"}, 422, '"model" is not known here'),
        ({"labels": [0] * (MOST_LABELS + 1)}, 413, "expected up to 10000 labels in a request, got 10001"),
        ([1], 400, "expected a JSON object"),
    ],
)
def test_bodies_that_are_no_labels_are_refused(fair: Running, body: Any, status: int, said: str) -> None:
    answer = fair.post(body, LABELS)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]


def test_labels_wait_for_a_place_and_for_the_disk_as_predictions_do(released: World) -> None:
    with running(released) as service:
        (identity,) = ids(service.post({"records": PEOPLE[:1]}))
        with closing(sqlite3.connect(file_at(released.settings.inference_log_url), isolation_level=None)) as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON labels BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
            refused = send(service, {"id": identity, "label": 1})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "log_unwritable")
            database.execute("DROP TRIGGER full")
        assert send(service, {"id": identity, "label": 1}).json()["recorded"] == 1
        service.service.limits = Limits(waiting_requests=0)
        assert send(service, {"id": identity, "label": 1}).status_code == 503


class Hashing(World):
    """A world whose log holds no features."""

    @property
    def settings(self) -> Settings:
        return dataclasses.replace(super().settings, logged_features="hashed")


def test_features_are_hashed_where_they_are_not_to_be_stored(released: World) -> None:
    world = Hashing(released.folder)
    with running(world) as service:
        service.post({"records": [PEOPLE[0], PEOPLE[0], PEOPLE[1]]})
    with running(world) as service:  # the key is the same the next time
        service.post({"records": PEOPLE[:1]})
    told = read_predictions(world.settings.inference_log_url)["features"].tolist()
    assert all(is_hashed(features) for features in told)
    hashes = [features["hmac_sha256"] for features in told]
    assert hashes[0] == hashes[1] == hashes[3] != hashes[2]
    assert world.settings.log_key.stat().st_mode & 0o777 == 0o600
    assert not list(read_observed(world.settings, "fair").filter(like="feature:"))


@pytest.mark.slow
def test_every_label_that_was_answered_is_on_record_once_when_the_process_is_killed(released: World) -> None:
    asked: list[str] = []
    answered: list[str] = []

    def tell(address: str, mine: list[str]) -> None:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            for identity in mine:
                asked.append(identity)
                try:
                    answer = client.post(LABELS, json={"labels": [{"id": identity, "label": 1}]})
                except httpx.TransportError:
                    return
                assert answer.json() == {"recorded": 1, "repeated": 0, "corrected": 0}, answer.text
                answered.append(identity)

    with command(released) as (process, address):
        people = [
            identity
            for _ in range(4)
            for identity in ids(httpx.post(f"{address}{PREDICT}", json={"records": records(500)}, trust_env=False))
        ]
        clients = [threading.Thread(target=tell, args=(address, people[number::8])) for number in range(8)]
        for client in clients:
            client.start()
        eventually(lambda: len(answered) > 200, seconds=120)
        process.send_signal(signal.SIGKILL)
        for client in clients:
            client.join()
    with closing(sqlite3.connect(file_at(released.settings.inference_log_url))) as database:
        recorded = [row[0] for row in database.execute("SELECT prediction_id FROM labels")]
    assert len(recorded) == len(set(recorded))
    assert set(answered) <= set(recorded) <= set(asked)
    with running(released) as service:  # sent again as a whole, each is there once
        answer = send(service, *({"id": identity, "label": 1} for identity in asked))
        assert answer.json()["repeated"] == len(recorded)
        assert answer.json()["recorded"] == len(asked) - len(recorded)
