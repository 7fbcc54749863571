"""Questions that wait are scored and recorded together, and each gets its own answer."""

import asyncio
import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rai_platform.errors import LogUnwritable, UnscorableRows, UnusableRequest
from rai_platform.home import utc_now
from rai_platform.serving.bodies import Limits, own_records
from rai_platform.serving.features import teller
from rai_platform.serving.inference_log import InferenceLog, LoggedPrediction, read_predictions
from rai_platform.serving.metrics import Metrics
from rai_platform.serving.scoring import Question, ReadRecords, Scorer
from rai_platform.serving.served import ServedModel, find_production, load_served
from rai_platform.training.model import ESTIMATOR
from rai_platform_tests.serving.asking import PREDICT, records, running
from rai_platform_tests.world import World

PEOPLE = records(12)
REFUSED = {**PEOPLE[0], "home": "castle"}


@pytest.fixture(scope="module")
def fair(released_world: World) -> ServedModel:
    """The model of the released world."""
    return load_served(released_world.home, find_production(released_world.home, "fair"))


@dataclasses.dataclass
class Asking:
    """A scorer, and its log in a folder."""

    scorer: Scorer
    path: Path
    metrics: Metrics

    def together(
        self, served: ServedModel, asked: Sequence[Sequence[Any]], *, given_up: Sequence[int] = ()
    ) -> list[list[LoggedPrediction] | BaseException]:
        """What becomes of questions that come while the scorer is busy with one before them."""
        busy, goes_on = threading.Event(), threading.Event()

        def read_slowly(body: dict[str, Any], limits: Limits, names: Sequence[str]) -> list[Any]:
            busy.set()
            assert goes_on.wait(30)
            return own_records(body, limits, names)

        async def ask() -> list[list[LoggedPrediction] | BaseException]:
            first = self.scorer.ask(question(served, PEOPLE[:1], read=read_slowly))
            assert await asyncio.to_thread(busy.wait, 30)
            following = [self.scorer.ask(question(served, rows)) for rows in asked]
            for place in given_up:
                following[place].answer.cancel()
            goes_on.set()
            await asyncio.wait([first.answer])
            return await asyncio.gather(*(each.answer for each in following), return_exceptions=True)

        return asyncio.run(ask())

    def times_scored(self) -> float:
        """How often a model was asked and answered."""
        (count,) = (
            sample.value
            for metric in self.metrics.scoring.collect()
            for sample in metric.samples
            if sample.name.endswith("_count")
        )
        return count

    def logged(self) -> pd.DataFrame:
        return read_predictions(f"sqlite:///{self.path}")


def question(served: ServedModel, rows: Sequence[Any], *, read: ReadRecords = own_records) -> Question:
    content = json.dumps({"records": list(rows)}).encode()
    return Question(served=served, content=content, read=read, arrived=time.perf_counter())


@contextlib.contextmanager
def opened(world: World, path: Path, limits: Limits) -> Iterator[Asking]:
    log, metrics = InferenceLog(f"sqlite:///{path}"), Metrics()
    scorer = Scorer(log, clock=utc_now, tell_features=teller(world.settings), limits=limits, metrics=metrics)
    try:
        yield Asking(scorer, path, metrics)
    finally:
        scorer.close()
        log.close()


@pytest.fixture
def asking(released_world: World, tmp_path: Path) -> Iterator[Asking]:
    """A scorer with a log of its own."""
    with opened(released_world, tmp_path / "log.db", Limits()) as made:
        yield made


def scores(outcome: Any) -> list[float]:
    assert not isinstance(outcome, BaseException), outcome
    return [prediction.score for prediction in outcome]


def test_questions_that_wait_are_scored_together_and_each_gets_its_own_answer(
    fair: ServedModel, asking: Asking
) -> None:
    asked = [PEOPLE[:1], PEOPLE[1:4], [REFUSED], PEOPLE[4:12]]
    outcomes = asking.together(fair, asked)
    assert asking.times_scored() == 2, "the one before them, and all others at once"
    assert isinstance(outcomes[2], UnusableRequest)
    assert "castle" in outcomes[2].message
    for rows, outcome in zip(asked[:2] + asked[3:], outcomes[:2] + outcomes[3:], strict=True):
        np.testing.assert_allclose(scores(outcome), fair.model.score(pd.DataFrame(rows)), rtol=1e-12)
        assert isinstance(outcome, list)
        assert len({prediction.request_id for prediction in outcome}) == 1
        assert [json.loads(prediction.features) for prediction in outcome] == list(rows)
    given = [prediction.id for outcome in outcomes if isinstance(outcome, list) for prediction in outcome]
    logged = asking.logged()
    assert logged["id"].is_unique
    assert set(given) < set(logged["id"])
    assert len(logged) == len(given) + 1


def test_together_they_hold_no_more_than_one_request_may(
    fair: ServedModel, released_world: World, tmp_path: Path
) -> None:
    size = len(question(fair, PEOPLE[:1]).content)
    with opened(released_world, tmp_path / "log.db", Limits(content_bytes=2 * size)) as asking:
        outcomes = asking.together(fair, [PEOPLE[:1]] * 6)
        assert all(isinstance(outcome, list) for outcome in outcomes)
        assert 1 + 6 / 3 <= asking.times_scored() <= 1 + 6 / 2 + 1


class Particular:
    """An estimator of somebody's own, that does not bear what is set here."""

    def __init__(self, inner: Any, *, most_rows: int = 10**6, answers: int = 10**6) -> None:
        self.inner, self.most_rows, self.answers = inner, most_rows, answers
        self.classes_ = inner.classes_

    def predict_proba(self, inputs: Any) -> Any:
        if len(inputs) > self.most_rows:
            raise ValueError("that is too many rows for me")
        return self.inner.predict_proba(inputs)[: self.answers]


def particular(served: ServedModel, **of: int) -> ServedModel:
    parts = {**served.model.parts, ESTIMATOR: Particular(served.model.parts[ESTIMATOR], **of)}
    return dataclasses.replace(served, model=dataclasses.replace(served.model, parts=parts))


def test_where_a_model_refuses_the_table_each_question_is_asked_by_itself(fair: ServedModel, asking: Asking) -> None:
    outcomes = asking.together(particular(fair, most_rows=2), [PEOPLE[:1], PEOPLE[1:4], PEOPLE[4:6]])
    assert isinstance(outcomes[1], UnscorableRows)
    assert "too many rows" in outcomes[1].message
    np.testing.assert_allclose(scores(outcomes[0]), fair.model.score(pd.DataFrame(PEOPLE[:1])), rtol=1e-12)
    np.testing.assert_allclose(scores(outcomes[2]), fair.model.score(pd.DataFrame(PEOPLE[4:6])), rtol=1e-12)
    assert len(asking.logged()) == 4


def test_nobody_gets_the_answer_of_another_where_a_model_gives_too_few(fair: ServedModel, asking: Asking) -> None:
    outcomes = asking.together(particular(fair, answers=2), [PEOPLE[:2], PEOPLE[2:5], PEOPLE[5:6]])
    assert isinstance(outcomes[1], UnscorableRows)
    assert "2 answers to 3 rows" in outcomes[1].message
    np.testing.assert_allclose(scores(outcomes[0]), fair.model.score(pd.DataFrame(PEOPLE[:2])), rtol=1e-12)
    np.testing.assert_allclose(scores(outcomes[2]), fair.model.score(pd.DataFrame(PEOPLE[5:6])), rtol=1e-12)


def test_models_of_different_versions_are_not_mixed(fair: ServedModel, asking: Asking) -> None:
    other = dataclasses.replace(fair, production=dataclasses.replace(fair.production, version="2"))

    async def ask() -> list[list[LoggedPrediction]]:
        asked = [asking.scorer.ask(question(served, PEOPLE[:1])) for served in (fair, other, fair, other)]
        return list(await asyncio.gather(*(each.answer for each in asked)))

    assert [prediction.version for (prediction,) in asyncio.run(ask())] == ["1", "2", "1", "2"]


def test_nothing_is_answered_that_cannot_be_recorded(fair: ServedModel, released_world: World, tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    with opened(released_world, tmp_path / "log.db", Limits()) as asking:
        outcomes = asking.together(fair, [PEOPLE[:1], PEOPLE[1:2]])
        assert [type(outcome) for outcome in outcomes] == [LogUnwritable, LogUnwritable]


def test_a_question_that_nobody_waits_for_any_more_is_not_scored(fair: ServedModel, asking: Asking) -> None:
    asking.together(fair, [PEOPLE[1:2], PEOPLE[2:3]], given_up=[0])
    assert asking.logged()["features"].tolist() == [PEOPLE[0], PEOPLE[2]]


def test_a_model_that_does_not_answer_in_time_is_told_to_whoever_waits(released: World) -> None:
    with running(released, limits=Limits(seconds_to_answer=0.2)) as service:
        served, goes_on = service.service.watch.served, threading.Event()

        class Slow(Particular):
            def predict_proba(self, inputs: Any) -> Any:
                assert goes_on.wait(30)
                return super().predict_proba(inputs)

        parts = {**served.model.parts, ESTIMATOR: Slow(served.model.parts[ESTIMATOR])}
        service.service.watch.served = dataclasses.replace(served, model=dataclasses.replace(served.model, parts=parts))
        answer = service.client.post(PREDICT, json={"records": PEOPLE[:1]})
        goes_on.set()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert "the model did not answer within 0.2 seconds" in answer.json()["error"]["message"]
        assert service.service.waiting == 0
