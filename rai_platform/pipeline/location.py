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
from rai_platform.pipeline.models import Models, find_models
from rai_platform.settings import Executor, Settings

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
    for name, why in own.unreadable.items():
        logging.getLogger(__name__).warning("the model in %s cannot be loaded: %s", name, why)
    return dg.Definitions.merge(
        embedded,
        *(
            build_model_definitions(definition, settings)
            for name, definition in own.known.items()
            if name in everything.known
        ),
        dg.Definitions(
            assets=_unreadable(own),
            jobs=[run_all_models(sorted(everything.known))] if everything.known else [],
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
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": PRELOADED}}}
    )


def _unreadable(models: Models) -> list[dg.AssetSpec]:
    """A place in Dagster's pages for every file that cannot be read, with the reason; there is nothing to materialize."""
    return [
        dg.AssetSpec(
            dg.AssetKey(
                ["unreadable", "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name)]
            ),
            group_name=UNREADABLE_GROUP,
            description=f"This model cannot be loaded:\n\n{why}",
        )
        for name, why in models.unreadable.items()
    ]
