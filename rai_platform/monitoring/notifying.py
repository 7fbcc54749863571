"""Alerts on their way to people: webhooks, chats, mail and pagers, through Apprise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rai_platform.errors import BadInput
from rai_platform.monitoring.telling import Message

if TYPE_CHECKING:
    from apprise import NotifyBase

SECONDS = 20.0  # for one service to take a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Which services took a message.

    Attributes:
        taken: kinds of services that took it, such as ``json`` or ``slack``; their addresses hold secrets and are not told.
        failed: kinds that did not.
    """

    taken: tuple[str, ...]
    failed: tuple[str, ...]


def services_of(urls: Sequence[str]) -> "list[NotifyBase]":
    """The services behind Apprise's URLs.

    Raises:
        BadInput: one is none that Apprise knows; only its scheme is told.
    """
    import apprise

    found = []
    for url in urls:
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            raise BadInput(
                f"expected URLs as Apprise has them, such as json://host/path or mailto://…, got one of {_scheme(url)}",
                where="RAI_ALERT_URLS",
            )
        found.append(service)
    return found


def deliver(message: Message, urls: Sequence[str]) -> Delivery:
    """Sends a message to every service; one that fails stops no other.

    Raises:
        BadInput: as ``services_of`` does.
    """
    import apprise

    kind = (
        apprise.NotifyType.WARNING
        if message.told.event not in ("resolved", "acknowledged")
        else apprise.NotifyType.SUCCESS
    )
    outcome: dict[bool, list[str]] = {True: [], False: []}
    for url, service in zip(urls, services_of(urls), strict=True):
        one = apprise.Apprise(service)
        took = bool(
            one.notify(body=message.text or message.title, title=message.title, notify_type=kind, timeout=SECONDS)
        )
        outcome[took].append(_scheme(url))
    return Delivery(taken=tuple(outcome[True]), failed=tuple(outcome[False]))


def _scheme(url: str) -> str:
    return url.partition("://")[0] if "://" in url else "no scheme"
