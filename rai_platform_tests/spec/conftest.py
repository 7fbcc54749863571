"""A model's YAML to read, to change and to break."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rai_platform.spec.reading import COMPONENT_TYPE, ModelDefinition, read_model


@dataclass(frozen=True)
class ModelFile:
    """A ``defs.yaml`` in a folder of its own.

    Attributes:
        folder: where it lies.
        working_folder: another folder, where the program was started.
    """

    folder: Path
    working_folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "defs.yaml"

    def write(self, text: str, *, name: str = "defs.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def declare(self, attributes: Mapping[str, Any]) -> None:
        """Writes the model; every mapping and list on lines of its own."""
        self.write(yaml.safe_dump({"type": COMPONENT_TYPE, "attributes": dict(attributes)}, sort_keys=False))

    def read(self, **environment: str) -> ModelDefinition:
        return read_model(self.path, environment=environment, working_folder=self.working_folder)

    def line_of(self, text: str) -> int:
        """The line, from 1, on which a text first stands."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, start=1) if re.search(rf"\b{text}", line))


@pytest.fixture
def model_file(tmp_path: Path) -> ModelFile:
    folder, working_folder = tmp_path / "models" / "lending", tmp_path / "started_here"
    folder.mkdir(parents=True)
    working_folder.mkdir()
    return ModelFile(folder=folder, working_folder=working_folder)


Definer = Callable[..., ModelDefinition]


@pytest.fixture
def define(model_file: ModelFile) -> Definer:
    """Reads the lending model with some attributes changed; an attribute that is None is left out."""

    def read(**changes: Any) -> ModelDefinition:
        attributes = {**lending_attributes(), **changes}
        model_file.declare({key: value for key, value in attributes.items() if value is not None})
        return model_file.read()

    return read


def lending_attributes() -> dict[str, Any]:
    """Everything that a model has to say, and little more."""
    return {
        "name": "lending",
        "owners": ["team:credit-risk"],
        "intended_use": "Prepares decisions on small loans.",
        "out_of_scope": "Anything else.",
        "data": {"source": "loans.csv", "target": "repaid"},
        "sensitive_features": [{"name": "sex"}, {"name": "age_group", "column": "age", "bins": [30, 50]}],
        "estimator": {"type": "sklearn.linear_model.LogisticRegression"},
    }
