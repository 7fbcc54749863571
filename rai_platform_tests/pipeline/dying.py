"""A promotion in a process of its own that is killed with SIGKILL just before its n-th write."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow.pyfunc  # noqa: F401 - loaded before the processes are forked, so that each begins at once

from rai_platform.pipeline.history import DagsterHistory
from rai_platform.pipeline.releasing import attempt_release
from rai_platform.pipeline.steps import Step
from rai_platform.pipeline.values import StoredValues
from rai_platform.registry.production import ProductionRegistry
from rai_platform_tests.world import World

WRITES = (
    "create_registered_model",
    "log_artifacts",
    "create_model_version",
    "append",
    "log_artifact",
    "set_model_version_tag",
    "set_registered_model_alias",
)


@dataclass
class Fate:
    """How many writes are left, over everything that is written to."""

    left: int

    def write(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


@dataclass
class Mortal:
    """Passes every call on, and dies before the write that is one too many."""

    living: Any
    fate: Fate = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        passed_on = getattr(self.living, name)
        if name not in WRITES:
            return passed_on

        def write(*args: Any, **options: Any) -> Any:
            self.fate.write()
            return passed_on(*args, **options)

        return write


def promote_and_die(folder: str, writes: int) -> None:
    """Promotes `fair` in the world of ``folder``; dies after so many writes, or lives where there are no more."""
    world, fate = World(Path(folder)), Fate(writes)
    home = world.home
    ledger: Any = Mortal(home.ledger, fate)
    client: Any = Mortal(home.registry.client, fate)
    home.__dict__["ledger"] = ledger
    home.__dict__["registry"] = ProductionRegistry(
        client=client,
        ledger=ledger,
        store=home.store,
        key=home.key,
        clock=home.clock,
        artifacts=world.settings.mlflow_artifacts,
    )
    with world.instance() as instance:
        step = Step(
            definition=world.model("fair"),
            home=home,
            values=StoredValues(instance, home.store, None),
            run_id="mortal",
            mlflow_run_id=lambda: "none",
        )
        attempt_release(step, DagsterHistory(instance, step.definition))
