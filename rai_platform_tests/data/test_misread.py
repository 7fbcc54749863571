"""Texts that are numbers or dates in another notation, and texts that only look like it."""

import datetime

import pandas as pd
import pytest

from rai_platform.data.columns import typed_column
from rai_platform.data.misread import MANY, misread
from rai_platform.errors import UnsuitableData

NUMBERS = range(1000, 1000 + 2 * MANY)


def texts(values):
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            [*map(str, NUMBERS), "n.a."],
            "holds numbers, and 'n.a.'; put what stands for a missing one under `data.missing`",
        ),
        ([*map(str, NUMBERS), "-", "?", "unknown"], "holds numbers, and '-', '?', 'unknown'; put"),
        (
            (f"{number:,}" for number in NUMBERS),
            "holds numbers such as '1,000'; say `source: {path: …, thousands: ','}`",
        ),
        ((f"{number:,}.50" for number in NUMBERS), "thousands: ','}`"),
        ((f"0,{number}" for number in NUMBERS), "say `source: {path: …, decimal: ',', thousands: '.'}`"),
        ((f"1.{number - 900},{number}" for number in NUMBERS), "say `source: {path: …, decimal: ',', thousands: '.'}`"),
        (
            (f"{number} %" for number in NUMBERS),
            "holds numbers with a sign, such as '1000 %'; leave the sign out of the file",
        ),
        ((f"${number:,}.00" for number in NUMBERS), "holds numbers with a sign, such as '$1,000.00'"),
        ((f"-€{number}" for number in NUMBERS), "holds numbers with a sign"),
        ((str(datetime.date.fromordinal(700000 + number)) for number in NUMBERS), "holds dates such as '19"),
        ((f"{number % 28 + 1}.{number % 12 + 1}.{number}" for number in NUMBERS), "holds dates such as "),
        ((f"{number}-01-31T12:00:00Z" for number in NUMBERS), "holds dates such as '1000-01-31T12:00:00Z'"),
    ],
)
def test_numbers_and_dates_in_another_notation_are_told_with_what_to_do(values, says):
    values = texts(values)
    told = misread(values)
    assert told is not None
    assert says in told
    assert "or put the column under `data.categories`" in told
    with pytest.raises(UnsuitableData) as refused:
        typed_column(values, where="data.features, column 'x'")
    assert refused.value.message == told
    assert typed_column(values, where="here", is_category=True).tolist() == values.tolist()


@pytest.mark.parametrize(
    "values",
    [
        map(str, NUMBERS),
        (f"{number:,}" for number in range(1000, 1000 + MANY)),
        [*map(str, NUMBERS), "A1", "B2", "C3", "D4"],
        (f"A{number}" for number in NUMBERS),
        (f"{number}-{number}" for number in NUMBERS),
        (f"{number} Main Street" for number in NUMBERS),
        [None, None],
    ],
    ids=["digits", "few", "codes", "letters", "pairs", "addresses", "missing"],
)
def test_categories_are_left_alone(values):
    values = texts(values)
    assert misread(values) is None
