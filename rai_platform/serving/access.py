"""Who may ask what of the service, and how often: keys of callers, and a bucket of tokens for each of them."""

import hashlib
import hmac
import ipaddress
import logging
import math
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from rai_platform.errors import BadInput, NotPermitted, TooManyRequests, UnknownCaller, did_you_mean

if TYPE_CHECKING:
    from rai_platform.settings import Settings

Scope = Literal["predict", "label", "read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# By the pattern of an address. None: anybody may ask, a probe or whoever verifies what is served. What is not here is closed.
SCOPE_OF_ROUTE: dict[str, Scope | None] = {
    "/v1/models/{name}/predict": "predict",
    "/invocations": "predict",
    "/v1/labels": "label",
    "/v1/models/{name}/card": "read",
    "/v1/models/{name}/dashboard": "read",
    "/metrics": "read",
    "/openapi.json": "read",
    "/v1/models/{name}/certificate": None,
    "/ready": None,
    "/health": None,
}
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
DIGEST = re.compile(r"[0-9a-f]{64}")
RATE = re.compile(r"([1-9][0-9]{0,8})/(s|min|h)")
SECONDS_OF = {"s": 1, "min": 60, "h": 3600}
MOST_BUCKETS = 10_000
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who may ask.

    Attributes:
        name: for people and figures.
        digest: SHA-256 of the key, in hexadecimal digits.
        scopes: what the caller may do.
    """

    name: str
    digest: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int

    @property
    def per_second(self) -> float:
        """Requests in a second."""
        return self.requests / self.seconds

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.requests}/{next(unit for unit, seconds in SECONDS_OF.items() if seconds == self.seconds)}"


class Keys:
    """The callers of a file, which is read again whenever it has changed.

    Where it can no longer be read, the callers stay those that were read last, and a line of the log says so.

    Attributes:
        problem: why the keys are not those of the file; None where they are.

    Args:
        path: of the file, a line ``name:sha256hex`` or ``name:sha256hex:scope,scope`` for each key.

    Raises:
        BadInput: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.problem: str | None = None
        self._path = path
        self._seen = _identity(path)
        self._callers = read_callers(path)

    def caller(self, key: str | None) -> Caller:
        """Whose key it is; every key is compared, in the same time whether or not it is the one.

        Raises:
            UnknownCaller: nobody's.
        """
        self.read_again()
        if key is None:
            raise UnknownCaller("expected a key: send `Authorization: Bearer KEY` or `X-API-Key: KEY`")
        digest = digest_of_key(key)
        found = None
        for caller in self._callers:
            if hmac.compare_digest(caller.digest, digest):
                found = caller
        if found is None:
            raise UnknownCaller("the key is not one of those that are known here")
        return found

    def read_again(self) -> None:
        """Takes over what changed in the file."""
        if (seen := _identity(self._path)) == self._seen:
            return
        self._seen = seen
        try:
            self._callers, self.problem = read_callers(self._path), None
        except BadInput as error:
            self.problem = f"the keys stay those that were read last: {error}"
            LOGGER.error("%s", self.problem)


class Buckets:
    """A bucket of tokens for every caller: full at first, a token for a request, filled up at the rate that is allowed (token bucket).

    Args:
        rate: of requests; as many may come at once.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, rate: Rate, *, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """One request of a caller.

        Raises:
            TooManyRequests: the bucket is empty.
        """
        now = self._now()
        left, then = self._left.pop(caller, (float(self._rate.requests), now))
        left = min(self._rate.requests, left + (now - then) * self._rate.per_second)
        if len(self._left) >= MOST_BUCKETS:
            self._left.popitem(last=False)  # of whom nothing came for longest; a bucket that is forgotten is full again
        self._left[caller] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            wait = math.ceil((1 - left) / self._rate.per_second)
            raise TooManyRequests(f"more requests than {self._rate}; ask again in {wait} s", wait=wait)


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked of a request before anything else.

    Attributes:
        keys: of the callers; None where anybody may ask.
        buckets: of the callers, or of addresses where anybody may ask; None where they may ask as often as they like.
    """

    keys: Keys | None = None
    buckets: Buckets | None = None

    @property
    def problem(self) -> str | None:
        """Why others are let in than the file of keys says; None where they are not."""
        if self.keys is None:
            return None
        self.keys.read_again()
        return self.keys.problem

    def admit(self, route: str, *, key: str | None, address: str) -> None:
        """Nothing, where a request may be answered.

        Args:
            route: the pattern of the address.
            key: that was sent.
            address: of the client.

        Raises:
            UnknownCaller: no key was sent, or one that nobody has.
            NotPermitted: the caller may do other things, or nobody may do this.
            TooManyRequests: the caller asked too often.
        """
        if route not in SCOPE_OF_ROUTE:
            raise NotPermitted(f"nobody may ask for {route}")
        scope = SCOPE_OF_ROUTE[route]
        if scope is None:
            return
        name = client_of(address)
        if self.keys is not None:
            caller = self.keys.caller(key)
            if scope not in caller.scopes:
                raise NotPermitted(f"the key of {caller.name} is not for this: it has no scope {scope!r}")
            name = caller.name
        if self.buckets is not None:
            self.buckets.take(name)


def access_of(settings: "Settings") -> Access:
    """Who may ask, as the settings say.

    Raises:
        BadInput: the file of keys cannot be read.
    """
    rate = settings.rate_limit
    return Access(
        keys=None if settings.api_keys is None else Keys(settings.api_keys),
        buckets=None if rate is None else Buckets(read_rate(rate, where="RAI_RATE_LIMIT")),
    )


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key that a request sends; None where it sends none."""
    kind, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else headers.get("x-api-key")


def client_of(address: str) -> str:
    """Who an address stands for: of IPv6, whoever has its first 64 bits has all of the rest."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_rate(text: str, *, where: str) -> Rate:
    """The rate that a text such as ``100/s``, ``6000/min`` or ``9000/h`` says.

    Raises:
        BadInput: it says none.
    """
    if (found := RATE.fullmatch(text)) is None:
        raise BadInput(
            f"expected a number of requests a second, minute or hour such as 100/s, 6000/min or 9000/h, got {text!r}",
            where=where,
        )
    return Rate(int(found[1]), SECONDS_OF[found[2]])


def read_callers(path: Path) -> tuple[Caller, ...]:
    """The callers of a file; empty lines and those that begin with ``#`` say nothing.

    Raises:
        BadInput: the file cannot be read, or a line says no caller.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the file of keys cannot be read ({type(error).__name__}); `rai api-key NAME` makes one", where=str(path)
        ) from None
    return tuple(
        _caller(line.strip(), f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.strip().startswith("#")
    )


def add_key(path: Path, name: str, scopes: Sequence[str] = SCOPES) -> str:
    """A new random key, whose hash is now in the file; the key itself is nowhere else.

    Raises:
        BadInput: the name or a scope is none, or the file cannot be written.
    """
    key = f"rai_{secrets.token_urlsafe(32)}"
    line = f"{name}:{digest_of_key(key)}:{','.join(scopes)}"
    _caller(line, "api-key")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        written = path.read_text(encoding="utf-8")
        with path.open("a", encoding="utf-8") as file:
            file.write(("\n" if written and not written.endswith("\n") else "") + line + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the file of keys cannot be written ({type(error).__name__})", where=str(path)) from None
    return key


def digest_of_key(key: str) -> str:
    """SHA-256 of a key. Keys are random and long, so nothing slower is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _caller(line: str, where: str) -> Caller:
    name, _, rest = line.partition(":")
    digest, colon, listed = rest.partition(":")
    scopes = [scope.strip() for scope in listed.split(",")] if colon else list(SCOPES)
    if not NAME.fullmatch(name):  # the line itself is not shown: it may hold a key by mistake
        raise BadInput("expected a name of 1 to 64 letters, digits, '.', '_' or '-'", where=where)
    if not DIGEST.fullmatch(digest):
        raise BadInput("expected name:sha256hex[:scopes], with 64 hexadecimal digits after the name", where=where)
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        known = ", ".join(SCOPES)
        raise BadInput(
            f"expected scopes among {known}; got another word{did_you_mean(unknown[0], SCOPES)}", where=where
        )
    return Caller(name=name, digest=digest, scopes=frozenset(scopes))


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
