"""Whether a service answers with what the ledger says, seen from outside: its own word, and the certificate it shows."""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from rai_platform.errors import BadInput
from rai_platform.release.records import Production
from rai_platform.release.rollbacks import Seen

SECONDS_TO_FOLLOW = 30.0
SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_TO_ANSWER = 5.0
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one look found: the digest that the service names, and what is not as it should be."""

    digest: str | None
    problem: str | None


def must_be_an_endpoint(endpoint: str) -> str:
    """The address of a service, without a slash at its end.

    Raises:
        BadInput: it is none, or holds more than an address: it is written into the ledger.
    """
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.password or parts.query or parts.fragment:
        shown = endpoint if "@" not in endpoint else "one with a name or password in it"
        raise BadInput(
            f"expected the address of a service such as http://127.0.0.1:8100, got {shown}", where="--endpoint"
        )
    return endpoint.rstrip("/")


def see(
    endpoint: str,
    model: str,
    production: Production | None,
    *,
    since: float | None = None,
    limit: float = SECONDS_TO_FOLLOW,
) -> Seen:
    """What a service answers, once it answers with what is in production, or after ``limit`` seconds.

    Nothing but two GET requests is sent: ``/ready``, and where it names the right model, its certificate.

    Args:
        endpoint: where the service listens.
        model: the model's name.
        production: what should answer; None where nothing should.
        since: when production changed, by ``time.monotonic``; now where None.
        limit: seconds from then on.
    """
    began = time.monotonic() if since is None else since
    while True:
        found = _look(endpoint, model, production, max(0.1, min(SECONDS_TO_ANSWER, began + limit - time.monotonic())))
        seconds = time.monotonic() - began
        if found.problem is None or seconds >= limit:
            return Seen(
                endpoint=endpoint,
                expected=None if production is None else production.model_digest,
                digest=found.digest,
                verified=found.problem is None,
                seconds=round(seconds, 3),
                problem=found.problem,
            )
        time.sleep(min(SECONDS_BETWEEN_LOOKS, max(0.0, limit - seconds)))


def _look(endpoint: str, model: str, production: Production | None, timeout: float) -> _Answer:
    try:
        status, ready = _get(f"{endpoint}/ready", timeout)
        told, withdrawn = ready["model"], ready.get("withdrawn")
        digest = str(told["digest"])
        if told["name"] != model:
            return _Answer(digest=None, problem=f"it serves {told['name']}, and not {model}")
        if production is None:
            if status == http.client.SERVICE_UNAVAILABLE and withdrawn:
                return _Answer(digest=None, problem=None)
            return _Answer(digest=digest, problem="it still answers")
        if withdrawn:
            return _Answer(digest=None, problem="it says that nothing is in production")
        if digest != production.model_digest:
            because = f": {ready['problem']}" if ready.get("problem") else ""
            return _Answer(digest=digest, problem=f"it answers with another model, version {told['version']}{because}")
        if status != http.client.OK:
            return _Answer(digest=digest, problem="it has the right model, and is not ready to answer")
        _, certificate = _get(f"{endpoint}/v1/models/{quote(model)}/certificate", timeout)
        if certificate != production.body["certificate"]:
            return _Answer(digest=digest, problem="it shows another certificate than the ledger has")
        return _Answer(digest=digest, problem=None)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return _Answer(digest=None, problem=f"it does not answer: {' '.join(str(reason).split())[:200]}")
    except (KeyError, TypeError, AttributeError):
        return _Answer(digest=None, problem="it answers, and not as the prediction service does")


def _get(url: str, timeout: float) -> tuple[int, Any]:
    """Status and JSON of an answer; one of 503 is an answer too."""
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - http and https alone
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - as above
            return answer.status, json.loads(answer.read(MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read(MOST_BYTES))
