"""Tables, pictures and numbers as Dagster's pages show them.

A table beside an asset has room for about forty letters a row, and no way to scroll: few columns, and words that wrap.
Whatever is wider, and every picture, goes into a text that opens over the page. Digests are told in groups of letters, between
which a line can break.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from rai_platform.card.visible import visible
from rai_platform.pipeline.values import grouped
from rai_platform.spec.verdict import Interval

LARGEST_PICTURE = 48_000  # bytes; larger ones make Dagster's pages slow
SIGN = re.compile(r"[\\`*_\[\]<>|~&!@$]|:(?=//)|(?<=www)\.", re.IGNORECASE)  # that means something within a line
Rows = Sequence[Mapping[str, str | int | float]]


def table(rows: Rows) -> Any:
    """A table that stands in the page."""
    if not rows:
        return "none"
    return dg.MetadataValue.table(records=[dg.TableRecord(dict(row)) for row in rows])


def text(*parts: str) -> Any:
    """Markdown that opens over the page."""
    return dg.MetadataValue.md("\n\n".join(part for part in parts if part))


def digests(**of: str) -> dict[str, Any]:
    """What is digested, and its digest."""
    return {"digests": table([{"of": name.replace("_", " "), "SHA-256": grouped(value)} for name, value in of.items()])}


def picture(name: str, png: bytes | None) -> str:
    """A picture inside Markdown; a word where it is too large, and nothing where there is none."""
    if png is None:
        return ""
    if len(png) > LARGEST_PICTURE:
        return f"({name}: too large a picture for this page)"
    return f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})"


def plain(sentence: str) -> str:
    """A sentence inside Markdown, in which a name that was filled in opens no element."""
    return sentence.replace("\\", "\\\\").replace("<", "&lt;").replace("\n", " ")


def literal(words: str) -> str:
    """A text of anybody's within a line of Markdown, letter by letter: nothing in it is read as a mark, a link or HTML.

    Nothing in it hides either: what nobody sees has a sign.
    """
    return SIGN.sub(r"\\\g<0>", visible(" ".join(words.split())))


def wide_table(rows: Rows) -> str:
    """A table inside Markdown, whose cells are read letter by letter."""
    if not rows:
        return ""
    cells = [[literal(str(value)) for value in line] for line in (rows[0], *(row.values() for row in rows))]
    lines = [cells[0], ["---"] * len(rows[0]), *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None) -> str:
    """Three decimals; whole numbers whole."""
    if value is None:
        return "not estimable"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.0005 else "≈ 0"


def range_of(interval: Interval | None) -> str:
    """Both ends of an interval; a value that is no estimate has none."""
    if interval is None:
        return "none"
    if interval.lower == interval.upper:
        return "exact"
    return f"{number(interval.lower)} to {number(interval.upper)}"
