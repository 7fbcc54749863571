"""What the service tells Prometheus about itself: counts, times and states, and nothing about anybody's features, keys or ids."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rai_platform.serving.watching import Watch

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
NO_ROUTE = "none"  # addresses that lead nowhere share one label: they may hold anything
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The figures of one service.

    Attributes:
        predictions: that are on disk.
        scoring: seconds that the model took for requests that were scored together.
        recording: seconds until their predictions were on disk.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "rai_requests", "Requests that were answered.", ("route", "status"), registry=self._registry
        )
        self.predictions = Counter("rai_predictions", "Predictions that were recorded.", registry=self._registry)
        self.scoring = Histogram(
            "rai_scoring_seconds",
            "Seconds to score requests, those together that waited together.",
            registry=self._registry,
            buckets=SECONDS,
        )
        self.recording = Histogram(
            "rai_recording_seconds",
            "Seconds until the predictions of requests were on disk, those together that waited together.",
            registry=self._registry,
            buckets=SECONDS,
        )
        self._waiting = Gauge("rai_waiting_requests", "Requests that are not answered yet.", registry=self._registry)
        self._model = Gauge(
            "rai_model_info", "1 for the model that answers.", ("model", "version", "digest"), registry=self._registry
        )
        self._withdrawn = Gauge(
            "rai_model_withdrawn", "1 where the last model was withdrawn, else 0.", registry=self._registry
        )
        self._look_age = Gauge(
            "rai_ledger_look_age_seconds", "Seconds since the ledger was last read.", registry=self._registry
        )
        self._writable = Gauge(
            "rai_log_writable", "1 where the inference log can be written, else 0.", registry=self._registry
        )

    def count(self, route: str, status: int) -> None:
        """One more request that was answered."""
        self._requests.labels(route, str(status)).inc()

    def told(self, watch: Watch, *, waiting: int, is_writable: bool) -> bytes:
        """Every figure, in Prometheus' text format."""
        self._waiting.set(waiting)
        self._writable.set(is_writable)
        self._withdrawn.set(watch.withdrawn is not None)
        self._look_age.set(time.monotonic() - watch.looked_at)
        self._model.clear()
        if watch.withdrawn is None:
            model = watch.served.told
            self._model.labels(model["name"], model["version"], model["digest"]).set(1)
        return generate_latest(self._registry)


class CountedRequests:
    """An ASGI application whose every answer is counted, by the pattern of its route and its status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.count(getattr(scope.get("route"), "path", NO_ROUTE), message["status"])
            await send(message)

        await self._app(scope, receive, counted if scope["type"] == "http" else send)
