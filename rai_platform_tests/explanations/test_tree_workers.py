"""SHAP values of trees are those of shap itself, in one process and in several."""

import numpy as np
import pytest
import shap

from rai_platform.explanations import tree_workers
from rai_platform.explanations.tree_workers import BATCH, tree_values, work
from rai_platform_tests.explanations.small import SUBJECT, explained, fitted, people
from rai_platform_tests.training.every_classifier import path_of


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("HistGradientBoostingClassifier", {"max_iter": 5}),
        pytest.param("GradientBoostingClassifier", {"n_estimators": 5}, marks=pytest.mark.slow),
        pytest.param("RandomForestClassifier", {"n_estimators": 5}, marks=pytest.mark.slow),
    ],
)
def test_the_values_are_those_of_shap_to_the_last_bit_however_many_processes(
    name: str, params: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_workers, "WORTH_STARTING", 0)
    sample = people(2 * BATCH + 70)
    model = fitted(sample, path_of(name), params)
    estimator, inputs = model.estimators[0], np.asarray(model.encode(sample.features))
    expected = shap.TreeExplainer(estimator)(inputs, check_additivity=False)
    for workers in (1, 2):
        values, base = tree_values(estimator, inputs, workers=workers)
        assert np.array_equal(values, expected.values)
        assert np.array_equal(base, expected.base_values)


@pytest.mark.slow
def test_a_report_does_not_depend_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_workers, "WORTH_STARTING", 0)
    sample = people(BATCH + 50)
    model = fitted(sample, path_of("RandomForestClassifier"), {"n_estimators": 3, "max_depth": 3})
    alone, together = (explained(model, sample, workers=workers) for workers in (1, 2))
    assert alone.method == "tree"
    assert alone.subject == SUBJECT
    assert together == alone


def test_no_process_is_started_where_little_is_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("started")

    monkeypatch.setattr(tree_workers, "tree_workers", never)
    sample = people(2 * BATCH)
    model = fitted(sample, path_of("HistGradientBoostingClassifier"), {"max_iter": 5})
    inputs = np.asarray(model.encode(sample.features))
    assert len(tree_values(model.estimators[0], inputs, workers=8)[0]) == len(inputs)
    monkeypatch.setattr(tree_workers, "WORTH_STARTING", 0)
    assert len(tree_values(model.estimators[0], inputs[:BATCH], workers=8)[0]) == BATCH, "one batch"
    with pytest.raises(AssertionError, match="started"):
        tree_values(model.estimators[0], inputs, workers=8)


def test_work_is_rows_times_leaves_times_the_square_of_the_depth() -> None:
    sample = people()
    model = fitted(sample, path_of("DecisionTreeClassifier"), {"max_depth": 3})
    tree = model.estimators[0]
    assert tree.get_depth() == 3
    assert work(shap.TreeExplainer(tree), 7) == 7 * tree.get_n_leaves() * 9
