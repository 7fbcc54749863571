"""Imputation and encoding, and which feature stands behind an encoded column."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.data.sample import Sample
from rai_platform.training.estimators import MOST_CATEGORIES, build_preprocessing, encoded_columns
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import TrainedModel
from rai_platform_tests.training.lending import lending_spec, sample_of

ROWS = 240


def texts(values: list[str | None]) -> pd.Series:
    return pd.Series((values * (ROWS // len(values) + 1))[:ROWS], dtype=object)


def numbers(missing: bool = False) -> pd.Series:
    column = pd.Series(np.random.default_rng(0).normal(5, 2, ROWS))
    return column.where(np.arange(ROWS) % 7 > 0) if missing else column


TABLES: dict[str, tuple[dict[str, pd.Series], list[str]]] = {
    "a number": ({"a": numbers()}, ["a"]),
    "a number with gaps": ({"a": numbers(missing=True)}, ["a", "a"]),
    "whole numbers": ({"a": pd.Series(np.arange(ROWS) % 5)}, ["a"]),
    "a constant number": ({"a": pd.Series(np.ones(ROWS))}, ["a"]),
    "a category": ({"c": texts(["x", "y", "z"])}, ["c"] * 3),
    "a constant category": ({"c": texts(["x"])}, ["c"]),
    "a category with gaps": ({"c": texts(["x", None, "y"])}, ["c"] * 3),
    "as many categories as are kept": ({"c": texts([f"{n}" for n in range(50)])}, ["c"] * 50),
    "one category too many": ({"c": texts([f"{n}" for n in range(51)])}, ["c"] * 50),
    "sixty categories": ({"c": texts([f"{n}" for n in range(60)])}, ["c"] * 50),
    "everything": (
        {"c": texts(["x", None]), "a": numbers(missing=True), "d": texts([f"{n}" for n in range(60)]), "b": numbers()},
        ["a", "b", "a", *["c"] * 2, *["d"] * 50],
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_encoded_column_is_traced_to_its_feature(table: str) -> None:
    columns, behind = TABLES[table]
    features = pd.DataFrame(columns)
    preprocessing = build_preprocessing(features)
    encoded = preprocessing.fit_transform(features)
    assert encoded.shape == (ROWS, len(behind))
    assert encoded_columns(preprocessing) == behind
    assert np.isfinite(encoded).all()


Columns = st.lists(
    st.one_of(
        st.builds(lambda gap: ("number", 0, gap), st.booleans()),
        st.builds(
            lambda categories, gap: ("category", categories, gap),
            st.sampled_from([1, 2, 7, 49, 50, 51, 80]),
            st.booleans(),
        ),
    ),
    min_size=1,
    max_size=5,
)


@given(Columns, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_columns_that_change_with_a_feature_are_those_that_stand_for_it(
    columns: list[tuple[str, int, bool]], chance: Any
) -> None:
    features = pd.DataFrame({f"f{at}": _column(kind, size, gap, at) for at, (kind, size, gap) in enumerate(columns)})
    preprocessing = build_preprocessing(features)
    encoded = np.asarray(preprocessing.fit_transform(features), dtype="float64")
    behind = encoded_columns(preprocessing)
    assert len(behind) == encoded.shape[1]
    order = list(range(ROWS))
    chance.shuffle(order)
    for name in features:
        mixed = features.assign(**{str(name): features[name].to_numpy()[order]})
        changed = (np.asarray(preprocessing.transform(mixed)) != encoded).any(axis=0)
        assert {behind[at] for at in np.flatnonzero(changed)} <= {name}


def _column(kind: str, size: int, gap: bool, at: int) -> pd.Series:
    if kind == "number":
        return numbers(missing=gap) + at
    return texts([*(f"c{number}" for number in range(size)), *([None] if gap else [])])


def test_numbers_are_imputed_by_their_median_and_standardized() -> None:
    column = numbers(missing=True)
    encoded = build_preprocessing(pd.DataFrame({"a": column})).fit_transform(pd.DataFrame({"a": column}))
    filled = column.fillna(column.median())
    assert np.allclose(encoded[:, 0], (filled - filled.mean()) / filled.std(ddof=0))
    assert np.array_equal(encoded[:, 1] == 1, column.isna())


def test_a_missing_category_is_a_category_of_its_own() -> None:
    features = pd.DataFrame({"c": texts(["x", None])})
    encoded = build_preprocessing(features).fit_transform(features)
    assert np.array_equal(np.unique(encoded, axis=0), [[0, 1], [1, 0]])


def test_the_rarest_categories_are_taken_together() -> None:
    features = pd.DataFrame({"c": pd.Series([f"c{min(at, 80)}" for at in range(400)], dtype=object)})
    preprocessing = build_preprocessing(features)
    encoded = preprocessing.fit_transform(features)
    assert encoded.shape[1] == MOST_CATEGORIES
    assert encoded.sum() == 400, "one column for every row"
    often = pd.DataFrame({"c": pd.Series(["c80"], dtype=object)})
    rare, unseen = often.assign(c="c0"), often.assign(c="never seen")
    assert np.array_equal(preprocessing.transform(rare), preprocessing.transform(unseen))
    assert not np.array_equal(preprocessing.transform(rare), preprocessing.transform(often))


@pytest.fixture(scope="module")
def mixed() -> tuple[TrainedModel, pd.DataFrame]:
    """A model on a table with numbers and categories, complete in training."""
    features = pd.DataFrame({"a": numbers(), "n": pd.Series(np.arange(ROWS) % 4), "c": texts(["x", "y", "y"])})
    label = (features["a"] + (features["c"] == "x") > 5.2).astype(int)
    model, _ = fit_model(lending_spec(), sample_of(features, label))
    return model, features


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
def test_a_value_missing_at_prediction_alone_is_scored_however_the_table_says_so(
    gap: Any, mixed: tuple[TrainedModel, pd.DataFrame]
) -> None:
    model, features = mixed
    blank = features.astype({"n": "float64"})
    blank["c"] = blank["c"].astype(object)
    blank.loc[:9, "c"] = gap
    blank.loc[10:19, ["a", "n"]] = np.nan
    scores = model.score(blank)
    assert np.isfinite(scores).all()
    assert np.array_equal(scores[20:], model.score(features)[20:])
    assert np.array_equal(scores, model.score(blank.assign(c=blank["c"].where(blank["c"].notna(), None))))
    medians = features.assign(
        **{
            name: np.where(features.index.isin(range(10, 20)), features[name].median(), features[name])
            for name in ("a", "n")
        }
    )
    assert np.allclose(scores[10:20], model.score(medians)[10:20])


def test_a_category_never_seen_is_scored_as_none_of_those_known(mixed: tuple[TrainedModel, pd.DataFrame]) -> None:
    model, features = mixed
    strange = features.assign(c="never seen")
    assert np.isfinite(model.score(strange)).all()
    assert not np.array_equal(model.score(strange), model.score(features))
    blank = features.assign(c=pd.Series([None] * ROWS, dtype=object))
    assert np.array_equal(model.score(strange), model.score(blank)), "missing was never seen either"


def test_columns_of_other_pandas_types_are_taken_for_what_they_hold(mixed: tuple[TrainedModel, pd.DataFrame]) -> None:
    model, features = mixed
    typed = features.astype({"c": "category", "n": "float64"})
    assert np.array_equal(model.score(typed), model.score(features))
    assert np.array_equal(model.score(features.astype({"c": "string"})), model.score(features))


@pytest.mark.parametrize(
    "features",
    [
        pd.DataFrame({"a": numbers(), "b": pd.Series(np.arange(ROWS) % 3)}),
        pd.DataFrame({"c": texts(["x", "y"]), "d": texts(["p", "q", "r"])}),
        pd.DataFrame({"a": numbers(), "constant": pd.Series(np.ones(ROWS)), "same": texts(["x"])}),
        pd.DataFrame({"d": texts([f"{n}" for n in range(60)])}),
    ],
    ids=["numbers alone", "categories alone", "with constants", "sixty categories"],
)
def test_a_table_of_one_kind_is_learned_from(features: pd.DataFrame) -> None:
    label = np.arange(ROWS) % 2
    model, _ = fit_model(lending_spec(), sample_of(features, label))
    scores = model.score(features)
    assert scores.shape == (ROWS,)
    assert np.isfinite(scores).all()
    assert np.array_equal(model.score(features.iloc[[3]]), scores[[3]])


def test_the_kind_of_every_feature_is_on_record(training: Sample) -> None:
    model, _ = fit_model(lending_spec(), training)
    kinds = {feature.name: feature.kind for feature in model.manifest.features}
    assert {name for name, kind in kinds.items() if kind == "category"} == {"home", "purpose"}
    assert list(kinds) == list(training.features.columns)
