"""Servers that a test starts for itself, on 127.0.0.1 and free ports, and stops again."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rai_platform_tests.world import World

BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class PostgreSQL:
    """A server of PostgreSQL of a test's own.

    Attributes:
        url: of a database of it.
        folder: everything lives in it.
        control: runs pg_ctl with arguments.
    """

    url: str
    folder: Path
    control: Callable[..., None]

    def kill(self) -> None:
        """Ends the server as a crash does; whoever is connected loses the line."""
        process = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(process, signal.SIGKILL)

    def start(self) -> None:
        """Starts it again, once the processes of the one that was killed are gone."""
        for _ in range(50):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.control("start")
                return
            time.sleep(0.1)
        raise TimeoutError((self.folder / "log").read_text()[-3000:])

    def restart(self) -> None:
        """Stops it in order and starts it again."""
        self.control("restart", "-m", "fast")


@contextlib.contextmanager
def postgres(database: str) -> Iterator[str]:
    """A throwaway PostgreSQL; gives the URL of an empty database."""
    with postgres_server(database) as server:
        yield server.url


@contextlib.contextmanager
def postgres_server(database: str) -> Iterator[PostgreSQL]:
    """A throwaway PostgreSQL with an empty database."""
    if _postgres("initdb") is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path is limited to 107 bytes
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **identity)

    port, password = free_port(), folder / "password"
    password.write_text("test-only\n")
    password.chmod(0o644)
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    program = {name: str(_postgres(name)) for name in ("initdb", "pg_ctl", "createdb")}

    def control(*arguments: str) -> None:
        run(program["pg_ctl"], "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", settings, *arguments)

    run(program["initdb"], "-D", f"{folder}/data", "-U", "rai", "--pwfile", str(password), "-A", "scram-sha-256", "-N")
    try:
        control("start")
        subprocess.run(
            [program["createdb"], "-h", "127.0.0.1", "-p", str(port), "-U", "rai", database],
            check=True,
            env={"PGPASSWORD": "test-only", "PATH": os.environ["PATH"]},
        )
        yield PostgreSQL(f"postgresql://rai:test-only@127.0.0.1:{port}/{database}", folder, control)
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            control("-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _postgres(program: str) -> Path | None:
    found = shutil.which(program)
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)
    return installed[0] if installed else (Path(found) if found else None)


@dataclass(frozen=True)
class Pages:
    """Dagster's webserver, and with ``dagster dev`` its daemon."""

    url: str

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def graphql(self, query: str, **variables: Any) -> Any:
        _, answer = self.post("/graphql", {"query": query, "variables": variables})
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


@contextlib.contextmanager
def dagster_pages(
    world: World, *, daemon: bool = False, module: str = "rai_platform.definitions", **variables: str
) -> Iterator[Pages]:
    """Dagster's pages over the world's models, as ``rai ui`` shows them.

    Args:
        world: the home and its models.
        daemon: whether Dagster's daemon runs beside them.
        module: what Dagster loads.
        variables: of the environment, besides the world's own.
    """
    world.instance().dispose()
    port, settings = free_port(), world.settings
    environment = {
        **os.environ,
        "RAI_HOME": str(settings.home),
        "RAI_MODELS": str(settings.models),
        "DAGSTER_HOME": str(settings.dagster_home),
        "RAI_EXECUTOR": "in_process",
        "PYTHONWARNINGS": "ignore",
        **variables,
    }
    command = ["dagster", "dev"] if daemon else ["dagster-webserver"]
    with (world.folder / "pages.log").open("wb") as log:
        server = subprocess.Popen(
            [BIN / command[0], *command[1:], "-m", module, "-h", "127.0.0.1", "-p", str(port)],
            cwd=world.folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    pages = Pages(f"http://127.0.0.1:{port}")
    try:
        _wait_for(pages, server, world.folder / "pages.log")
        yield pages
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)


def _wait_for(pages: Pages, server: subprocess.Popen[bytes], log: Path) -> None:
    query = "{repositoriesOrError{... on RepositoryConnection{nodes{name}}}}"
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"Dagster's pages ended:\n{log.read_text()[-3000:]}")
        with contextlib.suppress(OSError, AssertionError):
            if pages.graphql(query)["repositoriesOrError"].get("nodes"):
                return
        time.sleep(0.3)
    raise TimeoutError(f"Dagster's pages did not come up:\n{log.read_text()[-3000:]}")
