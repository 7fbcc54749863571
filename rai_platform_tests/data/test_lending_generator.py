"""The embedded lending model: what it generates agrees with what it says is true."""

import math

import pytest
from pandas.testing import assert_frame_equal

from rai_platform.data.generators import APPROVAL_RATE, REPAID_RATE, lending, lending_truth

DIALS = [0.3, 0.6, 0.8, 1.0]
ROWS = 60_000


@pytest.fixture(scope="module", params=DIALS, ids=lambda dial: f"disparate impact {dial}")
def dialled(request):
    """The dial, and the applications of women and of men."""
    table = lending(rows=ROWS, seed=11, disparate_impact=request.param)
    return request.param, {sex: table[table["sex"] == sex] for sex in ("female", "male")}


def must_be_within_chance(successes, trials, rate):
    """Within four standard errors of a known rate: by chance outside of it in one of 16,000 tests."""
    assert abs(successes / trials - rate) < 4 * math.sqrt(rate * (1 - rate) / trials)


def test_women_and_men_repay_equally_often(dialled):
    _, people = dialled
    for each in people.values():
        must_be_within_chance(each["repaid"].sum(), len(each), REPAID_RATE)


def test_the_past_scorecard_has_the_disparate_impact_that_was_dialled(dialled):
    dial, people = dialled
    must_be_within_chance(people["male"]["approved"].sum(), len(people["male"]), APPROVAL_RATE)
    must_be_within_chance(people["female"]["approved"].sum(), len(people["female"]), dial * APPROVAL_RATE)
    rates = {sex: each["approved"].mean() for sex, each in people.items()}
    spread = math.sqrt(sum((1 - rate) / (rate * len(people[sex])) for sex, rate in rates.items()))
    assert abs(math.log(rates["female"] / rates["male"] / dial)) < 4 * spread


def test_the_rates_of_the_past_scorecard_are_the_known_truth(dialled):
    dial, people = dialled
    for sex, truth in lending_truth(disparate_impact=dial).items():
        each = people[sex]
        repaid, not_repaid = each[each["repaid"] == 1], each[each["repaid"] == 0]
        must_be_within_chance(each["approved"].sum(), len(each), truth.selection_rate)
        must_be_within_chance(repaid["approved"].sum(), len(repaid), truth.true_positive_rate)
        must_be_within_chance(not_repaid["approved"].sum(), len(not_repaid), truth.false_positive_rate)


def test_the_truth_has_the_dialled_disparate_impact_exactly():
    for dial in DIALS:
        truth = lending_truth(disparate_impact=dial)
        assert truth["female"].selection_rate / truth["male"].selection_rate == pytest.approx(dial, rel=1e-9)
        for group in truth.values():
            mixed = REPAID_RATE * group.true_positive_rate + (1 - REPAID_RATE) * group.false_positive_rate
            assert mixed == pytest.approx(group.selection_rate, rel=1e-6)
            assert group.false_positive_rate < group.selection_rate < group.true_positive_rate
    equal = lending_truth(disparate_impact=1.0)
    assert equal["female"].true_positive_rate == pytest.approx(equal["male"].true_positive_rate, rel=1e-6)


def test_the_gap_is_in_the_readings_that_carry_it_and_in_no_other(dialled):
    dial, people = dialled
    for column, carries_it in {"income": True, "years_employed": True, "debt_to_income": False, "age": False}.items():
        women, men = (people[sex][column] for sex in ("female", "male"))
        error = math.sqrt(women.var() / len(women) + men.var() / len(men))
        apart = abs(men.mean() - women.mean()) / error
        assert (apart > 6) if carries_it and dial < 1 else (apart < 4), column


def test_equal_arguments_give_equal_tables():
    arguments = {"rows": 500, "seed": 4, "disparate_impact": 0.7, "female_share": 0.3}
    assert_frame_equal(lending(**arguments), lending(**arguments))
    for other in ({"seed": 5}, {"disparate_impact": 0.8}, {"female_share": 0.5}):
        assert not lending(**{**arguments, **other}).equals(lending(**arguments))


def test_the_table_has_the_columns_and_ranges_that_are_documented():
    table = lending(rows=5000)
    assert list(table) == [
        *("income", "years_employed", "savings", "debt_to_income", "late_payments", "home", "purpose", "amount"),
        *("sex", "age", "repaid", "approved"),
    ]
    assert set(table["sex"]) == {"female", "male"}
    assert set(table["home"]) == {"own", "rent", "other"}
    assert table["years_employed"].between(0, 45).all()
    assert table["debt_to_income"].between(0, 1).all()
    assert table["age"].between(21, 70).all()
    assert (table["late_payments"] >= 0).all()
    assert set(table["repaid"]) == set(table["approved"]) == {0, 1}
    must_be_within_chance((table["sex"] == "female").sum(), 5000, 0.45)
    must_be_within_chance(table["savings"].isna().sum(), 5000, 0.03)
    assert table.drop(columns="savings").notna().all().all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rows": 0}, "expected rows >= 1 and 0 < female_share < 1, got 0 and 0.45"),
        ({"female_share": 0.0}, "got 20000 and 0.0"),
        ({"female_share": 1.0}, "got 20000 and 1.0"),
        ({"disparate_impact": 0.0}, "expected 0 < disparate_impact <= 1, got 0.0"),
        ({"disparate_impact": 1.2}, "expected 0 < disparate_impact <= 1, got 1.2"),
    ],
)
def test_an_argument_outside_its_range_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        lending(**arguments)
