"""`rai doctor` on homes that are really out of order: what it finds, and what it says to do."""

import dataclasses
import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from rai_platform.console.doctor import PACKAGES, UI_PORT, Diagnosis, examine, mend_aliases
from rai_platform.data.generators import lending
from rai_platform.pipeline.models import find_models
from rai_platform.registry.production import ALIAS
from rai_platform.registry.tracking import open_client
from rai_platform.settings import Settings
from rai_platform_tests.world import World

Break = Callable[[World], object]


@pytest.fixture
def listening() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def diagnoses(world: World, *, settings: Settings | None = None, ui_port: int | None = None) -> list[Diagnosis]:
    models = find_models(world.settings, embedded=False)
    with world.instance() as instance:
        return list(examine(settings or world.settings, world.home, instance, models, ui_port=ui_port or free_port()))


def about(found: list[Diagnosis], subject: str) -> list[Diagnosis]:
    return [item for item in found if item.subject == subject]


def ledger_database(world: World) -> Path:
    return Path(world.settings.home) / "ledger" / "ledger.db"


# --- in order --------------------------------------------------------------------------------------------------------


def test_in_a_home_that_is_in_order_nothing_is_to_be_done(released: World) -> None:
    found = diagnoses(released)
    assert [item for item in found if item.state != "ok" and item.subject != "home"] == []
    assert {item.subject for item in found} == {
        *("python", "packages", "home", "ui port", "models", "dagster.yaml", "ledger"),
        *("records of fair", "records of unfair"),
    }
    entries = len(released.entries("fair")) + len(released.entries("unfair"))
    (ledger,) = about(found, "ledger")
    assert ledger.found == f"{entries} entries, chain and signature verify"
    assert about(found, "models")[0].found == "fair, unfair"
    assert all(item.mend == "" for item in found if item.state == "ok")


def test_every_package_that_the_platform_needs_is_told_with_its_version(released: World) -> None:
    (packages,) = about(diagnoses(released), "packages")
    assert [line.split()[0] for line in packages.found.split(", ")] == list(PACKAGES)


def test_the_port_looked_at_is_the_one_that_rai_ui_takes() -> None:
    import inspect

    from rai_platform.cli import ui

    assert inspect.signature(ui).parameters["port"].default == UI_PORT


# --- the machine -----------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_told_with_the_way_around_it(judged: World, listening: int) -> None:
    (port,) = about(diagnoses(judged, ui_port=listening), "ui port")
    assert (port.state, port.found) == ("warning", f"{listening} is in use")
    assert "rai ui --port" in port.mend


def test_a_home_that_is_no_folder_is_broken(judged: World, tmp_path: Path) -> None:
    file = tmp_path / "a_file"
    file.write_text("")
    settings = dataclasses.replace(judged.settings, home=file / "home")
    (home,) = about(diagnoses(judged, settings=settings), "home")
    assert home.state == "broken"
    assert str(file) in home.found
    assert "RAI_HOME" in home.mend


@pytest.mark.parametrize(("again", "state"), [(True, "broken"), (False, "ok")])
def test_a_dagster_that_runs_failed_checks_again_is_broken(judged: World, again: bool, state: str) -> None:
    written = judged.settings.dagster_home / "dagster.yaml"
    written.write_text(
        "telemetry: {enabled: false}\n"
        f"run_retries: {{enabled: true, retry_on_asset_or_op_failure: {str(again).lower()}}}\n"
    )
    (retries,) = about(diagnoses(judged), "dagster.yaml")
    assert retries.state == state
    assert ("retry_on_asset_or_op_failure" in retries.mend) == again


# --- models and their data -------------------------------------------------------------------------------------------


def test_a_yaml_that_cannot_be_read_is_told_and_hides_no_other_model(judged: World) -> None:
    folder = judged.folder / "models" / "mistyped"
    folder.mkdir()
    (folder / "defs.yaml").write_text("type: something\nattributes: [1, 2]\n")
    found = diagnoses(judged)
    (model,) = about(found, "model mistyped")
    assert (model.state, model.mend) == ("broken", "mend the YAML, or remove its folder")
    assert "expected `type: rai_platform.pipeline.ResponsibleModel`" in model.found
    assert about(found, "records of fair")[0].state == "ok"


def file_of_its_own(world: World, kind: str) -> Path:
    """A model that needs a file besides its YAML; gives the file."""
    file = world.folder / f"{kind}.csv"
    table, data = world.folder / "loans.csv", {"source": str(file), "target": "repaid", "exclude": ["approved", "sex"]}
    lending(rows=50, seed=1).to_csv(table, index=False)
    lending(rows=50, seed=1).to_csv(file, index=False)
    elsewhere = {**data, "source": str(table)}
    if kind == "source":
        world.write("loans", data=data)
    elif kind == "test data":
        world.write("loans", data=elsewhere, split={"test": str(file)})
    elif kind == "rules":
        world.write("loans", data={**elsewhere, "rules": str(file)})
    else:
        given = {"source": str(file), "key": "income", "decision": "approved"}
        world.write("loans", data=elsewhere, estimator=None, predictions=given)
    return file


@pytest.mark.parametrize("kind", ["source", "test data", "rules", "predictions"])
def test_a_file_that_is_missing_is_told_by_its_path(judged: World, kind: str) -> None:
    file = file_of_its_own(judged, kind)
    assert about(diagnoses(judged), "data of loans") == []
    file.unlink()
    (data,) = about(diagnoses(judged), "data of loans")
    assert (data.state, data.found) == ("broken", f"{file}: no such file")
    assert data.mend == "bring the file back, or correct its path"


# --- the ledger ------------------------------------------------------------------------------------------------------


def edit_a_verdict(world: World) -> None:
    with sqlite3.connect(ledger_database(world)) as database:
        database.execute("update ledger_entries set model = 'other' where sequence = 2")
    database.close()


LEDGER_BROKEN: dict[str, tuple[Break, str]] = {
    "an entry edited": (edit_a_verdict, "entry 2 (verdict of other) was changed after it was written"),
    "the anchor emptied": (
        lambda world: (world.settings.home / "keys" / "ledger_head.json").write_text("{}"),
        "the anchor is not signed by the platform's key",
    ),
    "the key gone": (lambda world: world.settings.signing_key.unlink(), "the signing key is missing"),
    "the database no database": (
        lambda world: ledger_database(world).write_bytes(b"no database" * 1000),
        "file is not a database",
    ),
}


@pytest.mark.parametrize(("tamper", "says"), LEDGER_BROKEN.values(), ids=LEDGER_BROKEN)
def test_a_ledger_that_was_touched_is_broken_and_the_rest_is_looked_at_all_the_same(
    judged: World, tamper: Break, says: str
) -> None:
    tamper(judged)
    found = diagnoses(judged)
    broken = about(found, "ledger")
    assert [item.state for item in broken] == ["broken"]
    assert says in broken[0].found
    assert "backup" in broken[0].mend
    assert {"python", "packages", "home", "models", "dagster.yaml"} <= {item.subject for item in found}


# --- what Dagster and MLflow say of it -------------------------------------------------------------------------------


def move_the_alias(world: World) -> None:
    client = world.home.registry.client
    client.set_registered_model_alias("fair", ALIAS, client.create_model_version("fair", source="x").version)


def test_an_alias_that_was_moved_is_told_and_put_right_when_asked(released: World) -> None:
    move_the_alias(released)
    (records,) = about(diagnoses(released), "records of fair")
    assert (records.state, records.mend) == ("warning", "`rai doctor --mend`")
    assert "alias points to version 2" in records.found
    models = find_models(released.settings, embedded=False)
    assert mend_aliases(released.home, models) == [
        "fair: the alias `production` pointed to version 2; put to version 1"
    ]
    assert mend_aliases(released.home, models) == []
    assert about(diagnoses(released), "records of fair")[0].state == "ok"


@pytest.mark.parametrize("tamper", [tamper for tamper, _ in LEDGER_BROKEN.values()], ids=LEDGER_BROKEN)
def test_no_alias_is_moved_on_the_word_of_a_ledger_that_does_not_verify(released: World, tamper: Break) -> None:
    move_the_alias(released)
    tamper(released)
    assert mend_aliases(released.home, find_models(released.settings, embedded=False)) == []
    assert str(open_client(released.settings).get_model_version_by_alias("fair", ALIAS).version) == "2"


def test_what_dagster_has_forgotten_is_told_by_the_check(judged: World) -> None:
    with judged.instance() as instance:
        instance.wipe_assets([dg.AssetKey(["fair", "fairness_report"])])
    records = about(diagnoses(judged), "records of fair")
    assert {item.state for item in records} == {"warning"}
    assert any("disparate_impact__sex that Dagster no longer knows" in item.found for item in records)
    assert all("rai history fair" in item.mend for item in records)


def test_a_model_whose_yaml_is_gone_is_still_on_record(judged: World) -> None:
    (judged.folder / "models" / "unfair" / "defs.yaml").unlink()
    (records,) = about(diagnoses(judged), "records of unfair")
    assert (records.state, records.found) == ("warning", "its YAML is no longer there")


def test_a_diagnosis_is_plain_json(judged: World) -> None:
    found = [dataclasses.asdict(item) for item in diagnoses(judged)]
    assert json.loads(json.dumps(found)) == found
