"""What people could change, from the YAML to the verdict and to Dagster's page."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from rai_platform.pipeline.attack_page import attack_page
from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform_tests.card import made
from rai_platform_tests.world import World, lending_attributes, materialized, told

METRIC = "accuracy_drop_under_constrained_attack"


def test_a_declaration_that_does_not_fit_the_data_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("mistaken", adversary={"features": {"incme": {"immutable": True}}})
    result = world.run("mistaken")
    assert not result.success
    assert "adversary: features: the model sees no column 'incme'; did you mean 'income'?" in told(result)
    assert materialized(result) == set()


def test_what_is_declared_is_attacked_judged_and_shown(tmp_path: Path) -> None:
    world = World(tmp_path)
    policy: dict[str, Any] = lending_attributes()["policy"]
    limit = {"metric": METRIC, "max": 0.9, "strength": 0.7, "severity": "warn"}
    world.write(
        "attacked",
        adversary={
            "features": {"income": {"monotone": "increasing"}, "savings": {}},
            "others": "immutable",
            "rows": 250,
        },
        policy={**policy, "requirements": [*policy["requirements"], limit]},
    )
    result = world.run("attacked", ["training_data", "test_data", "candidate_model", "robustness_scores"])
    assert result.success, told(result)
    (shown,) = (
        event.materialization.metadata
        for event in result.all_events
        if event.is_step_materialization and event.asset_key and event.asset_key.path[-1] == "robustness_scores"
    )
    records = shown["under attack"].records
    assert [record.data["changes cost up to"] for record in records] == ["0.5", "0.7", "1", "2"]
    assert "could be selected" in shown["attacks"].value
    assert "savings" in shown["attacks"].value
    (entry,) = (entry for entry in world.entries("attacked", "verdict") if METRIC in json.dumps(entry.body))
    assert '"outcome": "PASS"' in json.dumps(entry.body)


def test_the_page_of_an_attack_that_is_not_credible_says_so() -> None:
    page = attack_page(made.attack(checks=(made.DOUBT,)))
    assert "accuracy stays at 90.0%" in page["attack not credible"].value
    assert isinstance(page["under attack"], dg.TableMetadataValue)


@pytest.mark.parametrize(
    ("report", "page"),
    [
        (None, {}),
        (ConstrainedAttack(not_possible="nobody can ask it"), {"under attack": "not possible: nobody can ask it"}),
    ],
)
def test_the_page_says_where_nobody_was_attacked(report: ConstrainedAttack | None, page: dict[str, str]) -> None:
    assert attack_page(report) == page
