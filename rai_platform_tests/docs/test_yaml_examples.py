"""Every piece of YAML in the pages is read by the code that will read it from a user."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rai_platform.console.schemas import model_schema
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.reading import COMPONENT_TYPE, ModelDefinition, read_model
from rai_platform.spec.yaml_text import load_yaml
from rai_platform_tests.docs.pages import PAGES, Block, Page
from rai_platform_tests.world import lending_attributes

BLOCKS = [pytest.param(block, id=f"{path.name}:{block.line}") for path in PAGES for block in Page(path).blocks]
YAML = [case for case in BLOCKS if case.values[0].language == "yaml"]
KEYS = set(ModelSpec.model_fields)
LANGUAGES = {"yaml", "console", "bash", "dockerfile", "text"}


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_says_what_it_is(block: Block) -> None:
    assert block.language in LANGUAGES


@pytest.mark.parametrize("block", YAML)
def test_a_piece_of_yaml_is_read_as_what_its_heading_says(tmp_path: Path, block: Block) -> None:
    written = load_yaml(block.text)
    document = written if "type" in written else {"type": COMPONENT_TYPE, "attributes": _completed(written, block)}
    jsonschema.validate(document, model_schema())
    definition = _read(document, tmp_path)
    for key, value in written.items():
        part = definition.spec if key in KEYS | {"type", "attributes"} else getattr(definition.spec, block.heading)
        assert key in {"type", *type(part).model_fields, "attributes"}, value


def test_there_are_pieces_for_every_part_that_needs_one() -> None:
    headings = {case.values[0].heading for case in YAML}
    parts = {"data", "estimator", "predictions", "mitigation", "policy", "resources, schedule"}
    assert parts | {"sensitive_features, intersections", "A model of your own"} <= headings


def test_a_piece_with_a_mistyped_key_is_found(tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError, match="methd"):
        test_a_piece_of_yaml_is_read_as_what_its_heading_says(
            tmp_path, Block(language="yaml", heading="mitigation", line=1, text="mitigation: {methd: a}")
        )


def _completed(piece: dict[str, Any], block: Block) -> dict[str, Any]:
    """A whole model with the piece in its place: a part of the spec, or of the part that the heading names."""
    whole = {**lending_attributes(), "policy": {}}
    if set(piece) <= KEYS:
        whole |= piece
    else:
        whole[block.heading] = {**whole[block.heading], **piece}
    if {"predictions", "model"} & set(piece):
        del whole["estimator"]
    return whole


def _read(document: dict[str, Any], folder: Path) -> ModelDefinition:
    path = folder / "defs.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return read_model(path, environment={}, working_folder=folder)
