"""docs/guide.md knows every key of a model's YAML, every variable of the environment and every published schema."""

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import rai_platform.settings
from rai_platform import threads
from rai_platform.console.pages import WORD, verdict_table
from rai_platform.console.schemas import SCHEMAS
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.policy import PolicyOverlay, Requirement
from rai_platform_tests.docs.pages import GUIDE, Page, in_code

PAGE = Page(GUIDE)
READ_OUTSIDE_THE_PACKAGE = {"RAI_TORCH": "deploy/set_up.py", "RAI_TEST_DATA": "rai_platform_tests/conftest.py"}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type speaks of, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for inner in get_args(annotation):
        yield from models_in(inner)


def section(heading: str) -> str:
    return PAGE.text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def keys_in(text: str) -> set[str]:
    """The keys that a part of the page names: in code, and in its blocks."""
    return set(re.findall(r"[a-z]\w*", " ".join(in_code(text)))) | set(re.findall(r"(\w+):", text))


WRITTEN = list(dict.fromkeys(models_in(ModelSpec)))


def test_a_spec_is_made_of_the_models_that_are_looked_for() -> None:
    assert {ModelSpec, PolicyOverlay, Requirement} <= set(WRITTEN)
    assert len(WRITTEN) >= 10


@pytest.mark.parametrize("model", WRITTEN, ids=lambda model: model.__name__)
def test_the_guide_names_every_key(model: type[BaseModel]) -> None:
    assert sorted(set(model.model_fields) - keys_in(PAGE.text)) == []


def test_the_first_table_leads_to_every_key_of_a_model() -> None:
    rows = PAGE.table("Guide")
    assert {key for row in rows for key in in_code(row["key"])} == set(ModelSpec.model_fields)


def test_the_guide_says_which_keys_may_be_left_out() -> None:
    [sentence] = re.findall(r"^All but (.*?) may be left out\.", PAGE.text, flags=re.MULTILINE | re.DOTALL)
    required = {name for name, field in ModelSpec.model_fields.items() if field.is_required()}
    assert set(in_code(sentence)) == required | {"estimator", "model", "predictions"}


@pytest.mark.parametrize(
    ("heading", "model"), [("key of a policy", PolicyOverlay), ("key of a requirement", Requirement)]
)
def test_the_tables_of_a_policy_list_its_keys_and_no_others(heading: str, model: type[BaseModel]) -> None:
    [table] = [part for part in section("policy").split("\n\n") if part.startswith(f"| {heading} |")]
    listed = [key for line in table.splitlines()[2:] for key in in_code(line.split(" | ")[0])]
    assert sorted(listed) == sorted(model.model_fields)


def test_the_guide_tells_the_defaults_of_a_policy() -> None:
    from rai_platform.spec.reading import default_policy

    policy = default_policy()
    assert f"each on its own side; {policy.confidence:g} |" in section("policy")
    assert f"is not judged; {policy.minimum_group_size} |" in section("policy")


def test_the_guide_lists_every_variable_that_is_read() -> None:
    source = inspect.getsource(rai_platform.settings)
    read = set(re.findall(r'"((?:RAI|MLFLOW)_\w+)"', source))
    assert {"RAI_HOME", "RAI_TRACEBACK", "MLFLOW_TRACKING_URI"} <= read
    listed = {variable for row in PAGE.table("Environment") for variable in in_code(row["variable"])}
    assert listed == read | set(READ_OUTSIDE_THE_PACKAGE) | {threads.VARIABLES[0]}


@pytest.mark.parametrize(("variable", "file"), READ_OUTSIDE_THE_PACKAGE.items())
def test_a_variable_that_is_read_outside_the_package_is_read_there(variable: str, file: str) -> None:
    from rai_platform_tests.conftest import PROJECT

    assert f'"{variable}"' in (PROJECT / file).read_text(encoding="utf-8")


def test_the_guide_lists_every_executor() -> None:
    [row] = [row for row in PAGE.table("Environment") if "RAI_EXECUTOR" in row["variable"]]
    assert sorted(in_code(row["meaning"])) == sorted(get_args(rai_platform.settings.Executor))


def test_the_guide_lists_every_schema() -> None:
    assert [in_code(row["`rai schema` prints"])[0] for row in PAGE.table("For programs and editors")] == list(SCHEMAS)


def test_the_guide_explains_every_column_and_word_of_the_table_of_verdicts() -> None:
    rows = {in_code(row["column"])[0]: row["meaning"] for row in PAGE.table("Reading the answer")}
    assert list(rows) == [column.header for column in verdict_table(()).columns]
    assert in_code(rows["verdict"]) == list(WORD.values())
