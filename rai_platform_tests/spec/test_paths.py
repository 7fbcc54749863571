"""Environment variables and relative paths in a model's YAML."""

import re
from pathlib import Path
from typing import Any

import pytest

from rai_platform.errors import InvalidSpec
from rai_platform.spec.reading import ModelDefinition, read_model
from rai_platform_tests.spec.conftest import ModelFile, lending_attributes


def declared(model_file: ModelFile, attributes: dict[str, Any], **environment: str) -> ModelDefinition:
    model_file.declare({**lending_attributes(), **attributes})
    return model_file.read(**environment)


def source_of(model_file: ModelFile, source: Any, **environment: str) -> str:
    return declared(model_file, {"data": {"source": source, "target": "a"}}, **environment).spec.data.table.path


def test_environment_variables_are_filled_into_every_text(model_file: ModelFile) -> None:
    spec = declared(
        model_file,
        {
            "intended_use": "For {{ env.TEAM }} and {{env.TEAM}}.",
            "limitations": ["Of {{ env.YEAR }}."],
            "estimator": {"type": "a.B", "params": {"kernel": "{{ env.KERNEL }}", "C": 2}},
        },
        TEAM="credit",
        YEAR="1994",
        KERNEL="rbf",
    ).spec
    assert spec.intended_use == "For credit and credit."
    assert spec.limitations == ("Of 1994.",)
    assert spec.estimator is not None
    assert spec.estimator.params == {"kernel": "rbf", "C": 2}


def test_every_variable_that_is_not_set_is_named_with_its_place(model_file: ModelFile) -> None:
    attributes = {
        "data": {"source": "{{ env.FOLDER }}/a.csv", "target": "a"},
        "limitations": ["x", "Of {{ env.YEAR }}."],
    }
    with pytest.raises(InvalidSpec) as caught:
        declared(model_file, attributes, OTHER="x")
    assert caught.value.message.splitlines() == [
        "data.source: the environment variable FOLDER is not set; set it and try again",
        "limitations.1: the environment variable YEAR is not set; set it and try again",
    ]


@pytest.mark.parametrize("expression", ["TEAM", "environment.TEAM", "1 + 1", "open('/etc/passwd').read()", ""])
def test_no_other_template_is_evaluated(expression: str, model_file: ModelFile) -> None:
    with pytest.raises(InvalidSpec, match=re.escape("intended_use: only {{ env.NAME }} is replaced")):
        declared(model_file, {"intended_use": f"{{{{ {expression} }}}}"}, TEAM="x")


def test_what_a_variable_holds_is_not_read_as_a_template_again(model_file: ModelFile) -> None:
    spec = declared(model_file, {"intended_use": "{{ env.A }}"}, A="{{ env.B }}", B="secret").spec
    assert spec.intended_use == "{{ env.B }}"


def test_relative_paths_are_relative_to_the_yaml(model_file: ModelFile) -> None:
    policy = model_file.write("minimum_group_size: 7\n", name="policy.yaml")
    definition = declared(
        model_file,
        {
            "data": {"source": {"path": "../loans.csv"}, "target": "a", "rules": "rules.yaml"},
            "split": {"test": "later/loans.csv"},
            "policy": policy.name,
        },
    )
    spec = definition.spec
    assert spec.data.table.path == str(model_file.folder.parent / "loans.csv")
    assert spec.data.rules == str(model_file.folder / "rules.yaml")
    assert spec.split.test_table is not None
    assert spec.split.test_table.path == str(model_file.folder / "later" / "loans.csv")
    assert definition.policy.minimum_group_size == 7


def test_predictions_of_their_own_are_relative_to_the_yaml_too(model_file: ModelFile) -> None:
    attributes = {**lending_attributes(), "predictions": {"decision": "d", "key": "id", "source": "scores.csv"}}
    model_file.declare({key: value for key, value in attributes.items() if key != "estimator"})
    given = model_file.read().spec.predictions
    assert given is not None
    assert given.table is not None
    assert given.table.path == str(model_file.folder / "scores.csv")


def test_behind_a_link_paths_are_relative_to_the_file_it_leads_to(model_file: ModelFile, tmp_path: Path) -> None:
    model_file.declare(lending_attributes())
    linked = tmp_path / "defs" / "lending"
    linked.parent.mkdir()
    linked.symlink_to(model_file.folder)
    definition = read_model(linked / "defs.yaml", environment={}, working_folder=tmp_path)
    assert definition.spec.data.table.path == str(model_file.folder / "loans.csv")
    assert definition.path == model_file.path


def test_a_path_that_begins_with_a_variable_is_relative_to_the_working_folder(model_file: ModelFile) -> None:
    found = source_of(model_file, "{{ env.DATA }}/loans.csv", DATA="../shared")
    assert found == str(model_file.working_folder.parent / "shared" / "loans.csv")
    assert source_of(model_file, {"path": " {{ env.DATA }}/loans.csv"}, DATA="/absolute") == "/absolute/loans.csv"


def test_a_path_with_a_variable_further_in_stays_relative_to_the_yaml(model_file: ModelFile) -> None:
    assert source_of(model_file, "data/{{ env.YEAR }}.csv", YEAR="1994") == str(model_file.folder / "data" / "1994.csv")


@pytest.mark.parametrize(
    "source",
    [
        "sklearn:breast_cancer",
        "openml:adult?version=2",
        "generator:lending?rows=20&seed=1",
        "s3://bucket/loans.parquet",
        "https://example.org/loans.csv",
        "memory://loans.csv",
        "/absolute/loans.csv",
    ],
)
def test_datasets_urls_and_absolute_paths_are_left_alone(source: str, model_file: ModelFile) -> None:
    assert source_of(model_file, source) == source
    assert source_of(model_file, {"path": source}) == source


def test_a_path_in_the_home_folder_is_found(model_file: ModelFile) -> None:
    assert source_of(model_file, "~/loans.csv") == str(Path.home() / "loans.csv")


def test_texts_that_are_no_paths_stay_as_they_are(model_file: ModelFile) -> None:
    spec = declared(model_file, {"data": {"source": "a.csv", "target": "b/c", "exclude": ["d/e"]}}).spec
    assert (spec.data.target, spec.data.exclude) == ("b/c", ("d/e",))
