"""The environment as one frozen value; the only reader of ``os.environ``."""

import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rai_platform.errors import BadInput, did_you_mean

Executor = Literal["in_process", "multiprocess", "k8s"]
LoggedFeatures = Literal["stored", "hashed"]
NumbersOutOfRange = Literal["refused", "answered"]
NOT_IN_SQLITE_URLS = re.compile(r"\?|%[0-9a-fA-F]{2}")
DATABASES = ("sqlite:", "postgresql:", "postgresql+psycopg2:")
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
        public_key: file of its public half, all that is needed to verify and to load releases (RAI_PUBLIC_KEY).
        tracking_uri: MLflow (MLFLOW_TRACKING_URI).
        executor: how Dagster runs the steps of a run launched from its UI or daemon (RAI_EXECUTOR).
        inference_log_url: URL of the database of every prediction that was given (RAI_INFERENCE_LOG_URL).
        protected_attributes_url: URL of the database of people's groups by pseudonym, which the service never opens
            (RAI_PROTECTED_ATTRIBUTES, which may be a file too).
        logged_features: whether the inference log holds what the model saw, or a keyed hash of it (RAI_LOGGED_FEATURES).
        numbers_out_of_range: what the service does with a number that is far from those of the training data
            (RAI_NUMBERS_OUT_OF_RANGE).
        api_keys: the file of the keys that `rai serve` knows (RAI_API_KEYS); None where anybody may ask.
        rate_limit: how often one caller may ask it, ``6000/min`` (RAI_RATE_LIMIT); None where as often as they like.
        service_url: where the service of production listens, to see that it follows a rollback (RAI_SERVICE_URL); None where
            nobody looks.
        ui_url: where Dagster's pages are, for the links in alerts (RAI_UI_URL); None where alerts have none.
        alert_urls: where alerts are sent, as Apprise writes it, with spaces between (RAI_ALERT_URLS).
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
    public_key: Path
    tracking_uri: str
    executor: Executor
    inference_log_url: str
    protected_attributes_url: str
    logged_features: LoggedFeatures
    numbers_out_of_range: NumbersOutOfRange
    api_keys: Path | None
    rate_limit: str | None
    service_url: str | None
    ui_url: str | None
    alert_urls: tuple[str, ...]
    environment: Mapping[str, str]
    working_folder: Path

    @property
    def mlflow_artifacts(self) -> Path | None:
        """The folder of MLflow's artifacts on a laptop; None where an MLflow server decides."""
        return self.home / "mlflow" / "artifacts" if self.tracking_uri.startswith("sqlite:") else None

    def production_page(self, model: str) -> Path:
        """The page of a model in production, which its service shows."""
        return self.home / "dashboards" / model / "production.html"

    @property
    def log_key(self) -> Path:
        """The key of the hashes that stand for features in the log, where they are not to be stored."""
        return self.home / "keys" / "inference_log.key"


def read_settings(environment: Mapping[str, str] | None = None, *, working_folder: Path | None = None) -> Settings:
    """The settings of this process.

    Args:
        environment: variables; those of the process where None.
        working_folder: where to look for ``workspace.yaml`` from, upwards; the process's own where None.

    Raises:
        BadInput: RAI_EXECUTOR, RAI_LOGGED_FEATURES or RAI_NUMBERS_OUT_OF_RANGE is not one we know, or a path or URL is none
            that can be used.
    """
    env = dict(os.environ if environment is None else environment)
    here = (working_folder or Path.cwd()).absolute()
    root = project_root(here)
    home = _path(env, "RAI_HOME", here) or root / ".rai"
    _must_fit_a_url(home, where="RAI_HOME")
    executor = _choice(env, "RAI_EXECUTOR", get_args(Executor), "multiprocess")
    signing_key = _path(env, "RAI_SIGNING_KEY", here) or home / "keys" / "signing_key.pem"
    return Settings(
        home=home,
        models=_path(env, "RAI_MODELS", here) or root / "models",
        dagster_home=home / "dagster",
        ledger_url=env.get("RAI_LEDGER_URL") or f"sqlite:///{home / 'ledger' / 'ledger.db'}",
        store_url=_location(env, "RAI_STORE_URL", here) or str(home / "store"),
        anchor_url=_location(env, "RAI_LEDGER_ANCHOR", here) or str(home / "keys" / "ledger_head.json"),
        signing_key=signing_key,
        public_key=_path(env, "RAI_PUBLIC_KEY", here) or signing_key.with_suffix(".pub.pem"),
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow' / 'mlflow.db'}",
        executor=executor,
        inference_log_url=_database(env, "RAI_INFERENCE_LOG_URL", here)
        or _in_sqlite(home / "serving" / "inference_log.db"),
        protected_attributes_url=_database(env, "RAI_PROTECTED_ATTRIBUTES", here)
        or _in_sqlite(home / "serving" / "protected_attributes.db"),
        logged_features=_choice(env, "RAI_LOGGED_FEATURES", get_args(LoggedFeatures), "stored"),
        numbers_out_of_range=_choice(env, "RAI_NUMBERS_OUT_OF_RANGE", get_args(NumbersOutOfRange), "refused"),
        api_keys=_path(env, "RAI_API_KEYS", here),
        rate_limit=env.get("RAI_RATE_LIMIT") or None,
        service_url=env.get("RAI_SERVICE_URL") or None,
        ui_url=env.get("RAI_UI_URL") or None,
        alert_urls=tuple(env.get("RAI_ALERT_URLS", "").split()),
        environment=env,
        working_folder=here,
    )


def _choice(env: Mapping[str, str], name: str, known: tuple[str, ...], default: str) -> Any:
    """The word that a variable holds, one of those that are known."""
    if (text := env.get(name) or default) not in known:
        raise BadInput(f"expected one of {', '.join(known)}, got {text!r}{did_you_mean(text, known)}", where=name)
    return text


def _path(env: Mapping[str, str], name: str, here: Path) -> Path | None:
    """The absolute path that a variable holds, a relative one from ``here``; None where it is not set."""
    if not (text := env.get(name)):
        return None
    try:
        return here / Path(text).expanduser()
    except RuntimeError as error:  # the home of somebody who is not there
        raise BadInput(f"no path can be {text!r}: {error}", where=name) from None


def _location(env: Mapping[str, str], name: str, here: Path) -> str | None:
    """The URL that a variable holds, or its absolute path."""
    return env[name] if "://" in env.get(name, "") else (str(path) if (path := _path(env, name, here)) else None)


def _database(env: Mapping[str, str], name: str, here: Path) -> str | None:
    """The URL of a database that a variable holds, or of the file of SQLite that it names; None where it is not set."""
    text = env.get(name, "")
    if ":" not in text.partition("/")[0]:
        return _in_sqlite(path, where=name) if (path := _path(env, name, here)) else None
    if not text.startswith(DATABASES):
        raise BadInput(
            "expected a file, or a URL such as sqlite:////folder/file.db or postgresql+psycopg2://user@host/database; got one "
            f"that begins with {text.partition(':')[0]!r}",
            where=name,
        )
    return text


def _in_sqlite(path: Path, *, where: str = "RAI_HOME") -> str:
    _must_fit_a_url(path, where=where)
    return f"sqlite:///{path}"


def _must_fit_a_url(path: Path, *, where: str) -> None:
    if found := NOT_IN_SQLITE_URLS.search(str(path)):
        raise BadInput(
            f"the databases of SQLite cannot lie below a folder with {found[0]!r} in its name, got {str(path)!r}",
            where=where,
        )


def tracebacks_wanted() -> bool:
    """Whether an error that nobody foresaw is to show where it arose (RAI_TRACEBACK)."""
    return bool(os.environ.get(TRACEBACKS))


def user_name() -> str:
    """The name of the account that runs this process; its number where it has none, as in a container."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def project_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds a ``workspace.yaml``, else ``start``."""
    for folder in (start, *start.parents):
        if (folder / "workspace.yaml").exists():
            return folder
    return start


def use_as_process_environment(settings: Settings) -> None:
    """Tells Dagster, MLflow and the libraries below them, in this process and its children, where to work.

    Telemetry is off: nothing about a model leaves the machine unasked. A server of MLflow that does not answer is asked again
    for about a minute, not for many, unless the environment says otherwise.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
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
