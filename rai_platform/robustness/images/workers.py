"""Attacks side by side in processes of their own; what comes out does not depend on how many there are."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager

import torch
from torch import nn

from rai_platform.processes import keep_freed_memory, ready_processes
from rai_platform.robustness.images.ensemble import Assault, Outcome, Target, carry_out
from rai_platform.robustness.images.network import Images, Labels, one_thread

Progress = Callable[[int, int], None]

_target: Target | None = None  # of a worker's process


def carry_out_all(
    target: Target, assaults: Sequence[Assault], *, workers: int = 1, progress: Progress | None = None
) -> list[Outcome]:
    """What every attack comes to, in the order asked.

    Each takes a batch and a seed of its own, on one thread, so that it comes to the same wherever it is carried out. Where
    there is a GPU it does the work, and one process asks it.

    Args:
        target: the network and the images.
        assaults: attacks on batches.
        workers: processes.
        progress: is told how many are done, and of how many.
    """
    processes = min(workers, len(assaults)) if target.device == "cpu" else 1
    if processes > 1:
        with attack_workers(target, processes) as pool:
            return pool.carry_out_all(assaults, progress=progress)
    outcomes = []
    keep_freed_memory()
    with one_thread():
        for number, assault in enumerate(assaults, start=1):
            outcomes.append(carry_out(target, assault))
            _tell(progress, number, len(assaults))
    return outcomes


class AttackWorkers:
    """Processes that hold the same network and images.

    Args:
        pool: the processes, told of both.
    """

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def carry_out_all(self, assaults: Sequence[Assault], *, progress: Progress | None = None) -> list[Outcome]:
        """What every attack comes to, in the order asked."""
        futures = [self._pool.submit(_carry_out, assault) for assault in assaults]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            _tell(progress, done, len(assaults))
        return [future.result() for future in futures]


@contextmanager
def attack_workers(target: Target, count: int) -> Iterator[AttackWorkers]:
    """So many processes that hold the network and the images, all of them ready; they end with the context."""
    written = io.BytesIO()
    torch.save(target.network, written)
    told = (written.getvalue(), target.images, target.labels, target.predicted)
    with ready_processes(count, _begin, told) as pool:
        yield AttackWorkers(pool)


def _tell(progress: Progress | None, done: int, of: int) -> None:
    if progress is not None:
        progress(done, of)


def _begin(network: bytes, images: Images, labels: Labels, predicted: Labels) -> None:
    global _target
    torch.set_num_threads(1)
    # Our own bytes of a moment ago, from the process that started this one.
    loaded: nn.Module = torch.load(io.BytesIO(network), weights_only=False)
    _target = Target(network=loaded, images=images, labels=labels, predicted=predicted, device="cpu")


def _carry_out(assault: Assault) -> Outcome:
    if _target is None:
        raise RuntimeError("the worker was not told what to attack")
    return carry_out(_target, assault)
