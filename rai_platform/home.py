"""Everything that lives under RAI_HOME, opened: the store, the ledger, the key and the registry."""

import functools
import http.client
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rai_platform.errors import BadInput, Unreachable
from rai_platform.settings import Settings
from rai_platform.store import ContentStore

if TYPE_CHECKING:
    from rai_platform.registry.production import ProductionRegistry
    from rai_platform.release.keys import SigningKey
    from rai_platform.release.ledger import Ledger


SECONDS_TO_ANSWER = 10


def utc_now() -> datetime:
    """The time, UTC; entry points pass it in."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Home:
    """The platform's own storage; each part is opened when it is first used."""

    settings: Settings
    clock: Callable[[], datetime] = utc_now

    def must_be_ready(self) -> None:
        """Finds out at once, and not in the middle of a run, that something in the home cannot be used.

        Raises:
            BadInput: nothing can be written to the home, or an address is none.
            Unreachable: the ledger's database or MLflow does not answer.
            LedgerBroken: there is a ledger and no key.
        """
        must_be_writable(self.settings.home, where="RAI_HOME")
        _ = self.ledger, self.registry

    @functools.cached_property
    def store(self) -> ContentStore:
        """Artifacts by the digest of their content."""
        return ContentStore(self.settings.store_url)

    @functools.cached_property
    def key(self) -> "SigningKey":
        """The signing key, created in a new home.

        Raises:
            LedgerBroken: there is a ledger and no key.
        """
        from rai_platform.release.keys import create_key, load_key

        path = self.settings.signing_key
        if not path.exists() and not self._has_ledger():
            try:
                return create_key(path)
            except FileExistsError:  # another process was first
                return load_key(path)
        return load_key(path)

    @functools.cached_property
    def ledger(self) -> "Ledger":
        """The single truth of what is in production and why.

        Raises:
            BadInput: its address is none, or leads to a folder that cannot be written to.
            Unreachable: its database does not answer.
            LedgerBroken: there is a ledger and no key.
        """
        import sqlalchemy.exc as sa

        from rai_platform.release.ledger import Ledger

        try:
            return Ledger(self.settings.ledger_url, self.key, self.settings.anchor_url, clock=self.clock)
        except (sa.ArgumentError, ModuleNotFoundError) as error:
            raise BadInput(
                f"expected a URL such as postgresql+psycopg2://user@host/ledger: {error}", where="RAI_LEDGER_URL"
            ) from None
        except OSError as error:
            raise BadInput(f"the ledger cannot be written: {error}", where="RAI_LEDGER_URL") from None
        except sa.DBAPIError as error:
            told = " ".join(str(error.orig).split())
            raise Unreachable(f"the ledger's database cannot be used: {told}", where="RAI_LEDGER_URL") from None

    @functools.cached_property
    def registry(self) -> "ProductionRegistry":
        """MLflow's registry, behind the ledger.

        Raises:
            Unreachable: its server does not answer.
        """
        from rai_platform.registry.production import ProductionRegistry
        from rai_platform.registry.tracking import open_client

        _must_answer(self.settings.tracking_uri)
        return ProductionRegistry(
            client=open_client(self.settings),
            ledger=self.ledger,
            store=self.store,
            key=self.key,
            clock=self.clock,
            artifacts=self.settings.mlflow_artifacts,
        )

    def _has_ledger(self) -> bool:
        """Whether a ledger was begun here before: its anchor is written before its first entry."""
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(self.settings.anchor_url)
        return bool(filesystem.exists(path))


def must_be_writable(folder: Path, *, where: str) -> None:
    """Refuses a folder to which nothing can be written; creates it where it is not there.

    Raises:
        BadInput: it cannot be created or written to.
    """
    probe = folder / f".{uuid.uuid4().hex}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(
            f"nothing can be written to {folder}: {error.strerror}; set {where} to a folder you can write to",
            where=where,
        ) from None


def _must_answer(tracking_uri: str) -> None:
    """Asks an MLflow server whether it is there; MLflow itself would ask again for minutes."""
    if not tracking_uri.startswith(("http://", "https://")):
        return
    try:
        with urllib.request.urlopen(f"{tracking_uri.rstrip('/')}/health", timeout=SECONDS_TO_ANSWER):  # noqa: S310 - http alone
            return
    except urllib.error.HTTPError:
        return  # whatever it says, it answers
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            return  # MLflow has settings of its own for whom to trust
        raise Unreachable(
            f"MLflow does not answer at {tracking_uri}: {reason}; start it, or correct MLFLOW_TRACKING_URI",
            where="MLFLOW_TRACKING_URI",
        ) from None
