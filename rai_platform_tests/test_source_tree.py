"""What is in the source tree runs on any machine: nothing in it leads out of it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: nothing says what belongs to the source")
    return [ROOT / name for name in listed.split("\0") if name]


def test_no_link_and_nothing_that_is_made_here_is_part_of_the_source():
    files = tracked()
    assert files
    assert [str(file) for file in files if file.is_symlink()] == []
    made = {".venv", ".rai", "__pycache__", "mlruns", "build", "dist"}
    assert [str(file) for file in files if made & set(file.relative_to(ROOT).parts)] == []
