"""Compiled preprocessing gives, to the last bit, what scikit-learn's gives."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from rai_platform.serving.encoding import compile_encoding
from rai_platform.serving.inputs import FieldRule, InputRules, Value
from rai_platform.training.estimators import MOST_CATEGORIES, build_preprocessing, known_categories
from rai_platform.training.manifest import Feature, Manifest
from rai_platform.training.model import PREPROCESSING, TrainedModel

ROWS = 400


def training_table(*, incomplete: Sequence[str] = ("age", "town"), constant: bool = False) -> pd.DataFrame:
    """Numbers of very different sizes, few categories, and more than are told apart."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 90, ROWS).astype("float64"),
            "income": rng.lognormal(10, 2, ROWS),
            "share": np.full(ROWS, 0.1) if constant else rng.normal(0, 1e-6, ROWS),
            "home": rng.choice(["own", "rent"], ROWS),
            "town": [f"town {int(number)}" for number in rng.exponential(30, ROWS)],
        }
    )
    for name in incomplete:
        table.loc[rng.random(ROWS) < 0.2, name] = None
    return table.astype({"home": object, "town": object}).where(table.notna(), None)


def fitted(table: pd.DataFrame, **of: Any) -> tuple[TrainedModel, InputRules]:
    numbers = ["age", "income", "share"]
    table = table.astype(dict.fromkeys([name for name in numbers if name in table], "float64"))
    preprocessing = build_preprocessing(table, **of).fit(table)
    known = known_categories(preprocessing)
    fields = tuple(
        FieldRule(
            name=str(name),
            kind="number" if name in numbers else "category",
            may_be_missing=bool(table[name].isna().any()),
            categories=known.get(str(name)),
        )
        for name in table
    )
    manifest = Manifest(
        composition="single",
        estimator="none",
        features=tuple(Feature(name=field.name, kind=field.kind) for field in fields),
        positive_label="1",
        threshold=0.5,
        score_is_probability=True,
        seed=0,
    )
    model = TrainedModel(manifest=manifest, parts={PREPROCESSING: preprocessing})
    return model, InputRules(fields, tells_whole_numbers=False)


MODEL, RULES = fitted(training_table())
NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=64) | st.integers(-(10**18), 10**18)


def row_of(rules: InputRules) -> st.SearchStrategy[dict[str, Value]]:
    def value(field: FieldRule) -> st.SearchStrategy[Value]:
        known = NUMBER if field.categories is None else st.sampled_from(sorted(field.categories))
        return st.none() | known if field.may_be_missing else known

    return st.fixed_dictionaries({field.name: value(field) for field in rules.fields})


@given(rows=st.lists(row_of(RULES), min_size=1, max_size=20))
def test_every_row_is_encoded_as_scikit_learn_does(rows: list[dict[str, Value]]) -> None:
    compiled = compile_encoding(MODEL, RULES)
    assert compiled is not None
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(compiled.encode(rows), MODEL.encode(RULES.frame(rows)))


def test_the_rare_categories_of_the_table_are_taken_together() -> None:
    _, _, (_, encoder), *_ = (step for _, step, _ in MODEL.parts[PREPROCESSING].transformers_)
    assert len(encoder.categories_[1]) > MOST_CATEGORIES, "the test above is about them too"


@pytest.mark.parametrize(
    "table",
    [
        training_table(incomplete=()),
        training_table(constant=True),
        training_table()[["age", "income"]],
        training_table(incomplete=("home",))[["home", "town"]],
    ],
    ids=["complete", "constant", "numbers alone", "categories alone"],
)
def test_tables_of_one_kind_are_compiled_too(table: pd.DataFrame) -> None:
    model, rules = fitted(table)
    compiled = compile_encoding(model, rules)
    assert compiled is not None
    rows = rules.read([{name: row[name] for name in table} for row in table.head(50).to_dict("records")])
    np.testing.assert_array_equal(compiled.encode(rows), model.encode(rules.frame(rows)))


@settings(max_examples=20)
@given(rows=st.lists(row_of(RULES), min_size=2, max_size=5))
def test_a_row_is_encoded_the_same_alone_as_among_others(rows: list[dict[str, Value]]) -> None:
    compiled = compile_encoding(MODEL, RULES)
    assert compiled is not None
    with np.errstate(over="ignore"):
        alone = np.vstack([compiled.encode([row]) for row in rows])
        np.testing.assert_array_equal(compiled.encode(rows), alone)


def test_preprocessing_that_is_another_is_left_to_scikit_learn() -> None:
    table = training_table()
    words, rules = fitted(table.assign(town=table["town"].fillna("")), text="town")
    assert compile_encoding(words, rules) is None
    assert compile_encoding(TrainedModel(manifest=MODEL.manifest, parts={}), RULES) is None
    scaled = TrainedModel(manifest=MODEL.manifest, parts={PREPROCESSING: StandardScaler()})
    assert compile_encoding(scaled, RULES) is None


def test_preprocessing_that_differs_in_a_bit_is_left_to_scikit_learn() -> None:
    model, rules = fitted(training_table())
    assert compile_encoding(model, rules) is not None
    scaler = model.parts[PREPROCESSING].named_transformers_["numbers"][-1]
    scaler.with_mean = False  # as if a later release of scikit-learn read its numbers otherwise
    assert compile_encoding(model, rules) is None
