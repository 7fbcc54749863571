"""Attacks of Foolbox on torch networks of tables: against exact costs, and on networks that give no gradient to follow."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from rai_platform.data.sample import Sample
from rai_platform.robustness.attack_report import Attack, ConstrainedAttack
from rai_platform.robustness.declaring import feasible_set
from rai_platform.robustness.relaxation import Relaxation
from rai_platform.spec.adversary import Adversary
from rai_platform.training.model import PREPROCESSING, TrainedModel
from rai_platform.training.networks.small_networks import SmallTableNetwork
from rai_platform_tests.robustness.attacking import attacked, exact_costs, linear_people, mixed_people
from rai_platform_tests.robustness.measuring import fitted

TABLE = "rai_platform.training.networks.table_classifier.TableClassifier"
HERE = "rai_platform_tests.robustness.test_gradient_search"
FOLLOWING: tuple[Attack, ...] = ("l1_projected_gradient", "sparse_l1_descent")
CONSTRAINED: dict[str, Any] = {
    "a": {"monotone": "increasing", "max": 1.0},
    "b": {"min": -15, "max": 15},
    "c": {"cost": 0.4},
    "d": {"immutable": True},
}
ONE_OF_THREE: dict[str, Any] = {"one_hot": [["north", "south", "west"]]}


class Stepped(SmallTableNetwork):
    """Reads its columns in steps: it learns, and its gradient is zero everywhere."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of encoded rows (batch, features)."""
        return super().forward(torch.round(4 * rows) / 4)


@pytest.fixture(scope="module")
def people() -> Sample:
    return linear_people(400)


@pytest.fixture(scope="module")
def linear(people: Sample) -> TrainedModel:
    return fitted(people, TABLE, {"module_params": {"layers": 0}, "epochs": 30})


@pytest.fixture(scope="module")
def mixed() -> tuple[TrainedModel, Sample]:
    sample = mixed_people(400)
    return fitted(sample, TABLE, {"epochs": 30}), sample


def accuracy(report: ConstrainedAttack, attack: Attack) -> dict[float, float]:
    return {point.budget: point.accuracy.value for point in report.curve if point.attack == attack}


@pytest.mark.parametrize("features", [{}, CONSTRAINED])
def test_on_a_linear_network_it_finds_the_cheapest_change_there_is(
    linear: TrainedModel, people: Sample, features: dict[str, Any]
) -> None:
    declared = {"features": features, "budget": [0.25, 0.5, 1, 2], "rows": people.n}
    report, exact = attacked(linear, people, declared), exact_costs(linear, people, declared)
    right = linear.decide(people.features) == people.y_true
    assert np.isfinite(exact).any()
    for budget, found in accuracy(report, "sparse_l1_descent").items():
        assert found == pytest.approx(float((right & (exact > budget)).mean()), abs=0.01)
    for budget, found in accuracy(report, "l1_projected_gradient").items():
        assert found >= float((right & (exact > budget)).mean()) - 1e-9
        assert found < right.mean() - 0.02 or exact[right].min() > budget
    assert report.doubts == ()


@pytest.mark.parametrize("threshold", [0.2, 0.8])
def test_it_attacks_the_decision_at_the_threshold_that_is_released(people: Sample, threshold: float) -> None:
    params = {"module_params": {"layers": 0}, "epochs": 30}
    model = fitted(people, TABLE, params)
    moved = dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, threshold=threshold))
    report = attacked(moved, people, {"budget": [0.5, 1], "rows": 200})
    exhaustive = accuracy(report, "coordinate_search")
    assert accuracy(report, "sparse_l1_descent") == pytest.approx(exhaustive, abs=0.011)


def test_categories_whole_numbers_and_relations_are_kept(mixed: tuple[TrainedModel, Sample]) -> None:
    model, sample = mixed
    declared = {**ONE_OF_THREE, "relations": ["years <= age - 17"], "budget": [1, 2], "rows": 120}
    report = attacked(model, sample, declared)
    exhaustive = accuracy(report, "coordinate_search")
    for attack in FOLLOWING:
        (effort,) = (effort for effort in report.efforts if effort.attack == attack)
        assert effort.infeasible == 0
        assert effort.turned.value > 0.5
        assert all(found <= exhaustive[budget] + 0.1 for budget, found in accuracy(report, attack).items())


def test_a_change_of_a_category_alone_is_found() -> None:
    rng = np.random.default_rng(0)
    sample = mixed_people(400)
    sample = dataclasses.replace(sample, y_true=(sample.features["home"] == "own").to_numpy().astype("int8"))
    model = fitted(sample, TABLE, {"epochs": 30})
    keys = {"others": "immutable", "features": {"home": {}}}
    report = attacked(model, sample, {**keys, "budget": [1], "rows": int(rng.integers(100, 120))})
    missing = sample.features["home"].isna().mean()
    for attack in FOLLOWING:
        assert accuracy(report, attack)[1.0] == pytest.approx(missing, abs=0.1), "who has a home can have another"


@pytest.mark.parametrize("weights", [None, (0.25, 0.75)])
def test_what_the_network_is_told_of_a_change_is_what_the_model_makes_of_it(
    mixed: tuple[TrainedModel, Sample], weights: tuple[float, ...] | None
) -> None:
    model, sample = mixed
    if weights:
        other = fitted(sample, TABLE, {"epochs": 3, "random_state": 5})
        parts = {PREPROCESSING: model.parts[PREPROCESSING], "0": model.estimators[0], "1": other.estimators[0]}
        model = TrainedModel(manifest=dataclasses.replace(model.manifest, weights=weights), parts=parts)
    rows = np.arange(40)
    feasible = feasible_set(Adversary.model_validate(ONE_OF_THREE), sample.features, left_alone=()).of(rows)
    relaxed = Relaxation(model, feasible, rows, model.decide(sample.features.iloc[rows]))

    def odds(score: np.ndarray) -> np.ndarray:
        return np.log(score) - np.log1p(-score)

    for number, move in enumerate(relaxed.moves):
        moves = torch.zeros_like(relaxed.low)
        moves[:, number] = relaxed.high[:, number]
        points = feasible.origin.copy()
        gone = np.round(relaxed.high[:, number].numpy().astype("float64") / move.rate, 3)
        reached = gone > 0
        points[reached, move.at] = points[reached, move.at] + gone[reached] if move.value is None else float(move.value)
        expected = odds(model.score(feasible.table(rows, points)))
        logits = relaxed(moves).detach().numpy()
        assert logits[:, 1] - logits[:, 0] == pytest.approx(expected, abs=0.01)


def test_a_network_without_gradients_is_not_shown_to_be_robust(people: Sample) -> None:
    model = fitted(people, TABLE, {"module": f"{HERE}.Stepped", "epochs": 30})
    right = (model.decide(people.features) == people.y_true).mean()
    assert right > 0.7, "it learned"
    report = attacked(model, people, {"budget": [0.5], "rows": 200})
    assert [doubt.name for doubt in report.doubts] == ["there are gradients to follow"]
    assert "100.0%" in report.doubts[0].says


def test_a_model_without_gradients_to_ask_for_is_attacked_without(people: Sample) -> None:
    report = attacked(fitted(people), people, {"budget": [0.5], "rows": 50})
    assert not {effort.attack for effort in report.efforts} & set(FOLLOWING)
    assert "there are gradients to follow" not in {check.name for check in report.checks}


def test_every_gradient_is_a_question(linear: TrainedModel, people: Sample) -> None:
    few = attacked(linear, people, {"budget": [0.5], "rows": 50, "queries": 45})
    none = attacked(linear, people, {"budget": [0.5], "rows": 50, "queries": 20})
    for attack in FOLLOWING:
        (effort,) = (effort for effort in few.efforts if effort.attack == attack)
        assert 10 < effort.queries <= 45
        assert effort.cut_short.value == pytest.approx(1 - effort.turned.value)
        (effort,) = (effort for effort in none.efforts if effort.attack == attack)
        assert effort.queries == 0
        assert effort.cut_short.value == 1


def test_nothing_depends_on_how_many_rows_are_asked_about_at_once(mixed: tuple[TrainedModel, Sample]) -> None:
    model, sample = mixed
    declared = {**ONE_OF_THREE, "budget": [1], "rows": 30, "queries": 120}
    assert attacked(model, sample, declared, batch=1_000) == attacked(model, sample, declared)


def test_a_model_that_is_never_right_has_nobody_to_turn(linear: TrainedModel, people: Sample) -> None:
    wrong = dataclasses.replace(people, y_true=(1 - linear.decide(people.features)).astype("int8"))
    report = attacked(linear, wrong, {"budget": [0.5], "rows": 60})
    assert accuracy(report, "sparse_l1_descent") == {0.5: 0.0}
    assert report.efforts == ()
