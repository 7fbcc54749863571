"""The environment as one frozen value; the only reader of ``os.environ``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rai_platform.errors import BadInput, did_you_mean

Executor = Literal["in_process", "multiprocess", "k8s"]
TRACEBACKS = "RAI_TRACEBACK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where everything lives, and what a model's YAML may read from the environment.

    Attributes:
        home: ledger, artifacts, keys, Dagster's and MLflow's own storage (RAI_HOME).
        models: the user's own models, one folder and one ``defs.yaml`` each (RAI_MODELS).
        dagster_home: Dagster's instance, always ``home/dagster``; `rai` sets DAGSTER_HOME to it.
        ledger_url: SQLAlchemy URL of the ledger (RAI_LEDGER_URL).
        store_url: folder or fsspec URL of the content-addressed store (RAI_STORE_URL).
        anchor_url: file or fsspec URL of the copy of the ledger's signed head outside the database (RAI_LEDGER_ANCHOR).
        signing_key: file of the Ed25519 private key (RAI_SIGNING_KEY).
        tracking_uri: MLflow (MLFLOW_TRACKING_URI).
        executor: how Dagster runs the steps of a run launched from its UI or daemon (RAI_EXECUTOR).
        environment: the variables that ``{{ env.NAME }}`` in a model's YAML may name.
        working_folder: what a relative path in an environment variable is relative to.
    """

    home: Path
    models: Path
    dagster_home: Path
    ledger_url: str
    store_url: str
    anchor_url: str
    signing_key: Path
    tracking_uri: str
    executor: Executor
    environment: Mapping[str, str]
    working_folder: Path

    @property
    def mlflow_artifacts(self) -> Path | None:
        """The folder of MLflow's artifacts on a laptop; None where an MLflow server decides."""
        return self.home / "mlflow" / "artifacts" if self.tracking_uri.startswith("sqlite:") else None


def read_settings(environment: Mapping[str, str] | None = None, *, working_folder: Path | None = None) -> Settings:
    """The settings of this process.

    Args:
        environment: variables; those of the process where None.
        working_folder: where to look for ``workspace.yaml`` from, upwards; the process's own where None.

    Raises:
        BadInput: RAI_EXECUTOR is not one we know.
    """
    env = dict(os.environ if environment is None else environment)
    here = (working_folder or Path.cwd()).absolute()
    root = project_root(here)
    home = Path(env.get("RAI_HOME") or root / ".rai").expanduser()
    home = home if home.is_absolute() else here / home
    models = Path(env.get("RAI_MODELS") or root / "models").expanduser()
    executor: Any = env.get("RAI_EXECUTOR", "multiprocess")
    if executor not in get_args(Executor):
        known = get_args(Executor)
        raise BadInput(
            f"expected one of {', '.join(known)}, got {executor!r}{did_you_mean(executor, known)}", where="RAI_EXECUTOR"
        )
    return Settings(
        home=home,
        models=models if models.is_absolute() else here / models,
        dagster_home=home / "dagster",
        ledger_url=env.get("RAI_LEDGER_URL") or f"sqlite:///{home / 'ledger' / 'ledger.db'}",
        store_url=env.get("RAI_STORE_URL") or str(home / "store"),
        anchor_url=env.get("RAI_LEDGER_ANCHOR") or str(home / "keys" / "ledger_head.json"),
        signing_key=Path(env.get("RAI_SIGNING_KEY") or home / "keys" / "signing_key.pem"),
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow' / 'mlflow.db'}",
        executor=executor,
        environment=env,
        working_folder=here,
    )


def tracebacks_wanted() -> bool:
    """Whether an error that nobody foresaw is to show where it arose (RAI_TRACEBACK)."""
    return bool(os.environ.get(TRACEBACKS))


def project_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds a ``workspace.yaml``, else ``start``."""
    for folder in (start, *start.parents):
        if (folder / "workspace.yaml").exists():
            return folder
    return start


def use_as_process_environment(settings: Settings) -> None:
    """Tells Dagster, MLflow and the libraries below them, in this process and its children, where to work.

    Telemetry is off: nothing about a model leaves the machine unasked.
    """
    os.environ.update(
        RAI_HOME=str(settings.home),
        RAI_MODELS=str(settings.models),
        DAGSTER_HOME=str(settings.dagster_home),
        MLFLOW_TRACKING_URI=settings.tracking_uri,
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_LOGGING_LEVEL="WARNING",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
        DO_NOT_TRACK="1",
    )
