"""How many threads numerical libraries take in a process of the platform.

The steps of a run, and runs, go on side by side. Where the BLAS of each takes every core, its threads wait for one another's
cores, and a fit of seconds takes minutes; so each takes its share. Whoever sets ``OMP_NUM_THREADS`` and its like has the
last word.
"""

import math
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

STEPS_AT_ONCE = 2  # of one run, in processes of their own
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # Linux, control groups version 2: "max 100000", or microseconds of each period


def share_cores(environment: MutableMapping[str, str] | None = None) -> None:
    """Tells numerical libraries to take their share of the cores; they read it once, when they are loaded.

    Args:
        environment: to write to where it says nothing yet; that of this process, and so of those it starts, where None.
    """
    env = os.environ if environment is None else environment
    if "OMP_NUM_THREADS" in env:  # said for all of them, as is the custom
        return
    for variable in VARIABLES:
        env.setdefault(variable, str(max(1, available_cores() // STEPS_AT_ONCE)))


def share_of_cores(environment: Mapping[str, str] | None = None) -> int:
    """How many cores a step may take, by threads or by processes of one thread: what numerical libraries are told."""
    said = (os.environ if environment is None else environment).get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) > 0 else max(1, available_cores() // STEPS_AT_ONCE)


def available_cores(quota: Path = QUOTA) -> int:
    """Cores that this process may use, by its affinity and by the limit of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text(encoding="ascii").split()
        return max(1, min(cores, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return cores
