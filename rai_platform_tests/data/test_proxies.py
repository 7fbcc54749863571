"""Proxies: what gives a protected attribute away is named, and what says nothing is not."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.proxies import LEAST_GROUP, find_proxies
from rai_platform.data.sample import Sample


def sample_of(sensitive, **features):
    rows = len(sensitive)
    return Sample(
        features=pd.DataFrame(features),
        y_true=np.zeros(rows, dtype="int8"),
        sensitive_features=pd.DataFrame({"sex": sensitive}, dtype=object),
        weight=None,
        row_key=np.arange(rows),
        record=np.arange(rows, dtype="uint64"),
        source="made by hand",
        fingerprint="",
    )


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    sex = np.where(rng.random(3000) < 0.4, "female", "male").astype(object)
    height = np.where(sex == "female", 166, 179) + 7 * rng.standard_normal(3000)
    hobby = np.where(rng.random(3000) < 0.7, np.where(sex == "female", "yoga", "darts"), "none").astype(object)
    return sample_of(sex, height=height, hobby=hobby, noise=rng.standard_normal(3000))


def test_columns_that_give_an_attribute_away_are_named_in_order(people):
    (found,) = find_proxies(people, "sex", source_columns=("sex",), seed=0)
    assert found.group == "female"
    assert found.auc.value > 0.93
    assert [proxy.column for proxy in found.strongest[:2]] in (["height", "hobby"], ["hobby", "height"])
    by = {proxy.column: proxy.auc for proxy in found.strongest}
    assert by["noise"] == pytest.approx(0.5, abs=0.05)
    assert by["hobby"] == pytest.approx(1 - 0.3**2 / 2, abs=0.02)  # nothing is told where neither has a hobby
    assert found.auc.value > max(by.values()), "together they tell more than each by itself"


def test_columns_that_say_nothing_give_nothing_away(people):
    blind = sample_of(people.sensitive_features["sex"].to_numpy(), noise=people.features["noise"])
    (found,) = find_proxies(blind, "sex", source_columns=("sex",), seed=0)
    assert found.auc.bounds().lower < 0.53


def test_the_attribute_is_no_proxy_of_itself(people):
    sex, noise = people.sensitive_features["sex"], people.features["noise"]
    with_it = sample_of(sex.to_numpy(), sex=sex, noise=noise)
    (found,) = find_proxies(with_it, "sex", source_columns=("sex",), seed=0)
    assert [proxy.column for proxy in found.strongest] == ["noise"]
    alone = sample_of(people.sensitive_features["sex"].to_numpy(), sex=people.sensitive_features["sex"])
    assert find_proxies(alone, "sex", source_columns=("sex",), seed=0) == ()


def test_of_several_groups_each_is_told_from_everybody_else_and_small_ones_are_left_out():
    rng = np.random.default_rng(1)
    group = np.array(["a"] * 400 + ["b"] * 400 + ["c"] * 400 + ["tiny"] * (LEAST_GROUP - 1), dtype=object)
    sample = sample_of(group, x=np.where(group == "a", 5.0, 0.0) + rng.standard_normal(len(group)))
    found = find_proxies(sample, "sex", source_columns=("sex",), seed=0)
    assert {each.group for each in found} == {"a", "b", "c"}
    assert found[0].group == "a"
    assert found[0].auc.value > 0.99


def test_missing_values_and_constant_columns_are_no_trouble(people):
    gaps = people.features["height"].where(np.arange(3000) % 3 > 0)
    hobby = people.features["hobby"].where(np.arange(3000) % 5 > 0, None)
    sample = sample_of(
        people.sensitive_features["sex"].to_numpy(), height=gaps, hobby=hobby.astype(object), same=np.ones(3000)
    )
    (found,), (whole,) = (find_proxies(each, "sex", source_columns=("sex",), seed=0) for each in (sample, people))
    assert 0.8 < found.auc.value < whole.auc.value
    assert {proxy.column: proxy.auc for proxy in found.strongest}["same"] == pytest.approx(0.5, abs=0.03)


def test_the_census_gives_the_sex_away_by_relationship(adult):
    some = adult.head(6000)
    features = some[["relationship", "occupation", "hours_per_week", "education_num", "age"]].reset_index(drop=True)
    features = features.astype({"relationship": object, "occupation": object})
    (found,) = find_proxies(sample_of(some["sex"].to_numpy(object), **features), "sex", source_columns=("sex",), seed=0)
    assert found.strongest[0].column == "relationship"
    assert found.auc.value > 0.9


def test_a_patients_other_visits_do_not_give_the_patient_away():
    """What is the same at every visit of a patient says nothing about another patient."""
    rng = np.random.default_rng(2)
    patient = np.repeat(np.arange(200), 10)
    sex = rng.choice(np.array(["f", "m"], dtype=object), 200)[patient]
    file = np.array([f"file {number % 25}" for number in range(200)], dtype=object)
    rows = sample_of(sex, ward=file[patient], pressure=rng.standard_normal(200)[patient])
    (known,) = find_proxies(dataclasses.replace(rows, cluster=patient), "sex", source_columns=("sex",), seed=0)
    (ignored,) = find_proxies(rows, "sex", source_columns=("sex",), seed=0)
    assert ignored.auc.bounds().lower > 0.6
    assert known.auc.bounds().lower < 0.5 < known.auc.bounds().upper
    assert known.auc.standard_error > 2 * ignored.auc.standard_error
