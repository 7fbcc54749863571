"""A version is promoted, turns unfair, and is gone back from: the page is gathered from the ledger and the log of a drill."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rai_platform.cli import app
from rai_platform.drills.drill import Drill, Plan, run_drill
from rai_platform.errors import BadInput, EvidenceMissing
from rai_platform.home import Home
from rai_platform.pipeline.production_page import read_production_history, write_production_page
from rai_platform.settings import read_settings
from rai_platform_tests.dashboard.test_page import text_of
from rai_platform_tests.world import World

PLAN = Plan(days=6, people=400, begins=4, labels_after=1, newer_version=True, rolls_back_on=("prediction",))


@pytest.fixture(scope="module")
def drilled(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Drill]:
    folder = tmp_path_factory.mktemp("drilled") / "drill"
    drill = run_drill(released_world.home, released_world.model("fair"), PLAN, folder=folder, tell=lambda _: None)
    settings = released_world.settings
    environment = {**settings.environment, "RAI_HOME": str(drill.home)}
    return Home(read_settings(environment, working_folder=settings.working_folder)), drill


@pytest.mark.slow
def test_every_version_has_its_windows_its_alerts_and_its_end(
    released_world: World, drilled: tuple[Home, Drill]
) -> None:
    home, drill = drilled
    now = drill.began + timedelta(days=PLAN.days)
    history = read_production_history(home, released_world.model("fair"), now=now)
    _, newer, older = history.stretches
    assert [stretch.version for stretch in history.stretches] == ["1", "2", "1"]
    assert [change.kind for change in history.changes] == ["promotion", "promotion", "rollback"]
    (back,) = drill.rollbacks
    assert newer.until == older.since == history.changes[-1].at
    assert history.current == older
    assert sum(window.n for _, window in history.watched()) == PLAN.days * PLAN.people
    assert [len(newer.windows), len(older.windows)] == [PLAN.begins, PLAN.days - PLAN.begins]
    assert newer.alerts[0].opened == (drill.began + timedelta(days=PLAN.begins - 1)).strftime("%Y-%m-%d")
    assert (newer.digest, newer.alerts[0].about, newer.alerts[0].opened) in history.told
    assert older.alerts == ()
    assert history.changes[-1].seen == back.seen
    assert history.limits["disparate_impact", "sex"].minimum == 0.8


@pytest.mark.slow
def test_the_page_is_written_where_the_service_finds_it_and_tells_of_the_rollback(
    released_world: World, drilled: tuple[Home, Drill]
) -> None:
    home, drill = drilled
    now = drill.began + timedelta(days=PLAN.days)
    file = write_production_page(home, released_world.model("fair"), now=now)
    assert file == home.settings.production_page("fair")
    text = text_of(file.read_text(encoding="utf-8"))
    assert "Back from version 2 to version 1, as the policy says (monitoring)" in text
    assert "The service was seen to follow after" in text
    assert "Within tolerance" in text
    assert [each.name for each in file.parent.iterdir()] == ["production.html"]


@pytest.mark.slow
def test_the_command_writes_the_page_where_nothing_was_predicted_yet(
    released: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAI_HOME", str(released.settings.home))
    monkeypatch.setenv("RAI_MODELS", str(released.settings.models))
    wanted = tmp_path / "new" / "page.html"
    result = CliRunner().invoke(app, ["dashboard", "fair", "--to", str(wanted), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"page": str(wanted)}
    text = text_of(wanted.read_text(encoding="utf-8"))
    assert "Not watched" in text
    assert "Nothing to show yet" in text
    with pytest.raises(EvidenceMissing, match="no candidate was promoted yet"):
        write_production_page(released.home, released.model("unfair"), now=released.home.clock())
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="name another file"):
        write_production_page(
            released.home, released.model("fair"), now=released.home.clock(), to=tmp_path / "file" / "page.html"
        )
