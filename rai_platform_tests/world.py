"""A platform of one's own: a home in a folder, a few models in it, and Dagster to run them."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from rai_platform.home import Home
from rai_platform.pipeline.assets import build_model_definitions
from rai_platform.pipeline.instance import render_configuration
from rai_platform.pipeline.location import shared_resources
from rai_platform.pipeline.models import find_models
from rai_platform.pipeline.status import ModelStatus, status_of
from rai_platform.release.ledger import Entry
from rai_platform.settings import Settings, read_settings
from rai_platform.spec.reading import COMPONENT_TYPE, ModelDefinition

Replacement = dg.AssetsDefinition
Command = Callable[..., tuple[int, str, str]]  # `rai` in a world: exit code, stdout and stderr


@dataclass(frozen=True)
class World:
    """A home and its models.

    Attributes:
        folder: everything lives in it.
    """

    folder: Path

    @property
    def settings(self) -> Settings:
        environment = {
            **os.environ,
            "RAI_HOME": str(self.folder / "home"),
            "RAI_MODELS": str(self.folder / "models"),
            "RAI_EXECUTOR": "in_process",
        }
        for name in (
            "MLFLOW_TRACKING_URI",
            "RAI_LEDGER_URL",
            "RAI_STORE_URL",
            "RAI_LEDGER_ANCHOR",
            "RAI_SIGNING_KEY",
            "RAI_INFERENCE_LOG_URL",
            "RAI_PROTECTED_ATTRIBUTES",
            "RAI_LOGGED_FEATURES",
            "RAI_NUMBERS_OUT_OF_RANGE",
            "RAI_ALERT_URLS",
            "RAI_SERVICE_URL",
            "RAI_UI_URL",
            "RAI_API_KEYS",
            "RAI_RATE_LIMIT",
        ):
            environment.pop(name, None)
        return read_settings(environment, working_folder=self.folder)

    @property
    def home(self) -> Home:
        return Home(self.settings)

    def instance(self) -> dg.DagsterInstance:
        render_configuration(self.settings)
        return dg.DagsterInstance.from_config(str(self.settings.dagster_home))

    def write(self, name: str, **attributes: Any) -> ModelDefinition:
        """Writes a model of the user's own: the lending model, changed by ``attributes``."""
        path = self.folder / "models" / name / "defs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"type": COMPONENT_TYPE, "attributes": {**lending_attributes(), "name": name, **attributes}}
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return self.model(name)

    def model(self, name: str) -> ModelDefinition:
        return find_models(self.settings, embedded=False).named(name)

    def run(
        self,
        name: str,
        selection: dg.AssetSelection | Sequence[str] | None = None,
        *,
        replaced: Sequence[Replacement] = (),
        instance: dg.DagsterInstance | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Runs part of a model through Dagster, as its pages or command line would.

        Args:
            name: the model.
            selection: assets by name, or any selection Dagster knows; everything where None.
            replaced: assets that somebody put in the place of the platform's own.
            instance: Dagster's; a new one on the same storage where None.
        """
        definition = self.model(name)
        if selection is None or not isinstance(selection, dg.AssetSelection):
            keys = [dg.AssetKey([name, asset]) for asset in selection or ()]
            selection = dg.AssetSelection.assets(*keys) if keys else dg.AssetSelection.groups(name)
        location = self.definitions(definition, replaced, dg.define_asset_job("by_hand", selection=selection))
        with instance or self.instance() as opened:
            return location.resolve_job_def("by_hand").execute_in_process(
                instance=opened,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )

    def definitions(
        self, definition: ModelDefinition, replaced: Sequence[Replacement] = (), *jobs: Any
    ) -> dg.Definitions:
        """The code location of one model, some of its assets replaced."""
        own = build_model_definitions(definition, self.settings)
        taken = {key for asset in replaced for key in asset.keys}
        # What is only observed has one key and cannot be replaced.
        assets = [asset for asset in own.assets or () if not taken & set(getattr(asset, "keys", ()))]
        return dg.Definitions(
            assets=[*assets, *replaced],
            jobs=jobs,
            resources={**(own.resources or {}), **shared_resources(self.settings)},
            executor=dg.in_process_executor,
        )

    def status(self, name: str) -> ModelStatus:
        with self.instance() as instance:
            return status_of(name, self.home, instance, find_models(self.settings, embedded=False).known.get(name))

    def entries(self, name: str, *kinds: Any) -> list[Entry]:
        with self.home.ledger.read() as reader:
            return list(reader.entries(model=name, kinds=kinds))

    def copy(self, folder: Path) -> "World":
        """The same world again, for a test to break.

        Until something was released its runs in MLflow are its own as well; a release is on record with where it lies.
        """
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, symlinks=True)
        database = sqlite3.connect(folder / "home" / "mlflow" / "mlflow.db")
        if not database.execute("select 1 from model_versions").fetchone():
            moved = (self.folder.as_uri(), folder.as_uri())
            database.execute("update runs set artifact_uri = replace(artifact_uri, ?, ?)", moved)
            database.execute("update experiments set artifact_location = replace(artifact_location, ?, ?)", moved)
        database.commit()
        database.close()
        return World(folder)


def lending_attributes() -> dict[str, Any]:
    """A small lending model that satisfies its policy."""
    return {
        "name": "fair",
        "owners": ["team:credit-risk"],
        "intended_use": "Prepares decisions on small loans.",
        "out_of_scope": "Anything else.",
        "data": {
            "source": "generator:lending?rows=4000&seed=3&disparate_impact=1.0",
            "target": "repaid",
            "exclude": ["approved", "sex"],
        },
        "sensitive_features": [
            {"name": "sex", "reference": {"female": 0.51, "male": 0.49}, "conditional_on": "purpose"}
        ],
        "split": {"test_size": 0.5, "seed": 0},
        "estimator": {"type": "sklearn.linear_model.LogisticRegression", "params": {"max_iter": 500}},
        "policy": {
            "extends": "none",
            "name": "small",
            "minimum_group_size": 50,
            "requirements": [
                {"metric": "schema_violation_rate", "max": 0.05},
                {"metric": "label_rate_ratio", "min": 0.5},
                {"metric": "accuracy_gain", "min": 0},
                {"metric": "disparate_impact", "min": 0.8},
                {"metric": "forbidden_features_in_top", "max": 0, "top": 3},
                {"metric": "accuracy_drop_under_noise", "max": 0.1, "strength": 0.1},
            ],
        },
    }


UNFAIR_SOURCE = "generator:lending?rows=4000&seed=3&disparate_impact=0.3"


def unfair_data() -> dict[str, Any]:
    """Data on which the same estimator selects women far less often."""
    return {**lending_attributes()["data"], "source": UNFAIR_SOURCE}


def told(result: dg.ExecuteInProcessResult) -> str:
    """Everything a run said about why it stopped: failures of steps, and results of checks that did not pass."""
    lines = []
    for event in result.all_events:
        data: Any = event.event_specific_data
        if event.is_step_failure:
            lines.append(data.user_failure_data.description if data.user_failure_data else str(data.error))
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and not data.passed:
            lines.append(f"{data.check_name}: {data.description}")
    return "\n".join(lines)


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    """Names of the assets that a run materialized."""
    return {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}
