"""The only importer of dagster: component, assets, checks, jobs, schedules, sensors, resources, IO manager."""

from rai_platform.pipeline.component import ResponsibleModel

__all__ = ["ResponsibleModel"]
