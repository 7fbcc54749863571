"""Errors are drawn as a tree, tell what to do, and have a code for programs."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform import errors
from rai_platform.errors import (
    BadInput,
    InvalidSpec,
    RaiError,
    TamperedArtifact,
    UnknownColumn,
    UnknownModel,
    did_you_mean,
    in_a_line,
    message_of,
)

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, RaiError) and kind is not RaiError
]


def test_the_drawing_shows_every_error_under_its_parent() -> None:
    drawn: dict[str, str] = {}
    path = ["RaiError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"([│├└─ ]+)(\w+) ", line):
            depth = len(found[1]) // 4
            path = [*path[:depth], found[2]]
            drawn[found[2]] = path[depth - 1]
    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_only_what_the_user_can_mend_ends_with_code_2(kind: type[RaiError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, BadInput) else 1)


def test_the_code_for_programs_is_the_name_in_snake_case() -> None:
    assert TamperedArtifact("x").code == "tampered_artifact"
    assert InvalidSpec("x").code == "invalid_spec"
    assert RaiError("x").code == "rai_error"


def test_an_error_says_where_it_arose_where_that_is_known() -> None:
    assert str(InvalidSpec("is missing", where="data.target")) == "data.target: is missing"
    assert str(InvalidSpec("is missing")) == "is missing"
    assert InvalidSpec("is missing", where="data.target").message == "is missing"


def test_an_unknown_column_offers_the_nearest_and_lists_those_there_are() -> None:
    error = UnknownColumn("gendr", ["age", "gender", 3], where="groups")
    assert str(error) == "groups: no column 'gendr' in the data; did you mean 'gender'?; columns: age, gender, 3"


def test_a_long_list_of_columns_is_cut_and_counted() -> None:
    message = UnknownColumn("x", [f"column_{number}" for number in range(42)], where="groups").message
    assert message.endswith("column_29 and 12 more")
    assert "column_30" not in message


def test_an_unknown_model_offers_the_nearest() -> None:
    assert str(UnknownModel("lendin", ["lending", "adult"])) == (
        "no model 'lendin'; did you mean 'lending'?; models: adult, lending"
    )
    assert str(UnknownModel("lending", [])) == "no model 'lending'; models: none"


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert did_you_mean("RANDOMFOREST", ["RandomForest"]) == "; did you mean 'RandomForest'?"
    assert did_you_mean("random_state", ["Random_State"]) == "; did you mean 'Random_State'?"


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=5))
def test_only_a_known_name_is_ever_offered(name: str, known: list[str]) -> None:
    told = did_you_mean(name, known)
    assert told == "" or any(told == f"; did you mean {candidate!r}?" for candidate in known)
    if name and name in known:
        assert told != ""


@pytest.mark.parametrize(
    ("error", "said", "told"),
    [
        (ValueError("no such\n\n  column"), "no such column", "ValueError: no such column"),
        (MemoryError(), "", "MemoryError"),
        (TypeError("a" * 900), "a" * 900, "TypeError: " + "a" * 489),
    ],
)
def test_what_others_raise_is_told_in_a_line(error: Exception, said: str, told: str) -> None:
    assert message_of(error) == said
    assert in_a_line(error) == told
