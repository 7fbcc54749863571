"""What docs/deployment.md tells in its tables, and what the code it tells about reads."""

import inspect
import re
from pathlib import Path

import rai_platform.settings

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"


def variables_that_settings_reads() -> set[str]:
    """The names of the environment variables of rai_platform/settings.py."""
    return set(re.findall(r'(?:env\.get\(|\(env, |TRACEBACKS = )"(\w+)"', inspect.getsource(rai_platform.settings)))


def table_below(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of the page, without its own heading; the backticks are taken off."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip().replace("`", "") for cell in row] for row in rows[1:] if not set(row[0]) <= {"-", " "}]
