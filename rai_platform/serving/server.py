"""One process that serves one model: loads it, opens the log, and listens until it is told to stop."""

import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import uvicorn

from rai_platform.serving.access import access_of
from rai_platform.serving.bodies import Limits
from rai_platform.serving.features import teller
from rai_platform.serving.inference_log import InferenceLog
from rai_platform.serving.metrics import Metrics
from rai_platform.serving.reasons import Explainer
from rai_platform.serving.scoring import Scorer
from rai_platform.serving.served import ServedModel, find_production, load_served
from rai_platform.serving.service import Service, build_app
from rai_platform.serving.tracing import exported_tracer
from rai_platform.serving.watching import SECONDS_BETWEEN_LOOKS, Watch

if TYPE_CHECKING:
    from rai_platform.home import Home

SECONDS_TO_FINISH = 10


@contextlib.contextmanager
def opened_service(
    home: "Home", name: str, *, every: float = SECONDS_BETWEEN_LOOKS, limits: Limits | None = None
) -> Iterator[Service]:
    """The service of a model, verified, loaded and with a log that can be written; what was asked for is recorded at its end.

    Raises:
        RaiError: as ``access_of``, ``find_production`` and ``load_served`` say.
        LogUnwritable: the log cannot be written.
    """
    access, served = access_of(home.settings), load_served(home, find_production(home, name))
    with contextlib.ExitStack() as opened:
        log = InferenceLog(home.settings.inference_log_url, clock=home.clock)
        opened.callback(log.close)
        log.probe().result()
        watch = Watch(home, served, every=every)
        opened.callback(watch.close)
        limits, metrics = limits or Limits(), Metrics()
        scorer = Scorer(log, clock=home.clock, tell_features=teller(home.settings), limits=limits, metrics=metrics)
        opened.callback(scorer.close)
        explainer = Explainer(limits)
        opened.callback(explainer.close)
        yield Service(
            watch=watch,
            log=log,
            scorer=scorer,
            access=access,
            explainer=explainer,
            page=home.settings.production_page(name),
            limits=limits,
            metrics=metrics,
            tracer=opened.enter_context(exported_tracer(home.settings.environment)),
        )


def server_of(service: Service, *, host: str, port: int) -> uvicorn.Server:
    """The server, not started yet. It writes no line for a request, whose address may hold anything."""
    config = uvicorn.Config(
        build_app(service),
        host=host,
        port=port,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # an address that a client can write itself would be no limit
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    logging.getLogger("uvicorn.access").disabled = True  # also where another handler was put on it
    return uvicorn.Server(config)


def serve(home: "Home", name: str, *, host: str, port: int, tell: Callable[[ServedModel], None]) -> None:
    """Serves the production model of a name until SIGINT or SIGTERM.

    Args:
        home: the platform's storage.
        name: of the model.
        host: the address to listen on.
        port: to listen on.
        tell: called with the model before the server listens.

    Raises:
        RaiError: as ``opened_service`` does.
    """
    _write_lines()
    with opened_service(home, name) as service:
        tell(service.watch.served)
        server = server_of(service, host=host, port=port)
        # What is loaded by now stays: looking through it for garbage would stop every answer for a third of a second.
        gc.collect()
        gc.freeze()
        # uvicorn finishes its requests and then raises the signal again, which is to end this function and not the process.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt):
            server.run()


class LinesAlone(logging.Formatter):
    """A line for every record and no stack trace, whose last line may quote a person's features."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The name of the exception."""
        return str(ei[0].__name__) if ei and ei[0] else ""

    def formatStack(self, stack_info: str) -> str:  # noqa: ARG002, N802 - logging's name
        """Nothing."""
        return ""


def _write_lines() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LinesAlone("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("rai_platform.serving").setLevel(logging.INFO)
