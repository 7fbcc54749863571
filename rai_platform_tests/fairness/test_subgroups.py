"""Subgroups nobody named: what is there is found, what is not there is not, and everything is told with its support."""

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.sample import MISSING_GROUP
from rai_platform.fairness.rates import ERROR_RATE, SELECTION_RATE, TRUE_POSITIVE_RATE
from rai_platform.fairness.subgroups import MOST_VALUES, OTHER, discover, encode_attributes


def people(rows, *, seed, columns=6):
    """Attributes without any meaning, and labels and decisions by chance."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({f"c{at}": rng.choice(["u", "v", "w"][: 2 + at % 2], rows) for at in range(columns)})
    table["x"] = rng.normal(size=rows)
    return table, rng.integers(0, 2, rows).astype("int8"), (rng.random(rows) < 0.3).astype("int8"), rng


def test_a_planted_subgroup_is_found_first_with_its_rate_and_its_interval():
    table, y_true, y_pred, rng = people(20_000, seed=1)
    member = ((table["c0"] == "u") & (table["c3"] == "v")).to_numpy()
    y_pred = np.where(member, rng.random(len(table)) < 0.5, y_pred).astype("int8")
    found = discover(encode_attributes(table), SELECTION_RATE, y_true, y_pred, support=100, seed=0)
    first = found.subgroups[0]
    assert first.conditions == (("c0", "u"), ("c3", "v"))
    assert first.in_words == "c0 is u & c3 is v"
    assert first.confirmed
    assert first.interval.lower <= 0.2 <= first.interval.upper
    assert first.difference == pytest.approx(first.rate - first.rest)
    assert first.n == pytest.approx(member.sum() / 2, rel=0.1), "tested on the half that played no part in finding it"


def test_a_subgroup_in_which_the_model_errs_is_found_by_the_error_rate():
    table, _, y_pred, rng = people(20_000, seed=2)
    wrong = rng.random(len(table)) < np.where((table["x"] > 1) & (table["c1"] == "w"), 0.4, 0.1)
    y_true = np.where(wrong, 1 - y_pred, y_pred).astype("int8")
    first = discover(encode_attributes(table), ERROR_RATE, y_true, y_pred, support=100, seed=0).subgroups[0]
    assert first.confirmed
    assert dict(first.conditions)["c1"] == "w"
    assert "and over" in dict(first.conditions)["x"]


def test_a_rate_is_compared_among_the_people_it_is_about():
    table, y_true, y_pred, _ = people(4_000, seed=3)
    found = discover(encode_attributes(table), TRUE_POSITIVE_RATE, y_true, y_pred, support=50, seed=0)
    assert found.overall == pytest.approx(0.3, abs=0.05)
    assert max(each.n for each in found.subgroups) < (y_true == 1).sum() * 0.55


def false_discoveries(times, rows):
    """How often, among searches where nothing is to be found, something was said to be."""
    told = 0
    for seed in range(times):
        table, y_true, y_pred, _ = people(rows, seed=1000 + seed)
        found = discover(encode_attributes(table), ERROR_RATE, y_true, y_pred, support=40, seed=seed)
        assert found.searched > 100
        told += any(each.confirmed for each in found.subgroups)
    return told / times


def test_where_nothing_is_to_be_found_no_more_is_found_than_promised():
    assert false_discoveries(times=12, rows=2_000) <= 0.17  # at most two of twelve at a promise of one in twenty


@pytest.mark.slow
def test_where_nothing_is_to_be_found_no_more_is_found_than_promised_in_a_long_simulation():
    assert false_discoveries(times=200, rows=2_000) <= 0.085  # three standard errors above one in twenty


def test_permuted_decisions_have_no_subgroups(adult):
    rng = np.random.default_rng(0)
    some = adult.sample(8_000, random_state=0)
    table = some[["sex", "race", "education", "marital_status", "age", "hours_per_week", "workclass"]]
    decided = rng.permutation(some["rich"].to_numpy("int8"))
    found = discover(
        encode_attributes(table), SELECTION_RATE, some["rich"].to_numpy("int8"), decided, support=50, seed=0
    )
    assert not any(each.confirmed for each in found.subgroups)
    labels = discover(
        encode_attributes(table),
        SELECTION_RATE,
        some["rich"].to_numpy("int8"),
        some["rich"].to_numpy("int8"),
        support=50,
        seed=0,
    )
    assert any(each.confirmed for each in labels.subgroups)


def test_of_a_subgroup_and_its_shadows_only_the_clearest_is_told():
    table, y_true, y_pred, rng = people(20_000, seed=5)
    member = (table["c0"] == "u").to_numpy()
    y_pred = np.where(member, rng.random(len(table)) < 0.6, rng.random(len(table)) < 0.2).astype("int8")
    found = discover(encode_attributes(table), SELECTION_RATE, y_true, y_pred, support=100, seed=0)
    told = [each.conditions for each in found.subgroups if each.confirmed]
    assert (("c0", "u"),) in told or (("c0", "v"),) in told
    assert len(told) <= 3, told


def test_a_subgroup_with_few_people_is_not_looked_at():
    table, y_true, y_pred, _ = people(1_000, seed=6)
    table["rare"] = np.where(np.arange(1_000) < 12, "yes", "no")
    y_pred[:12] = 1
    found = discover(encode_attributes(table), SELECTION_RATE, y_true, y_pred, support=30, seed=0)
    assert all(("rare", "yes") not in each.conditions for each in found.subgroups)
    nobody = discover(encode_attributes(table), SELECTION_RATE, y_true, y_pred, support=600, seed=0)
    assert (nobody.searched, nobody.subgroups) == (0, ())


def test_equal_seeds_find_the_same():
    table, y_true, y_pred, _ = people(2_000, seed=7)
    one, other = (discover(encode_attributes(table), ERROR_RATE, y_true, y_pred, support=40, seed=3) for _ in range(2))
    assert one == other


def test_attributes_have_few_values_and_missing_is_one_of_them():
    table = pd.DataFrame(
        {
            "many": [f"value {at % 30}" for at in range(600)],
            "number": [None if at % 10 == 0 else float(at) for at in range(600)],
            "skewed": [0.0] * 500 + [float(at) for at in range(100)],
            "whole": [at % 3 for at in range(600)],
            "same": ["x"] * 600,
            "gaps": [None if at % 2 else "there" for at in range(600)],
        }
    )
    encoded = {each.name: each for each in encode_attributes(table)}
    assert "same" not in encoded
    assert len(encoded["many"].values) <= MOST_VALUES
    assert OTHER in encoded["many"].values
    assert encoded["number"].values[-1] == MISSING_GROUP
    assert len(encoded["number"].values) == 5
    assert set(encoded["gaps"].values) == {"there", MISSING_GROUP}
    assert encoded["whole"].values == ("0", "1", "2")
    for each in encoded.values():
        assert len(each.codes) == 600
        assert set(each.codes.tolist()) <= set(range(len(each.values)))
