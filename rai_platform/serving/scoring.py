"""Asks models. Requests that wait are scored together and recorded together: a model and a disk take hardly longer for many."""

import asyncio
import functools
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rai_platform.errors import UnscorableRows
from rai_platform.serving.bodies import Limits, given_keys, parse
from rai_platform.serving.features import Tell
from rai_platform.serving.inference_log import InferenceLog, LoggedPrediction
from rai_platform.serving.inputs import Value
from rai_platform.serving.log_tables import told_time
from rai_platform.serving.metrics import Metrics
from rai_platform.serving.served import ServedModel

ReadRecords = Callable[[dict[str, Any], Limits, Sequence[str]], list[Any]]
Outcome = list[LoggedPrediction] | Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request for predictions, as it arrived.

    Attributes:
        served: the model that answers.
        content: the body.
        read: finds the records in a body.
        arrived: in seconds of the performance counter.
    """

    served: ServedModel
    content: bytes
    read: ReadRecords
    arrived: float


@dataclass(eq=False, slots=True)
class Asked:
    """A question, and who waits for its answer.

    Attributes:
        question: the request.
        answer: the predictions, once they are on disk; of the loop that asked.
        begun: when the model was asked, in nanoseconds since 1970; 0 until then.
        scored: when it had answered, and the predictions only had to be recorded.
        recorded: when they were on disk.
    """

    question: Question
    answer: "asyncio.Future[list[LoggedPrediction]]"
    begun: int = 0
    scored: int = 0
    recorded: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """A question whose rows fit its model."""

    asked: Asked
    rows: list[dict[str, Value]]
    keys: Sequence[str | None]


class Scorer:
    """The one thread that asks models: an estimator is anybody's code, and need not bear several at once.

    Args:
        log: where predictions go before they are answered.
        clock: the time, UTC.
        tell_features: what the log says of a row's features.
        limits: of a request; those scored together hold as many bytes as one may.
        metrics: counts and times.
    """

    def __init__(
        self, log: InferenceLog, *, clock: Callable[[], datetime], tell_features: Tell, limits: Limits, metrics: Metrics
    ) -> None:
        self._log = log
        self._clock = clock
        self._tell_features = tell_features
        self._limits = limits
        self._metrics = metrics
        self._waiting: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._score_forever, name="scorer", daemon=True)
        self._thread.start()

    def ask(self, question: Question) -> Asked:
        """Puts a question to the end of those that wait; to be called in a running loop.

        The answer fails with ``UnusableRequest`` where the rows do not fit the model, ``BadInput`` where it refuses them, and
        ``LogUnwritable`` where the predictions cannot be recorded.
        """
        asked = Asked(question, asyncio.get_running_loop().create_future())
        self._waiting.put(asked)
        return asked

    def close(self) -> None:
        """Answers what waits, and ends."""
        self._waiting.put(None)
        self._thread.join()

    def _score_forever(self) -> None:
        while (first := self._waiting.get()) is not None:
            together, ends = [first], False
            size = len(first.question.content)
            while size < self._limits.content_bytes and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    ends = True
                    break
                together.append(following)
                size += len(following.question.content)
            self._answer([asked for asked in together if not asked.answer.done()])  # nobody waits for one that is done
            if ends:
                break

    def _answer(self, together: Sequence[Asked]) -> None:
        alike: dict[tuple[object, ...], list[_Read]] = {}
        refused: list[tuple[Asked, Outcome]] = []
        for asked in together:
            try:
                read = self._read(asked)
            except Exception as error:  # whatever it is, whoever waits is told, and the thread goes on
                refused.append((asked, error))
                continue
            served = asked.question.served
            alike.setdefault((id(served), *served.rules.types(read.rows)), []).append(read)
        _tell(refused)
        for reads in alike.values():
            self._record(self._scored(reads))

    def _read(self, asked: Asked) -> _Read:
        question = asked.question
        rules, body = question.served.rules, parse(question.content)
        rows = rules.read(question.read(body, self._limits, rules.names))
        return _Read(asked, rows, given_keys(body, len(rows)))

    def _scored(self, reads: Sequence[_Read]) -> list[tuple[Asked, list[LoggedPrediction]]]:
        """The predictions of questions whose rows make one table; each question by itself where the model refuses the table."""
        served, rows = reads[0].asked.question.served, [row for read in reads for row in read.rows]
        begun = time.time_ns()
        try:
            with self._metrics.scoring.time():
                answers = served.predict(rows)
            if len(answers) != len(rows):
                raise UnscorableRows(
                    f"the model gives {len(answers)} answers to {len(rows)} rows", where=served.production.model
                )
        except Exception as error:
            if len(reads) > 1:
                return [scored for read in reads for scored in self._scored([read])]
            _tell([(reads[0].asked, error)])
            return []
        scored = time.time_ns()
        for read in reads:
            read.asked.begun, read.asked.scored = begun, scored
        now, following = told_time(self._clock()), iter(answers)
        return [(read.asked, self._predictions(read, following, now)) for read in reads]

    def _predictions(
        self, read: _Read, following: Iterator[tuple[float, int | str]], now: str
    ) -> list[LoggedPrediction]:
        request_id, question = uuid.uuid4().hex, read.asked.question
        latency = (time.perf_counter() - question.arrived) * 1000
        production = question.served.production
        return [
            LoggedPrediction(
                id=f"{request_id}-{place}",
                request_id=request_id,
                key=key,
                recorded_at=now,
                model=production.model,
                version=production.version,
                digest=production.model_digest,
                score=score,
                decision=decision,
                latency_ms=latency,
                features=self._tell_features(row),
            )
            for place, (row, key, (score, decision)) in enumerate(zip(read.rows, read.keys, following, strict=False))
        ]

    def _record(self, scored: Sequence[tuple[Asked, list[LoggedPrediction]]]) -> None:
        if not scored:
            return
        try:
            recorded = self._log.record([prediction for _, predictions in scored for prediction in predictions])
        except Exception as error:
            _tell([(asked, error) for asked, _ in scored])
            return
        started = time.perf_counter()
        recorded.add_done_callback(functools.partial(self._recorded, scored, started))

    def _recorded(
        self, scored: Sequence[tuple[Asked, list[LoggedPrediction]]], started: float, recorded: "Future[None]"
    ) -> None:
        error = recorded.exception()
        self._metrics.recording.observe(time.perf_counter() - started)
        if isinstance(error, Exception):
            _tell([(asked, error) for asked, _ in scored])
            return
        self._metrics.predictions.inc(sum(len(predictions) for _, predictions in scored))
        now = time.time_ns()
        for asked, _ in scored:
            asked.recorded = now
        _tell(scored)


def _tell(outcomes: Sequence[tuple[Asked, Outcome]]) -> None:
    """Tells whoever waits, each loop woken once for all."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Asked, Outcome]]] = {}
    for asked, outcome in outcomes:
        by_loop.setdefault(asked.answer.get_loop(), []).append((asked, outcome))
    for loop, told in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_set, told)


def _set(outcomes: Sequence[tuple[Asked, Outcome]]) -> None:
    for asked, outcome in outcomes:
        if asked.answer.done():
            continue
        if isinstance(outcome, Exception):
            asked.answer.set_exception(outcome)
        else:
            asked.answer.set_result(outcome)
