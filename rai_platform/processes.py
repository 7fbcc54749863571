"""Processes beside this one that hold what they need and are ready before the first task, each on one thread."""

import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT_BYTES = 2**30
SECONDS_WORTH_STARTING = 15.0  # of work: a process takes some to load its libraries
PATIENCE_SECONDS = 300  # for the slowest process to load its libraries

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Made = TypeVar("Made")
Progress = Callable[[int, int], None]

_barrier: threading.Barrier | None = None  # of a process
_held: Any = None  # of a process


def made_of_each(
    task: Callable[[Shared, Item], Made],
    shared: Shared,
    items: Sequence[Item],
    *,
    workers: int,
    seconds: float,
    progress: Progress | None = None,
) -> list[Made]:
    """What a task makes of every item, in their order, in several processes where that is asked for.

    Args:
        task: a function of a module; what it makes depends on nothing but its arguments.
        shared: what every process holds. Where it cannot be sent to another process, this one does all the work.
        items: what differs.
        workers: processes at most; none is started where there is little to do.
        seconds: about how long one process takes for all of it.
        progress: is told how many are done, and of how many.
    """
    useful = min(workers, len(items)) if seconds >= SECONDS_WORTH_STARTING else 1
    sent = _sent(shared) if useful > 1 else None
    tell = progress or (lambda _done, _of: None)
    made = []
    if sent is None:
        for item in items:
            made.append(task(shared, item))
            tell(len(made), len(items))
        return made
    with ready_processes(useful, _hold, (sent,)) as pool:
        for one in pool.map(partial(_make, task), items):
            made.append(one)
            tell(len(made), len(items))
    return made


def seconds_of(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _sent(shared: Any) -> bytes | None:
    try:
        return bytes(ForkingPickler.dumps(shared))
    except Exception:  # an object of anybody's may refuse in any way
        return None


def _hold(sent: bytes) -> None:
    global _held
    _held = ForkingPickler.loads(sent)  # our own bytes of a moment ago, from the process that started this one


def _make(task: Callable[[Any, Item], Made], item: Item) -> Made:
    return task(_held, item)


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


def keep_freed_memory() -> None:
    """Has this process keep the memory that it frees, for what it takes next.

    Networks take and free tensors of megabytes thousands of times. By default the C library gives each back to the kernel, which
    hands out zeroed pages again: slow, and slower where several processes do it at once. Does nothing without glibc.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        mallopt(parameter, KEPT_BYTES)


def _begin(barrier: threading.Barrier, begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    from threadpoolctl import threadpool_limits

    global _barrier
    keep_freed_memory()
    begin(*arguments)
    threadpool_limits(1)  # of what is loaded by now
    _barrier = barrier


def _wait(seconds: float) -> None:
    if _barrier is None:
        raise threading.BrokenBarrierError
    _barrier.wait(seconds)
