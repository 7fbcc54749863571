"""Attributions against the definition of Shapley's values, published figures, and what follows from both."""

import numpy as np
import pandas as pd
import pytest

from rai_platform.explanations.attributions import PERMUTATIONS, Attributions, method_for
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.small import (
    Coalitions,
    attributed,
    explained,
    fitted,
    log_odds,
    people,
)
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import LOGISTIC, sample_of
from rai_platform_tests.training.own_models import HERE

TREE, NEIGHBOURS, BAYES = (path_of(name) for name in ("DecisionTreeClassifier", "KNeighborsClassifier", "GaussianNB"))


# --- the definition --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [NEIGHBOURS, path_of("MLPClassifier"), f"{HERE}.own_pipeline"])
def test_permutation_gives_shapleys_values_up_to_the_error_of_sampling_orders(path: str) -> None:
    model = fitted(people(), path)
    sample = people(45, seed=1)
    rows, background = sample.features.iloc[:30], sample.features.iloc[30:].reset_index(drop=True)
    found = attributed(model, rows, background)
    assert found.method == "permutation"
    errors = []
    for row in range(len(rows)):
        exact = Coalitions(model.score, rows.iloc[[row]], background)
        spread = exact.standard_errors(PERMUTATIONS)
        error = found.values[row] - exact.shapley
        assert np.abs(error[spread < 1e-12]).max(initial=0) < 1e-9
        assert found.base_value == pytest.approx(exact.base_value)
        errors.extend(error[spread >= 1e-12] / spread[spread >= 1e-12])
    assert len(errors) > 80, "three features act together, so orders matter"
    assert np.abs(errors).max() < 5
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(errors)) + 1e-9, "no bias"
    assert 0.7 < np.std(errors) < 1.3


def test_permutation_is_exact_where_no_more_than_two_features_act_together() -> None:
    sample = people()
    two = sample.features[["income", "home"]]
    model = fitted(sample_of(two, sample.y_true), NEIGHBOURS)
    rows, background = two.iloc[:15], two.iloc[40:70].reset_index(drop=True)
    found = attributed(model, rows, background)
    for row in range(len(rows)):
        assert np.allclose(found.values[row], Coalitions(model.score, rows.iloc[[row]], background).shapley)


def test_linear_attributions_are_shapleys_values_feature_by_feature() -> None:
    sample = people()
    model = fitted(sample)
    assert len(model.encode(sample.features)[0]) > 7, "four features are more than seven columns"
    background = sample.features.iloc[50:].reset_index(drop=True)
    found = attributed(model, sample.features.iloc[:20], background)
    assert (found.method, found.values.shape) == ("linear", (20, 4))
    for row in range(20):
        exact = Coalitions(lambda table: log_odds(model, table), sample.features.iloc[[row]], background)
        assert np.allclose(found.values[row], exact.shapley)
        assert found.base_value == pytest.approx(exact.base_value)


# --- published figures -----------------------------------------------------------------------------------------------


X0, X1 = np.repeat([1, 0], 50), np.tile(np.repeat([1, 0], 25), 2)
TOY_TREES = {
    "single split": (X0, 0.5, (0.5, 0), (-0.5, 0)),
    "AND": (X0 & X1, 0.25, (0.375, 0.375), (-0.125, -0.125)),
    "OR": (X0 | X1, 0.75, (0.125, 0.125), (-0.375, -0.375)),
    "XOR": (X0 ^ X1, 0.5, (-0.25, -0.25), (-0.25, -0.25)),
}


@pytest.mark.parametrize("name", TOY_TREES)
def test_the_published_attributions_of_toy_trees_are_found(name: str) -> None:
    """Understanding Tree SHAP for Simple Models, of shap's documentation; its trees that give chances."""
    label, base, at_one, at_zero = TOY_TREES[name]
    features = pd.DataFrame({"x0": X0, "x1": X1, "x2": 0, "x3": 0})
    model = fitted(sample_of(features, label), TREE, {"max_depth": 2})
    found = attributed(model, features, features)
    assert (found.method, found.output) == ("tree", "probability")
    assert found.base_value == pytest.approx(base)
    both, neither = int(np.flatnonzero(X0 & X1)[0]), int(np.flatnonzero(1 - (X0 | X1))[0])
    assert found.values[both] == pytest.approx([*at_one, 0, 0], abs=1e-12)
    assert found.values[neither] == pytest.approx([*at_zero, 0, 0], abs=1e-12)
    assert np.array_equal(found.values[:, 2:], np.zeros((100, 2)))
    assert np.allclose(found.base_value + found.values.sum(axis=1), label)


def test_the_published_attributions_of_and_with_a_boost_are_found_at_half_their_size() -> None:
    """Of the same page; that tree gives up to 2, so its half is a chance: where one of two rows is selected, a half."""
    label = np.concatenate([(X0 & X1) | X0, X0 & X1])
    features = pd.DataFrame({"x0": np.tile(X0, 2), "x1": np.tile(X1, 2), "x2": 0, "x3": 0})
    model = fitted(sample_of(features, label), TREE, {"max_depth": 2})
    found = attributed(model, features, features)
    assert 2 * found.base_value == pytest.approx(0.75)
    both, neither = int(np.flatnonzero(X0 & X1)[0]), int(np.flatnonzero(1 - (X0 | X1))[0])
    assert 2 * found.values[both] == pytest.approx([0.875, 0.375, 0, 0], abs=1e-12)
    assert 2 * found.values[neither] == pytest.approx([-0.625, -0.125, 0, 0], abs=1e-12)


# --- what follows ----------------------------------------------------------------------------------------------------


IDLE = ["idle", "idle category"]


def with_an_idle_feature() -> tuple[pd.DataFrame, np.ndarray]:
    """A label that depends on a number and a category, beside a number and a category that are pure chance."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame(
        {
            "idle": rng.normal(size=200),
            "number": rng.normal(size=200),
            "idle category": pd.Series(rng.choice(["a", "b", "c"], 200), dtype=object),
            "category": pd.Series(rng.choice(["x", "y"], 200), dtype=object),
        }
    )
    return features, (features["number"] + (features["category"] == "x") > 0.5).to_numpy()


@pytest.mark.parametrize(
    ("path", "params", "method"),
    [
        (LOGISTIC, {"penalty": "l1", "C": 0.1, "solver": "liblinear"}, "linear"),
        (TREE, {"max_depth": 2}, "tree"),
        (path_of("HistGradientBoostingClassifier"), {"max_iter": 1, "max_depth": 2}, "tree"),
        ("rai_platform_tests.explanations.pretending.reads_two_columns", {}, "permutation"),
    ],
)
def test_a_feature_that_the_model_ignores_gets_exactly_nothing(
    path: str, params: dict[str, object], method: str
) -> None:
    features, label = with_an_idle_feature()
    model = fitted(sample_of(features, label), path, params)
    redrawn = features.assign(**{name: features[name].sample(frac=1, random_state=1).to_numpy() for name in IDLE})
    assert np.array_equal(model.score(redrawn), model.score(features)), "the model does ignore them"
    assert method_for(model) == method
    found = attributed(model, features.iloc[:20], features.iloc[20:50])
    at = [found.features.index(name) for name in IDLE]
    assert np.array_equal(found.values[:, at], np.zeros((20, 2)))
    assert (np.abs(found.values).sum(axis=0) > 0).sum() == 2
    report = explained(model, sample_of(features.iloc[:30], label[:30]))
    assert set(report.features[2:]) == set(IDLE)
    assert [row.mean_absolute for row in report.importance[2:]] == [0.0, 0.0]


@pytest.mark.parametrize("path", [LOGISTIC, BAYES, NEIGHBOURS])
def test_features_that_are_the_same_get_the_same(path: str) -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=150)
    features = pd.DataFrame({"one": one, "twin": one, "other": rng.normal(size=150)})
    model = fitted(sample_of(features, one + features["other"] > 0), path)
    found = attributed(model, features.iloc[:40], features.iloc[40:70])
    exchanged = attributed(model, swapped_names(features.iloc[:40]), swapped_names(features.iloc[40:70]))
    difference = np.abs(found.values[:, 0] - found.values[:, 1])
    # Orders are drawn: where three features act together the two may differ by chance, and not on average.
    assert difference.max() < (1e-9 if path == LOGISTIC else 0.2)
    assert abs((found.values[:, 0] - found.values[:, 1]).mean()) < (1e-9 if path == LOGISTIC else 0.01)
    assert np.array_equal(found.values, exchanged.values)


def swapped_names(features: pd.DataFrame) -> pd.DataFrame:
    return features.rename(columns={"one": "twin", "twin": "one"})


def test_what_the_columns_of_a_category_add_is_added_up_over_the_feature() -> None:
    sample = people()
    model = fitted(sample)
    weights, encoded = model.estimators[0].coef_[0], np.asarray(model.encode(sample.features))
    by_column = weights * (encoded - encoded.mean(axis=0))
    found = attributed(model, sample.features, sample.features)
    # Two numbers, a column that says where the age was missing, three homes, and three jobs, "none given" among them.
    columns = {"income": [0], "age": [1, 2], "home": [3, 4, 5], "job": [6, 7, 8]}
    for at, name in enumerate(found.features):
        assert np.allclose(found.values[:, at], by_column[:, columns[name]].sum(axis=1))


def test_a_value_that_is_missing_is_a_reason_like_any_other() -> None:
    rng = np.random.default_rng(0)
    number = pd.Series(rng.normal(size=300)).where(rng.random(300) > 0.4)
    text = pd.Series(np.where(rng.random(300) > 0.4, "given", None), dtype=object)
    features = pd.DataFrame({"number": number, "text": text, "idle": rng.normal(size=300)})
    label = number.isna() | text.isna()
    for path in (LOGISTIC, NEIGHBOURS, TREE):
        found = attributed(fitted(sample_of(features, label), path), features.iloc[:40], features.iloc[60:90])
        assert found.additivity_error < 1e-9
        for at, name in enumerate(("number", "text")):
            blank = features[name].iloc[:40].isna().to_numpy()
            assert found.values[blank, at].min() > 0 > found.values[~blank, at].max(), (path, name)


NAMES = ["a__b", "Numbers", "numbers", "missing", "self", "with spaces", " ", "Einkünfte é 年", "feature:x", "x{y}%s"]


@pytest.mark.parametrize("path", [LOGISTIC, TREE, NEIGHBOURS, f"{HERE}.own_pipeline"])
def test_a_column_may_have_any_name(path: str) -> None:
    rng = np.random.default_rng(0)
    plain = pd.DataFrame({f"c{at:02}": rng.normal(size=100) for at in range(len(NAMES))})
    plain["c01"] = pd.Series(rng.choice(["x", "y", None], 100), dtype=object)
    plain["c06"] = plain["c06"].where(rng.random(100) > 0.2)
    label = plain["c00"] + (plain["c01"] == "x") > 0.3
    odd = plain.set_axis(NAMES, axis=1)
    named, expected = (found_of(path, features, label) for features in (odd, plain))
    assert named.features == tuple(NAMES)
    assert np.array_equal(named.values, expected.values)
    assert named.additivity_error < 1e-9


def found_of(path: str, features: pd.DataFrame, label: pd.Series) -> Attributions:
    return attributed(fitted(sample_of(features, label), path), features.iloc[:15], features.iloc[20:40])


def test_the_order_of_columns_does_not_matter() -> None:
    sample = people()
    turned = sample.features[list(reversed(sample.features.columns))]
    for path in (LOGISTIC, NEIGHBOURS, TREE):
        model: TrainedModel = fitted(sample, path)
        found = attributed(model, sample.features.iloc[:20], sample.features.iloc[20:50])
        again = attributed(model, turned.iloc[:20], turned.iloc[20:50])
        assert found.features == again.features
        assert np.array_equal(found.values, again.values)
