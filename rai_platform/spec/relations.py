"""Linear relations between columns, as a spec writes them: ``years_employed <= age - 16``, ``total == rent + other``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Comparison = Literal["<=", "<", ">=", ">"]
COMPARISONS = ("<=", ">=", "<", ">")
EQUATION = "=="
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)|(?P<name>[^\W\d]\w*)|`(?P<quoted>[^`]+)`|(?P<sign><=|>=|==|[<>*+-]))"
)
GRAMMAR = (
    "columns and numbers with +, - and *, on both sides of one of <=, <, >= and >, or behind a column and ==; a name of several "
    "words in `backquotes`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A linear comparison: the sum of ``coefficients`` times columns, plus ``constant``, is at most 0, or below it.

    Attributes:
        text: as it was written.
        coefficients: by column.
        constant: what is added to the columns' sum.
        strict: whether the sum must be below 0, and not 0 itself.
    """

    text: str
    coefficients: tuple[tuple[str, float], ...]
    constant: float
    strict: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return tuple(name for name, _ in self.coefficients)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """A column that follows from others: when they change, it changes by the sum of ``coefficients`` times their changes.

    Attributes:
        text: as it was written.
        column: what follows.
        coefficients: by column that it follows from.
    """

    text: str
    column: str
    coefficients: tuple[tuple[str, float], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return (self.column, *(name for name, _ in self.coefficients))


def parse_relation(text: str) -> Relation | Following:
    """The relation that a text says.

    Raises:
        ValueError: it is no linear comparison of columns and numbers, and no equation with a single column on its left.
    """
    tokens = list(_tokens(text))
    if ("sign", EQUATION) in tokens:
        return _following(tokens, text)
    signs = [at for at, (kind, value) in enumerate(tokens) if kind == "sign" and value in COMPARISONS]
    if len(signs) != 1:
        raise ValueError(f"{text!r}: expected one comparison, got {len(signs)}; write {GRAMMAR}")
    sign = tokens[signs[0]][1]
    left, right = _side(tokens[: signs[0]], text), _side(tokens[signs[0] + 1 :], text)
    if sign in (">=", ">"):
        left, right = right, left
    total = {name: left.get(name, 0.0) - right.get(name, 0.0) for name in {**left, **right}}
    constant = total.pop("", 0.0)
    coefficients = tuple((name, value) for name, value in total.items() if value != 0)
    if not coefficients:
        raise ValueError(f"{text!r}: compares no column with anything")
    return Relation(text=text, coefficients=coefficients, constant=constant, strict=sign in ("<", ">"))


def _following(tokens: list[tuple[str, str]], text: str) -> Following:
    equals = tokens.index(("sign", EQUATION))
    left, right = tokens[:equals], tokens[equals + 1 :]
    if (
        len(left) != 1
        or left[0][0] != "name"
        or any(each in [("sign", sign) for sign in (*COMPARISONS, EQUATION)] for each in right)
    ):
        raise ValueError(f"{text!r}: expected one column, ==, and what it follows from, as in total == rent + other")
    column, found = left[0][1], _side(right, text)
    if column in found:
        raise ValueError(f"{text!r}: {column} cannot follow from itself")
    coefficients = tuple((name, value) for name, value in found.items() if name and value != 0)
    if not coefficients:
        raise ValueError(f"{text!r}: {column} follows from no other column")
    return Following(text=text, column=column, coefficients=coefficients)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"{text!r}: cannot be read from {text[at:].strip()!r} on; write {GRAMMAR}")
        kind = str(found.lastgroup)
        yield ("name" if kind == "quoted" else kind), found[kind]
        at = found.end()


def _side(tokens: list[tuple[str, str]], text: str) -> dict[str, float]:
    """The coefficient of every column of a sum, and what is added to it under the name ``""``."""
    found: dict[str, float] = {}
    rest = tokens
    while rest or not found:
        sign = 1.0
        if rest and rest[0] in (("sign", "+"), ("sign", "-")):
            sign, rest = (-1.0 if rest[0][1] == "-" else 1.0), rest[1:]
        elif found:
            raise ValueError(f"{text!r}: expected + or - before {rest[0][1]!r}; write {GRAMMAR}")
        name, value, rest = _product(rest, text)
        found[name] = found.get(name, 0.0) + sign * value
    return found


def _product(tokens: list[tuple[str, str]], text: str) -> tuple[str, float, list[tuple[str, str]]]:
    """The column and the number of the first product of a sum, and the tokens behind it."""
    name, value, at = "", 1.0, 0
    while True:
        if at >= len(tokens) or tokens[at][0] == "sign":
            raise ValueError(f"{text!r}: expected a column or a number; write {GRAMMAR}")
        kind, told = tokens[at]
        if kind == "name" and name:
            raise ValueError(f"{text!r}: {name} times {told} is not linear")
        name, value = (told, value) if kind == "name" else (name, value * float(told))
        if at + 1 >= len(tokens) or tokens[at + 1] != ("sign", "*"):
            return name, value, tokens[at + 1 :]
        at += 2
