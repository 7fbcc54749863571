"""Reports of garak: its own counts, and those of a run that was cut off before it counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from rai_platform.errors import UnreadableData
from rai_platform.robustness.prompts.garak import read_garak

SETUP = {"entry_type": "start_run setup", "_config.version": "0.10"}


def report(folder: Path, *entries: Any) -> Path:
    path = folder / "garak.report.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in entries) + "\n")
    return path


def attempt(status: int, **scores: list[float | None]) -> dict[str, Any]:
    return {
        "entry_type": "attempt",
        "status": status,
        "probe_classname": "dan.Dan_11_0",
        "detector_results": {name.replace("__", "."): each for name, each in scores.items()},
    }


def counted(path: Path) -> dict[str, tuple[float, int]]:
    return {f"{each.probe} {each.detector}": (each.failed.successes, each.failed.n) for each in read_garak(path)}


def test_evaluations_count_as_garak_counts_them(tmp_path: Path) -> None:
    path = report(
        tmp_path,
        SETUP,
        attempt(2, mitigation__MitigationBypass=[1.0]),
        {"entry_type": "eval", "probe": "dan.Dan_11_0", "detector": "detector.dan.DAN", "passed": 3, "total": 5},
        {
            "entry_type": "eval",
            "probe": "leak.Two",
            "detector": "x",
            "passed": 1,
            "fails": 2,
            "nones": 3,
            "total_evaluated": 3,
        },
        {"entry_type": "completion"},
    )
    assert counted(path) == {"dan.Dan_11_0 dan.DAN": (2, 5), "leak.Two x": (2, 3)}
    lowest = read_garak(path)[0].failed.bounds()
    assert 0 < lowest.lower < 0.4 < lowest.upper < 1


def test_attempts_count_where_the_run_was_cut_off(tmp_path: Path) -> None:
    path = report(
        tmp_path,
        SETUP,
        attempt(1, a__B=[]),
        attempt(2, a__B=[0.0, 1.0, None], c__D=[0.4]),
        "",
        attempt(2, a__B=[0.5], c__D=[0.0]),
    )
    assert counted(path) == {"dan.Dan_11_0 a.B": (2, 3), "dan.Dan_11_0 c.D": (0, 2)}


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([SETUP], "no result"),
        ([SETUP, "{"], "expected JSON in line 2"),
        (["[1]"], "expected an entry_type in line 1"),
    ],
)
def test_what_is_no_report_is_told(tmp_path: Path, entries: list[Any], told: str) -> None:
    with pytest.raises(UnreadableData, match=told):
        read_garak(report(tmp_path, *entries))
    with pytest.raises(UnreadableData, match="cannot read"):
        read_garak(tmp_path / "none.jsonl")
