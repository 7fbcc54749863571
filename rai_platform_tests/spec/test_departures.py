"""A policy that asks for less than the default one is allowed, and every point of it is said."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rai_platform.spec.departures import departures
from rai_platform.spec.reading import COMPONENT_TYPE, read_model
from rai_platform_tests.world import lending_attributes


def said(folder: Path, **changed: Any) -> str:
    path = folder / "defs.yaml"
    attributes = {**lending_attributes(), **changed}
    path.write_text(yaml.safe_dump({"type": COMPONENT_TYPE, "attributes": attributes}))
    return "\n".join(departures(read_model(path, environment={}, working_folder=folder)))


def asks(**requirement: Any) -> dict[str, Any]:
    return {"policy": {"requirements": [requirement]}}


def test_the_default_policy_departs_from_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, policy={}) == ""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (asks(metric="forbidden_features_in_top", max=0, top=1), "among the strongest 1, the default looks at 3"),
        (asks(metric="forbidden_features_in_top", max=0, top=3, features=[]), "of no feature at all, the default"),
        (asks(metric="forbidden_features_in_top", max=0, top=3, features=["age"]), "of age, the default asks it of sex"),
        (asks(metric="accuracy_drop_under_noise", max=0.05, strength=1e-9), "at strength 1e-09, the default asks for 0.1"),
        (asks(metric="disparate_impact", min=0.7999999), "at least 0.7999999, the default asks for at least 0.8"),
        (asks(metric="disparate_impact", min=0.8, rule="point"), "judged on the bare estimate"),
        (asks(metric="leakage_rate", max=1.0), "leakage rate: at most 1, the default asks for at most 0.02"),
        (asks(metric="roc_auc", severity="warn", min=0.65), "only a warning"),
        (asks(metric="roc_auc", severity="off", reason="We rank nobody."), "roc auc: not asked for"),
        ({"policy": {"confidence": 0.9499999}}, "94.99999 % confidence, the default asks for 95 %"),
        ({"policy": {"minimum_group_size": 1, "rule": "point"}}, "estimate from 1 people on, the default asks for 100"),
        ({"policy": {"name": "default", "extends": "none", "requirements": [{"metric": "roc_auc", "min": 0.65}]}}, "is another one"),
        ({"policy": {}, "sensitive_features": []}, "no sensitive feature is declared"),
        ({"policy": {"on_insufficient_evidence": "disclose"}}, "disparate impact by sex: what cannot be judged is only named"),
    ],
)  # fmt: skip
def test_every_way_of_asking_for_less_is_said(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    assert told in said(tmp_path, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        asks(metric="forbidden_features_in_top", max=0),
        asks(metric="forbidden_features_in_top", max=0, top=9, features=["age", "sex"]),
        asks(metric="accuracy_drop_under_noise", max=0.01, strength=0.5),
        asks(metric="disparate_impact", min=0.9),
        {"policy": {"confidence": 0.99, "minimum_group_size": 500}},
        {"policy": {"minimum_group_size": 50}},
    ],
)
def test_asking_for_more_is_no_departure(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert said(tmp_path, **changed) == ""


def test_small_groups_that_are_only_named_are_said_with_their_size(tmp_path: Path) -> None:
    told = said(tmp_path, policy={"minimum_group_size": 5000, "on_insufficient_evidence": "disclose"})
    assert "groups of fewer than 5,000 people are not judged, the default judges them from 100 on" in told
