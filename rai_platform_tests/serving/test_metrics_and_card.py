"""The released card and the figures for Prometheus, from a service that listens."""

import time
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rai_platform_tests.serving.asking import Running, eventually, records, running
from rai_platform_tests.world import World

CARD = "/v1/models/fair/card"


@pytest.fixture(scope="module")
def fair(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(released_world.copy(tmp_path_factory.mktemp("figures"))) as service:
        yield service


def figures(service: Running) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def requests(route: str, status: int) -> tuple[str, tuple[tuple[str, str], ...]]:
    return "rai_requests_total", (("route", route), ("status", str(status)))


def test_the_card_is_the_one_that_was_released(fair: Running) -> None:
    (promotion,) = fair.world.entries("fair", "promotion")
    for accept, kind in (("*/*", "html"), ("application/json", "json")):
        answer = fair.client.get(CARD, headers={"accept": accept})
        assert answer.status_code == 200, answer.text
        assert kind in answer.headers["content-type"]
        assert answer.content == fair.world.home.store.get(promotion.body["documents"][f"model_card.{kind}"])
    assert fair.client.get("/v1/models/fiar/card").status_code == 404


def test_a_card_that_was_changed_in_the_store_is_not_shown(released: World) -> None:
    (promotion,) = released.entries("fair", "promotion")
    digest = promotion.body["documents"]["model_card.html"]
    (stored,) = released.settings.home.glob(f"store/**/{digest}")
    stored.write_bytes(stored.read_bytes() + b"<p>all is well</p>")
    with running(released) as service:
        answer = service.client.get(CARD)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "tampered_artifact")
        assert service.client.get(CARD, headers={"accept": "application/json"}).status_code == 200
        assert service.post({"records": records(1)}).status_code == 200


def test_requests_and_predictions_are_counted_by_route_and_status(fair: Running) -> None:
    before, route = figures(fair), "/v1/models/{name}/predict"
    fair.post({"records": records(3)})
    fair.post({"records": [{"income": "a-secret"}]})
    fair.client.get("/a-secret")
    after = figures(fair)

    def more(sample: tuple[str, tuple[tuple[str, str], ...]]) -> float:
        return after[sample] - before.get(sample, 0)

    assert more(requests(route, 200)) == more(requests(route, 422)) == more(requests("none", 404)) == 1
    assert more(("rai_predictions_total", ())) == 3
    assert more(("rai_scoring_seconds_count", ())) == more(("rai_recording_seconds_count", ())) == 1
    assert after["rai_scoring_seconds_sum", ()] > 0
    assert after["rai_waiting_requests", ()] == 0
    assert "a-secret" not in str(after)


def test_the_model_that_answers_and_the_state_of_ledger_and_log_are_told(released: World) -> None:
    with running(released) as service:
        (promotion,) = released.entries("fair", "promotion")
        told = figures(service)
        labels = {"model": "fair", "version": "1", "digest": promotion.body["model_digest"]}
        assert told["rai_model_info", tuple(sorted(labels.items()))] == 1
        assert told["rai_log_writable", ()] == 1
        assert told["rai_model_withdrawn", ()] == 0
        assert told["rai_ledger_look_age_seconds", ()] < 30
        service.service.watch.close()
        age = figures(service)["rai_ledger_look_age_seconds", ()]
        time.sleep(0.2)
        assert figures(service)["rai_ledger_look_age_seconds", ()] >= age + 0.2
        service.service.log.close()
        eventually(lambda: figures(service)["rai_log_writable", ()] == 0)
