"""docs/serving.md tells the doors, columns and limits that the service has."""

import dataclasses
import re
from types import SimpleNamespace

from rai_platform.cli import serve
from rai_platform.serving.access import Access
from rai_platform.serving.bodies import MLFLOW_FORMS, REASONS, Limits
from rai_platform.serving.inference_log import COLUMNS, LoggedPrediction
from rai_platform.serving.inputs import MOST_DETAILS
from rai_platform.serving.labels import MOST_LABELS
from rai_platform.serving.metrics import Metrics
from rai_platform.serving.reasons import SECONDS_A_ROW
from rai_platform.serving.service import Service, build_app
from rai_platform_tests.conftest import PROJECT
from rai_platform_tests.docs.pages import Page, in_code

PAGE = Page(PROJECT / "docs" / "serving.md")
TEXT = " ".join(PAGE.text.split())


def test_the_page_lists_every_door_and_no_other() -> None:
    service = Service(
        watch=None,
        log=None,
        scorer=None,
        access=Access(),
        explainer=None,
        page=None,
        limits=Limits(),
        metrics=Metrics(),
    )  # type: ignore[arg-type]  # no door is opened
    doors = {f"{method} {route.path}" for route in build_app(service).routes for method in route.methods}  # type: ignore[attr-defined]
    assert {door for row in PAGE.table("What it answers") for door in in_code(row["request"])} == doors


def test_the_page_lists_every_column_of_the_log() -> None:
    listed = [name for row in PAGE.table("What is recorded") for name in in_code(row["column"])]
    assert sorted(listed) == sorted(COLUMNS)
    assert [field.name for field in dataclasses.fields(LoggedPrediction)] == list(COLUMNS)


def test_the_limits_and_defaults_are_those_of_the_code() -> None:
    limits = Limits()
    assert f"more than {limits.rows} rows, {MOST_LABELS:,} labels or {limits.content_bytes:,} bytes" in TEXT
    assert f"{limits.waiting_requests} requests wait already" in TEXT
    assert f"Up to {limits.explained_rows} rows are explained in one request" in TEXT
    assert f"more than {limits.explained_rows} rows with `explain`" in TEXT
    assert f"more than {limits.waiting_explanations} requests wait for reasons" in TEXT
    assert {4: "Four"}[REASONS] + " at most" in TEXT
    assert {1: "a second"}[SECONDS_A_ROW] in TEXT
    assert f"does not arrive within {limits.seconds_to_send:g} seconds" in TEXT
    assert f"up to {MOST_DETAILS} such problems" in TEXT
    host, port = serve.__defaults__[1], serve.__defaults__[0]  # type: ignore[index]
    assert f"{host} and {port}, unless told otherwise" in TEXT


def test_the_page_lists_every_figure_for_prometheus() -> None:
    watch = SimpleNamespace(
        withdrawn=None, looked_at=0.0, served=SimpleNamespace(told=dict.fromkeys(("name", "version", "digest"), "x"))
    )
    metrics = Metrics()
    metrics.count("/health", 200)
    told = metrics.told(watch, waiting=0, is_writable=True).decode()  # type: ignore[arg-type]  # what is read of a watch
    named = set(re.findall(r"^# TYPE (\w+)", told, flags=re.MULTILINE))
    listed = {name for row in PAGE.table("Figures for Prometheus") for name in in_code(row["figure"])}
    assert {name for name in named if not name.endswith("_created")} == listed


def test_the_forms_of_mlflow_are_those_that_are_read() -> None:
    assert set(re.findall(r"`(dataframe_\w+|instances|inputs)`", TEXT)) == set(MLFLOW_FORMS)
