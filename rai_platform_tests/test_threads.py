"""Numerical libraries take their share of the cores, and whoever says otherwise is heard."""

import os
import subprocess
import sys

import pytest

from rai_platform.threads import STEPS_AT_ONCE, VARIABLES, available_cores, share_cores, share_of_cores


@pytest.mark.parametrize(
    ("said", "cores"), [("150000 100000", 2), ("10000 100000", 1), ("max 100000", None), ("", None)]
)
def test_a_container_has_the_cores_that_its_limit_leaves(tmp_path, said, cores):
    quota = tmp_path / "cpu.max"
    quota.write_text(said)
    unlimited = available_cores(tmp_path / "no such file")
    assert available_cores(quota) == (unlimited if cores is None else min(cores, unlimited))


def test_what_somebody_set_stays():
    environment = {"OMP_NUM_THREADS": "7"}
    share_cores(environment)
    assert environment == {"OMP_NUM_THREADS": "7"}


def test_every_variable_says_the_share():
    environment = {}
    share_cores(environment)
    assert environment == dict.fromkeys(VARIABLES, str(max(1, available_cores() // STEPS_AT_ONCE)))


@pytest.mark.parametrize(("said", "cores"), [("7", 7), ("1", 1), ("0", None), ("2,1", None), (None, None)])
def test_a_step_takes_as_many_cores_as_libraries_are_told(said, cores):
    environment = {} if said is None else {"OMP_NUM_THREADS": said}
    assert share_of_cores(environment) == (cores or max(1, available_cores() // STEPS_AT_ONCE))


def test_loading_the_code_location_comes_before_the_libraries_that_listen():
    code = (
        "import rai_platform.definitions, sklearn.linear_model, threadpoolctl;"
        "print(max(each['num_threads'] for each in threadpoolctl.threadpool_info()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={name: value for name, value in os.environ.items() if name not in VARIABLES},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(told.stdout) == max(1, available_cores() // STEPS_AT_ONCE)
