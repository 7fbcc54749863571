"""An endpoint that answers in words, by the protocol of OpenAI's chat completions."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from rai_platform.errors import BadInput

LARGEST_ANSWER = 2_000_000  # bytes
CHUNK = 65_536
WORTH_ASKING_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 529)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HALF = re.compile("[\ud800-\udfff]")


class NoAnswer(Exception):
    """The endpoint gave none; the message says why, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation.

    Raises:
        BadInput: the content holds half of a character (a lone surrogate), which no program on the other side can read.
    """

    role: Literal["system", "user", "assistant"]
    content: str

    def __post_init__(self) -> None:
        _whole(self.content, where="message")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """Where to ask, and how patiently.

    Attributes:
        url: of the chat completions: ``https://host/v1/chat/completions``.
        model: its name there.
        api_key: sent as a bearer token; None where none is needed. It is shown nowhere, and never follows a redirect.
        timeout_seconds: to wait for one answer.
        retries: how often to ask again where that may help: no connection, too many requests, an error of the server.
        pause_seconds: before the first time, doubled each time.
        temperature: 0 for the answers an endpoint is surest of.
        most_tokens: of one answer.
        sleep: waits.

    Raises:
        BadInput: the address, the model's name or the key cannot be sent; the message does not show the key.
    """

    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 60.0
    retries: int = 2
    pause_seconds: float = 1.0
    temperature: float = 0.0
    most_tokens: int = 512
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        _check_address(self.url)
        _whole(self.model, where="model")
        unfit = next((at for at, letter in enumerate(self.api_key or "", start=1) if not "!" <= letter <= "~"), None)
        if unfit is not None:
            raise BadInput(
                "expected a key of visible ASCII characters without blanks or line ends, got another character in place "
                f"{unfit} of {len(self.api_key or '')}",
                where="api_key",
            )

    def answer(self, messages: Sequence[Message]) -> str:
        """What the endpoint says next.

        Raises:
            NoAnswer: nothing, not even when it was asked again.
        """
        why = ""
        for attempt in range(self.retries + 1):
            if attempt:
                self.sleep(self.pause_seconds * 2 ** (attempt - 1))
            try:
                return self._ask(messages)
            except urllib.error.HTTPError as error:
                with error:
                    why = f"it answers {error.code} ({error.reason})"
                if error.code not in WORTH_ASKING_AGAIN:
                    break
            except TimeoutError:
                why = f"it gives no answer within {self.timeout_seconds:g} seconds"
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                timed_out = isinstance(reason, TimeoutError)
                why = (
                    f"it gives no answer within {self.timeout_seconds:g} seconds"
                    if timed_out
                    else f"it cannot be reached ({reason})"
                )
        raise NoAnswer(why)

    def _ask(self, messages: Sequence[Message]) -> str:
        body = {
            "model": self.model,
            "messages": [{"role": each.role, "content": each.content} for each in messages],
            "temperature": self.temperature,
            "max_tokens": self.most_tokens,
        }
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        )
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 - http alone
        with self._opener().open(request, timeout=self.timeout_seconds) as response:
            return _content(self._read(response))

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The body, whole within the time for an answer: each read may take no longer, and all of them together neither."""
        until, body = time.monotonic() + self.timeout_seconds, b""
        while part := response.read1(CHUNK):
            body += part
            if len(body) > LARGEST_ANSWER:
                raise NoAnswer(f"its answer is longer than {LARGEST_ANSWER:,} bytes")
            if time.monotonic() > until:
                raise TimeoutError
        return body

    def _opener(self) -> urllib.request.OpenerDirector:
        near = urlsplit(self.url).hostname in LOOPBACK
        return urllib.request.build_opener(_NoRedirect, *([urllib.request.ProxyHandler({})] if near else []))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the error that it is, without reading where it leads."""

    def http_error_302(self, *_: object, **__: object) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _check_address(url: str) -> None:
    got = f", got {url!a}" if "@" not in url else ""  # a password may stand before an @
    if not all("!" <= letter <= "~" for letter in url):
        raise BadInput(
            f"expected visible ASCII characters without blanks{got}; write others of the path in percent-encoding, and those "
            "of the host in Punycode",
            where="url",
        )
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and parts.port != 0 and (parts.hostname or "").encode("idna")
    except ValueError:  # brackets, a port or a host that cannot be
        fit = False
    if not fit:
        raise BadInput(f"expected http://… or https://…{got}", where="url")
    if parts.username or parts.password:
        raise BadInput("expected an address without a password in it; give the key as api_key", where="url")


def _whole(text: str, *, where: str) -> None:
    """Raises BadInput where a text holds half of a character: a lone surrogate, which UTF-8 does not know."""
    if half := HALF.search(text):
        raise BadInput(
            f"expected text, got half of a character (U+{ord(half.group()):04X}) in place {half.start() + 1}",
            where=where,
        )


def _content(body: bytes) -> str:
    try:
        told: Any = json.loads(body)
        content = told["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise NoAnswer("its answer is not that of a chat completion: no choices[0].message.content") from None
    if content is None:
        return ""
    if not isinstance(content, str):
        raise NoAnswer("its answer is not that of a chat completion: the content is no text")
    if HALF.search(content):
        raise NoAnswer("its answer is not that of a chat completion: the content holds half of a character")
    return content
