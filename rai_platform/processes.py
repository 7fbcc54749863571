"""Processes beside this one that hold what they need and are ready before the first task, each on one thread."""

import itertools
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

PATIENCE_SECONDS = 300  # for the slowest process to load its libraries

_barrier: threading.Barrier | None = None  # of a process


@contextmanager
def ready_processes(
    count: int, begin: Callable[..., None], arguments: tuple[Any, ...]
) -> Iterator[ProcessPoolExecutor]:
    """So many processes, all of which have begun; they end with the context.

    Spawned, since a fork of a process whose libraries hold threads may wait for ever.

    Args:
        count: processes.
        begin: is called in each of them first; a function of a module.
        arguments: of ``begin``.

    Raises:
        BrokenProcessPool: one of them cannot begin.
    """
    context = multiprocessing.get_context("spawn")
    initial = (context.Barrier(count), begin, arguments)
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=initial) as pool:
        # One is started for each task while all those before wait for the last.
        list(pool.map(_wait, itertools.repeat(PATIENCE_SECONDS, count)))
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin(barrier: threading.Barrier, begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    from threadpoolctl import threadpool_limits

    global _barrier
    begin(*arguments)
    threadpool_limits(1)  # of what is loaded by now
    _barrier = barrier


def _wait(seconds: float) -> None:
    if _barrier is None:
        raise threading.BrokenBarrierError
    _barrier.wait(seconds)
