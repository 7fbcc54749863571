"""Traces of OpenTelemetry: from a request, which may be part of a caller's trace, to its score and its entries in the log.

A span names the pattern of an address and never the address, which may hold anything; of predictions it has the request's id, by
which the log finds them. Where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says no collector, nothing is traced.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rai_platform.errors import BadInput
from rai_platform.serving.inference_log import LoggedPrediction
from rai_platform.serving.metrics import NO_ROUTE
from rai_platform.serving.scoring import Asked

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE = "rai_platform"


@contextlib.contextmanager
def exported_tracer(environment: Mapping[str, str]) -> Iterator[Tracer | None]:
    """A tracer whose spans go to the collector that OpenTelemetry's own variables name; None where they name none.

    Raises:
        BadInput: the exporter is not installed.
    """
    if not any(environment.get(name) for name in ENDPOINTS):
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise BadInput(
            "traces need OpenTelemetry's exporter: `pip install rai-platform[tracing]`", where=ENDPOINTS[1]
        ) from None
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = environment.get("OTEL_SERVICE_NAME") or SERVICE
    provider = TracerProvider(shutdown_on_exit=False, resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield provider.get_tracer(SERVICE)
    finally:
        provider.shutdown()  # sends what is left


def trace_prediction(tracer: Tracer, asked: Asked, predictions: Sequence[LoggedPrediction]) -> None:
    """Adds to the span of a request what became of it: when it was scored, when recorded, and by which id the log has it."""
    first, identity = predictions[0], {"rai.request_id": predictions[0].request_id}
    span = trace.get_current_span()
    span.set_attributes({**identity, "rai.model": first.model, "rai.version": first.version})
    span.set_attribute("rai.predictions", len(predictions))
    for name, begin, end in (("score", asked.begun, asked.scored), ("record", asked.scored, asked.recorded)):
        tracer.start_span(name, start_time=begin, attributes=identity).end(end_time=end)


class TracedRequests:
    """An ASGI application whose every answer is a span."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = propagate.extract(dict(Headers(scope=scope)))
        with self._tracer.start_as_current_span(
            NO_ROUTE, context=caller, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:

            async def traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route, status = getattr(scope.get("route"), "path", NO_ROUTE), message["status"]
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attributes(
                        {
                            "http.request.method": scope["method"],
                            "http.route": route,
                            "http.response.status_code": status,
                        }
                    )
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await self._app(scope, receive, traced)
