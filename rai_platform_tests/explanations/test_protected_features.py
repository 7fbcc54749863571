"""A protected attribute among the strongest reasons, from the trained model to the verdict."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.sample import Sample
from rai_platform.release.judgement import judge
from rai_platform.spec.policy import PolicyOverlay
from rai_platform.spec.requirements import required_checks
from rai_platform.spec.verdict import Verdict
from rai_platform.training.fitting import fit_model
from rai_platform_tests.explanations.small import SUBJECT, explained, fitted
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import LOGISTIC, definition_of, lending_spec, sample_of

TREE, BAYES = path_of("DecisionTreeClassifier"), path_of("GaussianNB")


def applicants(*, favours_men_by: float, idle: int = 2, rows: int = 400) -> Sample:
    """People whose label depends on income, and on being a man as much as is said."""
    rng = np.random.default_rng(0)
    male, income = rng.random(rows) < 0.5, rng.normal(size=rows)
    columns: dict[str, Any] = {f"idle {at}": rng.normal(size=rows) for at in range(idle)}
    features = pd.DataFrame(
        {"sex": pd.Series(np.where(male, "male", "female"), dtype=object), **columns, "income": income}
    )
    label = income + favours_men_by * male + rng.normal(0, 0.3, rows) > 0.5 * (1 + favours_men_by)
    return sample_of(features, label, pd.DataFrame({"sex": features["sex"]}))


def verdict(sample: Sample, path: str, params: dict[str, Any] | None = None, **asked: Any) -> Verdict:
    """The verdict of the default policy, or of what is asked in its place, on the explanation of a model."""
    changed = PolicyOverlay.model_validate(
        {"requirements": [{"metric": "forbidden_features_in_top", "max": 0, **asked}]} if asked else {}
    )
    definition = definition_of(lending_spec(sensitive_features=[{"name": "sex"}]), changed)
    (check,) = (check for check in required_checks(definition) if check.name == "forbidden_features_in_top")
    report = explained(fitted(sample, path, params), sample)
    return judge(check, report, definition, subject=SUBJECT, evidence_digest="e", code_version="1")


@pytest.mark.parametrize("path", [LOGISTIC, TREE, BAYES])
def test_a_dominant_protected_attribute_fails_the_default_policy(path: str) -> None:
    found = verdict(applicants(favours_men_by=3.0), path, {"max_depth": 4} if path == TREE else None)
    assert (found.outcome, found.estimate) == ("FAIL", 1.0)
    assert "sex is forbidden" in found.reason


@pytest.mark.parametrize(
    ("method", "outcome"), [("threshold_optimizer", "FAIL"), ("exponentiated_gradient", "PASS"), (None, "PASS")]
)
def test_a_decision_that_reads_the_protected_attribute_fails_although_the_score_does_not(
    method: str | None, outcome: str
) -> None:
    """The model sees no gender at all; a threshold optimizer asks for it when it decides."""
    whole = applicants(favours_men_by=0.5)
    sample = sample_of(
        whole.features.drop(columns="sex"), whole.y_true, whole.sensitive_features.rename(columns={"sex": "gender"})
    )
    spec = lending_spec(
        sensitive_features=[{"name": "gender", "column": "sex"}],
        mitigation={"method": method, "params": {"max_iter": 5} if method == "exponentiated_gradient" else {}}
        if method
        else None,
    )
    definition = definition_of(spec)
    (check,) = (check for check in required_checks(definition) if check.name == "forbidden_features_in_top")
    report = explained(fit_model(spec, sample)[0], sample)
    found = judge(check, report, definition, subject=SUBJECT, evidence_digest="e", code_version="1")
    assert found.outcome == outcome
    assert ("the decision itself depends on sex: its thresholds differ by group" in found.reason) == (outcome == "FAIL")


def test_a_protected_attribute_behind_stronger_reasons_passes() -> None:
    sample = applicants(favours_men_by=0.0, idle=1)
    strong = sample.features.assign(second=sample.features["income"] + np.random.default_rng(1).normal(0, 1, sample.n))
    strong["third"] = strong["second"] * strong["income"]
    found = verdict(sample_of(strong, sample.y_true, sample.sensitive_features), BAYES, top=2)
    assert (found.outcome, found.estimate) == ("PASS", 0.0), found.reason


@pytest.mark.parametrize("idle", [0, 2])
def test_a_protected_attribute_that_the_model_ignores_is_no_reason_however_few_features_there_are(idle: int) -> None:
    """Before the others in the table, and among the three strongest of them if nothing counted as a reason."""
    found = verdict(applicants(favours_men_by=0.0, idle=idle), TREE, {"max_depth": 1})
    assert (found.outcome, found.estimate) == ("PASS", 0.0)
    assert found.reason.startswith("The feature that moves the score most is income; it is not forbidden")


def test_a_model_without_reasons_has_no_forbidden_ones() -> None:
    found = verdict(applicants(favours_men_by=3.0), path_of("DummyClassifier"), {"strategy": "prior"})
    assert (found.outcome, found.estimate) == ("PASS", 0.0)
    assert found.reason.startswith("No feature moves the score")


def test_what_is_on_top_by_chance_alone_is_neither_passed_nor_failed() -> None:
    one, other = np.random.default_rng(2).normal(size=(2, 60))
    mirrored = pd.DataFrame({"savings": np.r_[one, other], "income": np.r_[other, one]})
    sample = sample_of(mirrored, mirrored["income"] + mirrored["savings"] > 0)
    found = verdict(sample, LOGISTIC, top=1, features=["income"])
    assert found.outcome == "INSUFFICIENT_EVIDENCE", "other rows would give another order"
    assert found.interval is not None
    assert (found.interval.lower, found.interval.upper) == (0, 1)
