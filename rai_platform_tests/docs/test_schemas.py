"""The published JSON Schemas are those of the code, and hold for everything that the platform reads and prints."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rai_platform.cli import execute
from rai_platform.console.schemas import SCHEMAS
from rai_platform.errors import InvalidSpec
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.reading import read_model, read_policy
from rai_platform_tests.conftest import PROJECT
from rai_platform_tests.docs.pages import label
from rai_platform_tests.world import World, lending_attributes

PUBLISHED = PROJECT / "docs" / "schemas"
MODELS = [
    *sorted((PROJECT / "rai_platform" / "defs").glob("*/defs.yaml")),
    *sorted((PROJECT / "rai_platform_tests" / "specs").glob("*.yaml")),
]
DEFAULT_POLICY = PROJECT / "rai_platform" / "spec" / "default_policy.yaml"


def published(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def holds(name: str, value: Any) -> bool:
    validator = jsonschema.Draft202012Validator(published(name))
    return not list(validator.iter_errors(value))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_published_schema_is_what_the_command_prints(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert execute(["schema", name]) == 0
    told = "write it anew: make schemas"
    assert capfd.readouterr().out == (PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8"), told


def test_every_schema_is_published_and_no_other() -> None:
    assert {path.name for path in PUBLISHED.iterdir()} == {f"{name}.schema.json" for name in SCHEMAS}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(published(name))
    assert published(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", MODELS, ids=label)
def test_the_schema_of_a_model_holds_for_every_spec_here(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), published("model"))


def test_the_schema_of_a_policy_holds_for_the_default_policy() -> None:
    jsonschema.validate(yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8")), published("policy"))


# --- the schema and the reader say the same --------------------------------------------------------------------------


def attributes(**changes: Any) -> dict[str, Any]:
    given = {**lending_attributes(), **changes}
    return {key: value for key, value in given.items() if value is not None}


def document(**changes: Any) -> dict[str, Any]:
    return {"type": "rai_platform.pipeline.ResponsibleModel", "attributes": attributes(**changes)}


def is_read(folder: Path, read: Callable[[Path], object], value: dict[str, Any]) -> bool:
    path = folder / "written.yaml"
    path.write_text(yaml.safe_dump(value), encoding="utf-8")
    try:
        read(path)
    except InvalidSpec:
        return False
    return True


VENDOR = {"score": "decile", "threshold": 5}
ACCEPTED = {
    "a model to train": document(),
    "somebody else's score": document(estimator=None, predictions=VENDOR),
    "edges of a number": document(sensitive_features=[{"name": "age", "bins": [30, 50]}]),
    "groups of values": document(sensitive_features=[{"name": "sex", "bins": {"f": [1, "F"], "m": [2]}}]),
    "a policy in a mapping": document(policy={"minimum_group_size": 7}),
    "resources of an asset": document(resources={"candidate_model": {"requests": {"cpu": "2"}}}),
    "a label that is a truth value": document(data={"source": "a.csv", "target": "b", "positive_label": True}),
    "Dagster's own key": {**document(), "requirements": {"env": ["HOME"]}},
}
REFUSED = {
    "an unknown key beside the attributes": {**document(), "atributes": {}},
    "another component": {**document(), "type": "rai_platform.pipeline.Model"},
    "an unknown key of a model": document(estimater={"type": "a.b"}),
    "an unknown key of the data": document(data={"source": "a.csv", "target": "b", "traget": "c"}),
    "an unknown key of an estimator": document(estimator={"type": "a.b", "parameters": {}}),
    "an unknown key of a policy": document(policy={"min_group_size": 5}),
    "an unknown key of a requirement": document(policy={"requirements": [{"metric": "roc_auc", "mim": 0.7}]}),
    "no owner": document(owners=[]),
    "a name in capitals": document(name="Lending"),
    "neither estimator nor predictions": document(estimator=None),
    "both estimator and predictions": document(predictions=VENDOR),
    "resources of an asset that is none": document(resources={"candidate": {}}),
    "a mitigation nobody knows": document(mitigation={"method": "reweighting"}),
    "a share above 1": document(split={"test_size": 1.5}),
}


@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_reader_takes_the_schema_takes(tmp_path: Path, value: dict[str, Any]) -> None:
    def read(path: Path) -> object:
        return read_model(path, environment={}, working_folder=tmp_path)

    assert is_read(tmp_path, read, value)
    assert holds("model", value)


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_the_schema_refuses_the_reader_refuses(tmp_path: Path, value: dict[str, Any]) -> None:
    def read(path: Path) -> object:
        return read_model(path, environment={}, working_folder=tmp_path)

    assert not holds("model", value)
    assert not is_read(tmp_path, read, value)


@pytest.mark.parametrize("metric", METRICS)
def test_schema_and_reader_want_the_limit_of_a_metric_on_the_same_side(tmp_path: Path, metric: str) -> None:
    good, bad = ("min", "max") if METRICS[metric].good == "high" else ("max", "min")
    reason = "Not used."
    for requirement, wanted in (
        ({"metric": metric, good: 0.5}, True),
        ({"metric": metric, bad: 0.5}, False),
        ({"metric": metric, good: 0.5, bad: 0.5}, False),
        ({"metric": metric}, False),
        ({"metric": metric, "severity": "off", "reason": reason}, True),
        ({"metric": metric, "severity": "off"}, False),
        ({"metric": f"{metric}s", good: 0.5}, False),
    ):
        value = {"requirements": [requirement]}
        assert holds("policy", value) is wanted, requirement
        assert is_read(tmp_path, read_policy, value) is wanted, requirement


# --- what is printed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fair", "unfair"])
def test_the_schema_of_a_card_holds_for_cards(judged_world: World, name: str) -> None:
    card = json.loads((judged_world.folder / "home" / "cards" / name / "model_card.json").read_text(encoding="utf-8"))
    jsonschema.validate(card, published("card"))
    assert set(card) == set(published("card")["properties"])
    assert not holds("card", {**card, "verdicts": None})


@pytest.mark.slow
def test_the_schema_of_a_status_holds_for_what_is_printed(
    judged: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("RAI_HOME", "RAI_MODELS", "DAGSTER_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("RAI_HOME", str(judged.folder / "home"))
    monkeypatch.setenv("RAI_MODELS", str(judged.folder / "models"))
    monkeypatch.chdir(judged.folder)

    def answer(*arguments: str) -> Any:
        capfd.readouterr()
        execute([*arguments, "--json"])
        return json.loads(capfd.readouterr().out)

    promoted, refused, listed = answer("promote", "fair"), answer("promote", "unfair"), answer("status")
    assert (promoted["decision"], refused["decision"]) == ("promoted", "refused")
    assert [status["model"] for status in listed][-1] == "unfair"
    wrong = answer("status", "nobody")
    assert wrong["error"]["code"] == "unknown_model"
    for value in (promoted, refused, listed, wrong, answer("status", "fair"), answer("status", "lending")):
        jsonschema.validate(value, published("status"))
    assert not holds("status", {**promoted, "note": ""})
    assert not holds("status", {key: value for key, value in promoted.items() if key != "reasons"})
    assert not holds("status", {**promoted, "verdicts": [{**promoted["verdicts"][0], "verdict": "WARN"}]})
