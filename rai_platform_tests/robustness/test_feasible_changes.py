"""What the attacks change is what people could change: by a check that shares no code with the search, on any declaration."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rai_platform.robustness.declaring import feasible_set
from rai_platform.robustness.ensemble import ATTACKS, Target, search
from rai_platform.robustness.feasibility import LEEWAY, infeasible_changes
from rai_platform.spec.adversary import Adversary
from rai_platform.training.model import TrainedModel
from rai_platform_tests.robustness.attacking import mixed_people
from rai_platform_tests.robustness.measuring import fitted

PEOPLE = mixed_people(120)
ONE_HOT = ("north", "south", "west")
NUMBERS = {"income": (2.0, 90.0), "age": (18, 79), "years": (0, 60), "level": (1, 9)}
RELATIONS = (
    "years <= age - 16",
    "2 * years + 3 >= level",
    "income < 1.5 * age",
    "level > 0.5",
    "years + level <= 40",
)


def changes(name: str) -> st.SearchStrategy[dict[str, Any]]:
    low, high = NUMBERS[name]
    bounded = st.tuples(st.floats(low - 5, high), st.floats(0, high)).map(
        lambda ends: {"min": round(ends[0], 2), "max": round(ends[0] + ends[1] + 1, 2)}
    )
    levels = st.lists(st.integers(int(low), int(high)), min_size=1, max_size=5).map(lambda values: {"values": values})
    return st.builds(
        lambda reach, monotone, integer, cost: {
            **reach,
            **({"monotone": monotone} if monotone else {}),
            **({"integer": integer} if integer is not None else {}),
            "cost": cost,
        },
        st.one_of(st.just({}), bounded, levels),
        st.sampled_from([None, "increasing", "decreasing"]),
        st.sampled_from([None, True, False]),
        st.sampled_from([0.2, 1.0, 3.0]),
    ) | st.just({"immutable": True})


DECLARATIONS = st.fixed_dictionaries(
    {
        "features": st.fixed_dictionaries(
            {},
            optional={
                **{name: changes(name) for name in NUMBERS},
                "home": st.sampled_from([{"values": ["own", "rent"]}, {"cost": 0.3}, {"immutable": True}]),
            },
        ),
        "relations": st.lists(st.sampled_from(RELATIONS), max_size=3, unique=True),
        "one_hot": st.sampled_from([[], [list(ONE_HOT)]]),
        "others": st.sampled_from(["mutable", "immutable"]),
        "budget": st.sampled_from([[0.4], [0.5, 2.0], [5.0]]),
    }
)


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return fitted(PEOPLE)


def target_of(model: TrainedModel, adversary: Adversary, left_alone: tuple[str, ...] = ()) -> Target:
    return Target.drawn(model, PEOPLE, adversary, left_alone=left_alone, rows=np.arange(40))


@pytest.mark.parametrize("attack", ATTACKS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(declared=DECLARATIONS)
def test_whatever_is_declared_the_changes_found_keep_to_it(
    attack: Any, model: TrainedModel, declared: dict[str, Any]
) -> None:
    adversary = Adversary.model_validate(declared)
    target = target_of(model, adversary, ("age",))
    budget = max(adversary.budget)
    found = search(target, attack, adversary.budget, attacked=target.right, queries=120, seed=1)
    assert found.infeasible == 0
    turned = np.flatnonzero(np.isfinite(found.cost))
    assert (found.cost[turned] <= budget + 1e-9).all()
    before, after = target.feasible.features.iloc[turned], target.feasible.table(turned, found.points[turned])
    told = infeasible_changes(adversary, before, after, PEOPLE.features, left_alone=("age",), budget=budget)
    assert told == [[]] * len(turned)
    assert not len(turned) or (model.decide(after) != target.decided[turned]).all()
    assert (found.asked <= 120).all()
    pd.testing.assert_series_equal(after.dtypes[list(ONE_HOT)], before.dtypes[list(ONE_HOT)])


@settings(max_examples=40, deadline=None)
@given(declared=DECLARATIONS, seed=st.integers(0, 1000))
def test_the_search_and_the_check_agree_about_what_is_feasible(declared: dict[str, Any], seed: int) -> None:
    adversary = Adversary.model_validate(declared)
    feasible = feasible_set(adversary, PEOPLE.features, left_alone=("age",))
    if not feasible.axes:
        return
    rng, rows = np.random.default_rng(seed), np.arange(60)
    points = feasible.origin[rows].copy()
    for at in range(len(feasible.axes)):
        struck = (rng.random(60) < 0.4) & ~np.isnan(points[:, at])
        points[struck, at] = rng.choice(feasible.origin[~np.isnan(feasible.origin[:, at]), at], struck.sum())
    told = infeasible_changes(
        adversary, PEOPLE.features.iloc[rows], feasible.table(rows, points), PEOPLE.features, left_alone=("age",)
    )
    assert feasible.allows(rows, points).tolist() == [not reasons for reasons in told]


@settings(max_examples=30, deadline=None)
@example(
    declared={"features": {"home": {"values": ["own", "rent"]}, "level": {}}, "others": "immutable"}, seed=0, budget=1.0
)  # somebody whose change costs 1.000004
@given(declared=DECLARATIONS, seed=st.integers(0, 1000), budget=st.sampled_from([0.3, 1.0, 4.0]))
def test_the_search_and_the_check_agree_about_what_it_costs(declared: dict[str, Any], seed: int, budget: float) -> None:
    adversary = Adversary.model_validate(declared | {"relations": []})
    feasible = feasible_set(adversary, PEOPLE.features, left_alone=())
    rng, rows = np.random.default_rng(seed), np.arange(60)
    points = feasible.origin[rows].copy()
    for at in range(len(feasible.axes)):
        known = ~np.isnan(points[:, at])
        points[known, at] = rng.permutation(points[known, at])
    dear = feasible.costs(rows, points).sum(axis=1) > budget * (1 + LEEWAY) + LEEWAY
    told = infeasible_changes(
        adversary,
        PEOPLE.features.iloc[rows],
        feasible.table(rows, points),
        PEOPLE.features,
        left_alone=(),
        budget=budget,
    )
    assert dear.tolist() == [any("costs" in reason for reason in reasons) for reasons in told]


ONE_BY_ONE: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"features": {"income": {"immutable": True}}}, {"income": 30.0}, "income is immutable"),
    ({"others": "immutable"}, {"income": 30.0}, "income is immutable"),
    ({}, {"age": 30}, "age is immutable"),
    ({"features": {"years": {"monotone": "increasing"}}}, {"years": 0}, "years falls"),
    ({"features": {"years": {"monotone": "decreasing"}}}, {"years": 40}, "years grows"),
    ({"features": {"income": {"max": 25}}}, {"income": 26.0}, "income is 26, not from"),
    ({}, {"income": 1e6}, "income is 1e+06, not from"),
    ({"features": {"years": {"integer": True}}}, {"years": 7.5}, "years is 7.5, and not whole"),
    ({"features": {"level": {"values": [1, 5]}}}, {"level": 2.0}, "level cannot be 2"),
    ({"features": {"home": {"values": ["own"]}}}, {"home": "other"}, "home cannot be 'other'"),
    ({}, {"home": "castle"}, "home cannot be 'castle'"),
    ({}, {"home": None}, "home is missing, or goes missing"),
    ({"one_hot": [list(ONE_HOT)]}, {"north": 1, "south": 1, "west": 0}, "not exactly one of north, south, west is 1"),
    ({"relations": ["years <= age - 16"]}, {"years": 40}, "years <= age - 16 does not hold"),
    ({"features": {"home": {"cost": 9}}}, {"home": "other"}, "costs 9, more than 5"),
]


@pytest.mark.parametrize(("declared", "new", "told"), ONE_BY_ONE)
def test_the_check_finds_each_mistake(declared: dict[str, Any], new: dict[str, Any], told: str) -> None:
    before = pd.DataFrame(
        [
            {
                "income": 20.0,
                "age": 40,
                "years": 10,
                "home": "rent",
                "north": 0,
                "south": 1,
                "west": 0,
                "level": 9.0,
            }
        ]
    )
    after = before.astype(dict.fromkeys(new, object)).assign(**new)
    (found,) = infeasible_changes(
        Adversary.model_validate(declared), before, after, PEOPLE.features, left_alone=("age",), budget=5
    )
    assert any(told in reason for reason in found), found
    (unchanged,) = infeasible_changes(
        Adversary.model_validate(declared), before, before, PEOPLE.features, left_alone=("age",), budget=5
    )
    assert unchanged == []


def test_a_change_that_the_check_refuses_is_not_counted(model: TrainedModel) -> None:
    free, strict = (
        Adversary.model_validate({"features": {"years": change}}) for change in ({}, {"monotone": "increasing"})
    )
    honest = target_of(model, free)
    mistaken = dataclasses.replace(
        honest, adversary=strict
    )  # searches as one was declared, and is checked as the other
    found, counted = (
        search(target, "coordinate_search", (9.0,), attacked=target.right, queries=200, seed=0)
        for target in (honest, mistaken)
    )
    at = [axis.columns for axis in honest.feasible.axes].index(("years",))
    falls = np.isfinite(found.cost) & (found.points[:, at] < honest.feasible.origin[:, at])
    assert (found.infeasible, counted.infeasible) == (0, falls.sum())
    assert falls.any()
    assert np.isinf(counted.cost[falls]).all()
    assert (counted.cost[~falls] == found.cost[~falls]).all()


# --- columns that follow from others -----------------------------------------------------------------------------------


TOTAL = "total == income + 2 * years - age"
WITH_TOTAL = dataclasses.replace(
    PEOPLE,
    features=PEOPLE.features.assign(
        total=PEOPLE.features["income"] + 2 * PEOPLE.features["years"] - PEOPLE.features["age"] + 0.25
    ),
)


@pytest.mark.parametrize("attack", ATTACKS)
@settings(max_examples=8, deadline=None)
@given(declared=DECLARATIONS)
def test_what_follows_from_others_follows_them_and_costs_nothing(attack: Any, declared: dict[str, Any]) -> None:
    model = fitted(WITH_TOTAL)
    adversary = Adversary.model_validate({**declared, "relations": [*declared["relations"], TOTAL]})
    target = Target.drawn(model, WITH_TOTAL, adversary, left_alone=(), rows=np.arange(40))
    found = search(target, attack, adversary.budget, attacked=target.right, queries=120, seed=1)
    assert found.infeasible == 0
    turned = np.flatnonzero(np.isfinite(found.cost))
    before, after = target.feasible.features.iloc[turned], target.feasible.table(turned, found.points[turned])
    names = ["income", "years", "age", "total"]
    change = after[names] - before[names].reset_index(drop=True)
    expected = change["income"] + 2 * change["years"] - change["age"]
    known = before["total"].notna().to_numpy()
    assert change["total"].to_numpy()[known] == pytest.approx(expected.to_numpy()[known], abs=1e-6)
    assert after["total"].isna().to_numpy()[~known].all(), "what is missing stays so"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"years": 3.0}, [f"{TOTAL} does not hold"]),
        ({"years": 3.0, "total": 6.0}, []),
        ({"years": 3.0, "total": 6.5}, [f"{TOTAL} does not hold"]),
        ({"total": 6.0}, [f"{TOTAL} does not hold"]),
        ({"years": 4.0, "age": 8.0}, []),
        ({}, []),
    ],
)
def test_the_check_knows_what_follows(changes: dict[str, float], told: list[str]) -> None:
    adversary = Adversary(relations=(TOTAL,))
    known = WITH_TOTAL.features["income"].notna() & (WITH_TOTAL.features["age"] < 70)
    before = WITH_TOTAL.features[known & (WITH_TOTAL.features["years"] < 50)].head(1)
    after = before.assign(**{name: before[name] + by for name, by in changes.items()})
    (found,) = infeasible_changes(adversary, before, after, WITH_TOTAL.features, left_alone=())
    assert [each for each in found if "does not hold" in each] == told
    assert not [each for each in found if "total" in each and "does not hold" not in each], (
        "it has no bounds of its own"
    )


def test_who_asks_what_can_change_is_told_what_follows() -> None:
    feasible = feasible_set(Adversary(relations=(TOTAL,)), WITH_TOTAL.features, left_alone=())
    assert feasible.immutable["total"] == "follows from income and years and age"
    assert "total" not in {column for axis in feasible.axes for column in axis.columns}
