"""What a YAML may say for Dagster to run it, found out where it is read."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.errors import InvalidSpec
from rai_platform.pipeline.assets import build_model_definitions
from rai_platform.pipeline.models import find_models, read_definition, register
from rai_platform.settings import Settings, read_settings
from rai_platform.spec.model import EMAIL
from rai_platform.spec.reading import COMPONENT_TYPE
from rai_platform_tests.world import lending_attributes


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"RAI_HOME": str(tmp_path / "home"), "RAI_MODELS": str(tmp_path / "models")})


def written(folder: Path, **attributes: Any) -> Path:
    path = folder / "defs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"type": COMPONENT_TYPE, "attributes": {**lending_attributes(), **attributes}}
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("line", ["nonsense", "", "0 6 * *", "61 * * * *", "0 0 30 2 *", "* * * * * *", "0 6 * * MOON"])
def test_a_schedule_that_never_comes_is_refused_with_its_line(line: str, settings: Settings) -> None:
    path = written(settings.models / "fair", schedule=line)
    number = 1 + path.read_text().splitlines().index(f"  schedule: {yaml.safe_dump(line).splitlines()[0]}")
    with pytest.raises(InvalidSpec, match=r"expected a cron line of five fields .* such as '0 6 ") as told:
        register(path, settings)
    assert f"line {number}, schedule" in told.value.message
    assert repr(line) in told.value.message
    assert told.value.where == str(path)
    assert "schedule: expected a cron line" in find_models(settings, embedded=False).unreadable["fair"]


@pytest.mark.parametrize("line", ["0 6 * * 1", "*/15 8-18 * * mon-fri", "@daily", "0 6 L * *"])
def test_a_schedule_that_dagster_knows_is_taken_as_it_is(line: str, settings: Settings) -> None:
    definition = read_definition(written(settings.models / "fair", schedule=line), settings)
    schedule, *_ = build_model_definitions(definition, settings).schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.cron_schedule == line


@given(owner=st.from_regex(EMAIL, fullmatch=True) | st.from_regex(r"team:[\w.-]+", fullmatch=True))
def test_whoever_the_spec_takes_as_an_owner_dagster_takes_too(owner: str) -> None:
    assert dg.AssetSpec("asset", owners=[owner]).owners == [owner]
