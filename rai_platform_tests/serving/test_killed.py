"""`rai serve` as a process: an answer that was received is on record, whenever the process dies."""

import signal
import threading
from typing import Any

import httpx
import pytest

from rai_platform.serving.inference_log import read_predictions
from rai_platform_tests.serving.asking import PREDICT, command, eventually, records
from rai_platform_tests.world import World

CLIENTS = 8


@pytest.mark.slow
def test_every_answer_received_is_on_record_exactly_once_when_the_process_is_killed(released: World, url: str) -> None:
    people = records(200)
    answers: list[Any] = []

    def ask(number: int, address: str) -> None:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            for place in range(100_000):
                asked = [people[(number + place + step) % len(people)] for step in range(1 + place % 3)]
                try:
                    answer = client.post(PREDICT, json={"records": asked})
                except httpx.TransportError:
                    return
                answers.append((asked, answer))

    for _ in range(2):  # the second time, the log is one that a killed process left
        known = len(answers)
        with command(released, RAI_INFERENCE_LOG_URL=url) as (process, address):
            clients = [threading.Thread(target=ask, args=(number, address)) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            eventually(lambda known=known: len(answers) > known + 150, seconds=120)
            process.send_signal(signal.SIGKILL)
            for client in clients:
                client.join()
    logged = read_predictions(url)
    assert logged["id"].is_unique
    by_id = logged.set_index("id")
    assert len(answers) > 300
    for asked, answer in answers:
        assert answer.status_code == 200
        predictions = answer.json()["predictions"]
        rows = by_id.loc[[prediction["id"] for prediction in predictions]]
        assert rows["features"].tolist() == asked
        assert rows["score"].tolist() == [prediction["score"] for prediction in predictions]
        assert rows["decision"].tolist() == [prediction["decision"] for prediction in predictions]
    # What was recorded and never received is at most what was on its way: one request of each client, each time.
    received = sum(len(asked) for asked, _ in answers)
    assert received <= len(logged) <= received + 2 * 3 * CLIENTS


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(released: World, ending: signal.Signals) -> None:
    with command(released) as (process, address):
        answer = httpx.post(f"{address}{PREDICT}", json={"records": records(2)}, trust_env=False)
        secret = "a-secret-of-somebody"
        httpx.post(f"{address}{PREDICT}", json={"records": [{"income": secret}]}, trust_env=False)
        httpx.get(f"{address}/{secret}?q={secret}", trust_env=False)
        process.send_signal(ending)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert "fair, version 1: http://127.0.0.1:" in output
    assert "Traceback" not in output
    assert secret not in output
    logged = read_predictions(released.settings.inference_log_url)
    assert logged["id"].tolist() == [prediction["id"] for prediction in answer.json()["predictions"]]
