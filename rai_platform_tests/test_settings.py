"""The environment as one value."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rai_platform.errors import BadInput
from rai_platform.home import Home
from rai_platform.settings import project_root, read_settings


def test_home_is_beside_the_nearest_workspace_file(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "workspace.yaml").touch()
    settings = read_settings({}, working_folder=inner)
    assert settings.home == tmp_path / ".rai"
    assert settings.models == tmp_path / "models"
    (inner.parent / "workspace.yaml").touch()
    assert read_settings({}, working_folder=inner).home == inner.parent / ".rai"
    assert project_root(inner) == inner.parent


def test_without_a_workspace_file_home_is_in_the_working_folder(tmp_path: Path) -> None:
    settings = read_settings({}, working_folder=tmp_path)
    assert (settings.home, settings.models) == (tmp_path / ".rai", tmp_path / "models")


def test_everything_lives_under_home_unless_it_is_sent_elsewhere(tmp_path: Path) -> None:
    settings = read_settings({"RAI_HOME": str(tmp_path / "home")}, working_folder=tmp_path)
    home = tmp_path / "home"
    assert settings.dagster_home == home / "dagster"
    assert settings.ledger_url == f"sqlite:///{home}/ledger/ledger.db"
    assert settings.store_url == str(home / "store")
    assert settings.anchor_url == str(home / "keys" / "ledger_head.json")
    assert settings.signing_key == home / "keys" / "signing_key.pem"
    assert settings.tracking_uri == f"sqlite:///{home}/mlflow/mlflow.db"
    assert settings.inference_log_url == f"sqlite:///{home}/serving/inference_log.db"
    assert settings.protected_attributes_url == f"sqlite:///{home}/serving/protected_attributes.db"
    assert settings.mlflow_artifacts == home / "mlflow" / "artifacts"
    assert settings.executor == "multiprocess"


def test_every_place_can_be_named_by_a_variable(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "RAI_HOME": "/srv/rai",
            "RAI_MODELS": "/srv/models",
            "RAI_LEDGER_URL": "postgresql+psycopg2://db/ledger",
            "RAI_INFERENCE_LOG_URL": "postgresql+psycopg2://db/log",
            "RAI_PROTECTED_ATTRIBUTES": "postgresql+psycopg2://db/people",
            "RAI_STORE_URL": "s3://bucket/store",
            "RAI_LEDGER_ANCHOR": "s3://other/head.json",
            "RAI_SIGNING_KEY": "/run/secrets/key.pem",
            "MLFLOW_TRACKING_URI": "http://mlflow:5000",
            "RAI_EXECUTOR": "k8s",
        },
        working_folder=tmp_path,
    )
    assert settings.home == Path("/srv/rai")
    assert settings.models == Path("/srv/models")
    assert settings.ledger_url == "postgresql+psycopg2://db/ledger"
    assert settings.inference_log_url == "postgresql+psycopg2://db/log"
    assert settings.protected_attributes_url == "postgresql+psycopg2://db/people"
    assert settings.store_url == "s3://bucket/store"
    assert settings.anchor_url == "s3://other/head.json"
    assert settings.signing_key == Path("/run/secrets/key.pem")
    assert settings.tracking_uri == "http://mlflow:5000"
    assert settings.mlflow_artifacts is None, "an MLflow server decides where its artifacts are"
    assert settings.executor == "k8s"


def test_relative_places_are_relative_to_the_working_folder_and_not_to_the_project(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "workspace.yaml").touch()
    settings = read_settings({"RAI_HOME": "here", "RAI_MODELS": "mine"}, working_folder=inner)
    assert (settings.home, settings.models, settings.working_folder) == (inner / "here", inner / "mine", inner)


def test_a_tilde_is_the_home_folder_of_the_user(tmp_path: Path) -> None:
    settings = read_settings({"RAI_HOME": "~/rai", "RAI_MODELS": "~/models"}, working_folder=tmp_path)
    assert (settings.home, settings.models) == (Path.home() / "rai", Path.home() / "models")


def test_a_database_may_be_named_by_its_file(tmp_path: Path) -> None:
    settings = read_settings({"RAI_PROTECTED_ATTRIBUTES": "people.db"}, working_folder=tmp_path)
    assert settings.protected_attributes_url == f"sqlite:///{tmp_path}/people.db"


def test_a_database_that_nobody_knows_is_refused_without_telling_its_password() -> None:
    with pytest.raises(BadInput, match="RAI_INFERENCE_LOG_URL: expected a file, or a URL such as sqlite:") as refused:
        read_settings({"RAI_INFERENCE_LOG_URL": "mysql://rai:hunter2@db/log"})
    assert "hunter2" not in str(refused.value)


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    empty = dict.fromkeys(
        ("RAI_HOME", "RAI_MODELS", "RAI_LEDGER_URL", "RAI_STORE_URL", "RAI_SIGNING_KEY", "MLFLOW_TRACKING_URI"), ""
    )
    settings, plain = read_settings(empty, working_folder=tmp_path), read_settings({}, working_folder=tmp_path)
    assert (settings.home, settings.models, settings.store_url) == (plain.home, plain.models, plain.store_url)
    assert (settings.ledger_url, settings.signing_key) == (plain.ledger_url, plain.signing_key)
    assert settings.tracking_uri == plain.tracking_uri


def test_an_executor_nobody_knows_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadInput, match=r"RAI_EXECUTOR: expected one of .*; did you mean 'multiprocess'"):
        read_settings({"RAI_EXECUTOR": "multi_process"})


def test_the_environment_is_a_copy_that_later_changes_do_not_reach(tmp_path: Path) -> None:
    environment = {"DATA": "/data"}
    settings = read_settings(environment, working_folder=tmp_path)
    environment["DATA"] = "/elsewhere"
    assert settings.environment["DATA"] == "/data"


def test_a_process_and_its_children_are_told_where_to_work_and_not_to_report_home(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from rai_platform.settings import read_settings, use_as_process_environment\n"
        "use_as_process_environment(read_settings())\n"
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(dict(os.environ))'], check=True)\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "RAI_HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    for name, value in {
        "RAI_HOME": tmp_path / "home",
        "RAI_MODELS": tmp_path / "models",
        "DAGSTER_HOME": tmp_path / "home" / "dagster",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/home/mlflow/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }.items():
        assert f"'{name}': '{value}'" in told


PLACES = {"RAI_SIGNING_KEY": "signing_key", "RAI_STORE_URL": "store_url", "RAI_LEDGER_ANCHOR": "anchor_url"}
FOLDERS = {"RAI_HOME": "home", "RAI_MODELS": "models"}


@pytest.mark.parametrize(("name", "attribute"), {**PLACES, **FOLDERS}.items())
def test_every_relative_place_is_below_the_working_folder_and_stays_there(
    name: str, attribute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings({name: "below/here"})
    monkeypatch.chdir("/")
    assert str(getattr(settings, attribute)) == str(tmp_path / "below" / "here")
    assert str(getattr(read_settings({name: "~/here"}), attribute)) == str(Path.home() / "here")


@pytest.mark.parametrize("name", [*PLACES, *FOLDERS])
def test_the_home_of_somebody_who_is_not_there_is_bad_input(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no path can be '~nobody_of_that_name/x'") as told:
        read_settings({name: "~nobody_of_that_name/x"}, working_folder=tmp_path)
    assert told.value.where == name


@pytest.mark.parametrize("url", ["s3://bucket/below", "memory://below", "file:///below"])
def test_a_url_is_no_relative_path(url: str, tmp_path: Path) -> None:
    settings = read_settings({"RAI_STORE_URL": url, "RAI_LEDGER_ANCHOR": url}, working_folder=tmp_path)
    assert (settings.store_url, settings.anchor_url) == (url, url)


@pytest.mark.parametrize(("folder", "sign"), [("a?b", "?"), ("a%20b", "%20"), ("a%2Fb/home", "%2F")])
def test_a_home_that_sqlite_would_take_for_another_is_refused(folder: str, sign: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"the databases of SQLite cannot lie below a folder with") as told:
        read_settings({"RAI_HOME": folder}, working_folder=tmp_path)
    assert repr(sign) in told.value.message
    assert told.value.where == "RAI_HOME"


@pytest.mark.parametrize("folder", ["a b", "100%", "a#b", "a&b=c", "größe", "[red]", "%zz", "a;b"])
def test_every_other_name_of_a_home_leads_to_that_home(folder: str, tmp_path: Path) -> None:
    Home(read_settings({"RAI_HOME": folder}, working_folder=tmp_path)).must_be_ready()
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    assert (tmp_path / folder / "ledger" / "ledger.db").is_file()
    assert (tmp_path / folder / "mlflow" / "mlflow.db").is_file()
