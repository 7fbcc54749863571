"""The report of what moves a score: importance, groups, the rows it shows, and what is said where there is none."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import attribute, method_for
from rai_platform.explanations.measurement import EXPLAINED_ROWS, KEPT_ROWS, explain
from rai_platform.explanations.report import Explanations, Method, nothing_to_explain
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.small import SUBJECT, explained, fitted, people
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import LOGISTIC, sample_of

TREE, BAYES = path_of("DecisionTreeClassifier"), path_of("GaussianNB")
METHODS = [(LOGISTIC, "linear"), (TREE, "tree"), (BAYES, "permutation")]


def sizes(report: Explanations) -> np.ndarray:
    """Absolute attributions of the rows in the report (rows, features)."""
    return np.abs([row.attributions for row in report.rows])


def in_order(sample: Sample, report: Explanations) -> list[int]:
    """Where the report's rows are in the sample."""
    return [int(np.flatnonzero(sample.row_key == row.row_key)[0]) for row in report.rows]


# --- figures that recompute ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=METHODS, ids=[method for _, method in METHODS])
def by_method(request: pytest.FixtureRequest) -> tuple[TrainedModel, Sample, Explanations, Method]:
    """A model, people, what moves its score for them, and the method by which it should be found."""
    path, method = request.param
    sample = people()
    model = fitted(sample, path)
    return model, sample, explained(model, sample), method


def test_importance_is_the_mean_size_of_attributions_and_falls(
    by_method: tuple[TrainedModel, Sample, Explanations, Method],
) -> None:
    _, sample, report, method = by_method
    assert (report.method, report.n, report.not_possible) == (method, sample.n, None)
    means = [row.mean_absolute for row in report.importance]
    assert means == pytest.approx(sizes(report).mean(axis=0), rel=1e-4)
    assert means == sorted(means, reverse=True)
    assert tuple(row.feature for row in report.importance) == report.features
    assert sorted(report.features) == sorted(sample.features)


def test_what_is_shown_of_a_row_adds_up_and_is_the_row(
    by_method: tuple[TrainedModel, Sample, Explanations, Method],
) -> None:
    model, sample, report, method = by_method
    assert report.method == method
    score = model.score(sample.features)
    for row, at in zip(report.rows, in_order(sample, report), strict=True):
        chance = 1 / (1 + np.exp(-row.output)) if report.output == "log odds" else row.output
        assert chance == pytest.approx(score[at])
        assert row.output == pytest.approx(report.base_value + sum(row.attributions), abs=1e-4)
        told = dict(zip(report.features, row.values, strict=True))
        age, job = sample.features["age"].iloc[at], sample.features["job"].iloc[at]
        assert told["home"] == sample.features["home"].iloc[at]
        assert told["job"] == ("missing" if job is None else job)
        assert told["age"] == ("missing" if np.isnan(age) else str(int(age)))
        assert float(told["income"]) == pytest.approx(sample.features["income"].iloc[at], rel=1e-5)


def test_every_group_has_its_own_means(by_method: tuple[TrainedModel, Sample, Explanations, Method]) -> None:
    _, sample, report, _ = by_method
    regions = sample.sensitive_features["region"].to_numpy()[in_order(sample, report)]
    assert set(report.by_group) == {"region"}
    assert list(report.by_group["region"]) == ["north", "south"]
    for region, means in report.by_group["region"].items():
        assert means == pytest.approx(sizes(report)[regions == region].mean(axis=0), rel=1e-4)


def test_rows_count_by_their_weight() -> None:
    sample = people()
    weight = np.where(sample.features["home"] == "own", 20.0, 1.0)
    model = fitted(sample)
    plain, weighted = explained(model, sample), explained(model, dataclasses.replace(sample, weight=weight))
    of_row = weight[in_order(sample, weighted)]
    means = [row.mean_absolute for row in weighted.importance]
    assert means == pytest.approx(np.average(sizes(weighted), axis=0, weights=of_row), rel=1e-4)
    outputs = np.log(1 / (1 / model.score(sample.features) - 1))
    assert weighted.base_value == pytest.approx(np.average(outputs, weights=weight), abs=0.1)
    assert plain.base_value == pytest.approx(outputs.mean())
    assert abs(plain.base_value - weighted.base_value) > 0.5
    regions = sample.sensitive_features["region"].to_numpy()[in_order(sample, weighted)]
    for region, group in weighted.by_group["region"].items():
        member = regions == region
        assert group == pytest.approx(np.average(sizes(weighted)[member], axis=0, weights=of_row[member]), rel=1e-4)
    for row, low_to_high in zip(weighted.importance, np.transpose(weighted.replicates), strict=True):
        assert low_to_high.mean() == pytest.approx(row.mean_absolute, rel=0.1)


def test_bounds_are_those_of_drawing_the_rows_again() -> None:
    sample = people(400)
    report = explained(fitted(sample), sample)
    drawn = np.array(report.replicates)
    assert drawn.shape == (200, 4)
    for row, again in zip(report.importance, drawn.T, strict=True):
        assert (row.lower, row.upper) == pytest.approx(np.quantile(again, [0.025, 0.975]), rel=1e-4)
        assert row.lower < row.mean_absolute < row.upper
    error = sizes(report)[:, 0].std() / np.sqrt(sample.n)
    width = report.importance[0].upper - report.importance[0].lower
    assert width == pytest.approx(2 * 1.96 * error, rel=0.25)


def test_a_rare_group_weighs_in_a_linear_model_as_often_as_it_occurs() -> None:
    rng = np.random.default_rng(0)
    rare = (np.arange(2000) % 50 == 0).astype("int64")
    features = pd.DataFrame({"rare": rare, "income": rng.normal(size=2000)})
    sample = sample_of(features, features["income"] + rare + rng.normal(0, 0.3, 2000) > 0.3)
    model = fitted(sample)
    weight = model.estimators[0].coef_[0][0] / rare.std()
    for seed in range(3):
        report = explained(model, sample, seed=seed)
        found = {row.feature: row for row in report.importance}["rare"]
        share = np.mean([dict(zip(report.features, row.values, strict=True))["rare"] == "1" for row in report.rows])
        seen = pytest.approx(weight * (0.02 * (1 - share) + 0.98 * share), rel=0.5)
        assert found.mean_absolute == seen
        assert found.lower < weight * 2 * 0.02 * 0.98 < found.upper, "no background without anybody of the group"


def test_small_scores_keep_their_digits() -> None:
    sample = people()
    plain = fitted(sample, path_of("LinearSVC"))
    tiny = fitted(sample, path_of("LinearSVC"))
    tiny.estimators[0].coef_ *= 1e-9
    tiny.estimators[0].intercept_ *= 1e-9
    expected, report = explained(plain, sample), explained(tiny, sample)
    assert report.features == expected.features
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-6
    assert np.allclose(np.array(report.replicates) * 1e9, expected.replicates, rtol=1e-4)
    assert np.allclose(sizes(report) * 1e9, sizes(expected), rtol=1e-4)


# --- which rows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "rows"), [(LOGISTIC, 1000), (TREE, 1000)])
def test_a_thousand_rows_are_explained_and_three_hundred_shown_from_all_over_the_file(path: str, rows: int) -> None:
    big = people(2500)
    report = explained(fitted(people(), path), big)
    assert (report.n, len(report.rows)) == (rows, KEPT_ROWS) == (EXPLAINED_ROWS[report.method or "tree"], 300)
    keys = np.array([row.row_key for row in report.rows])
    assert len(set(keys)) == 300
    assert abs(keys.mean() - 1250) < 200, "a file may be sorted by group or by time"
    assert keys.max() > 2300


def test_two_hundred_rows_are_explained_by_permutation() -> None:
    big = people(260)
    report = explained(fitted(sample_of(big.features[["income", "age"]], big.y_true), BAYES), big)
    assert (report.n, len(report.rows), report.features) == (200, 200, ("income", "age"))


@pytest.mark.parametrize(("path", "method"), METHODS)
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_handful_of_rows_is_explained_too(path: str, method: str, rows: int) -> None:
    model, few = fitted(people(), path), people(rows, seed=7)
    report = explained(model, few)
    assert (report.method, report.n, len(report.rows)) == (method, rows, rows)
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-6
    assert all(
        row.lower <= row.mean_absolute + 1e-12 and row.mean_absolute <= row.upper + 1e-12 for row in report.importance
    )
    if rows == 1 and method != "tree":
        assert [row.mean_absolute for row in report.importance] == [0.0] * 4, "there is nobody to compare with"


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), METHODS)
def test_equal_seeds_give_equal_reports_whatever_was_drawn_before(path: str, method: Method) -> None:
    sample, model = people(EXPLAINED_ROWS[method] + 10), fitted(people(), path)
    first = explained(model, sample, seed=5)
    np.random.seed(99)
    np.random.default_rng().normal(size=10)
    assert explained(model, sample, seed=5) == first
    other = explained(model, sample, seed=6)
    assert {row.row_key for row in other.rows} != {row.row_key for row in first.rows}


# --- models that are no models, and those that cannot be asked -------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (path_of("DummyClassifier"), {}),
        (TREE, {"min_samples_leaf": 500}),
        (path_of("GradientBoostingClassifier"), {"min_samples_leaf": 500, "n_estimators": 5}),
        (path_of("HistGradientBoostingClassifier"), {"min_samples_leaf": 500, "max_iter": 5}),
        (LOGISTIC, {"penalty": "l1", "C": 1e-6, "solver": "liblinear"}),
    ],
)
def test_a_model_that_gives_everybody_the_same_has_no_reasons_and_they_add_up(
    path: str, params: dict[str, Any]
) -> None:
    sample = people()
    model = fitted(sample, path, params)
    assert np.ptp(model.score(sample.features)) < 1e-12
    report = explained(model, sample)
    assert [row.mean_absolute for row in report.importance] == [0.0] * 4
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-9, "the rounding of equal outputs is no spread to measure in"


def test_attributions_that_do_not_add_up_show_in_units_of_the_spread() -> None:
    sample = people()
    model = fitted(sample)
    found = attribute(model, method_for(model), sample.features, sample.features, seed=0)
    wrong = found.values.copy()
    wrong[17, 2] += 0.5 * found.outputs.std()
    assert dataclasses.replace(found, values=wrong).additivity_error == pytest.approx(0.5)
    constant = dataclasses.replace(
        found, outputs=np.full(sample.n, 0.1), values=np.zeros_like(found.values), base_value=0.11
    )
    assert constant.additivity_error == pytest.approx(0.1), "in units of the output, where all are the same"


def test_a_model_that_refuses_rows_put_together_from_others_is_said_to_be_unexplained() -> None:
    rng = np.random.default_rng(0)
    at = np.repeat(np.arange(20), 5)
    features = pd.DataFrame({"x": at + rng.normal(0, 0.01, 100), "y": at + rng.normal(0, 0.01, 100)})
    sample = sample_of(features, at % 2)
    model = fitted(sample, path_of("RadiusNeighborsClassifier"), {"radius": 0.1})
    assert model.score(features).shape == (100,), "no person is far from everybody, but x of one and y of another are"
    report = explained(model, sample)
    assert report.method is None
    assert report.additivity_error is None
    assert report.not_possible is not None
    assert (
        "put together from several people, and the model refuses these rows: ValueError: No neighbors"
        in report.not_possible
    )


@pytest.mark.parametrize("path", [LOGISTIC, BAYES])
def test_a_report_comes_back_from_json_as_it_was(path: str) -> None:
    report = explain(fitted(people(), path), SUBJECT, people(30), seed=3, code_version="7")
    assert (report.subject, report.code_version) == (SUBJECT, "7")
    nothing = nothing_to_explain(SUBJECT, "only scores were given", code_version="7")
    kind = TypeAdapter(Explanations)
    for each in (report, nothing):
        assert kind.validate_json(kind.dump_json(each)) == each
    assert (nothing.not_possible, nothing.method, nothing.importance) == ("only scores were given", None, ())


def test_whole_numbers_are_told_whole_and_others_by_six_digits() -> None:
    features = pd.DataFrame({"id": [12345678, 2, 3, 4] * 30, "amount": [1234567.25, 0.5, -3.0, 1e300] * 30})
    sample = sample_of(features, [1, 0, 1, 0] * 30)
    report = explained(fitted(sample, TREE), sample)
    told = {
        tuple(dict(zip(report.features, row.values, strict=True))[name] for name in features) for row in report.rows
    }
    assert told == {("12345678", "1.23457e+06"), ("2", "0.5"), ("3", "-3"), ("4", "1e+300")}
