"""The service over HTTP: thin doors around the served model and the inference log."""

import asyncio
import contextlib
import dataclasses
import functools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace import Tracer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rai_platform.errors import (
    BadInput,
    EvidenceMissing,
    LogUnwritable,
    NotPermitted,
    Overloaded,
    RaiError,
    TamperedArtifact,
    TooManyRequests,
    UnknownCaller,
    UnknownModel,
    UnusableRequest,
    Withdrawn,
)
from rai_platform.serving.access import Access, key_of
from rai_platform.serving.bodies import Limits, label_items, mlflow_records, own_records, parse
from rai_platform.serving.inference_log import InferenceLog, LoggedPrediction
from rai_platform.serving.labels import LabelCounts, NewLabel, read_labels
from rai_platform.serving.metrics import CONTENT_TYPE, CountedRequests, Metrics
from rai_platform.serving.openapi import describe
from rai_platform.serving.reasons import Explainer, Reasons
from rai_platform.serving.scoring import Asked, Question, ReadRecords, Scorer
from rai_platform.serving.served import ServedModel
from rai_platform.serving.tracing import TracedRequests, trace_prediction
from rai_platform.serving.watching import Watch

SECONDS_TO_RECORD = 10.0
# A page that asks nobody for anything, runs no script, and stands in no other site's frame.
ALONE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
    "Cache-Control": "no-cache",
}
# FastAPI's own traces and logs would tell addresses, which may hold anything.
NOT_BY_FASTAPI: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
CARD_TYPES = {"html": "text/html", "json": "application/json"}
LOGGER = logging.getLogger(__name__)
Recorded = TypeVar("Recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request for predictions gets.

    Attributes:
        served: the model that answers.
        predictions: one for each row.
        reasons: why; None where nobody asked.
    """

    served: ServedModel
    predictions: list[LoggedPrediction]
    reasons: Reasons | None

    @property
    def request_id(self) -> str:
        """Of the request."""
        return self.predictions[0].request_id

    @property
    def told(self) -> list[dict[str, object]]:
        """The predictions as they are sent."""
        return [
            {"id": item.id, "score": item.score, "decision": item.decision, **self._explanation(place, item)}
            for place, item in enumerate(self.predictions)
        ]

    def _explanation(self, place: int, item: LoggedPrediction) -> dict[str, object]:
        return {} if self.reasons is None else {"explanation": self.reasons.told(place, item.decision)}


@dataclass(slots=True, kw_only=True)
class Service:
    """What answers.

    Attributes:
        watch: holds the model in production.
        log: of every prediction.
        scorer: asks models.
        access: who may ask, and how often.
        explainer: says why they answered so, where somebody asks.
        page: the file of the page of the model in production.
        limits: of a request.
        metrics: counts and times.
        tracer: of OpenTelemetry; None where nobody collects traces.
        waiting: requests for predictions that are not answered yet.
        unwritable: why the last one could not be recorded; None where it was.
    """

    watch: Watch
    log: InferenceLog
    scorer: Scorer
    access: Access
    explainer: Explainer
    page: Path
    limits: Limits
    metrics: Metrics
    tracer: Tracer | None = None
    waiting: int = 0
    unwritable: str | None = None

    async def predict(self, request: Request, read: ReadRecords) -> Answer:
        """What is answered; its predictions are on disk.

        Reasons come first: where there are none to be had, nothing is predicted either.

        Raises:
            UnusableRequest: the request cannot be read, or its rows do not fit the model.
            BadInput: the model refuses the rows, or they cannot be explained.
            Overloaded: too many requests wait, or the model does not answer in time.
            Withdrawn: no model is in production.
            LogUnwritable: the predictions cannot be recorded.
        """
        with self._one_more():
            arrived = time.perf_counter()
            content = await _content(request, self.limits)
            served = self.watch.in_production()
            reasons = await self.explainer.reasons(served, content, read)
            asked = self.scorer.ask(Question(served=served, content=content, read=read, arrived=arrived))
            predictions = await self._in_time(asked)
            if self.tracer is not None:
                trace_prediction(self.tracer, asked, predictions)
            return Answer(served=served, predictions=predictions, reasons=reasons)

    async def _in_time(self, asked: Asked) -> list[LoggedPrediction]:
        seconds = self.limits.seconds_to_answer
        try:
            async with asyncio.timeout(seconds):
                return await asked.answer
        except TimeoutError:
            if asked.scored:
                raise LogUnwritable(f"the inference log was not written within {seconds:g} seconds") from None
            raise Overloaded(f"the model did not answer within {seconds:g} seconds; ask again later") from None

    async def why_unwritable(self) -> str | None:
        """Why the log cannot be written; None where it can."""
        try:
            await _in_time(self.log.probe())
        except LogUnwritable as error:
            return error.message
        return None

    async def record_labels(self, request: Request) -> LabelCounts:
        """What became of the labels of a request, which are on disk; raises as ``predict`` does."""
        with self._one_more():
            content = await _content(request, self.limits)
            served = self.watch.served
            read = functools.partial(_labels, content, served)
            labels = await asyncio.get_running_loop().run_in_executor(None, read)
            return await _in_time(self.log.record_labels(labels, model=served.production.model))

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        if self.waiting >= self.limits.waiting_requests:
            raise Overloaded("too many requests wait for an answer; ask again later")
        self.waiting += 1
        try:
            yield
            self._tell(None)
        except LogUnwritable as error:
            self._tell(error.message)
            raise
        finally:
            self.waiting -= 1

    def _tell(self, unwritable: str | None) -> None:
        """Says once that nothing can be recorded, and once that it can again: not for every request, of which many come."""
        if unwritable is not None and self.unwritable is None:
            LOGGER.error("requests are not answered: %s", unwritable)
        if unwritable is None and self.unwritable is not None:
            LOGGER.info("requests are answered again")
        self.unwritable = unwritable


def build_app(service: Service) -> FastAPI:
    """The service's routes."""

    async def admitted(request: Request) -> None:
        address = request.client.host if request.client else ""
        service.access.admit(request.scope["route"].path, key=key_of(request.headers), address=address)

    app = FastAPI(
        title="rai_platform",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(admitted)],
        telemetry=NOT_BY_FASTAPI,
    )
    app.add_middleware(CountedRequests, metrics=service.metrics)
    if service.tracer is not None:
        app.add_middleware(TracedRequests, tracer=service.tracer)
    watch = service.watch

    def must_be_served(name: str) -> None:
        if name != watch.served.production.model:
            raise UnknownModel(name, [watch.served.production.model])

    @app.post("/v1/models/{name}/predict")
    async def predict(name: str, request: Request) -> Response:
        async def answer() -> Response:
            must_be_served(name)
            answered = await service.predict(request, own_records)
            told = {"request_id": answered.request_id, "model": answered.served.told, "predictions": answered.told}
            return _json(told)

        return await _answered(answer)

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        async def answer() -> Response:
            answered = await service.predict(request, mlflow_records)
            return _json({"predictions": answered.told})

        return await _answered(answer)

    @app.post("/v1/labels")
    async def labels(request: Request) -> Response:
        async def answer() -> Response:
            return _json(dataclasses.asdict(await service.record_labels(request)))

        return await _answered(answer)

    @app.get("/v1/models/{name}/certificate")
    async def certificate(name: str) -> Response:
        async def answer() -> Response:
            must_be_served(name)
            return _json(watch.in_production().certificate)

        return await _answered(answer)

    @app.get("/v1/models/{name}/dashboard")
    async def dashboard(name: str) -> Response:
        async def answer() -> Response:
            must_be_served(name)
            content = await asyncio.get_running_loop().run_in_executor(None, _page, service.page, name)
            return Response(content, media_type="text/html; charset=utf-8", headers=ALONE)

        return await _answered(answer)

    @app.get("/v1/models/{name}/card")
    async def card(name: str, request: Request) -> Response:
        kind = "json" if "application/json" in request.headers.get("accept", "") else "html"

        async def answer() -> Response:
            must_be_served(name)
            production = watch.in_production().production
            read = functools.partial(watch.document, production, f"model_card.{kind}")
            try:
                content = await asyncio.get_running_loop().run_in_executor(None, read)
            except (EvidenceMissing, TamperedArtifact) as error:
                LOGGER.error("a document of the release was not given: %s", error.message)
                told = "the store does not hold what was released, so it is not shown; see the service's log"
                return _error(503, error.code, told)
            return Response(content, media_type=CARD_TYPES[kind], headers={"Vary": "Accept"})

        return await _answered(answer)

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return _json(describe(watch.served, service.limits, asks_for_keys=service.access.keys is not None))

    @app.get("/metrics")
    async def metrics() -> Response:
        is_writable = await service.why_unwritable() is None
        told = service.metrics.told(watch, waiting=service.waiting, is_writable=is_writable)
        return Response(told, headers={"Content-Type": CONTENT_TYPE})

    @app.get("/health")
    async def health() -> Response:
        return _json({"alive": True})

    @app.get("/ready")
    async def ready() -> Response:
        unwritable = await service.why_unwritable()
        is_ready = unwritable is None and watch.withdrawn is None
        body = {
            "ready": is_ready,
            "model": watch.served.told,
            "log": unwritable or "can be written",
            "explanations": watch.served.explaining.why_not or "given where asked for",
            "problem": watch.problem or service.access.problem,
            "withdrawn": watch.withdrawn,
        }
        return _json(body, status=200 if is_ready else 503)

    @app.exception_handler(UnknownCaller)
    async def unknown_caller(_: Request, error: UnknownCaller) -> Response:
        return _error(401, error.code, error.message, headers={"WWW-Authenticate": "Bearer"})

    @app.exception_handler(NotPermitted)
    async def not_permitted(_: Request, error: NotPermitted) -> Response:
        return _error(403, error.code, error.message)

    @app.exception_handler(TooManyRequests)
    async def too_many_requests(_: Request, error: TooManyRequests) -> Response:
        return _error(429, error.code, error.message, headers={"Retry-After": str(error.wait)})

    @app.exception_handler(HTTPException)
    async def no_such_door(_: Request, error: HTTPException) -> Response:
        return _error(error.status_code, "no_such_route", str(error.detail))

    return app


async def _answered(answer: Callable[[], Awaitable[Response]]) -> Response:
    """The answer, or what is wrong in one sentence; what nobody foresaw is told to nobody, since it may quote features."""
    try:
        return await answer()
    except ClientDisconnect:
        return Response(status_code=400)
    except UnusableRequest as error:
        return _error(error.status, error.code, error.message, error.details)
    except (UnknownModel, EvidenceMissing) as error:
        return _error(404, error.code, error.message)
    except BadInput as error:
        return _error(422, error.code, str(error))
    except (Overloaded, Withdrawn, LogUnwritable) as error:
        return _error(503, error.code, error.message)
    except Exception as error:
        LOGGER.error("a request failed: %s", type(error).__name__)
        return _error(500, RaiError("").code, "the request could not be answered, by a fault of the service")


async def _content(request: Request, limits: Limits) -> bytes:
    """The body of a request for predictions.

    Raises:
        UnusableRequest: it is not said to be JSON, too large, or does not arrive.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnusableRequest(f"expected the content type application/json, got {kind or 'none'}", status=415)
    if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
        raise UnusableRequest(f"expected a body without content encoding, got {encoding}", status=415)
    content = bytearray()
    try:
        async with asyncio.timeout(limits.seconds_to_send):
            async for chunk in request.stream():
                content += chunk
                if len(content) > limits.content_bytes:
                    raise UnusableRequest(
                        f"expected up to {limits.content_bytes} bytes in a request; ask in parts", status=413
                    )
    except TimeoutError:
        raise UnusableRequest(
            f"the body did not arrive within {limits.seconds_to_send:g} seconds", status=408
        ) from None
    return bytes(content)


def _page(file: Path, name: str) -> bytes:
    """The page of a model in production as it was last written.

    Raises:
        EvidenceMissing: it never was.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise EvidenceMissing(f"the page was not written yet: `rai dashboard {name}` writes it") from None


def _labels(content: bytes, served: ServedModel) -> list[NewLabel]:
    return read_labels(label_items(parse(content)), served.labels)


async def _in_time(recorded: "Future[Recorded]") -> Recorded:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(recorded), SECONDS_TO_RECORD)
    except TimeoutError:
        raise LogUnwritable(f"the inference log was not written within {SECONDS_TO_RECORD:g} seconds") from None


def _json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = json.dumps(value, allow_nan=False)
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def _error(
    status: int,
    code: str,
    message: str,
    details: Sequence[dict[str, object]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    told: dict[str, object] = {"code": code, "message": message}
    body = {"error": {**told, "details": list(details)} if details else told}
    return _json(body, status=status, headers=headers)
