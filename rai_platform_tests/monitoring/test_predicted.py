"""Predictions as monitoring takes them: from test data, and from the log with what is missing there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

from rai_platform.data.sample import Sample
from rai_platform.monitoring.predicted import observed_predictions, reference_of_model
from rai_platform.monitoring.watching import watch
from rai_platform.monitoring.windows import ALL, Reference
from rai_platform.spec.monitoring import Monitoring
from rai_platform.spec.subject import Subject
from rai_platform.training.manifest import Feature, Manifest
from rai_platform.training.predictions import Predictions
from rai_platform_tests.monitoring.test_watching import BEGIN, WATCHED

N = 400


def sample(classes: tuple[str, ...] = ()) -> Sample:
    rng = np.random.default_rng(0)
    return Sample(
        features=pd.DataFrame(
            {"income": rng.normal(size=N), "housing": rng.choice(["own", "rent"], size=N).astype(object)}
        ),
        y_true=rng.integers(0, 2, size=N).astype("int8"),
        sensitive_features=pd.DataFrame(
            {
                "sex": rng.choice(["f", "m"], size=N).astype(object),
                "race": rng.choice(["a", "b"], size=N).astype(object),
            }
        ),
        weight=None,
        row_key=np.arange(N),
        record=np.arange(N).astype("uint64"),
        source="made up",
        fingerprint="0",
        classes=classes,
    )


def predictions(score: bool = True) -> Predictions:
    scores = np.random.default_rng(1).random(N)
    return Predictions(
        subject=Subject(model_digest="m" * 64, data_digest="d" * 64),
        row_key=np.arange(N),
        y_score=scores if score else None,
        y_pred=(scores >= 0.5).astype("int8"),
        score_is_probability=True,
    )


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        composition="single",
        estimator="sklearn.linear_model.LogisticRegression",
        features=(
            Feature(name="income", kind="number"),
            Feature(name="housing", kind="category"),
            Feature(name="letter", kind="text"),
        ),
        positive_label="1",
        threshold=0.5,
        score_is_probability=True,
        seed=0,
    )


@pytest.fixture
def reference(manifest: Manifest) -> Reference:
    found = reference_of_model(manifest, predictions(), sample(), ("sex", "race", "sex_x_race"))
    assert found is not None
    return found


def test_the_reference_counts_the_test_data_by_feature_and_group(reference: Reference) -> None:
    assert set(reference.bins) == {"income", "housing"}
    assert reference.window.n == N
    assert set(reference.window.outcomes) == {ALL, "sex", "race", "sex_x_race"}
    assert set(reference.window.outcomes["sex_x_race"].groups) == {"f & a", "f & b", "m & a", "m & b"}
    says = "the 400 rows of test data that it was judged on; letter is read as a whole and has no values to compare"
    assert reference.says == says


def test_decisions_without_scores_or_chances_have_no_reference(manifest: Manifest) -> None:
    assert reference_of_model(manifest, predictions(score=False), sample(), ()) is None
    assert reference_of_model(manifest, predictions(), sample(("a", "b", "c")), ()) is None


def observed(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "score": [0.2, 0.8, 0.5],
            "decision": [0, 1, 1],
            "label": [np.nan, 1.0, 0.0],
            "feature:income": [1.0, np.nan, 3.0],
            "feature:housing": ["own", None, "boat"],
            "sensitive:sex": pd.Series(["f", None, "m"], dtype="string"),
            "sensitive:race": pd.Series(["a", "a", None], dtype="string"),
            **columns,
        }
    )


def test_what_is_not_known_of_a_logged_prediction_is_missing_and_of_no_group(reference: Reference) -> None:
    found = observed_predictions(observed(), reference)
    assert found.label.to_list() == [None, 1, 0]
    assert found.features.to_dict(as_series=False) == {"income": [1.0, None, 3.0], "housing": ["own", None, "boat"]}
    assert found.groups.to_dict(as_series=False) == {
        "sex": ["f", None, "m"],
        "race": ["a", "a", None],
        "sex_x_race": ["f & a", None, None],
    }


def test_a_column_that_the_log_lacks_is_missing_altogether(reference: Reference) -> None:
    table = observed().drop(columns=["feature:income", "sensitive:race"])
    found = observed_predictions(table, reference)
    assert found.features["income"].null_count() == 3
    assert found.groups["sex_x_race"].null_count() == 3


def test_a_model_of_texts_without_groups_is_watched_by_its_scores(manifest: Manifest) -> None:
    texts = replace(manifest, features=(Feature(name="letter", kind="text"),))
    reference = reference_of_model(texts, predictions(), sample(), ())
    assert reference is not None
    table = observed()[["score", "decision", "label"]]
    times = pl.Series([BEGIN, BEGIN + timedelta(hours=1), BEGIN + timedelta(days=1)], dtype=pl.Datetime("us", "UTC"))
    report = watch(
        observed_predictions(table, reference),
        times,
        pl.Series(["3"] * 3),
        reference,
        Monitoring(minimum_rows=1),
        watched=WATCHED,
        now=datetime(2026, 3, 4, tzinfo=UTC),
    )
    assert [window.n for window in report.windows] == [2, 1]
    assert set(report.windows[0].drift) == {"(score)"}
