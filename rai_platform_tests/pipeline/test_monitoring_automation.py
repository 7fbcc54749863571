"""What looks at production by itself: off until switched on, and it remembers where it was."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from rai_platform.home import Home
from rai_platform.pipeline.assets import build_model_definitions
from rai_platform.pipeline.location import shared_resources
from rai_platform.pipeline.monitoring import CHECKS, build_monitoring, partitions
from rai_platform.release.ledger import NewEntry
from rai_platform.serving.inference_log import InferenceLog
from rai_platform.serving.labels import NewLabel
from rai_platform_tests.serving.test_inference_log import row
from rai_platform_tests.world import World

NOON = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


def asked(world: World, sensor: dg.SensorDefinition, cursor: str | None) -> Any:
    home = Home(world.settings, lambda: NOON)
    with world.instance() as instance:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"home": home}, definitions=_location(world)
        )
        return sensor.evaluate_tick(context)


def _location(world: World) -> dg.Definitions:
    return dg.Definitions.merge(
        build_model_definitions(world.model("fair"), world.settings),
        dg.Definitions(resources=shared_resources(world.settings)),
    )


def alert(world: World, event: str) -> int:
    (entry,) = world.home.ledger.append([NewEntry(kind="alert", model="fair", body={"event": event})])
    return entry.sequence


def test_everything_is_off_until_it_is_switched_on(released: World) -> None:
    monitoring = build_monitoring(released.model("fair"))
    assert {each.default_status for each in monitoring.schedules} == {dg.DefaultScheduleStatus.STOPPED}
    assert {each.default_status for each in monitoring.sensors} == {dg.DefaultSensorStatus.STOPPED}
    assert {each.name for each in monitoring.sensors} == {"watch_labels_of_fair", "retrain_fair_on_drift"}
    report = next(each for each in monitoring.assets if isinstance(each, dg.AssetsDefinition))
    assert {spec.name for spec in report.check_specs} == {name for name, _ in CHECKS.values()}
    assert not any(spec.blocking for spec in report.check_specs)


def test_an_alert_leads_to_a_new_training_once(released: World) -> None:
    retrain = build_monitoring(released.model("fair")).sensors[1]
    before = alert(released, "opened")
    first = asked(released, retrain, None)
    assert (first.run_requests or [], first.cursor) == ([], str(before))
    alert(released, "resolved")
    assert asked(released, retrain, first.cursor).skip_message
    last = alert(released, "opened")
    again = asked(released, retrain, first.cursor)
    assert ([each.run_key for each in again.run_requests], again.cursor) == ([f"alert:{last}"], str(last))
    assert asked(released, retrain, again.cursor).skip_message


def test_labels_lead_to_another_look_at_the_last_window(released: World) -> None:
    watch = build_monitoring(released.model("fair")).sensors[0]
    first = asked(released, watch, None)
    assert (first.run_requests or [], first.cursor) == ([], "0")
    log = InferenceLog(released.settings.inference_log_url)
    log.record([row("a-0")]).result(30)
    log.record_labels([NewLabel(id="a-0", label=1)], model="fair").result(30)
    log.close()
    again = asked(released, watch, first.cursor)
    assert [each.partition_key for each in again.run_requests] == ["2026-03-09"]
    assert asked(released, watch, again.cursor).skip_message


@pytest.mark.parametrize(
    ("window", "key"), [("hour", "2026-03-10-11:00"), ("day", "2026-03-09"), ("week", "2026-03-02")]
)
def test_the_schedule_asks_for_the_last_window_that_is_over(released: World, window: str, key: str) -> None:
    definition = released.write("fair", monitoring={"window": window})
    (schedule,) = build_monitoring(definition).schedules
    with released.instance() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=NOON, repository_def=_location(released).get_repository_def()
        )
        tick = schedule.evaluate_tick(context)
    assert [request.partition_key for request in tick.run_requests or ()] == [key]
    with dg.partition_loading_context(effective_dt=NOON):
        assert partitions(definition).has_partition_key(key)
        assert partitions(definition).get_last_partition_key() == key


def test_before_the_first_window_is_over_the_schedule_asks_for_nothing(released: World) -> None:
    definition = released.write("fair", monitoring={"since": "2026-03-10"})
    (schedule,) = build_monitoring(definition).schedules
    with released.instance() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=NOON, repository_def=_location(released).get_repository_def()
        )
        tick = schedule.evaluate_tick(context)
    assert (tick.run_requests or [], tick.skip_message) == ([], "no window is over yet")
