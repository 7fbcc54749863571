"""Perturbations that a model refuses, that cannot happen to it, or that the data cannot show: said, not crashed."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.preparation import PreparedData
from rai_platform.errors import UnscorableRows
from rai_platform.robustness.perturbations import PERTURB, STRENGTHS, stream
from rai_platform.robustness.report import NO_COLUMN, ONE_VALUE
from rai_platform_tests.robustness.measuring import SCORES, fitted, measured, of
from rai_platform_tests.training.lending import sample_of
from rai_platform_tests.training.own_models import HERE

REFUSING = "rai_platform_tests.robustness.refusing"


@pytest.mark.parametrize(
    ("path", "numbers_missing", "told"),
    [
        (f"{HERE}.strict_pipeline", False, "the model refuses these rows: ValueError: Found unknown categories"),
        (
            f"{HERE}.text_pipeline",
            False,
            "the model refuses these rows: TypeError: object of type 'NoneType' has no len",
        ),
        (
            f"{REFUSING}.upper_case",
            False,
            "the model refuses these rows: AttributeError: 'NoneType' object has no attribute",
        ),
        (f"{REFUSING}.silent", True, "the model refuses these rows: ValueError"),
        (f"{REFUSING}.gives_no_number", True, "the model gives no number as a score to "),
    ],
)
def test_a_model_that_refuses_missing_values_is_said_to(path: str, numbers_missing: bool, told: str) -> None:
    rng = np.random.default_rng(0)
    features = pd.DataFrame(
        {"x": rng.normal(size=200), "c": pd.Series(rng.choice(["ab", "cde", "a"], 200), dtype=object)}
    )
    sample = sample_of(features, (features["x"] > 0) ^ (rng.random(200) < 0.1))
    model = fitted(sample, path)
    if numbers_missing:
        assert np.isfinite(model.score(features.assign(c=None))).all()
    report = measured(model, sample)
    assert set(report.not_estimable) == {"missing_values"}
    assert report.not_estimable["missing_values"].startswith(told)
    assert of(report, "missing_values") == []
    assert len(report.scores) == SCORES - 4, "all else was tried"


def test_a_refusal_at_any_strength_leaves_no_score_of_a_weaker_one() -> None:
    """With few rows the weakest may blank nothing, and would look as if the model had borne it."""
    features = pd.DataFrame({"x": [0.1, 0.2, 0.8, 0.9], "c": pd.Series(["ab", "ab", "cde", "cde"], dtype=object)})
    sample = sample_of(features, [0, 0, 1, 1])
    model = fitted(sample, f"{HERE}.text_pipeline")
    weakest = min(STRENGTHS["missing_values"])
    seeds = [
        seed
        for seed in range(40)
        if not PERTURB["missing_values"](features, ["x", "c"], weakest, stream(seed, "missing_values", weakest))["c"]
        .isna()
        .any()
    ]
    refused = [report for seed in seeds if (report := measured(model, sample, seed=seed)).not_estimable]
    assert refused, "some seed blanks a text at a greater strength alone"
    assert all(of(report, "missing_values") == [] for report in refused)


def test_a_model_that_refuses_the_table_as_it_is_is_no_evidence_of_anything() -> None:
    features = pd.DataFrame({"x": [1.0, 2, 3, 4], "c": pd.Series(["a", "b", "a", "b"], dtype=object)})
    sample = sample_of(features, [0, 1, 0, 1])
    model = fitted(sample, f"{HERE}.strict_pipeline")
    with pytest.raises(UnscorableRows, match="unknown categories"):
        measured(model, dataclasses.replace(sample, features=features.assign(c="never seen")))


@pytest.mark.parametrize(
    ("columns", "left_alone", "not_estimable"),
    [
        (["x"], (), {"category_swaps": NO_COLUMN}),
        (["c"], (), {"noise": NO_COLUMN, "shift": NO_COLUMN}),
        (["x", "c"], ("c",), {"category_swaps": NO_COLUMN}),
        (["x", "c"], ("x", "c"), dict.fromkeys(STRENGTHS, NO_COLUMN)),
        (["x", "same"], (), {"category_swaps": ONE_VALUE}),
        (["c", "constant"], (), {"noise": ONE_VALUE, "shift": ONE_VALUE}),
        (["c", "blank"], (), {"noise": ONE_VALUE, "shift": ONE_VALUE}),
        (["x", "constant", "c", "same", "blank"], (), {}),
    ],
)
def test_what_cannot_happen_to_the_table_is_told_apart_from_what_these_data_cannot_show(
    columns: list[str], left_alone: tuple[str, ...], not_estimable: dict[str, str]
) -> None:
    rng = np.random.default_rng(0)
    everything = pd.DataFrame(
        {
            "x": rng.normal(size=300),
            "constant": rng.integers(0, 2, 300),
            "blank": rng.normal(size=300),
            "c": pd.Series(rng.choice(["a", "b"], 300), dtype=object),
            "same": pd.Series(rng.choice(["p", "q"], 300), dtype=object),
        }
    )
    learned = sample_of(everything[columns], (everything["x"] > 0) & (everything["c"] == "a"))
    test = everything.assign(constant=1, same="p", blank=np.nan)
    report = measured(fitted(learned), dataclasses.replace(learned, features=test[columns]), left_alone=left_alone)
    assert report.not_estimable == not_estimable
    tried = {score.perturbation for score in report.scores}
    assert tried == set(STRENGTHS) - set(not_estimable)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_handful_of_rows_is_measured_too(lending: PreparedData, rows: int) -> None:
    assert lending.training is not None
    report = measured(fitted(lending.training), lending.test.take(np.arange(rows)))
    assert report.n == rows
    assert all(score.accuracy.n == rows for score in report.scores)
    if rows == 1:
        assert report.not_estimable == {
            "noise": ONE_VALUE,
            "category_swaps": ONE_VALUE,
            "shift": ONE_VALUE,
        }
