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


def evaluation(**told: Any) -> dict[str, Any]:
    return {"entry_type": "eval", "probe": "leak.Two", "detector": "x", **told}


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


def test_a_line_of_the_report_may_hold_ends_of_lines_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "garak.report.jsonl"
    entry = json.dumps(evaluation(total=3, passed=1, said="one\u2028two\x85three"), ensure_ascii=False)
    path.write_text(f"{entry}\r\n", encoding="utf-8", newline="")
    assert counted(path) == {"leak.Two x": (2, 3)}


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([SETUP], "no result"),
        ([SETUP, "{"], "expected JSON in line 2"),
        (["[1]"], "expected an entry_type in line 1"),
        (["[" * 100_000], "expected JSON in line 1"),
        ([evaluation(total=0, passed=0)], "no result"),
        ([attempt(2, a__B=[None])], "no result"),
        ([evaluation(total=2, passed=3)], "expected no more than total, 2, as 'passed' in line 1 of .*, got 3"),
        ([evaluation(total=2, fails=3)], "expected no more than total, 2, as 'fails'"),
        ([evaluation(total=2, passed=-1)], "expected a whole number from 0 .* as 'passed' in line 1 of .*, got -1"),
        ([evaluation(total="many", passed=1)], "as 'total' in line 1 of .*, got 'many'"),
        ([evaluation(total=None, passed=1)], "as 'total' in line 1 of .*, got None"),
        ([evaluation(total=10**400, passed=1)], "as 'total' in line 1"),
        ([evaluation(passed=0)], "as 'total' in line 1 of .*, got None"),
        ([evaluation(total=2)], "as 'passed' in line 1 of .*, got None"),
        ([evaluation(total=2, passed=True)], "got True"),
        ([evaluation(total=2, passed=1, probe=["x"])], r"expected a name as 'probe' in line 1 of .*, got \['x'\]"),
        ([evaluation(total=2, passed=1, detector="\ud800")], "expected a name as 'detector'"),
        ([attempt(2) | {"detector_results": [1]}], "expected detectors and their scores"),
        ([attempt(2) | {"detector_results": "x" * 200}], "got '(x{79})…$"),
        ([attempt(2) | {"detector_results": {"a.B": 1}}], "expected a list of scores from 0 to 1"),
        ([attempt(2, a__B=["high"])], "expected a list of scores from 0 to 1 as 'detector_results.a.B'"),
        ([attempt(2, a__B=[float("nan")])], "expected a list of scores from 0 to 1"),
    ],
)
def test_what_is_no_report_is_told(tmp_path: Path, entries: list[Any], told: str) -> None:
    with pytest.raises(UnreadableData, match=told):
        read_garak(report(tmp_path, *entries))
    with pytest.raises(UnreadableData, match="cannot read"):
        read_garak(tmp_path / "none.jsonl")
