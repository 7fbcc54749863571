"""What is made in processes beside this one is what this one would make, errors included."""

import os
import threading
from typing import Any

import pytest

from rai_platform.errors import UnscorableRows
from rai_platform.processes import SECONDS_WORTH_STARTING, made_of_each

MUCH = SECONDS_WORTH_STARTING


def scaled(by: int, number: int) -> tuple[int, int]:
    return by * number, os.getpid()


def refused(_: int, number: int) -> int:
    if number == 3:
        raise UnscorableRows("three is refused", where="the task")
    return number


def told(held: dict[str, Any], number: int) -> tuple[int, int]:
    return held["by"] * number, os.getpid()


def test_it_is_made_in_order_by_several_processes_and_told_as_it_goes() -> None:
    done: list[tuple[int, int]] = []
    made = made_of_each(scaled, 10, range(6), workers=2, seconds=MUCH, progress=lambda *so_far: done.append(so_far))
    assert [number for number, _ in made] == [0, 10, 20, 30, 40, 50]
    assert os.getpid() not in {process for _, process in made}
    assert done == [(number, 6) for number in range(1, 7)]


def test_one_worker_is_this_process() -> None:
    assert made_of_each(scaled, 10, range(3), workers=1, seconds=MUCH) == [
        (0, os.getpid()),
        (10, os.getpid()),
        (20, os.getpid()),
    ]


def test_what_cannot_be_sent_is_used_here() -> None:
    held = {"by": 2, "lock": threading.Lock()}
    assert made_of_each(told, held, [1, 2], workers=2, seconds=MUCH) == [(2, os.getpid()), (4, os.getpid())]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_arrives_as_it_was_raised(workers: int) -> None:
    with pytest.raises(UnscorableRows, match="three is refused") as raised:
        made_of_each(refused, 1, range(6), workers=workers, seconds=MUCH)
    assert raised.value.where == "the task"


def test_no_process_is_started_where_little_is_to_do() -> None:
    assert {process for _, process in made_of_each(scaled, 1, range(3), workers=2, seconds=MUCH / 2)} == {os.getpid()}
