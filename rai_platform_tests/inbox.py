"""Somebody who takes alerts, and keeps them."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Inbox:
    """A webhook on this machine.

    Attributes:
        url: as Apprise writes it.
        received: what was sent to it.
    """

    url: str
    received: list[dict[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def opened_inbox() -> Iterator[Inbox]:
    """A webhook that listens."""

    class Keeps(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            inbox.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Keeps)
    inbox = Inbox(f"json://127.0.0.1:{server.server_port}/alerts")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
