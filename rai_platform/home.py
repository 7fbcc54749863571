"""Everything that lives under RAI_HOME, opened: the store, the ledger, the key and the registry."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rai_platform.settings import Settings
from rai_platform.store import ContentStore

if TYPE_CHECKING:
    from rai_platform.registry.production import ProductionRegistry
    from rai_platform.release.keys import SigningKey
    from rai_platform.release.ledger import Ledger


def utc_now() -> datetime:
    """The time, UTC; entry points pass it in."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Home:
    """The platform's own storage; each part is opened when it is first used."""

    settings: Settings
    clock: Callable[[], datetime] = utc_now

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
        """The single truth of what is in production and why."""
        from rai_platform.release.ledger import Ledger

        return Ledger(self.settings.ledger_url, self.key, self.settings.anchor_url, clock=self.clock)

    @functools.cached_property
    def registry(self) -> "ProductionRegistry":
        """MLflow's registry, behind the ledger."""
        from rai_platform.registry.production import ProductionRegistry
        from rai_platform.registry.tracking import open_client

        return ProductionRegistry(
            client=open_client(self.settings), ledger=self.ledger, store=self.store, key=self.key, clock=self.clock
        )

    def _has_ledger(self) -> bool:
        """Whether a ledger was begun here before: its anchor is written before its first entry."""
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(self.settings.anchor_url)
        return bool(filesystem.exists(path))
