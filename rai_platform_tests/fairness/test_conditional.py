"""Groups compared among people who are alike in a legitimate factor."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from rai_platform.fairness.conditional import conditional_disparities


def admissions(rows=6000, *, own=0.0, seed=0):
    """Women apply where fewer are admitted; ``own`` is what being a woman adds to the rate itself."""
    rng = np.random.default_rng(seed)
    sex = np.where(rng.random(rows) < 0.5, "f", "m").astype(object)
    hard = rng.random(rows) < np.where(sex == "f", 0.8, 0.2)
    admitted = rng.random(rows) < np.where(hard, 0.2, 0.6) + own * (sex == "f")
    return pd.DataFrame({"school": np.where(hard, "hard", "easy")}), {"sex": sex}, admitted.astype("int8")


def women(found, factor="school"):
    return next(each for each in found if (each.group, each.factor) == ("f", factor))


def test_a_difference_that_the_factor_explains_is_gone_among_people_alike_in_it():
    found = women(conditional_disparities(*admissions()))
    assert found.raw_difference < -0.2
    assert found.interval.lower <= 0 <= found.interval.upper
    assert found.p_value > 0.01
    assert abs(found.demographic_disparity) < 0.05


def test_a_difference_of_its_own_remains():
    found = women(conditional_disparities(*admissions(own=-0.1)))
    assert found.interval.lower <= -0.1 <= found.interval.upper < 0
    assert found.p_value < 0.001
    assert found.demographic_disparity > 0


def test_test_and_difference_agree_with_statsmodels_and_with_the_definitions():
    factors, groups, y_pred = admissions(400, own=-0.1, seed=3)
    found = women(conditional_disparities(factors, groups, y_pred))
    tables, disparity = [], 0.0
    for school in ("easy", "hard"):
        there = (factors["school"] == school).to_numpy()
        f, m = there & (groups["sex"] == "f"), there & (groups["sex"] == "m")
        tables.append(np.array([[y_pred[who].sum(), (1 - y_pred[who]).sum()] for who in (f, m)], dtype=float))
        passed, selected = tables[-1][:, 1], tables[-1][:, 0]
        disparity += there.mean() * (passed[0] / passed.sum() - selected[0] / selected.sum())
    assert found.p_value == pytest.approx(StratifiedTable(tables).test_null_odds(correction=False).pvalue)
    assert found.demographic_disparity == pytest.approx(disparity)
    sizes = [table.sum(axis=1) for table in tables]
    weights = [n[0] * n[1] / n.sum() for n in sizes]
    gaps = [table[0, 0] / n[0] - table[1, 0] / n[1] for table, n in zip(tables, sizes, strict=True)]
    assert found.difference == pytest.approx(np.average(gaps, weights=weights))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    hits = [
        found.interval.lower <= -0.1 <= found.interval.upper
        for seed in range(300)
        if (found := women(conditional_disparities(*admissions(300, own=-0.1, seed=seed))))
    ]
    assert np.mean(hits) > 0.91


def test_whoever_has_nobody_alike_is_counted_and_not_compared():
    factors = pd.DataFrame({"job": ["a"] * 4 + ["b"] * 3})
    sex = np.array(["f", "f", "m", "m", "m", "m", "(missing)"], dtype=object)
    y_pred = np.array([1, 0, 1, 1, 0, 1, 1], dtype="int8")
    found = conditional_disparities(factors, {"sex": sex}, y_pred)
    assert {each.group for each in found} == {"f", "m"}
    only = women(found, "job")
    assert (only.strata, only.n, only.left_out) == (1, 4, 3)
    alone = conditional_disparities(pd.DataFrame({"job": ["a", "a", "b"]}), {"sex": sex[[0, 1, 2]]}, y_pred[:3])
    assert [(each.difference, each.interval, each.p_value, each.left_out) for each in alone] == [
        (None, None, None, 3)
    ] * 2


def test_several_factors_are_taken_one_by_one_and_together():
    factors, groups, y_pred = admissions()
    factors = factors.assign(age=np.arange(len(factors)) % 50)
    found = conditional_disparities(factors, groups, y_pred)
    assert {each.factor for each in found} == {"school", "age", "school and age"}
    assert women(found, "age").strata == 4
    assert women(found, "school and age").strata == 8
