"""Whether features matter equally to groups: nothing where they do, a difference where they do not, and who is too few."""

import numpy as np
import pandas as pd
import pytest

from rai_platform.explanations.measurement import explain
from rai_platform.explanations.parity import (
    LEAST_PEOPLE,
    LargestDifference,
    group_shares,
    largest_difference,
    too_small,
)
from rai_platform_tests.explanations.examined import numbers, weighing
from rai_platform_tests.explanations.small import SUBJECT, explained, fitted, people
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import sample_of

TREE = path_of("DecisionTreeClassifier")
SIZES = (40, 150, 400)


def drawn(rng: np.random.Generator, means: dict[str, list[float]], sizes: tuple[int, ...]) -> LargestDifference | None:
    """People whose absolute attributions are as skewed as those of incomes, around the means of their group."""
    groups = np.repeat(np.array(list(means), dtype=object), sizes)
    centre = np.repeat(np.array(list(means.values())), sizes, axis=0)
    size = centre * rng.exponential(size=centre.shape)
    return largest_difference(group_shares(size, groups, np.ones(len(size)), None), lower_alpha=0.05, upper_alpha=0.05)


def test_equal_groups_are_called_different_no_more_often_than_the_level_allows() -> None:
    rng = np.random.default_rng(0)
    same = {name: [4.0, 2.0, 1.0, 1.0] for name in "abc"}
    found = [drawn(rng, same, SIZES) for _ in range(500)]
    wrong = sum(each is not None and each.bounds.lower > 0 for each in found)
    assert wrong / 500 < 0.07
    assert np.mean([each.value for each in found if each]) > 0.05, "the bare number is large by chance"


@pytest.mark.parametrize("sizes", [SIZES, (100, 100, 100)])
def test_the_bounds_hold_the_true_largest_difference(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    means = {"a": [4.0, 2.0, 1.0, 1.0], "b": [3.0, 3.0, 1.0, 1.0], "c": [2.5, 2.5, 2.0, 1.0]}
    truth = 0.5 - 2.5 / 8
    found = [each for each in (drawn(rng, means, sizes) for _ in range(400)) if each]
    assert np.mean([each.bounds.lower <= truth for each in found]) > 0.94
    assert np.mean([truth <= each.bounds.upper for each in found]) > 0.93


def test_a_model_that_treats_groups_alike_shows_no_difference_and_one_that_does_not_shows_who() -> None:
    rng = np.random.default_rng(0)
    region = rng.choice(["north", "south"], 1200)
    features = pd.DataFrame(
        {"income": rng.normal(size=1200), "age": rng.normal(size=1200), "region": pd.Series(region, dtype=object)}
    )
    groups = pd.DataFrame({"region": region}, dtype=object)
    alike = sample_of(features, features["income"] + features["age"] > 0, groups)
    decides = np.where(region == "north", features["income"], features["age"])
    unlike = sample_of(features, decides > 0, groups)
    params = {"max_depth": 6, "min_samples_leaf": 20}
    report = explain(fitted(alike, TREE, params), SUBJECT, alike, group_features=("region",), seed=0, code_version="1")
    assert report.examination is not None
    none = largest_difference(report.examination.parity["region"])
    assert none is not None
    assert none.bounds.lower < 0.02
    report = explain(
        fitted(unlike, TREE, params), SUBJECT, unlike, group_features=("region",), seed=0, code_version="1"
    )
    assert report.examination is not None
    found = largest_difference(report.examination.parity["region"])
    assert found is not None
    assert found.bounds.lower > 0.3
    side = {"income": "north", "age": "south"}
    assert found.high.group == side[report.features[found.feature]]


def test_shares_are_those_of_the_means_by_group_and_crossed_groups_are_compared_too() -> None:
    sample = people(400)
    rng = np.random.default_rng(0)
    sample.sensitive_features["sex"] = pd.Series(rng.choice(["f", "m"], 400), dtype=object)
    asked = ("region", "sex", "region_x_sex")
    report = explain(fitted(sample, TREE), SUBJECT, sample, group_features=asked, seed=0, code_version="1")
    assert report.examination is not None
    parity = report.examination.parity
    assert tuple(parity) == asked
    for each in parity["region"]:
        means = np.array(report.by_group["region"][each.group])
        assert each.shares == pytest.approx(means / means.sum())
        assert sum(each.shares) == pytest.approx(1)
    assert [each.group for each in parity["region_x_sex"]] == ["north & f", "north & m", "south & f", "south & m"]
    assert sum(each.n for each in parity["region_x_sex"]) == report.n


def test_errors_are_those_of_drawing_people_again() -> None:
    rng = np.random.default_rng(0)
    size = rng.exponential(size=(300, 3)) * [3, 2, 1]
    weight = rng.choice([1.0, 4.0], 300)
    everybody = np.array(["a"] * 300, dtype=object)
    [found] = group_shares(size, everybody, weight, None)
    rows = rng.integers(0, 300, (3000, 300))
    sums = np.einsum("ri,rij->rj", weight[rows], size[rows])
    again = sums / sums.sum(axis=1, keepdims=True)
    assert found.standard_errors == pytest.approx(again.std(axis=0), rel=0.08)
    [visits] = group_shares(
        np.repeat(size, 4, axis=0), np.repeat(everybody, 4), np.repeat(weight, 4), np.repeat(np.arange(300), 4)
    )
    assert (visits.n, visits.people) == (1200, 300)
    assert visits.standard_errors == pytest.approx(found.standard_errors, rel=0.02)


# --- who is compared with nobody -------------------------------------------------------------------------------------


def test_groups_of_few_people_are_named_and_compared_with_nobody() -> None:
    rng = np.random.default_rng(0)
    sizes = (LEAST_PEOPLE - 1, LEAST_PEOPLE, 100)
    groups = np.repeat(np.array(["few", "enough", "many"], dtype=object), sizes)
    size = rng.exponential(size=(sum(sizes), 2))
    size[: sizes[0], 0] = 0
    shares = group_shares(size, groups, np.ones(len(size)), None)
    assert too_small(shares) == {"few": "too small: 29 explained people, 30 needed"}
    found = largest_difference(shares)
    assert found is not None
    assert "few" not in (found.high.group, found.low.group)
    assert largest_difference(shares[:2]) is None


def test_visits_of_few_people_are_few_people() -> None:
    size = np.random.default_rng(0).exponential(size=(400, 2))
    groups = np.repeat(np.array(["a", "b"], dtype=object), 200)
    shares = group_shares(size, groups, np.ones(400), np.arange(400) // 10)
    assert too_small(shares) == dict.fromkeys("ab", "too small: 20 explained people, 30 needed")


def test_a_group_whose_score_nothing_moves_is_named() -> None:
    groups = np.repeat(np.array(["a", "b"], dtype=object), 50)
    size = np.ones((100, 2))
    size[:50] = 0
    shares = group_shares(size, groups, np.ones(100), None)
    assert too_small(shares) == {"a": "nothing moves the score of anybody explained"}
    assert largest_difference(shares) is None


def test_groups_of_exactly_the_same_shares_do_not_differ() -> None:
    groups = np.repeat(np.array(["a", "b"], dtype=object), 50)
    found = largest_difference(group_shares(np.tile([3.0, 1.0], (100, 1)), groups, np.ones(100), None))
    assert found is not None
    assert (found.value, found.bounds.lower, found.bounds.upper) == (0, 0, 0)


def test_no_group_feature_is_no_comparison() -> None:
    sample = numbers(100, 2)
    report = explained(weighing(sample, (2.0, 1.0)), sample)
    assert report.examination is not None
    assert report.examination.parity == {}
