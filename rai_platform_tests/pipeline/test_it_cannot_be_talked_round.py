"""What a model is judged by changes behind the evidence: the release is refused, and what was mended is judged anew."""

import sys
from pathlib import Path
from typing import Any

import pandera.pandas as pa
import pytest

from rai_platform.spec.model import ASSETS
from rai_platform_tests.world import World, lending_attributes, told

HONEST = """
import numpy as np
from sklearn.linear_model import LogisticRegression

class Coded(LogisticRegression):
    def predict_proba(self, X):
        return super().predict_proba(X)
"""
NOBODY = HONEST.replace("super().predict_proba(X)", "np.c_[np.ones(len(X)), np.zeros(len(X))]")
BEFORE_CANDIDATE = ["training_data", "test_data"]


def write_rules(path: Path, oldest: float) -> dict[str, Any]:
    """Rules for the ages in the table, and the attribute that names them."""
    path.write_text(pa.DataFrameSchema({"age": pa.Column(None, pa.Check.in_range(18, oldest))}).to_yaml())
    return {**lending_attributes()["data"], "rules": str(path)}


def test_rules_that_were_tightened_after_the_evidence_are_another_policy(judged: World) -> None:
    judged.write("fair", data=write_rules(judged.folder / "rules.yaml", oldest=40))
    result = judged.run("fair", ["production_model"])
    assert not result.success
    assert "another policy" in told(result)
    assert not judged.entries("fair", "promotion")


@pytest.mark.slow
def test_a_mistake_in_the_rules_is_forgiven_once_it_is_mended(judged: World) -> None:
    judged.write("mended", data=write_rules(judged.folder / "rules.yaml", oldest=40))
    assert "schema_violation_rate" in told(judged.run("mended", BEFORE_CANDIDATE))
    write_rules(judged.folder / "rules.yaml", oldest=120)
    again = judged.run("mended", BEFORE_CANDIDATE)
    assert again.success, told(again)
    mended = [entry.body["verdict"]["outcome"] for entry in judged.entries("mended", "verdict")]
    assert "FAIL" in mended
    result = judged.run("mended")
    assert result.success, told(result)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the user's own, from which an estimator is taken."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "coded_by_a_user", raising=False)
    return tmp_path / "coded_by_a_user.py"


@pytest.mark.slow
def test_an_estimators_code_that_was_changed_after_the_evidence_is_another_model(judged: World, code: Path) -> None:
    code.write_text(HONEST)
    judged.write("coded", estimator={"type": "coded_by_a_user.Coded"})
    examined = judged.run("coded", [asset for asset in ASSETS if asset != "production_model"])
    assert examined.success, told(examined)
    code.write_text(NOBODY)
    result = judged.run("coded", ["production_model"])
    assert not result.success
    assert "code was changed after this model was trained: train again" in told(result)
    assert not judged.entries("coded", "promotion")
    code.write_text(HONEST)
    result = judged.run("coded", ["production_model"])
    assert result.success, told(result)
