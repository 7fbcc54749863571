"""Dagster's instance of this home: its configuration file, and the instance itself."""

import importlib.resources
from pathlib import Path

import dagster as dg

from rai_platform.settings import Settings, project_root, use_as_process_environment

RENDERED = "# Written by rai from {source}; change that file, not this one.\n"


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Dagster's instance under RAI_HOME; this process and its children use it from now on."""
    use_as_process_environment(settings)
    render_configuration(settings)
    return dg.DagsterInstance.get()


def render_configuration(settings: Settings) -> Path:
    """Brings ``dagster.yaml`` of the home in line with the project's; one that somebody else put there is left alone."""
    source = configuration_file("dagster.yaml", settings)
    target = settings.dagster_home / "dagster.yaml"
    wanted = RENDERED.format(source=source) + source.read_text(encoding="utf-8")
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    present = target.read_text(encoding="utf-8") if target.exists() else None
    if present is None or (present != wanted and present.startswith(RENDERED.split("{")[0])):
        target.write_text(wanted, encoding="utf-8")
    return target


def configuration_file(name: str, settings: Settings) -> Path:
    """The project's file of that name, or the one that came with the package."""
    beside = project_root(settings.working_folder) / name
    if beside.exists():
        return beside
    packaged = Path(str(importlib.resources.files("rai_platform"))) / "deployment" / name
    return packaged if packaged.exists() else Path(__file__).parents[2] / name
