"""A request is a trace: of the caller, to the score, to the entries in the log; and tells nothing about anybody."""

import dataclasses
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rai_platform.home import Home
from rai_platform.serving.tracing import ENDPOINTS, exported_tracer
from rai_platform_tests.serving.asking import PREDICT, records, running
from rai_platform_tests.world import World

CALLER = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A collector of traces on this machine, and what it was sent."""
    received: list[bytes] = []

    class Collects(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Collects)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(ENDPOINTS[1], f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


def spans(received: list[bytes]) -> list[Any]:
    requests = [ExportTraceServiceRequest.FromString(content) for content in received]
    return [span for each in requests for of in each.resource_spans for scope in of.scope_spans for span in scope.spans]


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def test_a_prediction_is_followed_from_its_caller_to_its_entries_in_the_log(
    released: World, collector: list[bytes]
) -> None:
    secret = "a-secret-of-somebody"
    with running(released, home=Home(released.settings)) as service:
        headers = {"traceparent": f"00-{CALLER}-b7ad6b7169203331-01"}
        answer = service.client.post(PREDICT, json={"records": records(3)}, headers=headers).json()
        service.client.get(f"/{secret}?q={secret}")
        service.client.post(f"{PREDICT}?q={secret}", json={"records": [{"income": secret}]})
    assert not any(secret.encode() in content for content in collector)
    sent = spans(collector)
    (request,) = [span for span in sent if attributes(span).get("rai.predictions")]
    assert (request.name, request.trace_id.hex()) == ("POST /v1/models/{name}/predict", CALLER)
    told = attributes(request)
    assert (told["rai.request_id"], told["rai.predictions"], told["rai.version"]) == (answer["request_id"], 3, "1")
    assert told["http.response.status_code"] == 200
    assert set(service.logged()["request_id"]) == {told["rai.request_id"]}
    parts = {span.name: span for span in sent if span.parent_span_id == request.span_id}
    assert parts.keys() == {"score", "record"}
    times = [request, parts["score"], parts["record"]]
    assert request.start_time_unix_nano <= parts["score"].start_time_unix_nano < parts["score"].end_time_unix_nano
    assert (
        parts["score"].end_time_unix_nano <= parts["record"].start_time_unix_nano < parts["record"].end_time_unix_nano
    )
    assert max(span.end_time_unix_nano for span in times) == request.end_time_unix_nano
    assert {span.name for span in sent if span.parent_span_id != request.span_id} == {
        "POST /v1/models/{name}/predict",
        "GET none",
    }


def test_where_nobody_collects_nothing_is_traced(released: World) -> None:
    with exported_tracer({}) as tracer:
        assert tracer is None
    with running(released) as service:
        assert service.service.tracer is None
        assert service.client.post(PREDICT, json={"records": records(1)}).status_code == 200


def test_a_collector_that_is_gone_holds_up_nobody(released: World) -> None:
    environment = {**released.settings.environment, ENDPOINTS[1]: "http://127.0.0.1:9"}
    settings = dataclasses.replace(released.settings, environment=environment)
    with running(released, home=Home(settings)) as service:
        assert service.service.tracer is not None
        assert service.client.post(PREDICT, json={"records": records(1)}).status_code == 200
