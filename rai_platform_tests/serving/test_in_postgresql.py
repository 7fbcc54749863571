"""The log in PostgreSQL: what is asked for under trouble, and what a server brings with it that a file does not."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import httpx
import pandas as pd
import pytest
import sqlalchemy as sa

from rai_platform.errors import BadInput, LogUnwritable, RaiError, Unreachable
from rai_platform.serving import inference_log
from rai_platform.serving.databases import place_of
from rai_platform.serving.inference_log import InferenceLog, read_predictions
from rai_platform.serving.labels import LabelCounts, NewLabel
from rai_platform.serving.log_tables import count_recorded, open_to_write
from rai_platform.serving.observed import read_observed
from rai_platform.serving.protected import groups_of_keys, write_groups
from rai_platform.serving.retention import export_log, forget_older
from rai_platform.settings import Settings
from rai_platform_tests.servers import PostgreSQL, postgres_server
from rai_platform_tests.serving.asking import PREDICT, command, eventually, ids, records
from rai_platform_tests.serving.conftest import new_database
from rai_platform_tests.serving.test_inference_log import NOON, refusal, row
from rai_platform_tests.serving.test_observed import HOUR, SEX
from rai_platform_tests.world import World

in_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
THREADS = 4


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """A server that a test may kill."""
    with postgres_server("rai") as opened:
        yield opened


@in_postgresql
def test_what_is_recorded_is_observed_exported_and_forgotten(settings: Settings, tmp_path: Any) -> None:
    log = InferenceLog(settings.inference_log_url)
    log.record(
        [row("a-0", key="k0"), row("a-1", key="k1", minute=1), row("b-0", decision="cat", model="other")]
    ).result(30)
    labels = [NewLabel(id="a-0", label=1), NewLabel(key="k1", label=0, observed_at=row("x").recorded_at)]
    assert log.record_labels(labels, model="fair").result(30) == LabelCounts(recorded=2)
    assert log.record_labels(labels, model="fair").result(30) == LabelCounts(repeated=2)
    log.close()
    groups = groups_of_keys(pd.DataFrame({"key": ["k0"], "sex": ["female"]}), [SEX], where="people")
    list(write_groups(settings.protected_attributes_url, groups, model="fair"))

    frame = read_observed(settings, "fair")
    assert frame["label"].tolist() == [1, 0]
    assert frame["score"].tolist() == [0.1 + 0.2] * 2
    assert frame["recorded_at"].tolist() == [NOON, NOON + HOUR / 60]
    assert frame["label_observed_at"].tolist() == [pd.NaT, NOON]
    assert frame["feature:purpose"].tolist() == ["Zürich \U0001f600"] * 2
    assert frame["sensitive:sex"].tolist() == ["female", pd.NA]
    assert [count for _, count in export_log(settings, "fair", tmp_path / "out")] == [2]
    assert list(forget_older(settings.inference_log_url, "fair", before=NOON + HOUR)) == [2]
    assert read_predictions(settings.inference_log_url)["decision"].tolist() == ["cat"]


def test_a_server_that_is_killed_under_load_loses_nothing_that_was_done(server: PostgreSQL) -> None:
    log = InferenceLog(server.url)
    done: list[str] = []
    refused: list[str] = []
    ends = threading.Event()

    def write(thread: int) -> None:
        for number in range(100_000):
            if ends.is_set():
                return
            asked = log.record([row(f"{thread}.{number}-{place}") for place in range(2)])
            if (error := asked.exception(30)) is None:
                done.append(f"{thread}.{number}")
            else:
                assert isinstance(error, LogUnwritable)
                refused.append(error.message)
                time.sleep(0.01)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(done) > 100)
    server.kill()
    eventually(lambda: len(refused) > 10)
    server.start()
    known = len(done)
    eventually(lambda: len(done) > known + 100)
    ends.set()
    for thread in threads:
        thread.join()
    log.close()
    logged = read_predictions(server.url)["id"]
    assert logged.is_unique
    assert {f"{each}-{place}" for each in done for place in range(2)} <= set(logged)
    assert len(logged) <= 2 * (len(done) + THREADS)  # beside it at most what each was waiting for
    assert all(told.startswith("the inference log cannot be written: ") for told in refused)
    assert not [told for told in refused if "Zürich" in told or "test-only" in told]


def test_a_server_that_falls_silent_is_given_up_in_time(
    url_of_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_log, "SECONDS_FOR_A_TRANSACTION", 0.5)
    log = InferenceLog(url_of_postgresql)
    log.record([row("a-0")]).result(30)
    process = backends(url_of_postgresql)[0]
    os.kill(process, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert "cannot be written" in refusal(log.record([row("b-0")]))
        assert time.monotonic() - began < 5
        log.record([row("c-0")]).result(30)
    finally:
        os.kill(process, signal.SIGCONT)
    log.close()
    assert {"a-0", "c-0"} <= set(read_predictions(url_of_postgresql)["id"])


@pytest.mark.slow
def test_a_restart_while_nobody_asks_is_noticed_by_nobody(server: PostgreSQL) -> None:
    log = InferenceLog(server.url)
    log.record([row("a-0")]).result(30)
    server.restart()
    log.record([row("b-0")]).result(30)
    log.close()
    assert read_predictions(server.url)["id"].tolist() == ["a-0", "b-0"]


def test_it_is_durable_whatever_the_server_was_told(url_of_postgresql: str) -> None:
    with contextlib.closing(open_to_write(url_of_postgresql)) as connection, connection.begin():
        connection.exec_driver_sql("ALTER ROLE rai SET synchronous_commit = off")
    try:
        with contextlib.closing(open_to_write(url_of_postgresql)) as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    finally:
        with contextlib.closing(open_to_write(url_of_postgresql)) as connection, connection.begin():
            connection.exec_driver_sql("ALTER ROLE rai RESET synchronous_commit")


def test_services_that_begin_and_label_at_once_do_not_meet(url_of_postgresql: str) -> None:
    """Tables are made once, and of equal labels from several processes one is recorded."""
    logs = [InferenceLog(url_of_postgresql) for _ in range(THREADS)]
    for done in [log.record([row(f"{place}-0")]) for place, log in enumerate(logs)]:
        done.result(30)
    labels = [NewLabel(id=f"{place}-0", label=1) for place in range(THREADS)]
    counts = LabelCounts()
    for _ in range(10):
        asked: list[Future[LabelCounts]] = [log.record_labels(labels, model="fair") for log in logs]
        for each in asked:
            counts += each.result(30)
    for log in logs:
        log.close()
    assert counts == LabelCounts(recorded=THREADS, repeated=THREADS * (10 * THREADS - 1))
    assert count_recorded(url_of_postgresql, "fair") == (THREADS, THREADS)


def test_a_message_quotes_neither_features_nor_passwords(url_of_postgresql: str) -> None:
    log = InferenceLog(url_of_postgresql)
    nothing: Any = None
    told = refusal(log.record([replace(row("a-0", features='{"name":"Ada"}'), score=nothing)]))
    log.close()
    assert "score" in told
    assert "Ada" not in told
    assert "test-only" not in place_of(url_of_postgresql)
    wrong = url_of_postgresql.replace("test-only", "guessed")
    with pytest.raises(Unreachable, match="the inference log cannot be read: OperationalError: connection") as refused:
        read_predictions(wrong)
    assert "guessed" not in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://host/log", "postgresql://host:port/log", "nonsense"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(BadInput, match="expected a URL such as"):
        read_predictions(url)
    log = InferenceLog(url)
    with pytest.raises(RaiError, match="expected a URL such as"):
        log.probe().result(30)
    log.close()


@pytest.mark.slow
def test_requests_are_refused_while_the_server_is_away_and_answered_again_when_it_is_back(
    released: World, server: PostgreSQL
) -> None:
    people = records(50)
    answers: list[httpx.Response] = []
    ends = threading.Event()

    def ask(address: str) -> None:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            while not ends.is_set():
                answers.append(client.post(PREDICT, json={"records": people[:2]}))

    def answered(status: int) -> int:
        return sum(answer.status_code == status for answer in answers)

    with command(released, RAI_INFERENCE_LOG_URL=server.url) as (_, address):
        clients = [threading.Thread(target=ask, args=(address,)) for _ in range(8)]
        for client in clients:
            client.start()
        eventually(lambda: answered(200) > 100, seconds=60)
        server.kill()
        eventually(lambda: answered(503) > 20, seconds=60)
        assert httpx.get(f"{address}/ready", trust_env=False, timeout=60).status_code == 503
        server.start()
        known = answered(200)
        eventually(lambda: answered(200) > known + 100, seconds=60)
        ends.set()
        for client in clients:
            client.join()
        assert httpx.get(f"{address}/ready", trust_env=False, timeout=60).status_code == 200
    assert {answer.status_code for answer in answers} == {200, 503}
    logged = read_predictions(server.url)["id"]
    assert logged.is_unique
    assert {each for answer in answers if answer.status_code == 200 for each in ids(answer)} <= set(logged)
    assert max(answer.elapsed.total_seconds() for answer in answers) < 15


@pytest.fixture
def url_of_postgresql(postgresql: str) -> str:
    """An empty database."""
    return new_database(postgresql)


def backends(url: str) -> list[int]:
    """The processes of the server that others are connected to."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return list(connection.exec_driver_sql(query).scalars())
