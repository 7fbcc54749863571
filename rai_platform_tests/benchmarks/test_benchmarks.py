"""A benchmark says whether its goal is met, and its exit code says the same."""

import re
import subprocess
import sys

import pytest

from benchmarks.table import Claim, Goal, report
from rai_platform_tests.conftest import PROJECT

TABLE = "table"
NAMES = sorted({path.stem for path in (PROJECT / "benchmarks").glob("[a-z]*.py")} - {TABLE})
SECONDS = 300  # for a quick one that takes one minute on a machine of its own


def claim(*, ours: float, peer: float | None, goal: Goal | None) -> Claim:
    return Claim(says="it takes no longer", ours=ours, peer=peer, unit="s", goal=goal)


TWICE, A_TENTH = Goal(of="ratio", at_most=2.0), Goal(of="ours", at_most=0.1)
ONE_MORE = Goal(of="difference", at_most=1.0)


@pytest.mark.parametrize(
    ("made", "met"),
    [
        (claim(ours=3, peer=2, goal=TWICE), True),
        (claim(ours=4, peer=2, goal=TWICE), True),
        (claim(ours=4.1, peer=2, goal=TWICE), False),
        (claim(ours=1, peer=0, goal=TWICE), False),
        (claim(ours=0.1, peer=5, goal=A_TENTH), True),
        (claim(ours=0.11, peer=5, goal=A_TENTH), False),
        (claim(ours=9, peer=8, goal=ONE_MORE), True),
        (claim(ours=1, peer=0, goal=ONE_MORE), True),
        (claim(ours=0, peer=9, goal=ONE_MORE), True),
        (claim(ours=9.1, peer=8, goal=ONE_MORE), False),
        (claim(ours=9, peer=1, goal=None), True),
        (claim(ours=0.1, peer=None, goal=A_TENTH), True),
        (claim(ours=0.11, peer=None, goal=A_TENTH), False),
        (claim(ours=0, peer=None, goal=TWICE), False),
        (claim(ours=0, peer=None, goal=ONE_MORE), False),
    ],
)
def test_a_goal_is_met_or_missed_and_the_exit_code_says_so(
    made: Claim, met: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert made.met is met
    assert report("Any", lambda _quick: [claim(ours=1, peer=1, goal=TWICE), made], []) == (0 if met else 1)
    table = capsys.readouterr().out
    assert ("MISSED" in table) is not met
    assert all(word in table for word in ("claim", "ours", "peer", "ratio", "goal", "it takes no longer"))


def test_goals_can_be_made_stricter_to_see_how_much_room_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    made = [claim(ours=3, peer=2, goal=TWICE), claim(ours=0.05, peer=1, goal=A_TENTH)]
    assert report("Any", lambda _quick: made, ["--stricter", "1.3"]) == 0
    assert report("Any", lambda _quick: made, ["--stricter", "1.4"]) == 1
    assert capsys.readouterr().out.count("MISSED") == 1


def test_a_benchmark_is_told_whether_to_be_quick() -> None:
    told: list[bool] = []
    for arguments in ([], ["--quick"]):
        report("Any", lambda quick: told.append(quick) or [], arguments)
    assert told == [False, True]


def test_make_bench_runs_every_benchmark_and_not_the_table() -> None:
    planned = subprocess.run(["make", "-n", "bench"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    [names] = re.findall(r"for name in (.*?); do \S+ -m benchmarks\.\$name --quick", planned)
    assert sorted(names.split()) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_meets_its_goals_and_misses_impossible_ones(name: str) -> None:
    for options, code in ((["--quick"], 0), (["--quick", "--stricter", "1e9"], 1)):
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *options],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert ("MISSED" in done.stdout) is bool(code)
