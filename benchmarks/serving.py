"""What an answer of the service costs beside `mlflow models serve`, which answers with the same estimator and logs nothing.

Both are asked over the same connections by the same client for one row at a time, in the same JSON. The service checks every
row, and has every prediction on disk before it is answered.
"""

import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.table import Claim, Goal, report
from rai_platform.home import Home
from rai_platform.serving.inference_log import read_predictions
from rai_platform.serving.served import find_production, load_served
from rai_platform.settings import Settings, read_settings

PROJECT = Path(__file__).parents[1]
COMMANDS = Path(sys.executable).parent
NAME = "boosted"
NUMBERS, CATEGORIES = 9, 3  # features
ROWS = 4_000
MANY, FEW = 64, 8  # connections
SLOWER_AT_MANY, SLOWER_AT_FEW = 1 / 15, 1 / 6
SECONDS_TO_START, SECONDS_TO_WARM_UP = 180.0, 2.0
TARGET = "repaid"


def measure(quick: bool) -> list[Claim]:
    """All claims; each server runs alone, first with many connections and then with few."""
    seconds = 6.0 if quick else 30.0
    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = released(folder)
        requests = [request(row) for row in table(1_000, seed=1).drop(columns=TARGET).to_dict("records")]
        with service(settings) as port:
            ours = {connections: load(port, requests, connections, seconds) for connections in (MANY, FEW)}
        must_be_logged(settings, sum(each.answered for each in ours.values()))
        with peer(settings, folder) as port:
            theirs = {connections: load(port, requests, connections, seconds) for connections in (MANY, FEW)}
    return [
        Claim(
            says=f"time for 1,000 answers over {MANY} connections, each prediction on disk; peer: mlflow models serve",
            ours=1_000 / ours[MANY].a_second,
            peer=1_000 / theirs[MANY].a_second,
            unit="s",
            goal=Goal(of="ratio", at_most=SLOWER_AT_MANY),
        ),
        Claim(
            says=f"99 of 100 answers over {FEW} connections come within; peer: as above",
            ours=ours[FEW].percentile(99) * 1_000,
            peer=theirs[FEW].percentile(99) * 1_000,
            unit="ms",
            goal=Goal(of="ratio", at_most=SLOWER_AT_FEW),
        ),
        *(
            Claim(
                says=f"{says} answers over {connections} connections come within; peer: as above",
                ours=ours[connections].percentile(percent) * 1_000,
                peer=theirs[connections].percentile(percent) * 1_000,
                unit="ms",
                goal=None,
            )
            for connections, percent, says in (
                (FEW, 50, "half of the"),
                (MANY, 50, "half of the"),
                (MANY, 99, "99 of 100"),
            )
        ),
    ]


# --- the model -------------------------------------------------------------------------------------------------------


def table(rows: int, *, seed: int) -> pd.DataFrame:
    """Numbers, categories, and whether somebody paid back."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"number_{at}": rng.uniform(0, 1 + at, rows).round(3) for at in range(NUMBERS)}
    columns |= {
        f"category_{at}": np.array(["north", "east", "south", "west"])[rng.integers(0, 4, rows)]
        for at in range(CATEGORIES)
    }
    chance = 1 / (1 + np.exp(-(4 * columns["number_0"] - 2 + (columns["category_0"] == "north") * 2)))
    return pd.DataFrame({**columns, TARGET: (rng.random(rows) < chance).astype("int64")})


def released(folder: Path) -> Settings:
    """A gradient boosted model in production, by the way that every model takes."""
    table(ROWS, seed=0).to_csv(folder / "people.csv", index=False)
    spec = {
        "name": NAME,
        "owners": ["team:benchmarks"],
        "intended_use": "Is measured.",
        "out_of_scope": "Anything else.",
        "data": {"source": str(folder / "people.csv"), "target": TARGET, "positive_label": 1},
        "sensitive_features": [{"name": "category_2"}],
        "split": {"test_size": 0.5, "seed": 0},
        "estimator": {"type": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 100}},
        "policy": {"extends": "none", "name": "measured", "requirements": [{"metric": "accuracy_gain", "min": 0}]},
    }
    path = folder / "models" / NAME / "defs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        yaml.safe_dump({"type": "rai_platform.pipeline.ResponsibleModel", "attributes": spec}), encoding="utf-8"
    )
    environment = environment_of(folder)
    subprocess.run([COMMANDS / "rai", "run", NAME], env=environment, check=True, stdout=subprocess.DEVNULL)
    return read_settings(environment, working_folder=folder)


def environment_of(folder: Path) -> dict[str, str]:
    """A home of its own, whatever this one's settings are."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("RAI_", "MLFLOW_"))}
    return {
        **known,
        "PYTHONPATH": str(PROJECT),
        "PATH": f"{COMMANDS}{os.pathsep}{os.environ.get('PATH', '')}",  # MLflow starts uvicorn by its name
        "RAI_HOME": str(folder / "home"),
        "RAI_MODELS": str(folder / "models"),
        "RAI_EXECUTOR": "in_process",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


# --- the servers -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def service(settings: Settings) -> Iterator[int]:
    """`rai serve`, and its port."""
    port = free_port()
    with started([COMMANDS / "rai", "serve", NAME, "--port", str(port)], settings.home.parent, port):
        yield port


@contextlib.contextmanager
def peer(settings: Settings, folder: Path) -> Iterator[int]:
    """`mlflow models serve` of the parts of the same model, and its port."""
    import mlflow.sklearn
    from sklearn.pipeline import Pipeline

    home = Home(settings)
    parts = load_served(home, find_production(home, NAME)).model.parts
    mlflow.sklearn.save_model(
        Pipeline(list(parts.items())),
        folder / "peer",
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    port = free_port()
    command: list[str | Path] = [
        COMMANDS / "mlflow",
        "models",
        "serve",
        "-m",
        folder / "peer",
        "--env-manager",
        "local",
        "--port",
        str(port),
    ]
    with started(command, folder, port):
        yield port


@contextlib.contextmanager
def started(command: Sequence[str | Path], folder: Path, port: int) -> Iterator[None]:
    """A server in a process group of its own, once it listens."""
    with (folder / "server.log").open("wb") as told:
        process = subprocess.Popen(
            command, env=environment_of(folder), stdout=told, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            ends = time.monotonic() + SECONDS_TO_START
            while not listens(port):
                if process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(
                        f"{command[0]} did not start: {(folder / 'server.log').read_text(errors='replace')}"
                    )
                time.sleep(0.1)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


# --- the client ------------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """What came of some seconds of asking.

    Attributes:
        seconds: that were counted.
        latencies: of the answers that came within them.
    """

    seconds: float
    latencies: list[float] = field(default_factory=list)
    answered: int = 0  # those of the warm-up too

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """So many of a hundred answers came within these seconds."""
        return float(np.percentile(self.latencies, percent))


class Connection(asyncio.Protocol):
    """Asks for one thing after the other until the time is over; anything but an answer of 200 ends the benchmark."""

    def __init__(self, requests: Sequence[bytes], first: int, load: Load, counts_from: float, ends: float) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._place = first
        self._load = load
        self._counts_from = counts_from
        self._ends = ends
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks the first."""
        self._transport: Any = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Takes what came, and asks the next where the answer is whole."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < content_length(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(f"expected an answer, got {bytes(self._received)[:500]!r}")
            return
        now = time.perf_counter()
        self._load.answered += 1
        if self._asked_at >= self._counts_from and now <= self._ends:
            self._load.latencies.append(now - self._asked_at)
        self._received.clear()
        if now < self._ends:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        if not self.closed.done():
            if time.perf_counter() < self._ends:
                self._fail(f"the server closed the connection: {exc}")
            else:
                self.closed.set_result(None)

    def _ask(self) -> None:
        self._place = (self._place + 1) % len(self._requests)
        self._asked_at = time.perf_counter()
        self._transport.write(self._requests[self._place])

    def _fail(self, told: str) -> None:
        if not self.closed.done():
            self.closed.set_exception(RuntimeError(told))
        self._transport.close()


def content_length(head: bytes | bytearray) -> int:
    """Of an answer."""
    for line in bytes(head).split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ValueError(f"expected an answer with its length, got {bytes(head)!r}")


def request(row: Mapping[Any, Any]) -> bytes:
    """A request for the prediction of one row, which both servers read."""
    body = json.dumps({"dataframe_records": [dict(row)]}).encode()
    head = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def load(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Asks over so many connections for so many seconds, after some that do not count."""

    async def ask() -> Load:
        loop = asyncio.get_running_loop()
        counts_from = time.perf_counter() + SECONDS_TO_WARM_UP
        asked = Load(seconds)
        made = [Connection(requests, at * 97, asked, counts_from, counts_from + seconds) for at in range(connections)]
        for each in made:
            await loop.create_connection(functools.partial(_given, each), "127.0.0.1", port)
        await asyncio.gather(*(each.closed for each in made))
        return asked

    return asyncio.run(ask())


def _given(connection: Connection) -> Connection:
    return connection


def must_be_logged(settings: Settings, answered: int) -> None:
    """Refuses a measurement of answers that are not on record."""
    logged = len(read_predictions(settings.inference_log_url))
    if logged != answered:
        raise RuntimeError(f"expected {answered} predictions in the inference log, got {logged}")


if __name__ == "__main__":
    sys.exit(report("Serving", measure))
