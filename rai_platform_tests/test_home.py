"""A home that cannot be used, and servers that are not there: found out at once, told in a sentence."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rai_platform.errors import BadInput, Unreachable
from rai_platform.home import Home, must_be_writable
from rai_platform.settings import read_settings
from rai_platform_tests.servers import free_port, postgres
from rai_platform_tests.world import World


def home(tmp_path: Path, **environment: str) -> Home:
    return Home(read_settings({"RAI_HOME": str(tmp_path / "home"), **environment}, working_folder=tmp_path))


@pytest.fixture
def nobody() -> str:
    """An address on this machine at which nobody listens."""
    return f"127.0.0.1:{free_port()}"


def rai(world: World, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`rai` as a process of its own."""
    places = {"RAI_HOME": world.settings.home, "RAI_MODELS": world.settings.models}
    return subprocess.run(
        [sys.executable, "-m", "rai_platform.cli", *words],
        env={
            **os.environ,
            **{name: str(path) for name, path in places.items()},
            "MLFLOW_TRACKING_URI": "",
            **environment,
        },
        cwd=world.folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


# --- the folder ------------------------------------------------------------------------------------------------------


def test_a_home_that_is_ready_is_created_and_holds_no_probe(tmp_path: Path) -> None:
    opened = home(tmp_path)
    opened.must_be_ready()
    assert opened.ledger.problems() == []
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["keys", "ledger", "mlflow"]


def test_a_home_below_a_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(
        BadInput, match=r"nothing can be written to .*home: .*; set RAI_HOME to a folder you can write to"
    ):
        home(tmp_path).must_be_ready()
    assert (tmp_path / "home").read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_a_folder_that_others_own_is_refused(tmp_path: Path) -> None:
    """In a process without root's rights, where the tests run as root."""
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o005)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    program = (
        "import sys\nfrom pathlib import Path\nfrom rai_platform.home import must_be_writable\n"
        "must_be_writable(Path(sys.argv[1]), where='RAI_HOME')\n"
    )
    identity = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    told = subprocess.run(
        [sys.executable, "-c", program, str(closed)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        **identity,  # type: ignore[call-overload]
    )
    if "ModuleNotFoundError" in told.stderr:
        pytest.skip("nobody may not read the project here")
    assert f"BadInput: RAI_HOME: nothing can be written to {closed}: Permission denied" in told.stderr


def test_the_folder_that_is_asked_for_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="set RAI_MODELS to a folder") as told:
        must_be_writable(tmp_path / "file" / "below", where="RAI_MODELS")
    assert told.value.where == "RAI_MODELS"


# --- the ledger's database -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["nonsense", "nosuchdialect://host/ledger", "postgresql+nosuchdriver://host/ledger"])
def test_an_address_that_is_none_is_bad_input(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a URL such as postgresql\+psycopg2://user@host/ledger") as told:
        _ = home(tmp_path, RAI_LEDGER_URL=url).ledger
    assert told.value.where == "RAI_LEDGER_URL"


def test_a_ledger_in_a_place_where_none_can_be_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="the ledger cannot be written") as told:
        _ = home(tmp_path, RAI_LEDGER_URL=f"sqlite:///{tmp_path}/file/below/ledger.db").ledger
    assert told.value.where == "RAI_LEDGER_URL"


def test_a_database_that_does_not_answer_or_does_not_let_in_is_unreachable(nobody: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"the ledger's database cannot be used: connection to server at .* refused"):
        home(tmp_path / "a", RAI_LEDGER_URL=f"postgresql+psycopg2://rai@{nobody}/ledger").must_be_ready()
    with postgres("ledger") as url:
        known = url.replace("postgresql:", "postgresql+psycopg2:")
        home(tmp_path / "b", RAI_LEDGER_URL=known).must_be_ready()
        for wrong in (known.replace("test-only", "guessed"), known.removesuffix("ledger") + "another"):
            with pytest.raises(Unreachable, match="the ledger's database cannot be used") as told:
                _ = home(tmp_path / "c", RAI_LEDGER_URL=wrong).ledger
            assert "\n" not in told.value.message
            assert "guessed" not in told.value.message


# --- MLflow ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def refusing() -> Iterator[str]:
    """A server that answers every question with 500."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_mlflow_that_is_not_there_is_unreachable_at_once(nobody: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=rf"MLflow does not answer at http://{nobody}: .*refused; start it") as told:
        home(tmp_path, MLFLOW_TRACKING_URI=f"http://{nobody}").must_be_ready()
    assert told.value.where == "MLFLOW_TRACKING_URI"


@pytest.mark.parametrize("address", ["http://", "http://127.0.0.1:none", "http://[::1", "http://a b"])
def test_an_address_that_is_no_servers_does_not_answer(address: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="MLflow does not answer at "):
        _ = home(tmp_path, MLFLOW_TRACKING_URI=address).registry


def test_whoever_answers_is_there_whatever_the_answer(refusing: str, tmp_path: Path) -> None:
    assert home(tmp_path, MLFLOW_TRACKING_URI=refusing).registry.ledger.problems() == []


def test_what_listens_and_speaks_no_http_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.org\r\n")

        Thread(target=hang_up, daemon=True).start()
        with pytest.raises(Unreachable, match="MLflow does not answer"):
            _ = home(tmp_path, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{server.getsockname()[1]}").registry


# --- at the prompt ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_without_the_ledgers_database_nothing_runs_and_a_sentence_says_why(released: World, nobody: str) -> None:
    silent = {"RAI_LEDGER_URL": f"postgresql+psycopg2://rai@{nobody}/ledger"}
    for words in (["run", "fair"], ["status"], ["history", "fair"]):
        told = rai(released, *words, "--json", **silent)
        error = json.loads(told.stdout)["error"]
        assert (told.returncode, error["code"], error["where"]) == (1, "unreachable", "RAI_LEDGER_URL"), words
        assert "Traceback" not in told.stderr
    told = rai(released, "doctor", "--json", **silent)
    (ledger,) = [item for item in json.loads(told.stdout)["diagnoses"] if item["subject"] == "ledger"]
    assert (told.returncode, ledger["state"]) == (1, "broken")
    assert ledger["found"].startswith("the ledger's database cannot be used")
    assert ledger["mend"].startswith("correct RAI_LEDGER_URL, or wait until it answers;")


@pytest.mark.slow
def test_without_mlflow_nothing_runs_and_the_ledger_still_tells_the_truth(released: World, nobody: str) -> None:
    silent = {"MLFLOW_TRACKING_URI": f"http://{nobody}"}
    told = rai(released, "run", "fair", "--json", **silent)
    assert (told.returncode, json.loads(told.stdout)["error"]["code"]) == (1, "unreachable")
    told = rai(released, "status", "fair", "--json", **silent)
    status, before = json.loads(told.stdout), released.status("fair").as_json()
    assert told.returncode == 0
    assert (status["decision"], status["production"]) == ("promoted", before["production"])
    assert [reason for reason in status["reasons"] if nobody in reason] == status["reasons"][-1:]
    assert status["reasons"][:-1] == before["reasons"]
    told = rai(released, "doctor", "--json", **silent)
    found = json.loads(told.stdout)["diagnoses"]
    assert told.returncode == 1
    assert [(item["subject"], item["state"]) for item in found if nobody in item["found"]] == [("mlflow", "broken")]
    (records,) = [item for item in found if item["subject"] == "records of fair"]
    assert (records["state"], records["found"]) == ("ok", "ledger and Dagster agree")


@pytest.mark.slow
def test_pages_on_a_port_that_is_taken_are_refused_with_the_way_around_it(judged: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = rai(judged, "ui", "--port", port)
    assert told.returncode == 2
    assert f"nothing can listen on 127.0.0.1, port {port}" in told.stderr
    assert "`rai ui --port` takes another" in told.stderr
    assert "Traceback" not in told.stderr
    for words in (["--port", "99999"], ["--host", "192.0.2.1", "--port", str(free_port())]):
        told = rai(judged, "ui", *words)
        assert told.returncode == 2
        assert "nothing can listen on" in told.stderr


@pytest.mark.parametrize("name", ["[/red]x", "[red]", "[/]", "[link=x]y", ":smile:", "\x1b[31mx"])
def test_a_name_that_is_a_command_to_the_terminal_is_shown_letter_by_letter(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from rai_platform.cli import execute

    monkeypatch.setenv("RAI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAI_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    for words in (["run", name], ["run", "--spec", name], ["run", "lending", "--only", name], ["status", name], [name]):
        assert execute(words) == 2, words
        told = capfd.readouterr().err
        assert name.replace("\x1b", "\\x1b") in told or name.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in told
        assert "\x1b[31m" not in told
