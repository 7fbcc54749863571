"""What can go wrong, drawn as a tree.

RaiError                     exit code 1, our fault or the machine's
├── BadInput                 exit code 2, the user can mend it: what was expected, what came, what to do
│   ├── InvalidSpec          a model's YAML or policy does not say something we can run
│   ├── UnknownModel         no model of that name
│   ├── UnreadableData       the source is missing, empty, or not in the format it claims
│   ├── UnknownColumn        a name that is not in the table
│   ├── UnsuitableData       the table was read, and no model can be trained or judged on it
│   ├── UnscorableRows       a model refuses rows, or gives them no number as a score
│   ├── UnusableEstimator    an import path or parameters that do not give an estimator
│   └── UnusableRequest      a request that the prediction service cannot read, or rows that do not fit its model
├── EvidenceMissing          something that has to be materialized first is not there
├── EvidenceMismatch         two pieces of evidence are about different models or data
├── TamperedArtifact         stored bytes are not the bytes that were stored
├── UnverifiedRelease        there is nothing to verify a release's certificate with
├── Withdrawn                the last model was taken out of production, and none is in it
├── Unreachable              a database or server that does not answer
├── UnknownCaller            a request to the prediction service without a key that it knows
├── NotPermitted             a caller of the prediction service who may do other things
├── TooManyRequests          a caller of the prediction service who asks more often than allowed
├── Overloaded               more is asked of the prediction service at once than it takes on
├── LogUnwritable            a prediction that cannot be recorded; it is not given
├── LedgerBroken             the chain, its signature or its anchor does not verify
└── PromotionConflict        production changed after the card was made, or after a rollback looked at it

A refusal is not an error: it is a decision, with reasons.
"""

import difflib
from collections.abc import Iterable


class RaiError(Exception):
    """What every error of the platform is: a message for a person, a code for a program, and where it arose."""

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where

    @property
    def code(self) -> str:
        """The class's name in snake case, stable for programs: `unknown_column`."""
        name = type(self).__name__
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class BadInput(RaiError):
    """The user's input cannot be used as it is."""

    exit_code = 2


class InvalidSpec(BadInput):
    """A model's YAML or a policy that cannot be run; the message lists every problem found, one a line."""


class UnknownModel(BadInput):
    """No model of that name is defined."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"no model {name!r}{did_you_mean(name, names)}; models: {', '.join(names) or 'none'}")


class UnreadableData(BadInput):
    """A data source that is missing, empty, or not what it claims to be."""


class UnknownColumn(BadInput):
    """A column that the table does not have."""

    def __init__(self, column: str, known: Iterable[object], *, where: str) -> None:
        names = [str(name) for name in known]
        shown = ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
        super().__init__(
            f"no column {column!r} in the data{did_you_mean(column, names)}; columns: {shown}", where=where
        )


class UnsuitableData(BadInput):
    """A table on which nothing can be trained or judged."""


class UnscorableRows(BadInput):
    """Rows that a trained model refuses, or to which it gives no number as a score."""


class UnusableEstimator(BadInput):
    """An import path or parameters that do not give a classifier."""


class UnusableRequest(BadInput):
    """A request to the prediction service that cannot be answered as it is.

    Attributes:
        status: of HTTP: 400 unreadable, 413 too large, 415 not JSON, 422 rows that do not fit the model.
        details: every problem found, for programs.
    """

    def __init__(self, message: str, *, status: int = 400, details: tuple[dict[str, object], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.details = details


class EvidenceMissing(RaiError):
    """A value that has to be materialized first."""


class EvidenceMismatch(RaiError):
    """Values that are about different models or different data."""


class TamperedArtifact(RaiError):
    """Stored bytes that no longer have the digest they were stored under."""


class UnverifiedRelease(RaiError):
    """A release whose certificate nobody here can verify; it is not loaded."""


class Withdrawn(RaiError):
    """Nothing is in production: the last model was taken out of it, and none was promoted since."""


class Unreachable(RaiError):
    """A database or server that does not answer; nothing was decided."""


class UnknownCaller(RaiError):
    """Nobody's key was sent, or none."""


class NotPermitted(RaiError):
    """The key is known, and not for this."""


class TooManyRequests(RaiError):
    """More requests of one caller than are allowed.

    Attributes:
        wait: seconds until the next is answered.
    """

    def __init__(self, message: str, *, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


class Overloaded(RaiError):
    """More requests at once than are taken on; to be asked again later."""


class LogUnwritable(RaiError):
    """The inference log cannot be written, so no prediction is given."""


class LedgerBroken(RaiError):
    """A ledger whose chain, signature or anchor does not verify; nothing is promoted on it."""


class PromotionConflict(RaiError):
    """Production changed after the evidence for a promotion was put together, or after a rollback looked at it."""


def message_of(error: Exception) -> str:
    """What an error says, in a line."""
    return " ".join(str(error).split())


def in_a_line(error: Exception) -> str:
    """What somebody else's code raised and what it says, in a line of 500 letters at most."""
    message = message_of(error)
    return f"{type(error).__name__}{message and f': {message}'}"[:500]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the closest known name, or nothing where none is close."""
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""
