"""Results on stdout, progress on stderr; with ``--json`` exactly one JSON value on stdout, whatever a library prints."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

# What moves the cursor, rings the bell or turns the direction of writing, in a text that somebody else wrote.
NOT_SHOWN = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\t\n"
}


@dataclass(frozen=True)
class Output:
    """Where a command writes.

    Attributes:
        as_json: whether stdout is for a program.
        told: for a person: progress and remarks.
    """

    as_json: bool = False
    told: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))

    @property
    def page(self) -> Console:
        """For a person: the result."""
        return Console(highlight=False)

    def json(self, value: Any) -> None:
        """The one JSON value of a command."""
        sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def line(*parts: str | tuple[str, str]) -> Text:
    """A line of texts, each plain or with a style, shown letter by letter: `[red]` is no colour, nothing moves the cursor."""
    return Text.assemble(
        *(
            part.translate(NOT_SHOWN) if isinstance(part, str) else (part[0].translate(NOT_SHOWN), part[1])
            for part in parts
        )
    )


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Sends whatever libraries print on stdout, down to the file descriptor, to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
