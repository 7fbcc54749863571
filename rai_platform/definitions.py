"""What Dagster loads: every model, and the resources they share."""

from rai_platform.pipeline.location import build_definitions
from rai_platform.settings import read_settings
from rai_platform.threads import share_cores

share_cores()
defs = build_definitions(read_settings())
