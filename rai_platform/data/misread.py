"""Texts that are something else: numbers and dates in a notation nobody told of, which would pass for categories."""

import re

import pandas as pd

MANY = 50  # different texts; fewer are categories, whatever they look like
FEW = 3  # different texts among numbers; that many stand for a missing number, more are codes
POINT = re.compile(r"[-+]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?")
COMMA = re.compile(r"[-+]?(\d+|[1-9]\d{0,2}([. ]\d{3})+)(,\d+)?")
SIGNS = re.compile(r"[%$€£¥]")
DATE = re.compile(r"(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})([T ].*)?")


def misread(texts: pd.Series) -> str | None:
    """What a column of texts is instead, and what to do about it; None where it is what it seems.

    Only a column of many different texts is looked at: such categories tell nothing about the next row.

    Args:
        texts: text, or None where it is missing (rows,).
    """
    values = pd.Series(texts.dropna().unique(), dtype=object)
    if len(values) <= MANY:
        return None
    others = values[pd.to_numeric(values, errors="coerce").isna()]
    if others.empty:  # digits that somebody stored as text on purpose
        return None
    example, end = repr(others.iloc[0]), "or put the column under `data.categories`"
    if len(others) <= FEW:
        shown = ", ".join(repr(text) for text in others)
        return f"holds numbers, and {shown}; put what stands for a missing one under `data.missing`, {end}"
    if _all(values, POINT):
        return f"holds numbers such as {example}; say `source: {{path: …, thousands: ','}}`, {end}"
    if _all(values, COMMA):
        return f"holds numbers such as {example}; say `source: {{path: …, decimal: ',', thousands: '.'}}`, {end}"
    if _all(values.str.replace(SIGNS, "", regex=True).str.strip(), POINT):
        return f"holds numbers with a sign, such as {example}; leave the sign out of the file, {end}"
    if _all(values, DATE):
        return f"holds dates such as {example}; turn it into numbers or exclude it, {end}"
    return None


def _all(values: pd.Series, notation: re.Pattern[str]) -> bool:
    """Whether all values but a few are in a notation."""
    return int((~values.str.fullmatch(notation)).sum()) <= FEW
