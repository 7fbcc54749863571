"""Attacks on a table: against costs that are known exactly, on models that hide their score, and the same every time."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression

from rai_platform import processes
from rai_platform.data.preparation import PreparedData, prepare_data
from rai_platform.data.sample import Sample
from rai_platform.robustness.attack_measurement import NOTHING_MUTABLE
from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform.robustness.declaring import SENSITIVE
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import TrainedModel
from rai_platform_tests.robustness.attacking import attacked, exact_costs, linear_people, mixed_people
from rai_platform_tests.robustness.measuring import fitted
from rai_platform_tests.training.lending import lending_spec

FOREST = "sklearn.ensemble.RandomForestClassifier"
HERE = "rai_platform_tests.robustness.test_constrained_attack"
CONSTRAINED: dict[str, Any] = {
    "a": {"monotone": "increasing", "max": 1.0},
    "b": {"min": -15, "max": 15},
    "c": {"cost": 0.4},
    "d": {"immutable": True},
}


class Rounded(LogisticRegression):
    """Tells its chances to one digit alone: no small step moves the score."""

    def predict_proba(self, inputs: Any) -> Any:
        chance = np.round(super().predict_proba(inputs)[:, 1], 1)
        return np.column_stack([1 - chance, chance])


class Silent(LogisticRegression):
    """Tells its decision alone."""

    def predict_proba(self, inputs: Any) -> Any:
        chance = (super().predict_proba(inputs)[:, 1] >= 0.5).astype("float64")
        return np.column_stack([1 - chance, chance])


@pytest.fixture(scope="module")
def people() -> Sample:
    return linear_people()


@pytest.fixture(scope="module")
def linear(people: Sample) -> TrainedModel:
    return fitted(people)


def right(model: TrainedModel, sample: Sample) -> Any:
    return model.decide(sample.features) == sample.y_true


# --- against what is known ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [{}, CONSTRAINED])
def test_the_accuracy_of_a_linear_model_under_attack_is_the_exact_one(
    linear: TrainedModel, people: Sample, features: dict[str, Any]
) -> None:
    declared = {"features": features, "budget": [0.1, 0.25, 0.5, 1, 2], "rows": people.n}
    report, exact = attacked(linear, people, declared), exact_costs(linear, people, declared)
    assert np.isfinite(exact).any()
    for point in report.curve:
        truth = float((right(linear, people) & (exact > point.budget)).mean())
        assert point.accuracy.value >= truth - 1e-9, "nobody is attacked more cheaply than is possible"
        if point.attack in ("coordinate_search", "worst_case"):
            assert point.accuracy.value == pytest.approx(truth, abs=0.01)
    (half,) = (point for point in report.worst_case if point.budget == 0.5)
    assert 0.05 < half.drop.value < 0.8, "the budgets are where something happens"


def test_every_figure_is_counted_from_the_cheapest_changes(linear: TrainedModel, people: Sample) -> None:
    weight = np.random.default_rng(1).lognormal(0, 0.5, people.n)
    sample = dataclasses.replace(people, weight=weight)
    declared = {"budget": [0.5], "rows": sample.n}
    report, exact = attacked(linear, sample, declared), exact_costs(linear, sample, declared)
    (point,) = report.worst_case
    was_right, stands = right(linear, sample), right(linear, sample) & (exact > 0.5)
    assert report.accuracy is not None
    assert report.accuracy.value == pytest.approx(np.average(was_right, weights=weight))
    assert point.accuracy.value == pytest.approx(np.average(stands, weights=weight), abs=0.01)
    assert point.drop.value == pytest.approx(report.accuracy.value - point.accuracy.value)
    groups = sample.sensitive_features["sex"].to_numpy()
    for group in ("female", "male"):
        member = groups == group
        assert point.by_group["sex"][group].n == member.sum()
        assert point.by_group["sex"][group].value == pytest.approx(
            np.average(stands[member], weights=weight[member]), abs=0.02
        )
    decided = linear.decide(sample.features)
    for name, decision in (("selected_to_refused", 1), ("refused_to_selected", 0)):
        asked = was_right & (decided == decision)
        assert point.turned[name].n == asked.sum()
        assert point.turned[name].value == pytest.approx(np.average(~stands[asked], weights=weight[asked]), abs=0.02)


def test_the_people_shown_would_have_to_change_least(linear: TrainedModel, people: Sample) -> None:
    declared = {"features": CONSTRAINED, "budget": [2], "rows": people.n}
    report, exact = attacked(linear, people, declared), exact_costs(linear, people, declared)
    decided = linear.decide(people.features)
    assert len(report.examples) == 6
    for row in report.examples:
        assert row.cost == pytest.approx(exact[row.row_key], rel=0.02, abs=1e-3)
        assert row.cost == pytest.approx(sum(change.cost for change in row.changes))
        assert row.direction == ("selected_to_refused" if decided[row.row_key] else "refused_to_selected")
        changed = people.features.iloc[[row.row_key]].copy()
        for change in row.changes:
            assert change.before != change.after
            assert float(change.before) == pytest.approx(changed[change.feature].iloc[0], rel=1e-3, abs=1e-3)
            changed[change.feature] = float(change.after)
    (cheapest, *_) = (row for row in report.examples if row.direction == "refused_to_selected")
    asked = right(linear, people) & (decided == 0)
    assert cheapest.cost == pytest.approx(exact[asked].min(), rel=0.02, abs=1e-3)


# --- the same every time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["sklearn.linear_model.LogisticRegression", FOREST])
def test_nothing_depends_on_how_many_rows_are_asked_about_at_once(path: str) -> None:
    sample = mixed_people(200)
    model = fitted(sample, path, {"n_estimators": 5} if path == FOREST else None)
    declared = {"one_hot": [["north", "south", "west"]], "rows": 12, "queries": 100}
    assert attacked(model, sample, declared, batch=50) == attacked(model, sample, declared)


def test_the_seed_draws_the_people_and_the_changes(linear: TrainedModel, people: Sample) -> None:
    declared = {"rows": 100, "queries": 200}
    first = attacked(linear, people, declared, seed=3)
    assert attacked(linear, people, declared, seed=3) == first
    assert attacked(linear, people, declared, seed=4) != first
    assert first.n == 100
    stored = TypeAdapter(ConstrainedAttack)
    assert stored.validate_json(stored.dump_json(first)) == first


# --- models that hide their score --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Rounded", "Silent"])
def test_a_model_that_hides_its_score_is_attacked_all_the_same(name: str, linear: TrainedModel, people: Sample) -> None:
    declared = {"budget": [0.5, 1, 2], "rows": 300}
    hidden = attacked(fitted(people, f"{HERE}.{name}"), people, declared)
    plain = attacked(linear, people, declared)
    assert hidden.doubts == ()
    for masked, open_ in zip(hidden.worst_case, plain.worst_case, strict=True):
        assert masked.accuracy.value <= open_.accuracy.value + 0.1
    assert hidden.worst_case[-1].drop.value > 0.9 * plain.worst_case[-1].drop.value


def test_a_forest_is_attacked(people: Sample) -> None:
    model = fitted(people, FOREST, {"n_estimators": 20, "min_samples_leaf": 5})
    report = attacked(model, linear_people(300, seed=5), {"rows": 300, "queries": 300})
    assert report.worst_case[-1].accuracy.value < 0.3
    assert all(check.passed for check in report.checks)


@pytest.mark.parametrize("randomized", [False, True])
def test_a_model_that_decides_by_groups_thresholds_is_attacked_by_its_decisions(
    lending: PreparedData, randomized: bool
) -> None:
    assert lending.training is not None
    model = fitted(lending.training, mitigation={"method": "threshold_optimizer", "randomized": randomized})
    sample = lending.test.take(np.arange(300))
    report = attacked(model, sample, {"rows": 220, "queries": 400, "budget": [2]}, left_alone=("age",))
    assert report.doubts == ()
    assert report.accuracy is not None
    assert report.accuracy.value == pytest.approx(
        (model.decide(sample.features, sample.sensitive_features) == sample.y_true).mean(), abs=0.1
    )
    assert report.worst_case[-1].drop.value > 0.2
    for row in report.examples:
        changed = sample.features.iloc[[sample.row_key.tolist().index(row.row_key)]]
        groups = sample.sensitive_features.loc[changed.index]
        before = model.decide(changed, groups)
        assert before[0] == (row.direction == "selected_to_refused")


# --- what cannot be attacked, and what is not believed -----------------------------------------------------------------


def test_where_nothing_can_change_nothing_is_attacked(linear: TrainedModel, people: Sample) -> None:
    report = attacked(linear, people, {"others": "immutable"})
    assert report.not_possible == NOTHING_MUTABLE
    assert attacked(linear, people, {"features": {"a": {}}, "others": "immutable"}).not_possible is None


def test_a_sensitive_column_changes_only_where_it_is_declared(linear: TrainedModel, people: Sample) -> None:
    declared: dict[str, Any] = {"rows": 50, "queries": 100}
    report = attacked(linear, people, declared, left_alone=("a",))
    assert report.immutable == {"a": SENSITIVE}
    assert set(report.mutable or ()) == {"b", "c", "d"}
    named = attacked(linear, people, declared | {"features": {"a": {"monotone": "increasing"}}}, left_alone=("a",))
    assert "only up" in (named.mutable or {})["a"]


def test_a_column_that_moves_nothing_costs_nothing_and_is_believed(people: Sample) -> None:
    spare = dataclasses.replace(people, features=people.features.assign(spare=np.arange(people.n) % 7))
    model = fitted(people)
    report = attacked(model, spare, {"features": {"spare": {}}, "others": "immutable"})
    assert report.doubts == ()
    assert (
        "nothing that people could change moves the score"
        in {c.name: c for c in report.checks}["an attack without limits gets through"].says
    )
    assert all(point.drop.value == 0 for point in report.worst_case)


def test_an_attack_that_the_constraints_stop_is_told_from_one_that_is_too_weak(
    linear: TrainedModel, people: Sample
) -> None:
    report = attacked(linear, people, {"features": {"d": {}}, "others": "immutable"})
    (check,) = (check for check in report.checks if "without limits" in check.name)
    assert check.passed
    assert "what people can change does not suffice" in check.says
    assert report.worst_case[-1].drop.value < 0.3


def test_few_people_and_few_questions_raise_doubts(linear: TrainedModel, people: Sample) -> None:
    few = attacked(linear, people, {"rows": 20})
    assert [doubt.name for doubt in few.doubts] == ["enough people for a narrow interval"]
    rushed = attacked(linear, people, {"queries": 40, "budget": [0.1, 0.2]})
    assert "enough questions to the model" in [doubt.name for doubt in rushed.doubts]


def test_a_model_that_is_never_right_has_nothing_to_lose() -> None:
    sample = linear_people(300)
    model = fitted(sample)
    wrong = dataclasses.replace(sample, y_true=1 - model.decide(sample.features))
    report = attacked(model, wrong, {})
    assert [(point.accuracy.value, point.drop.value) for point in report.worst_case] == [(0, 0)] * 3
    assert report.examples == ()


# --- real people -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_german_credit_within_what_applicants_can_change(german: pd.DataFrame, tmp_path: Any) -> None:
    path = tmp_path / "german.csv"
    german.drop(columns=["risk"]).to_csv(path, index=False)
    spec = lending_spec(
        data={"source": str(path), "target": "good", "exclude": ["sex", "personal_status", "foreign"]},
        sensitive_features=[{"name": "sex"}, {"name": "age_group", "column": "age", "bins": [25]}],
        split={"test_size": 0.4},
        adversary={
            "features": {
                "history": {"immutable": True},
                "amount": {"monotone": "decreasing"},
                "duration": {"min": 6, "max": 60},
                "savings": {"values": ["A61", "A62", "A63", "A64"]},
                "employment": {"immutable": True},
                "residence": {"monotone": "increasing"},
            }
        },
    )
    prepared = prepare_data(spec)
    assert prepared.training is not None
    model, _ = fit_model(spec, prepared.training)
    declared = spec.adversary.model_dump(exclude_unset=True)
    report = attacked(model, prepared.test, declared, left_alone=("age",))
    assert report.doubts == ()
    assert report.accuracy is not None
    assert 0.68 < report.accuracy.value < 0.82
    assert [point.accuracy.value for point in report.worst_case] == sorted(
        (point.accuracy.value for point in report.worst_case), reverse=True
    )
    assert {"age", "history", "employment"} <= set(report.immutable or ())
    for row in report.examples:
        for change in row.changes:
            assert change.feature not in (report.immutable or ())
            if change.feature == "amount":
                assert float(change.after) < float(change.before)


@pytest.mark.slow
def test_nothing_depends_on_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SECONDS_WORTH_STARTING", 0)
    sample = mixed_people(200)
    model = fitted(sample, FOREST, {"n_estimators": 5})
    declared = {"one_hot": [["north", "south", "west"]], "rows": 12, "queries": 100}
    assert attacked(model, sample, declared, workers=2) == attacked(model, sample, declared)
