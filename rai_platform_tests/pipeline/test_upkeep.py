"""What is kept in order around a model in production, by itself once it is switched on."""

import dataclasses
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from rai_platform.errors import BadInput, LedgerBroken
from rai_platform.home import Home
from rai_platform.pipeline.upkeep import IN_ORDER, build_upkeep, freshness_of, keep_in_order, promoted
from rai_platform.registry.production import ALIAS
from rai_platform.serving.inference_log import InferenceLog, read_predictions
from rai_platform.serving.labels import NewLabel
from rai_platform.serving.served import find_production
from rai_platform.spec.monitoring import Monitoring
from rai_platform_tests.inbox import Inbox
from rai_platform_tests.serving.test_inference_log import row
from rai_platform_tests.world import World


@pytest.fixture
def home(released: World, inbox: Inbox) -> Home:
    """A home whose alerts are taken."""
    pages = {"service_url": "http://service:8100/", "ui_url": "http://dagster:3000"}
    return Home(dataclasses.replace(released.settings, alert_urls=(inbox.url,), **pages))


def titles(inbox: Inbox) -> list[str]:
    return [each["title"] for each in inbox.received]


def tick(world: World, home: Home, cursor: str | None = None) -> tuple[str, str | None]:
    """What the sensor says, and its cursor."""
    with world.instance() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"home": home})
        found: Any = build_upkeep(world.model("fair")).evaluate_tick(context)
        assert found.run_requests in (None, [])
        return found.skip_message, found.cursor


def test_an_alias_that_somebody_moved_is_put_back_and_told(released: World, home: Home, inbox: Inbox) -> None:
    definition = released.model("fair")
    assert keep_in_order(home, definition, now=datetime.now(UTC)) == []
    home.registry.client.delete_registered_model_alias("fair", ALIAS)
    home.registry.client.create_model_version("fair", source="file:///nowhere")
    home.registry.client.set_registered_model_alias("fair", ALIAS, "2")
    (message,) = keep_in_order(home, definition, now=datetime.now(UTC))
    assert home.registry.alias("fair") == "1"
    assert message.told.event == "put right"
    assert "pointed to version 2; put to version 1" in message.sentences[0]
    assert titles(inbox) == ["fair, version 1: MLflow said something else than the ledger"]
    assert "http://service:8100/v1/models/fair/dashboard" in inbox.received[0]["message"]
    assert "http://dagster:3000/assets/fair/monitoring_report" in inbox.received[0]["message"]
    assert keep_in_order(home, definition, now=datetime.now(UTC)) == []
    (entry,) = released.entries("fair", "alert")
    assert entry.body["event"] == "put right"


def test_a_model_that_is_too_old_is_told_once(released: World, home: Home, inbox: Inbox) -> None:
    definition = released.model("fair")
    spec = definition.spec.model_copy(update={"monitoring": Monitoring(oldest="30d")})
    definition = dataclasses.replace(definition, spec=spec)
    since = promoted(home, find_production(home, "fair"))
    assert keep_in_order(home, definition, now=since + timedelta(days=29)) == []
    (message,) = keep_in_order(home, definition, now=since + timedelta(days=31))
    assert message.sentences == ("it was promoted 31 days ago, and `monitoring.oldest` is 30d",)
    assert keep_in_order(home, definition, now=since + timedelta(days=32)) == []
    assert titles(inbox) == ["fair, version 1: the model is older than 30d"]
    assert freshness_of(definition) == dg.FreshnessPolicy.time_window(fail_window=timedelta(days=30))
    assert freshness_of(released.model("fair")) is None


def test_predictions_are_kept_as_long_as_the_model_says(released: World, home: Home) -> None:
    definition = released.model("fair")
    spec = definition.spec.model_copy(update={"monitoring": Monitoring(keep="60d")})
    definition, now = dataclasses.replace(definition, spec=spec), datetime.now(UTC)
    keep_in_order(home, definition, now=now)  # no log is there yet
    log = InferenceLog(home.settings.inference_log_url)
    log.record([row("old-0", at=now - timedelta(days=61)), row("new-0", at=now - timedelta(days=59))]).result(30)
    log.record_labels([NewLabel(id="old-0", label=1)], model="fair").result(30)
    log.close()
    keep_in_order(home, definition, now=now)
    assert read_predictions(home.settings.inference_log_url)["id"].tolist() == ["new-0"]


@pytest.mark.parametrize("keep", ["30d", "31d", "4w", "a year"])
def test_predictions_are_kept_longer_than_their_labels_take(keep: str) -> None:
    with pytest.raises(ValidationError, match="longer than 31 days" if keep != "a year" else "such as 12h, 30d or 4w"):
        Monitoring(keep=keep)


def test_a_ledger_that_does_not_verify_is_told_once_and_nothing_is_brought_in_line_or_forgotten(
    released: World, home: Home, inbox: Inbox
) -> None:
    assert tick(released, home) == (IN_ORDER, IN_ORDER)
    home.registry.client.delete_registered_model_alias("fair", ALIAS)
    with sqlite3.connect(home.settings.ledger_url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE ledger_entries SET body = replace(body, 'fair', 'fare') WHERE kind = 'promotion'")
    database.close()
    said, cursor = tick(released, home, IN_ORDER)
    assert "could not look" in said
    assert cursor
    assert tick(released, home, cursor) == (said, cursor)
    assert titles(inbox) == ["fair: it is not known whether the ledger and MLflow are in order"]
    assert home.registry.alias("fair") is None
    log = InferenceLog(home.settings.inference_log_url)
    log.record([row("old-0", at=datetime.now(UTC) - timedelta(days=61))]).result(30)
    log.close()
    definition = released.model("fair")
    spec = definition.spec.model_copy(update={"monitoring": Monitoring(keep="60d")})
    with pytest.raises(LedgerBroken):
        keep_in_order(home, dataclasses.replace(definition, spec=spec), now=datetime.now(UTC))
    assert read_predictions(home.settings.inference_log_url)["id"].tolist() == ["old-0"]


def test_it_is_off_until_it_is_switched_on(released: World) -> None:
    assert build_upkeep(released.model("fair")).default_status == dg.DefaultSensorStatus.STOPPED


def test_an_age_is_written_as_a_duration(released: World) -> None:
    with pytest.raises(BadInput, match="30d"):
        released.write("old", monitoring={"oldest": "a year"})
