"""A service that a test starts on a free port, and how it is asked."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pandas as pd

from rai_platform.data.generators import lending
from rai_platform.home import Home
from rai_platform.serving.bodies import Limits
from rai_platform.serving.inference_log import read_predictions
from rai_platform.serving.server import opened_service, server_of
from rai_platform.serving.service import Service
from rai_platform_tests.servers import BIN, free_port
from rai_platform_tests.world import World

PREDICT = "/v1/models/fair/predict"


@dataclass(frozen=True)
class Running:
    """A service that listens.

    Attributes:
        service: what answers; in this process.
        client: asks it.
        world: the home it serves from.
    """

    service: Service
    client: httpx.Client
    world: World

    def post(self, body: Any, path: str = PREDICT) -> httpx.Response:
        return self.client.post(path, json=body)

    def logged(self) -> pd.DataFrame:
        return read_predictions(self.world.settings.inference_log_url)


def records(rows: int, *, seed: int = 11) -> list[dict[str, Any]]:
    """Applications for loans as a caller of the lending model has them."""
    table = lending(rows=rows, seed=seed).drop(columns=["approved", "sex", "repaid"]).astype(object)
    table = table.where(table.notna(), None)
    return [
        dict(zip(table.columns, row, strict=True))
        for row in zip(*(table[name].tolist() for name in table), strict=True)
    ]


@contextlib.contextmanager
def running(
    world: World, *, name: str = "fair", every: float = 0.05, limits: Limits | None = None, home: Home | None = None
) -> Iterator[Running]:
    """The service of a model, in a thread of this process, over a real socket; with other settings where a home is given."""
    with opened_service(home or world.home, name, every=every, limits=limits) as service:
        port = free_port()
        server = server_of(service, host="127.0.0.1", port=port)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            eventually(lambda: server.started)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
                yield Running(service, client, world)
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def command(world: World, *arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`rai serve` as a process of its own, once it is ready, and its address.

    Args:
        world: the home it serves from.
        arguments: of the command.
        variables: of the environment, besides the world's own.
    """
    port = free_port()
    settings = world.settings
    environment = {**settings.environment, "RAI_HOME": str(settings.home), "RAI_MODELS": str(settings.models)}
    process = subprocess.Popen(
        [BIN / "rai", "serve", "fair", "--port", str(port), *arguments],
        cwd=world.folder,
        env={**environment, **variables, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{address}/ready", trust_env=False).status_code == 200
        return False

    try:
        eventually(is_ready, seconds=120)
        yield process, address
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def eventually(holds: Any, *, seconds: float = 30) -> None:
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def ids(response: httpx.Response) -> Sequence[str]:
    return [prediction["id"] for prediction in response.json()["predictions"]]
