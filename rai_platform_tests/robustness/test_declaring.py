"""A declaration of what people could change, against the table it is about."""

import re
from typing import Any

import numpy as np
import pytest

from rai_platform.errors import InvalidSpec
from rai_platform.robustness.declaring import DECLARED, NOT_NAMED, ONE_VALUE, SENSITIVE, feasible_set, in_words
from rai_platform.robustness.feasible_set import ChoiceAxis, NumberAxis
from rai_platform.spec.adversary import Adversary
from rai_platform_tests.robustness.attacking import mixed_people

PEOPLE = mixed_people(200).features.assign(same=1)


def declared(**of: Any) -> Adversary:
    return Adversary.model_validate(of)


@pytest.mark.parametrize(
    ("declaration", "told"),
    [
        (
            {"features": {"incom": {}}},
            "features: the model sees no column 'incom'; did you mean 'income'?; it sees: income,",
        ),
        ({"one_hot": [["north", "sout"]]}, "one_hot: the model sees no column 'sout'; did you mean 'south'?"),
        (
            {"relations": ["yers <= age"]},
            "relations, 'yers <= age': the model sees no column 'yers'; did you mean 'years'?",
        ),
        ({"relations": ["home <= age"]}, "'home' holds categories, and no numbers"),
        ({"one_hot": [["home", "north"]]}, "'home' holds categories, and no numbers"),
        (
            {"one_hot": [["north", "south", "west"]], "relations": ["north <= age"]},
            "'north' is one of a `one_hot` group, which no relation can be about",
        ),
        ({"one_hot": [["north", "south"]]}, "exactly one of north, south must be 1 and the others 0, which"),
        ({"one_hot": [["age", "south"]]}, "which 200 rows break"),
        (
            {"features": {"home": {"monotone": "increasing"}}},
            "features.home: holds categories, which have no `monotone`",
        ),
        ({"features": {"home": {"integer": False}}}, "holds categories, which have no `integer`"),
        ({"features": {"home": {"values": ["owns"]}}}, "no category 'owns' in the data; did you mean 'own'?"),
        ({"features": {"age": {"values": ["old"]}}}, "features.age: holds numbers, got the value 'old'"),
        ({"features": {"age": {"min": 200}}}, "from 200 to 79 there is no number: the data hold 18 to 79"),
        ({"features": {"age": {"integer": True, "min": 20.2, "max": 20.8}}}, "there is no whole number"),
    ],
)
def test_what_the_table_does_not_allow_is_told_with_a_mend(declaration: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(told)) as caught:
        feasible_set(declared(**declaration), PEOPLE, left_alone=())
    assert caught.value.where == "adversary"


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidSpec) as caught:
        feasible_set(declared(features={"a": {}, "b": {}}, relations=["c <= age"]), PEOPLE, left_alone=())
    assert [line.split("'")[-2] for line in re.findall(r"no column '.'", caught.value.message)] == ["a", "b", "c"]


def test_by_default_numbers_stay_within_the_data_and_categories_stay_known() -> None:
    feasible = feasible_set(Adversary(), PEOPLE, left_alone=("age",))
    axes = {axis.columns[0]: axis for axis in feasible.axes}
    assert feasible.immutable == {"age": SENSITIVE, "same": ONE_VALUE}
    income, years, home = axes["income"], axes["years"], axes["home"]
    assert isinstance(income, NumberAxis)
    assert isinstance(years, NumberAxis)
    assert isinstance(home, ChoiceAxis)
    assert (income.low, income.high) == (PEOPLE["income"].min(), PEOPLE["income"].max())
    assert (income.whole, years.whole) == (False, True)
    assert income.rate == pytest.approx(1 / PEOPLE["income"].std(ddof=0))
    assert [home.values[at] for at in home.allowed] == ["other", "own", "rent"]
    assert home.cost == 1


def test_what_is_declared_takes_the_place_of_the_default() -> None:
    feasible = feasible_set(
        declared(
            features={
                "age": {"monotone": "increasing", "max": 90},
                "income": {"immutable": True},
                "level": {"values": [9, 2], "cost": 2},
                "home": {"values": ["own"], "cost": 0.5},
                "years": {"integer": False, "min": 1},
            },
            one_hot=[["north", "south", "west"]],
            others="immutable",
        ),
        PEOPLE,
        left_alone=("age",),
    )
    assert feasible.immutable == {"income": DECLARED, "same": NOT_NAMED}
    said = {axis.columns[0]: in_words(axis) for axis in feasible.axes}
    spread = PEOPLE.std(ddof=0, numeric_only=True)
    assert said == {
        "age": f"18 to 90, whole, only up; {spread['age']:.3g} cost 1",
        "years": f"1 to {PEOPLE['years'].max()}; {spread['years']:.3g} cost 1",
        "home": "to own; a change costs 0.5",
        "north": "to north, south, west; a change costs 1",
        "level": f"to 2, 9; {spread['level'] / 2:.3g} cost 1",
    }


def test_a_group_of_which_one_column_is_immutable_stays_as_it_is() -> None:
    feasible = feasible_set(
        declared(features={"south": {"immutable": True}}, one_hot=[["north", "south", "west"]]), PEOPLE, left_alone=()
    )
    assert {name: feasible.immutable.get(name) for name in ("north", "south", "west")} == dict.fromkeys(
        ("north", "south", "west"), DECLARED
    )


def test_a_table_of_points_is_the_table_itself_where_nothing_changes() -> None:
    feasible = feasible_set(declared(one_hot=[["north", "south", "west"]]), PEOPLE, left_alone=())
    rows = np.array([3, 3, 150])
    again = feasible.table(rows, feasible.origin[rows])
    assert again.equals(PEOPLE.iloc[rows].reset_index(drop=True))
