"""A run, told while it happens: a line for every asset, and one for every check that did not pass.

Why it did not is told once, at the end.
"""

import time
from typing import Any

import dagster as dg
from rich.console import Console
from rich.status import Status

from rai_platform.console.output import line

DECIDING = ("model_card", "production_model")  # they repeat what was said of the reports
DONE, STOPPED, OPEN = ("✓", "green"), ("✗", "red"), ("•", "yellow")


class Progress:
    """Listens to the events of one run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: dict[str, float] = {}
        self._checks: dict[str, list[bool]] = {}
        self._status: Status = console.status("starting")

    def __enter__(self) -> "Progress":
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Tells one event, if it is one that a person waits for."""
        event = entry.dagster_event
        if event is None or event.step_key is None:
            return
        asset = event.step_key.rpartition("__")[2]
        kind = event.event_type_value
        data: Any = event.event_specific_data
        if kind == "STEP_START":
            self._began[asset] = time.monotonic()
            self._status.update(f"{asset} …")
        elif kind == "ASSET_CHECK_EVALUATION":
            self._checks.setdefault(asset, []).append(data.passed)
            if not data.passed and asset not in DECIDING:
                self._console.print(line("   ", OPEN, f" {data.check_name}"))
        elif kind in ("STEP_SUCCESS", "STEP_FAILURE"):
            self._tell(asset, DONE if kind == "STEP_SUCCESS" else STOPPED)

    def _tell(self, asset: str, sign: tuple[str, str]) -> None:
        seconds = time.monotonic() - self._began.get(asset, time.monotonic())
        checks = self._checks.get(asset, [])
        counted = f", {sum(checks)} of {len(checks)} checks passed" if checks else ""
        self._console.print(line(" ", sign, f" {asset:<20} {seconds:5.1f} s{counted}"))
