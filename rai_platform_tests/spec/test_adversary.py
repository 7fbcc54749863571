"""What a spec may say about what people could change."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.errors import InvalidSpec
from rai_platform.spec.adversary import BUDGETS, Adversary
from rai_platform.spec.relations import parse_relation
from rai_platform_tests.spec.conftest import Definer


def test_a_spec_that_says_nothing_has_an_adversary_who_may_change_what_is_not_sensitive(define: Definer) -> None:
    adversary = define().spec.adversary
    assert adversary == Adversary()
    assert (adversary.features, adversary.others, adversary.budget) == ({}, "mutable", BUDGETS)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"feature": {}}, "unknown key; did you mean 'features'?"),
        ({"features": {"age": {"imutable": True}}}, "did you mean 'immutable'?"),
        ({"features": {"age": {"monotone": "up"}}}, "expected 'increasing' or 'decreasing'"),
        ({"features": {"age": {"min": 5, "max": 4}}}, "`min` 5 is above `max` 4"),
        ({"features": {"age": {"immutable": True, "max": 4}}}, "what is immutable has no max"),
        (
            {"features": {"age": {"values": [1], "max": 4}}},
            "give the `values` it can be changed to, or `min` and `max`",
        ),
        ({"features": {"age": {"cost": 0}}}, "expected greater than 0"),
        ({"others": "some"}, "expected 'mutable' or 'immutable'"),
        ({"one_hot": [["a"]]}, "at least two different columns"),
        ({"one_hot": [["a", "b"], ["b", "c"]]}, "got 'b' twice"),
        ({"one_hot": [["a", "b"]], "features": {"a": {"cost": 2}}}, "can be `immutable` or nothing else"),
        ({"relations": ["age"]}, "'age': expected one comparison, got 0"),
        ({"relations": ["age == age + 1"]}, "'age == age + 1': age cannot follow from itself"),
        ({"relations": ["age == 3"]}, "'age == 3': age follows from no other column"),
        ({"relations": ["age + 1 == b"]}, "expected one column, ==, and what it follows from"),
        ({"relations": ["age == b == c"]}, "expected one column, ==, and what it follows from"),
        ({"relations": ["age == b <= c"]}, "expected one column, ==, and what it follows from"),
        ({"relations": ["age == b", "age == c"]}, "'age' follows from others twice"),
        ({"relations": ["age == b", "b == c"]}, "b follows from others; write those in its place"),
        ({"relations": ["age == b", "age <= 4"]}, "age follows from others; write those in its place"),
        ({"relations": ["age == b"], "features": {"age": {"max": 4}}}, "features.age: follows from others"),
        ({"relations": ["age <= __import__('os')"]}, "cannot be read from"),
        ({"budget": []}, "at least one"),
        ({"budget": [0]}, "expected greater than 0"),
        ({"queries": 1}, "greater than or equal to 10"),
        ({"rows": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_told(declared: dict[str, Any], told: str, define: Definer) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(told)) as caught:
        define(adversary=declared)
    assert re.match(r"line \d+, adversary", caught.value.message)


@pytest.mark.parametrize(
    ("text", "coefficients", "constant", "strict"),
    [
        ("a <= b", {"a": 1, "b": -1}, 0, False),
        ("a >= b", {"a": -1, "b": 1}, 0, False),
        ("a < 3", {"a": 1}, -3, True),
        ("a > -.5", {"a": -1}, -0.5, True),
        ("2*a + 1e2 <= `two words` * 3 - b", {"a": 2, "two words": -3, "b": 1}, 100, False),
        ("-a - a <= 2 * 3", {"a": -2}, -6, False),
        ("a + größe <= a + 4", {"größe": 1}, -4, False),
    ],
)
def test_a_relation_is_read(text: str, coefficients: dict[str, float], constant: float, strict: bool) -> None:
    relation = parse_relation(text)
    assert dict(relation.coefficients) == coefficients
    assert (relation.constant, relation.strict, relation.text) == (constant, strict, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a = b",
        "a <= b <= c",
        "a * b <= 1",
        "a <= f(b)",
        "a <= b.c",
        "a b <= 1",
        "a <=",
        "1 <= 2",
        "a - <= 1",
        "a / 2 <= 1",
    ],
)
def test_what_is_no_linear_comparison_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_relation(text)


@given(text=st.text(alphabet="ab1.2<>=+-* `e_()[]\n", max_size=12))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        relation = parse_relation(text)
    except ValueError as error:
        said, relation = str(error), None
    assert relation.coefficients if relation else repr(text) in said
