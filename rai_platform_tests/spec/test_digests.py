"""One canonical form of JSON."""

import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.spec.digests import canonical_json, digest_of

Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def shuffled(value: Any, order: random.Random) -> Any:
    """The same value with the keys of every mapping in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, order)) for key, item in value.items()]
        order.shuffle(items)
        return dict(items)
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@given(Json)
def test_canonical_json_says_what_the_value_says(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(Json, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_change_the_digest(value: Any, order: random.Random) -> None:
    assert canonical_json(shuffled(value, order)) == canonical_json(value)
    assert digest_of(shuffled(value, order)) == digest_of(value)


@given(Json, Json)
def test_values_that_read_differently_have_different_digests(one: Any, other: Any) -> None:
    assert (digest_of(one) == digest_of(other)) == (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


@given(Json)
def test_there_is_no_space_outside_of_texts_and_all_is_utf8(value: Any) -> None:
    text = canonical_json(value).decode("utf-8", errors="strict")
    outside = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert text == outside
    assert digest_of(value) == hashlib.sha256(text.encode()).hexdigest()


def test_a_digest_is_the_same_tomorrow() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "é"}) == '{"a":"é","b":[1,2.5,null]}'.encode()
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_json_cannot_say_has_no_digest(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest_of(value)
