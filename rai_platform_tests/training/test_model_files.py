"""Model files hold no code, build nothing but trusted types, and are named by what they mean."""

import builtins
import io
import json
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from rai_platform.errors import TamperedArtifact, UnusableEstimator
from rai_platform.training.model_files import content_digest, read_part, write_part
from rai_platform_tests.training.own_models import HERE, HoldsAFunction, HoldsALambda, NearestMean

INPUTS = np.random.default_rng(0).normal(size=(40, 3))
LABELS = (INPUTS[:, 0] + INPUTS[:, 1] > 0).astype("int8")
TRAP = "rai_platform_tests.training.trap"


def fitted(estimator: Any = None) -> Any:
    return (estimator or LogisticRegression()).fit(INPUTS, LABELS)


def opened(content: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The schema and the other members of a model file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("schema.json")), members


def closed(schema: Any, members: dict[str, bytes], *, year: int = 1980) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in [*members.items(), ("schema.json", json.dumps(schema).encode())]:
            archive.writestr(zipfile.ZipInfo(name, date_time=(year, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def attributes_of(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["content"]["content"]
    return found


def node(loader: str, module: str, name: str, **rest: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 7, **rest}


def text_node(value: Any) -> dict[str, Any]:
    return node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True) | {"__id__": 8}


EMPTY_TUPLE = node("TupleNode", "builtins", "tuple", content=[]) | {"__id__": 9}
CALL = node("TupleNode", "builtins", "tuple", content=[text_node("touch owned")]) | {"__id__": 10}
EMPTY_DICT = node(
    "DictNode",
    "builtins",
    "dict",
    content={},
    key_types=node("ListNode", "builtins", "list", content=[]) | {"__id__": 11},
) | {"__id__": 12}
ATTACKS = {
    "a function of the system": node("FunctionNode", "os", "system"),
    "a function of a package": node("FunctionNode", TRAP, "spring"),
    "a type": node("TypeNode", "subprocess", "Popen"),
    "a type of a package": node("TypeNode", TRAP, "Trap"),
    "an object": node("ObjectNode", TRAP, "Trap", content=EMPTY_DICT),
    "an object made by a call": node("ConstructorFromReduceNode", TRAP, "Trap", content=EMPTY_TUPLE),
    "a process": node("ConstructorFromReduceNode", "subprocess", "Popen", content=CALL),
    "code": node("ConstructorFromReduceNode", "builtins", "eval", content=CALL),
    "a call to be made later": node(
        "PartialNode",
        "functools",
        "partial",
        content={
            "func": node("FunctionNode", "os", "system") | {"__id__": 13},
            "args": CALL,
            "kwds": EMPTY_DICT,
            "namespace": text_node(None),
        },
    ),
    "a method": node(
        "MethodNode",
        TRAP,
        "Trap",
        content={"func": "spring", "obj": node("ObjectNode", TRAP, "Trap", content=EMPTY_DICT) | {"__id__": 14}},
    ),
    "an operator": node("OperatorFuncNode", "operator", "methodcaller", attrs=CALL),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_that_asks_for_another_type_is_refused_before_anything_runs(attack: str) -> None:
    sys.modules.pop(TRAP, None)
    builtins.sprung = []  # type: ignore[attr-defined]
    schema, members = opened(write_part(fitted(), estimator=""))
    attributes_of(schema)["solver"] = ATTACKS[attack]
    with pytest.raises(TamperedArtifact, match="types that are not loaded"):
        read_part(closed(schema, members), estimator="sklearn.linear_model.LogisticRegression")
    assert builtins.sprung == [], "nothing was imported, called or filled"  # type: ignore[attr-defined]
    assert TRAP not in sys.modules


def test_the_trap_springs_where_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above would notice."""
    monkeypatch.setattr(builtins, "sprung", [], raising=False)
    sys.modules.pop(TRAP, None)
    schema, members = opened(write_part(fitted(), estimator=""))
    attributes_of(schema)["solver"] = ATTACKS["an object made by a call"]
    read_part(closed(schema, members), estimator=f"{TRAP}.Trap")
    assert builtins.sprung == ["imported", "called"]  # type: ignore[attr-defined]


def test_the_whole_file_may_not_be_another_type_either() -> None:
    _, members = opened(write_part(fitted(), estimator=""))
    schema = {**ATTACKS["an object made by a call"], "protocol": 2, "_skops_version": "0.16.0"}
    with pytest.raises(TamperedArtifact, match=r"trap\.Trap"):
        read_part(closed(schema, members), estimator="")


def test_an_array_of_objects_is_not_unpickled() -> None:
    schema, members = opened(write_part(fitted(), estimator=""))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    members[attributes_of(schema)["coef_"]["file"]] = pickled.getvalue()
    with pytest.raises(TamperedArtifact, match="not a model file"):
        read_part(closed(schema, members), estimator="")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zip at all",
        pytest.param(closed({}, {}), id="empty schema"),
        pytest.param(closed([1], {}), id="a list"),
        pytest.param(closed({**node("NoSuchNode", "builtins", "str"), "protocol": 2}, {}), id="no such node"),
        pytest.param(closed({**node("TupleNode", "builtins", "tuple"), "protocol": 99}, {}), id="from the future"),
        pytest.param(write_part(fitted(), estimator="")[:-30], id="cut short"),
        pytest.param(write_part(fitted(), estimator="")[:2000], id="cut in half"),
    ],
)
def test_what_is_no_model_file_is_called_so(content: bytes) -> None:
    with pytest.raises(TamperedArtifact):
        read_part(content, estimator="")


@pytest.mark.parametrize("content", [b"", b"no zip at all", closed([{"__loader__": "x"}], {}), closed({}, {})[:-30]])
def test_what_is_no_model_file_has_no_digest(content: bytes) -> None:
    with pytest.raises(TamperedArtifact, match="not a model file"):
        content_digest(content)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (fitted(HoldsAFunction()), "numpy.linalg.norm"),
        (fitted(KNeighborsClassifier(algorithm="ball_tree")), "sklearn.neighbors._ball_tree.BallTree"),
        (FunctionTransformer(print).fit(INPUTS), "builtins.print"),
        (fitted(NearestMean()), f"{HERE}.NearestMean"),
    ],
)
def test_a_type_outside_the_list_cannot_be_saved_and_is_named(part: BaseEstimator, told: str) -> None:
    with pytest.raises(UnusableEstimator, match="types that the platform does not load") as caught:
        write_part(part, estimator="")
    assert told in caught.value.message
    assert type(part).__name__ in caught.value.message
    assert "choose an estimator of scikit-learn, or wrap yours" in caught.value.message


def test_what_skops_cannot_save_at_all_is_refused_in_words() -> None:
    with pytest.raises(UnusableEstimator, match=r"cannot be saved without pickle|does not load"):
        write_part(fitted(HoldsALambda()), estimator=f"{HERE}.HoldsALambda")


def test_the_class_that_the_user_named_is_trusted() -> None:
    part = fitted(NearestMean(protocol=3, file="mine"))
    read = read_part(write_part(part, estimator=f"{HERE}.NearestMean"), estimator=f"{HERE}.NearestMean")
    assert np.array_equal(read.decision_function(INPUTS), part.decision_function(INPUTS))
    with pytest.raises(TamperedArtifact):
        read_part(write_part(part, estimator=f"{HERE}.NearestMean"), estimator="somebody.Else")


def digest(part: Any) -> str:
    return content_digest(skops.io.dumps(part))


def test_addresses_and_times_are_not_part_of_the_meaning() -> None:
    content = write_part(fitted(), estimator="")
    schema, members = opened(content)
    text = json.dumps(schema)
    renamed = {}
    for number, (name, array) in enumerate(members.items()):
        renamed[f"{number}.npy"] = array
        text = text.replace(json.dumps(name), json.dumps(f"{number}.npy"))
    moved = closed(_renumbered(json.loads(text)), renamed, year=2026)
    assert moved != content
    assert content_digest(moved) == content_digest(content) == digest(fitted())
    assert np.array_equal(read_part(moved, estimator="").coef_, fitted().coef_)


def _renumbered(value: Any) -> Any:
    if isinstance(value, list):
        return [_renumbered(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: item + 1000 if key == "__id__" else _renumbered(item) for key, item in value.items()}


def test_a_changed_array_changes_the_digest() -> None:
    schema, members = opened(write_part(fitted(), estimator=""))
    name = attributes_of(schema)["coef_"]["file"]
    array = np.load(io.BytesIO(members[name]))
    array[0, 0] = np.nextafter(array[0, 0], 1)
    buffer = io.BytesIO()
    np.save(buffer, array)
    assert content_digest(closed(schema, {**members, name: buffer.getvalue()})) != digest(fitted())


def exchange_arrays(attributes: dict[str, Any]) -> None:
    attributes["coef_"]["file"], attributes["intercept_"]["file"] = (
        attributes["intercept_"]["file"],
        attributes["coef_"]["file"],
    )


def exchange_values(attributes: dict[str, Any]) -> None:
    attributes["coef_"], attributes["intercept_"] = attributes["intercept_"], attributes["coef_"]


def change_a_parameter(attributes: dict[str, Any]) -> None:
    attributes["C"]["content"] = "2.0"


def change_a_class(attributes: dict[str, Any]) -> None:
    attributes["coef_"]["__class__"] = "matrix"


def drop_an_attribute(attributes: dict[str, Any]) -> None:
    del attributes["tol"]


def reorder_attributes(attributes: dict[str, Any]) -> None:
    attributes["C"] = attributes.pop("C")


@pytest.mark.parametrize(
    "change",
    [exchange_arrays, exchange_values, change_a_parameter, change_a_class, drop_an_attribute, reorder_attributes],
)
def test_any_other_meaning_has_another_digest(change: Callable[[dict[str, Any]], None]) -> None:
    content = write_part(fitted(), estimator="")
    schema, members = opened(content)
    change(attributes_of(schema))
    assert content_digest(closed(schema, members)) != content_digest(content)


def test_the_protocol_that_a_file_is_read_by_is_part_of_its_meaning() -> None:
    content = write_part(fitted(), estimator="")
    schema, members = opened(content)
    assert content_digest(closed({**schema, "protocol": 0}, members)) != content_digest(content)


def test_two_nodes_of_one_identity_are_refused_since_only_the_first_would_be_loaded() -> None:
    schema, members = opened(write_part(fitted(), estimator=""))
    attributes = attributes_of(schema)
    attributes["intercept_"]["__id__"] = attributes["coef_"]["__id__"]
    forged = closed(schema, members)
    assert np.array_equal(read_part(forged, estimator="").intercept_, fitted().coef_), "so skops reads it"
    with pytest.raises(TamperedArtifact, match="two different nodes have one identity"):
        content_digest(forged)


def test_a_node_that_only_points_to_another_is_refused() -> None:
    schema, members = opened(write_part(fitted(), estimator=""))
    attributes = attributes_of(schema)
    pointer = node("CachedNode", "numpy", "ndarray") | {"__id__": attributes["coef_"]["__id__"]}
    attributes["intercept_"] = pointer
    with pytest.raises(TamperedArtifact):
        content_digest(closed(schema, members))


def test_names_of_ones_own_that_a_model_file_uses_too_are_part_of_the_meaning() -> None:
    digests = {digest(fitted(NearestMean(protocol=protocol))) for protocol in (1, 2)}
    assert len(digests) == 2
    digests = {digest(fitted(NearestMean(file=file))) for file in ("a", "b", {"file": 1}, {"file": 2}, {"file": [1]})}
    assert len(digests) == 5
    one, other = fitted(NearestMean()), fitted(NearestMean())
    one.__dict__["__id__"], other.__dict__["__id__"] = 1, 2
    assert digest(one) != digest(other)


def test_one_object_in_two_places_means_the_same_as_two_equal_objects() -> None:
    shared = np.arange(3.0)
    assert digest({"a": shared, "b": shared}) == digest({"a": shared, "b": shared.copy()})
    assert digest({"a": shared, "b": shared + 1}) != digest({"a": shared, "b": shared})


def test_the_order_of_a_mapping_is_part_of_the_meaning() -> None:
    assert digest({"a": 1, "b": 2}) != digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest([1, 2]) != digest((1, 2))
    assert digest({"a": 1}) != digest({"a": 1.0})


def test_the_digest_of_a_file_is_the_same_tomorrow() -> None:
    schema = {**text_node([1, 2.5, "é"]), "protocol": 2, "_skops_version": "any"}
    assert content_digest(closed(schema, {})) == "8b84e680cade32a51c018b700948842d0adf7fd9ad4504bdd6370a94069376d4"
