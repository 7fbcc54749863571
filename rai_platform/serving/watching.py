"""Follows the ledger: what is promoted or gone back to is verified, loaded and served, without a request noticing."""

import logging
import threading
import time
from typing import TYPE_CHECKING

from rai_platform.errors import EvidenceMissing, RaiError, Withdrawn
from rai_platform.release.records import Production
from rai_platform.serving.served import ServedModel, find_production, load_served

if TYPE_CHECKING:
    from rai_platform.home import Home

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_UNTIL_TRIED_AGAIN = 30.0
LOGGER = logging.getLogger(__name__)


class Watch:
    """The model that is served now, and the thread that looks whether another one is in production.

    What does not verify, or a ledger that cannot be read, leaves the model as it is.

    Attributes:
        served: the model.
        withdrawn: why it answers no more, as the ledger says; None while it does.
        looked_at: when the ledger was last read, in seconds of the monotonic clock.
        problem: why it is not the one in production, or why nobody knows; None where all is well.
    """

    def __init__(self, home: "Home", served: ServedModel, *, every: float = SECONDS_BETWEEN_LOOKS) -> None:
        self.served = served
        self.looked_at = time.monotonic()
        self.withdrawn: str | None = None
        self.problem: str | None = None
        self._home = home
        self._every = every
        self._failed: tuple[int, str] | None = None
        self._try_again = 0.0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="ledger-watch", daemon=True)
        self._thread.start()

    def in_production(self) -> ServedModel:
        """The model that may answer.

        Raises:
            Withdrawn: none may.
        """
        if self.withdrawn is not None:
            raise Withdrawn(self.withdrawn)
        return self.served

    def document(self, production: Production, name: str) -> bytes:
        """A file that was released with a model, whose digest is the one that its promotion names.

        Raises:
            EvidenceMissing: the release has no such file, or the store does not.
            TamperedArtifact: the stored file is another one.
        """
        if (digest := production.body.get("documents", {}).get(name)) is None:
            raise EvidenceMissing(f"nothing was released as {name}", where=production.model)
        return self._home.store.get(digest)

    def close(self) -> None:
        """Looks no more."""
        self._ends.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._ends.wait(self._every):
            self._look()

    def _look(self) -> None:
        name = self.served.production.model
        try:
            production = find_production(self._home, name)
        except Withdrawn as error:
            self.looked_at = time.monotonic()
            self._withdraw(error)
            return
        except Exception as error:  # a watch that fails never stops serving
            self._tell(f"it is not known what is in production: {_in_words(error)}")
            return
        self.looked_at = time.monotonic()
        if _place(production) == _place(self.served.production) and self.withdrawn is None:
            self._tell(None)
            return
        if _place(production) == self._failed and time.monotonic() < self._try_again:
            return
        try:
            self.served = load_served(self._home, production)
        except Exception as error:  # what cannot be verified is not served, whatever the reason
            self._failed, self._try_again = _place(production), time.monotonic() + SECONDS_UNTIL_TRIED_AGAIN
            came = "was promoted" if production.rollback is None else "was gone back to"
            still = "none" if self.withdrawn is not None else f"version {self.served.production.version}"
            self._tell(
                f"version {production.version} {came} and cannot be served, so that {still} still is: {_in_words(error)}"
            )
            return
        self.withdrawn = None
        LOGGER.info("serving %s, version %s", name, production.version)
        self._tell(None)

    def _withdraw(self, told: Withdrawn) -> None:
        """Lets the model answer no more, once the ledger verifies: nobody stops a service by writing into a database."""
        place = (0, told.message)
        if self.withdrawn is not None or (place == self._failed and time.monotonic() < self._try_again):
            return
        try:
            self._home.ledger.must_be_sound()
        except Exception as error:
            self._failed, self._try_again = place, time.monotonic() + SECONDS_UNTIL_TRIED_AGAIN
            self._tell(f"it is not known what is in production: {_in_words(error)}")
            return
        self.withdrawn = told.message
        LOGGER.error("%s", told.message)
        self._tell(None)

    def _tell(self, problem: str | None) -> None:
        """Says what is wrong once, and not at every look."""
        if problem is not None and problem != self.problem:
            LOGGER.error("%s", problem)
        self.problem = problem


def _place(production: Production) -> tuple[int, str]:
    """What tells one release from another: a promotion, and the version that holds it now."""
    return production.sequence, production.version


def _in_words(error: Exception) -> str:
    """What the platform's own errors say; of others the name alone, since they may quote anything."""
    return " ".join(str(error).split()) if isinstance(error, RaiError) else type(error).__name__
