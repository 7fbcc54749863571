"""Single answers are explained as the report explains the same rows, whoever is asked about beside them."""

import numpy as np
import pandas as pd
import pytest

from rai_platform.errors import UnscorableRows
from rai_platform.explanations.measurement import kept_background
from rai_platform.explanations.row_explainer import (
    RowExplainer,
    background_from_bytes,
    background_to_bytes,
    why_not_explained,
)
from rai_platform_tests.explanations.small import explained, fitted, people
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.training.lending import LOGISTIC

SEED = 7
# By permutation the order of features is drawn anew, so that values differ a little where features act together.
METHODS = [
    (LOGISTIC, 1e-9),
    (path_of("DecisionTreeClassifier"), 1e-9),
    (path_of("HistGradientBoostingClassifier"), 1e-9),
    (path_of("GaussianNB"), 0.05),
]


@pytest.mark.parametrize(("path", "tolerance"), [*METHODS[:-1], pytest.param(*METHODS[-1], marks=pytest.mark.slow)])
def test_rows_are_explained_as_in_the_report(path: str, tolerance: float) -> None:
    sample = people()
    model = fitted(sample, path)
    report = explained(model, sample, seed=SEED)
    explainer = RowExplainer(model, kept_background(model, sample, seed=SEED))
    rows = [int(np.flatnonzero(sample.row_key == row.row_key)[0]) for row in report.rows]
    found = explainer.explain(sample.features.iloc[rows].reset_index(drop=True))
    order = [found.features.index(name) for name in report.features]
    np.testing.assert_allclose(found.base_value, report.base_value, atol=max(tolerance, 1e-9))
    expected = np.array([row.attributions for row in report.rows])
    np.testing.assert_allclose(found.values[:, order], expected, rtol=1e-5, atol=tolerance)
    np.testing.assert_allclose(found.outputs, [row.output for row in report.rows])
    assert (found.method, found.output) == (report.method, report.output)


@pytest.mark.parametrize("path", [path for path, _ in METHODS])
def test_a_row_is_explained_the_same_alone_as_among_others(path: str) -> None:
    sample = people()
    model = fitted(sample, path)
    explainer = RowExplainer(model, kept_background(model, sample, seed=SEED))
    together = explainer.explain(sample.features.iloc[:5])
    alone = [explainer.explain(sample.features.iloc[[row]]) for row in range(5)]
    np.testing.assert_allclose(together.values, np.concatenate([each.values for each in alone]), rtol=1e-9, atol=1e-12)
    assert {each.base_value for each in alone} == {together.base_value}


def test_the_background_is_the_same_after_it_was_stored() -> None:
    sample = people()
    background = kept_background(fitted(sample), sample, seed=SEED)
    assert background is not None
    pd.testing.assert_frame_equal(background_from_bytes(background_to_bytes(background)), background)


def test_what_does_not_add_up_to_the_score_is_refused() -> None:
    sample = people()
    model = fitted(sample)
    explainer = RowExplainer(model, kept_background(model, sample, seed=SEED))
    estimator = model.parts["estimator"]
    gives = estimator.predict_proba
    estimator.predict_proba = lambda inputs: 0.99 * gives(inputs)
    with pytest.raises(UnscorableRows, match="the reasons do not add up to the score"):
        explainer.explain(sample.features.iloc[:1])


def test_trees_need_nobody_to_stand_for_everybody_and_others_do() -> None:
    sample = people()
    tree, linear = fitted(sample, path_of("DecisionTreeClassifier")), fitted(sample)
    assert kept_background(tree, sample, seed=SEED) is None
    assert why_not_explained(tree, has_background=False) is None
    assert why_not_explained(linear, has_background=True) is None
    assert "release the model again" in str(why_not_explained(linear, has_background=False))
