"""Every job, in this process or in several others; the result is the same."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rai_platform.errors import RaiError
from rai_platform.robustness.texts.asking import Predict, Scores
from rai_platform.robustness.texts.attempt import Attacker, Attempt, Job, ModelRefused, OutOfTime
from rai_platform.robustness.texts.checkpoint import Checkpoint
from rai_platform.robustness.texts.loading import Progress, load_textattack

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How jobs are done.

    Attributes:
        predict: the model, asked by one at a time.
        query_budget: questions about one text at most, of each recipe.
        time_left: whether the model may still be asked.
        nltk_data: folders of NLTK's data, beside those it knows.
        cache: a folder to write to; None for a temporary one.
        progress: told what is going on.
    """

    predict: Predict
    query_budget: int
    time_left: Callable[[], bool]
    nltk_data: tuple[Path, ...]
    cache: Path | None
    progress: Progress

    def asked(self, texts: list[str]) -> Scores:
        """The model's scores.

        Raises:
            OutOfTime: no time is left.
            ModelRefused: it gives none, for whatever reason.
        """
        if not self.time_left():
            raise OutOfTime
        try:
            return self.predict(texts)
        except Exception as error:
            raise ModelRefused(f"{type(error).__name__}: {error}") from None


def run(texts: Sequence[Sequence[Job]], checkpoint: Checkpoint, running: Running, *, workers: int) -> None:
    """Does the jobs of one text after the other, and leaves what came of them in the checkpoint.

    Where time runs out, the jobs that are not done are missing there.

    Args:
        texts: the jobs, by text.
        checkpoint: what is done.
        running: how.
        workers: processes beside this one that search; 1 searches in this one. The model is asked in this one always.
    """
    todo = [jobs for jobs in texts if any(checkpoint.get(job) is None for job in jobs)]
    if not todo:
        return
    queue, done = iter(todo), _Count(len(texts) - len(todo), len(texts), running.progress)
    if workers <= 1:
        textattack = load_textattack(nltk_data=running.nltk_data, cache=running.cache, progress=running.progress)
        attacker = Attacker(textattack, running.asked, query_budget=running.query_budget)
        _work(queue, attacker.attack, checkpoint, done)
        return
    _in_processes(queue, checkpoint, running, done, count=min(workers, len(todo)))


def _work(
    queue: Iterator[Sequence[Job]], attack: Callable[[Job], Attempt], checkpoint: Checkpoint, done: "_Count"
) -> None:
    for jobs in queue:
        for job in jobs:
            if checkpoint.get(job) is None:
                try:
                    checkpoint.put(job, attack(job))
                except OutOfTime:
                    return
        done.one_more()


def _in_processes(
    queue: Iterator[Sequence[Job]], checkpoint: Checkpoint, running: Running, done: "_Count", *, count: int
) -> None:
    shared, one_at_a_time, failed = _Shared(queue), threading.Lock(), list[BaseException]()

    def work() -> None:
        try:
            with _process(running, one_at_a_time) as attack:
                _work(shared, attack, checkpoint, done)
        except BaseException as error:  # raised where the threads are waited for
            failed.append(error)
            shared.close()

    running.progress(f"starting {count} processes, each of which loads TextAttack for some 20 seconds")
    threads = [threading.Thread(target=work, name=f"text attack {number}") for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:  # somebody interrupts: what is begun is ended, nothing more is begun
        shared.close()
        raise
    if failed:
        raise failed[0]


@contextlib.contextmanager
def _process(running: Running, one_at_a_time: threading.Lock) -> Iterator[Callable[[Job], Attempt]]:
    """A process that attacks, and the conversation with it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "rai_platform.robustness.texts.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            text=True,
            encoding="utf-8",
        )

        def say(told: dict[str, Any]) -> dict[str, Any]:
            try:
                if process.stdin is None or process.stdout is None:
                    raise BrokenPipeError
                process.stdin.write(json.dumps(told) + "\n")
                process.stdin.flush()
                heard: dict[str, Any] = json.loads(process.stdout.readline())
            except (OSError, ValueError):
                complaints.seek(0)
                tail = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
                raise RaiError(
                    f"a process that attacks texts ended early: {' '.join(tail) or 'it said nothing'}"
                ) from None
            return heard

        def attack(job: Job) -> Attempt:
            heard = say({"job": asdict(job)})
            while "ask" in heard:
                with one_at_a_time:
                    answer = _answer(running, heard["ask"])
                heard = say(answer)
            if "out_of_time" in heard:
                raise OutOfTime
            return Attempt(**heard["attempt"])

        try:
            say(
                {
                    "nltk_data": [str(folder) for folder in running.nltk_data],
                    "cache": str(running.cache) if running.cache else None,
                    "query_budget": running.query_budget,
                }
            )
            yield attack
        finally:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _answer(running: Running, texts: list[str]) -> dict[str, Any]:
    try:
        return {"scores": running.asked(texts).tolist()}
    except OutOfTime:
        return {"stop": True}
    except ModelRefused as error:
        return {"refused": str(error)}


class _Shared:
    """An iterator that several threads read."""

    def __init__(self, items: Iterator[Sequence[Job]]) -> None:
        self._items = items
        self._lock = threading.Lock()
        self._open = True

    def __iter__(self) -> Iterator[Sequence[Job]]:
        return self

    def __next__(self) -> Sequence[Job]:
        with self._lock:
            if not self._open:
                raise StopIteration
            return next(self._items)

    def close(self) -> None:
        """Gives nothing more."""
        self._open = False


class _Count:
    """How many texts are done."""

    def __init__(self, done: int, of: int, progress: Progress) -> None:
        self._done = done
        self._of = of
        self._progress = progress
        self._lock = threading.Lock()

    def one_more(self) -> None:
        """Counts one, and says so."""
        with self._lock:
            self._done += 1
            self._progress(f"attacked {self._done} of {self._of} texts")
