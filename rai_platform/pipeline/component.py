"""A model's ``defs.yaml`` as a Dagster Component: a thin wrapper over the spec and the factory."""

from typing import Self

import dagster as dg
from pydantic import BaseModel

from rai_platform.pipeline.assets import build_model_definitions
from rai_platform.pipeline.models import SPEC_FILE, read_definition
from rai_platform.settings import read_settings
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.reading import ModelDefinition


class ResponsibleModel(dg.Component):
    """A model that reaches production only through evidence about exactly that model.

    One YAML gives its data, training, reports, model card, release gate and production model.
    """

    def __init__(self, definition: ModelDefinition) -> None:
        self.definition = definition

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """What the attributes of the YAML are checked against."""
        return ModelSpec

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What Dagster shows of the component."""
        return dg.ComponentTypeSpec(owners=["team:responsible-ml"], tags=["responsible-ml"])

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:  # noqa: ARG003 - read again, with templates, paths and the policy
        """The component of the YAML in the context's folder."""
        return cls(read_definition(context.path / SPEC_FILE, read_settings()))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """The model's definitions."""
        return build_model_definitions(self.definition, read_settings())
