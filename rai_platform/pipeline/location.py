"""The code location: the embedded models as Dagster Components, the user's own beside them, and what they share."""

import logging
import warnings
from pathlib import Path

import dagster as dg
from dagster._utils.warnings import BetaWarning, PreviewWarning
from dagster.components.core.component_tree import ComponentTree

import rai_platform.defs
from rai_platform.home import Home
from rai_platform.pipeline.assets import build_model_definitions
from rai_platform.pipeline.automation import run_all_models
from rai_platform.pipeline.io_manager import ContentAddressedIOManager
from rai_platform.pipeline.models import find_models
from rai_platform.settings import Executor, Settings
from rai_platform.spec.reading import ModelDefinition
from rai_platform.threads import STEPS_AT_ONCE

PRELOADED = ["numpy", "pandas", "pyarrow", "sklearn", "sqlalchemy", "mlflow", "rai_platform.definitions"]
UNREADABLE_GROUP = "unreadable_specs"


def build_definitions(settings: Settings) -> dg.Definitions:
    """Every model's assets, jobs, schedules and sensors, with the resources and the executor of this environment."""
    with warnings.catch_warnings():
        # Dagster marks parts of its own component loader as beta and says so at every call of its own.
        warnings.simplefilter("ignore", BetaWarning)
        warnings.simplefilter("ignore", PreviewWarning)
        embedded = ComponentTree.from_module(
            defs_module=rai_platform.defs, project_root=Path(__file__).parents[2]
        ).build_defs()
    own = find_models(settings, embedded=False)
    everything = find_models(settings)
    built, unbuilt = _build_each([own.known[name] for name in own.known if name in everything.known], settings)
    unreadable = {**own.unreadable, **unbuilt}
    for name, why in unreadable.items():
        logging.getLogger(__name__).warning("the model in %s cannot be loaded: %s", name, why)
    runnable = sorted(everything.known.keys() - unbuilt.keys())
    return dg.Definitions.merge(
        embedded,
        *built,
        dg.Definitions(
            assets=_unreadable(unreadable),
            jobs=[run_all_models(runnable)] if runnable else [],
            resources=shared_resources(settings),
            executor=executor(settings.executor),
        ),
    )


def shared_resources(settings: Settings) -> dict[str, object]:
    """The platform's storage, and the IO manager over it."""
    home = Home(settings)
    return {
        "home": dg.ResourceDefinition.hardcoded_resource(home),
        "io_manager": dg.IOManagerDefinition.hardcoded_io_manager(ContentAddressedIOManager(home)),
    }


def executor(kind: Executor) -> dg.ExecutorDefinition:
    """How the steps of a run are executed: here, in processes of their own, or in pods."""
    if kind == "in_process":
        return dg.in_process_executor
    if kind == "k8s":
        from dagster_k8s import k8s_job_executor

        configured: dg.ExecutorDefinition = k8s_job_executor.configured({"max_concurrent": 4})
        return configured
    return dg.multiprocess_executor.configured(
        {"max_concurrent": STEPS_AT_ONCE, "start_method": {"forkserver": {"preload_modules": PRELOADED}}}
    )


def _build_each(models: list[ModelDefinition], settings: Settings) -> tuple[list[dg.Definitions], dict[str, str]]:
    """The definitions of every model, and by name why Dagster refuses the others, which stop no other model."""
    built: list[dg.Definitions] = []
    refused: dict[str, str] = {}
    for model in models:
        try:
            built.append(build_model_definitions(model, settings))
        except Exception as error:  # Dagster has many ways to refuse a definition
            refused[model.name] = f"{model.path}: {type(error).__name__}: {error}"
    return built, refused


def _unreadable(models: dict[str, str]) -> list[dg.AssetSpec]:
    """A place in Dagster's pages for every file that cannot be read, with the reason; there is nothing to materialize."""
    return [
        dg.AssetSpec(
            dg.AssetKey(
                ["unreadable", "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name)]
            ),
            group_name=UNREADABLE_GROUP,
            description=f"This model cannot be loaded:\n\n{why}",
        )
        for name, why in models.items()
    ]
