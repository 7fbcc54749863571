"""Is everything in place: the machine, the packages, the home, the ledger, and what Dagster and MLflow say of it?"""

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import dagster as dg
import sqlalchemy as sa

from rai_platform.errors import BadInput, RaiError, Unreachable, message_of
from rai_platform.home import Home
from rai_platform.pipeline.models import Models
from rai_platform.settings import Settings
from rai_platform.spec.data import Source
from rai_platform.spec.model import ModelSpec

State = Literal["ok", "warning", "broken"]
LEAST_FREE_BYTES = 2 * 1024**3
PACKAGES = (
    "dagster",
    "dagster-webserver",
    "dagster-mlflow",
    "dagster-k8s",
    "mlflow",
    "fairlearn",
    "shap",
    "foolbox",
    "textattack",
    "torch",
    "scikit-learn",
    "pandera",
    "skops",
)
UI_PORT = 3000
SILENT = "MLflow does not answer"
RESTORE = "nothing is promoted until the ledger is restored from a backup of the database, the anchor and the key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        subject: what.
        state: how it is.
        found: in words.
        mend: what to do; empty where nothing is to be done.
    """

    subject: str
    state: State
    found: str
    mend: str = ""


def examine(
    settings: Settings, home: Home, instance: dg.DagsterInstance, models: Models, *, ui_port: int = UI_PORT
) -> Iterator[Diagnosis]:
    """Looks at everything, one thing after the other."""
    yield _python()
    yield _packages()
    yield _disk(settings)
    yield _port(ui_port)
    yield from _models(models)
    yield _retries(instance)
    try:
        yield from _ledger(home)
        yield from _mlflow(home)
        yield from _reconciled(home, instance, models)
    except (Unreachable, BadInput) as error:  # nothing is known to be damaged
        yield Diagnosis(
            subject="ledger",
            state="broken",
            found=error.message,
            mend=f"correct {error.where}, or wait until it answers; where it is damaged, {RESTORE}",
        )
    except (RaiError, sa.exc.SQLAlchemyError) as error:
        yield Diagnosis(subject="ledger", state="broken", found=message_of(error), mend=RESTORE)


def _python() -> Diagnosis:
    found = f"Python {platform.python_version()} in {sys.prefix}"
    return Diagnosis(subject="python", state="ok", found=found)


def _packages() -> Diagnosis:
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    if absent := [name for name, version in versions.items() if version is None]:
        return Diagnosis(
            subject="packages", state="broken", found=f"missing: {', '.join(absent)}", mend="run `make .venv` again"
        )
    if versions["dagster"] != versions["dagster-webserver"]:
        return Diagnosis(
            subject="packages",
            state="broken",
            found=f"dagster {versions['dagster']} beside dagster-webserver {versions['dagster-webserver']}",
            mend="install the versions of constraints.txt",
        )
    return Diagnosis(
        subject="packages", state="ok", found=", ".join(f"{name} {version}" for name, version in versions.items())
    )


def _disk(settings: Settings) -> Diagnosis:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Diagnosis(
            subject="home", state="broken", found=str(error), mend="set RAI_HOME to a folder you can write to"
        )
    if not os.access(settings.home, os.W_OK):
        return Diagnosis(
            subject="home",
            state="broken",
            found=f"{settings.home} cannot be written to",
            mend="set RAI_HOME to a folder you can write to",
        )
    free = shutil.disk_usage(settings.home).free
    found = f"{settings.home}, {free / 1024**3:.1f} GiB free"
    if free < LEAST_FREE_BYTES:
        return Diagnosis(
            subject="home", state="warning", found=found, mend="free some space: evidence is kept, never overwritten"
        )
    return Diagnosis(subject="home", state="ok", found=found)


def _port(port: int) -> Diagnosis:
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    if taken:
        return Diagnosis(
            subject="ui port", state="warning", found=f"{port} is in use", mend="`rai ui --port` takes another"
        )
    return Diagnosis(subject="ui port", state="ok", found=f"{port} is free")


def _models(models: Models) -> Iterator[Diagnosis]:
    yield Diagnosis(subject="models", state="ok", found=", ".join(models.known) or "none")
    for name, why in models.unreadable.items():
        yield Diagnosis(subject=f"model {name}", state="broken", found=why, mend="mend the YAML, or remove its folder")
    for name, definition in models.known.items():
        for source in _sources(definition.spec):
            yield from _unreadable(name, source)


def _sources(spec: ModelSpec) -> list[Source]:
    """Everything that a model is made from and judged by besides its YAML and its policy."""
    given = spec.predictions.table if spec.predictions else None
    rules = Source(path=spec.data.rules) if spec.data.rules else None
    return [source for source in (spec.data.table, spec.split.test_table, given, rules) if source is not None]


def _unreadable(name: str, source: Source) -> Iterator[Diagnosis]:
    from rai_platform.data.sources import fingerprint

    try:
        fingerprint(source)
    except RaiError as error:
        mend = "bring the file back, or correct its path"
        yield Diagnosis(subject=f"data of {name}", state="broken", found=str(error), mend=mend)


def _ledger(home: Home) -> Iterator[Diagnosis]:
    problems = home.ledger.problems()
    for problem in problems:
        yield Diagnosis(
            subject="ledger",
            state="broken",
            found=problem,
            mend=RESTORE,
        )
    if not problems:
        with home.ledger.read() as reader:
            final = reader.final()
        yield Diagnosis(
            subject="ledger", state="ok", found=f"{final.sequence if final else 0} entries, chain and signature verify"
        )


def _mlflow(home: Home) -> Iterator[Diagnosis]:
    try:
        _ = home.registry
    except Unreachable as error:
        yield Diagnosis(
            subject="mlflow", state="broken", found=error.message, mend="nothing is promoted until it answers"
        )


def _retries(instance: dg.DagsterInstance) -> Diagnosis:
    if instance.run_retries_enabled and instance.run_retries_retry_on_asset_or_op_failure:
        return Diagnosis(
            subject="dagster.yaml",
            state="broken",
            found="failed checks are run again until they pass",
            mend="set run_retries.retry_on_asset_or_op_failure to false",
        )
    return Diagnosis(subject="dagster.yaml", state="ok", found="failed checks are not run again by themselves")


def _reconciled(home: Home, instance: dg.DagsterInstance, models: Models) -> Iterator[Diagnosis]:
    """Ledger, Dagster and MLflow held against each other, model by model; what holds for all of them was told before."""
    from rai_platform.pipeline.status import out_of_order

    with home.ledger.read() as reader:
        known = sorted({*models.known, *reader.models()})
        for name in known:
            lines = out_of_order(name, home, instance, models.known.get(name), reader)
            is_silent = any(line.startswith(SILENT) for line in lines)
            found = [line for line in lines if not line.startswith(("the ledger does not verify", SILENT))]
            for line in found:
                mend = (
                    "`rai doctor --mend`"
                    if "alias" in line
                    else f"look at `rai history {name}`, then run the model again"
                )
                yield Diagnosis(subject=f"records of {name}", state="warning", found=line, mend=mend)
            if not found:
                agree = "ledger and Dagster agree" if is_silent else "ledger, Dagster and MLflow agree"
                yield Diagnosis(subject=f"records of {name}", state="ok", found=agree)


def mend_aliases(home: Home, models: Models) -> list[str]:
    """Puts every production alias where the ledger says, and tells what was out of line; nothing where it does not verify."""
    try:
        if home.ledger.problems():
            return []
    except (RaiError, sa.exc.SQLAlchemyError):
        return []
    with home.ledger.read() as reader:
        names = sorted({*models.known, *reader.models()})
    found = {name: home.registry.bring_in_line(name) for name in names}
    return [f"{name}: {told}" for name, told in found.items() if told is not None]
