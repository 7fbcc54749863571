"""What loading the code location costs: beside dagster alone, and beside the same with its libraries imported at once."""

import subprocess
import sys
import time

from benchmarks.table import Claim, Goal, report

LOCATION = "import rai_platform.definitions"
DAGSTER = "import dagster"
# Every library that some step of the location needs, and that is imported when that step runs.
LIBRARIES = (
    "fairlearn.reductions",
    "matplotlib.pyplot",
    "mlflow",
    "pandas",
    "pandera.pandas",
    "scipy.stats",
    "shap",
    "skops.io",
    "sklearn.ensemble",
)
EAGER = f"import {', '.join(LIBRARIES)}; {LOCATION}"
BESIDE_DAGSTER, BESIDE_EAGER = 2.5, 0.4


def measure(quick: bool) -> list[Claim]:
    """Best times of new processes, the three taken in turn so that a slow moment of the machine meets all of them."""
    rounds = 2 if quick else 5
    best: dict[str, float] = {}
    for turn in range(rounds):
        for code in (DAGSTER, LOCATION, EAGER) if turn == 0 or not quick else (DAGSTER, LOCATION):
            best[code] = min(best.get(code, float("inf")), seconds_to_run(code))
    return [
        Claim(
            says="load the code location; peer: import dagster",
            ours=best[LOCATION],
            peer=best[DAGSTER],
            unit="s",
            goal=Goal(of="ratio", at_most=BESIDE_DAGSTER),
        ),
        Claim(
            says="load the code location; peer: the same, its libraries imported at once",
            ours=best[LOCATION],
            peer=best[EAGER],
            unit="s",
            goal=Goal(of="ratio", at_most=BESIDE_EAGER),
        ),
    ]


def seconds_to_run(code: str) -> float:
    """How long a new Python takes from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(report("Loading", measure))
