"""What Dagster loads: every model, and the resources they share."""

from rai_platform.pipeline.location import build_definitions
from rai_platform.settings import read_settings

defs = build_definitions(read_settings())
