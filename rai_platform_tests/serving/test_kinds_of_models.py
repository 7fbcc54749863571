"""Rows of every kind of model that is served, from JSON to the model's own answer."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from rai_platform.errors import UnusableRequest
from rai_platform.release.records import Production
from rai_platform.serving.bodies import Limits, mlflow_records
from rai_platform.serving.inputs import FieldRule, InputRules
from rai_platform.serving.labels import LabelRules
from rai_platform.serving.served import ServedModel
from rai_platform.training.manifest import Feature, GroupThresholds, Manifest, ThresholdStep
from rai_platform.training.model import ESTIMATOR, TrainedModel

PRODUCTION = Production(
    model="m", version="1", model_digest="d", data_digest="e", promoted_at="2026-01-01", sequence=1, body={}
)


def made(estimator: Any, fields: tuple[FieldRule, ...], **rule: Any) -> ServedModel:
    manifest = Manifest(
        composition=rule.pop("composition", "single"),
        estimator="sklearn.linear_model.LogisticRegression",
        features=tuple(Feature(name=field.name, kind=field.kind) for field in fields),
        positive_label="1",
        threshold=rule.pop("threshold", 0.5),
        score_is_probability=True,
        seed=0,
        **rule,
    )
    model = TrainedModel(manifest=manifest, parts={ESTIMATOR: estimator})
    labels = LabelRules(labels={"1": 1, "0": 0}, listed=("1", "0"))
    return ServedModel(production=PRODUCTION, model=model, rules=InputRules(fields), labels=labels)


def number(name: str, *, may_be_missing: bool = False) -> FieldRule:
    return FieldRule(name=name, kind="number", may_be_missing=may_be_missing)


def test_of_several_classes_the_label_and_its_chance_are_given() -> None:
    features = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "y": [0, 1, 0, 1, 0, 1]})
    estimator = LogisticRegression().fit(features, [0, 0, 1, 1, 2, 2])
    served = made(estimator, (number("x"), number("y")), classes=("low", "middle", "high"))
    rows = served.rules.read(features.to_dict("records"))
    chances = estimator.predict_proba(features)
    assert [label for _, label in served.predict(rows)] == [
        ("low", "middle", "high")[k] for k in chances.argmax(axis=1)
    ]
    np.testing.assert_allclose([score for score, _ in served.predict(rows)], chances.max(axis=1))


def test_a_text_by_itself_is_a_row_of_a_model_that_reads_one() -> None:
    texts = ["good day", "bad day", "good night", "bad night"]
    estimator = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    served = made(estimator, (FieldRule(name="words", kind="text", may_be_missing=False),))
    rows = served.rules.read(mlflow_records({"instances": texts}, Limits(), served.rules.names))
    assert [decision for _, decision in served.predict(rows)] == [1, 0, 1, 0]
    with pytest.raises(UnusableRequest, match='expected a text that is not empty; got "  "'):
        served.rules.read([{"words": "  "}])


def test_a_group_that_is_a_category_among_the_features_decides() -> None:
    class OfX:
        """Scores a row by its first number alone, as a chance."""

        def predict_proba(self, features: pd.DataFrame) -> Any:
            return np.column_stack([1 - features["x"], features["x"]])

    def above(threshold: float) -> GroupThresholds:
        step = ThresholdStep(operator=">", threshold=threshold)
        return GroupThresholds(p_ignore=0, prediction_constant=0, p0=1, rule0=step, p1=0, rule1=step)

    kinds = FieldRule(name="home", kind="category", may_be_missing=False, categories=frozenset({"own", "rent", "1"}))
    served = made(
        OfX(),
        (number("x"), kinds),
        composition="group_thresholds",
        group_features=("home",),
        thresholds={"own": above(0.2), "rent": above(0.8)},
        threshold=None,
    )
    rows = served.rules.read([{"x": 0.5, "home": "own"}, {"x": 0.5, "home": "rent"}])
    assert served.predict(rows) == [(0.5, 1), (0.5, 0)]


@pytest.mark.parametrize("written", [1, 1.0, True, "1"])
def test_a_category_that_looks_like_a_number_is_one_however_it_is_written(written: Any) -> None:
    rules = InputRules(
        (FieldRule(name="code", kind="category", may_be_missing=False, categories=frozenset({"1", "2"})),)
    )
    assert rules.read([{"code": written}]) == [{"code": "1"}]


@pytest.mark.parametrize(
    ("values", "kind"),
    [([1, 2], "int64"), ([1, 2.5], "float64"), ([1, None], "float64"), ([2**63, 1], "float64")],
)
def test_a_column_of_numbers_has_the_type_that_reading_a_table_gives_it(values: list[Any], kind: str) -> None:
    rules = InputRules((number("x", may_be_missing=True),))
    frame = rules.frame(rules.read([{"x": value} for value in values]))
    assert frame["x"].dtype == kind
    assert frame["x"].isna().tolist() == [value is None for value in values]
