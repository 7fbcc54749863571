"""Dagster's IO manager over the content-addressed store."""

from typing import Any

import dagster as dg

from rai_platform.home import Home
from rai_platform.pipeline.values import BLOB, StoredValues, encode, grouped


class ContentAddressedIOManager(dg.IOManager):
    """Stores a value under the digest of its bytes, and notes the digest on the materialization."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Writes a value."""
        if obj is None:
            return
        context.add_output_metadata({BLOB: grouped(self._home.store.put(encode(obj)))})

    def load_input(self, context: dg.InputContext) -> Any:
        """Reads the value that belongs to this run."""
        step = context.step_context
        return StoredValues(step.instance, self._home.store, step.dagster_run).read(context.asset_key)
