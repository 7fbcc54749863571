"""What a changed table looks like: within the range seen, whole where it was whole, of known categories."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.robustness.perturbations import (
    PERTURB,
    STRENGTHS,
    can_change,
    shifted,
    signed,
    stream,
    touched_columns,
    with_category_swaps,
    with_missing_values,
    with_noise,
)
from rai_platform.robustness.report import Perturbation

NUMBERS, TEXTS = ["price", "count", "gaps", "flag"], ["home", "job"]
ABOUT: dict[Perturbation, list[str]] = {
    "noise": NUMBERS,
    "missing_values": [*NUMBERS, *TEXTS],
    "category_swaps": TEXTS,
    "shift": NUMBERS,
}


def table(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Every kind of column: numbers, whole numbers, whole numbers with gaps, 0 and 1, categories with and without gaps."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "price": rng.lognormal(3, 1.5, rows),
            "count": rng.poisson(1.0, rows),
            "gaps": pd.Series(rng.integers(20, 70, rows).astype("float64")).where(rng.random(rows) > 0.2),
            "flag": (rng.random(rows) < 0.1).astype("int64"),
            "home": pd.Series(rng.choice(["own", "rent", "other"], rows, p=[0.94, 0.05, 0.01]), dtype=object),
            "job": pd.Series(rng.choice(np.array(["cook", "clerk", None], dtype=object), rows), dtype=object),
        }
    )


def changed(perturbation: Perturbation, features: pd.DataFrame, strength: float, seed: int = 0) -> pd.DataFrame:
    columns = touched_columns(perturbation, features, ())
    return PERTURB[perturbation](features, columns, strength, stream(seed, perturbation, strength))


# --- laws of every perturbation --------------------------------------------------------------------------------------

Column = st.one_of(
    st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(np.nan)), min_size=1, max_size=30).map(
        lambda values: pd.Series(values, dtype="float64")
    ),
    st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30).map(
        lambda values: pd.Series(values, dtype="int64")
    ),
    st.lists(st.one_of(st.sampled_from(["a", "b", "c", ""]), st.none()), min_size=1, max_size=30).map(
        lambda values: pd.Series(values, dtype=object)
    ),
)


@given(Column, st.sampled_from(list(PERTURB)), st.floats(1e-6, 2.0), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_a_changed_column_is_one_that_could_have_been(
    column: pd.Series, perturbation: Perturbation, strength: float, down: bool, seed: int
) -> None:
    features = pd.DataFrame({"it": column, "other": np.arange(len(column))})
    before = features.copy(deep=True)
    columns = touched_columns(perturbation, features, ("other",))
    assert columns == (["it"] if perturbation == "missing_values" or ABOUT[perturbation] == wants(column) else [])
    signed_strength = -strength if down and perturbation == "shift" else strength
    after = PERTURB[perturbation](features, columns, signed_strength, stream(seed, perturbation, strength))
    pd.testing.assert_frame_equal(features, before)  # the table itself is left as it was
    assert list(after.columns) == ["it", "other"]
    assert after.index.equals(features.index)
    pd.testing.assert_series_equal(after["other"], features["other"])
    known, still_known = column.notna(), after["it"].notna()
    if perturbation == "missing_values":
        assert not (still_known & ~known).any()
        assert (after["it"][still_known] == column[still_known]).all()
        return
    assert after["it"].dtype == column.dtype
    assert (known == still_known).all()
    if not columns or not known.any():
        assert after["it"].equals(column)
    elif column.dtype == object:
        assert set(after["it"][known]) <= set(column[known])
    else:
        assert after["it"].min() >= column.min()
        assert after["it"].max() <= column.max()
        if (column.dropna() % 1 == 0).all():
            assert (after["it"].dropna() % 1 == 0).all()


def wants(column: pd.Series) -> list[str]:
    return TEXTS if column.dtype == object else NUMBERS


def test_whole_numbers_too_large_for_a_float_keep_every_digit() -> None:
    odd = 2**60 + 1
    features = pd.DataFrame({"id": [odd, odd + 2, odd + 4] * 50})
    after = shifted(features, ["id"], 1e-12, np.random.default_rng(0))
    assert (after["id"] == features["id"]).all()


@pytest.mark.parametrize("perturbation", list(PERTURB))
def test_what_is_left_alone_is_left_alone(perturbation: Perturbation) -> None:
    features = table(300)
    alone = ("count", "job")
    columns = touched_columns(perturbation, features, alone)
    assert columns == [name for name in ABOUT[perturbation] if name not in alone]
    after = PERTURB[perturbation](features, columns, 0.4, stream(0, perturbation, 0.4))
    for name in features:
        assert after[name].equals(features[name]) == (name not in columns), name


@pytest.mark.parametrize("perturbation", list(PERTURB))
def test_as_the_strength_goes_to_nothing_so_does_the_change(perturbation: Perturbation) -> None:
    features = table()
    after = changed(perturbation, features, 1e-9)
    for name in features:
        if name in ("price",) and perturbation in ("noise", "shift"):
            assert np.allclose(after[name], features[name], rtol=0, atol=1e-7 * features[name].std())
        else:
            assert after[name].equals(features[name].astype(after[name].dtype))


@pytest.mark.parametrize("perturbation", list(PERTURB))
def test_draws_depend_on_the_seed_the_perturbation_and_the_strength_alone(perturbation: Perturbation) -> None:
    features = table(200)
    first = changed(perturbation, features, 0.2, seed=1)
    assert changed(perturbation, features, 0.2, seed=1).equals(first)
    assert not changed(perturbation, features, 0.2, seed=2).equals(first)
    assert not changed(perturbation, features, 0.21, seed=1).equals(first)
    numbers = {name: stream(1, name, 0.2).random() for name in PERTURB}
    assert len(set(numbers.values())) == len(PERTURB), "each has draws of its own"
    assert stream(1, "shift", -0.2).random() == numbers["shift"]


@pytest.mark.parametrize("name", ["self", "a__b", "numbers", " ", "Größe 年"])
@pytest.mark.parametrize("perturbation", list(PERTURB))
def test_a_column_may_have_any_name(perturbation: Perturbation, name: str) -> None:
    features = table(200)[["price", "job"]]
    kind = "job" if perturbation == "category_swaps" else "price"
    odd = features.rename(columns={kind: name})
    assert changed(perturbation, odd, 0.3)[name].equals(changed(perturbation, features, 0.3)[kind].rename(name))


def test_the_labels_of_rows_do_not_matter() -> None:
    features = table(200)
    labelled = features.set_index(pd.Index(["same"] * 200))
    for perturbation in PERTURB:
        after = changed(perturbation, labelled, 0.3)
        assert after.index.equals(labelled.index)
        assert after.reset_index(drop=True).equals(changed(perturbation, features, 0.3))


# --- how much --------------------------------------------------------------------------------------------------------


def test_noise_has_the_size_that_was_asked_for_wherever_there_is_room() -> None:
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"x": np.r_[rng.normal(100, 5, 20_000), 0, 200]})
    for strength in STRENGTHS["noise"]:
        moved = (with_noise(features, ["x"], strength, rng)["x"] - features["x"]) / features["x"].std(ddof=0)
        assert moved.std() == pytest.approx(strength, rel=0.05)
        assert moved.mean() == pytest.approx(0, abs=4 * strength / math.sqrt(20_000))


@pytest.mark.parametrize("name", ["count", "flag", "gaps"])
@pytest.mark.parametrize("strength", [0.1, 0.25, -0.25])
def test_a_shift_moves_whole_numbers_as_far_on_average_as_it_says(name: str, strength: float) -> None:
    """Rounded to the nearest, columns of small counts would not move at all, and nothing would have been tried."""
    features = table(20_000)
    # As many again at the far ends, so that nothing that moves meets a bound.
    room = pd.DataFrame({name: [features[name].min() - 3, features[name].max() + 3]})
    roomy = pd.concat([features[[name]], room], ignore_index=True)
    moved = shifted(roomy, [name], strength, np.random.default_rng(0))[name] - roomy[name]
    asked = strength * roomy[name].std(ddof=0)
    assert abs(asked) < 4
    assert moved.mean() == pytest.approx(asked, abs=4 * 0.5 / math.sqrt(moved.notna().sum()))
    assert set(moved.dropna().iloc[:-2]) <= {float(math.floor(asked)), float(math.ceil(asked))}


def test_noise_reaches_counts_and_flags_too() -> None:
    features = table(20_000)
    after = with_noise(features, NUMBERS, 0.1, np.random.default_rng(0))
    spread = float(features["flag"].std(ddof=0))
    expected = 0.1 * spread * math.sqrt(2 / math.pi) / 2  # the mean size of the noise, and half of it meets a bound
    share = float((after["flag"] != features["flag"]).mean())
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / 20_000))
    assert 0.02 < (after["count"] != features["count"]).mean() < 0.2


@pytest.mark.parametrize("strength", [*STRENGTHS["missing_values"], 1.0])
def test_the_share_of_blank_cells_is_the_one_that_was_asked_for(strength: float) -> None:
    features = table()
    after = with_missing_values(features, [*NUMBERS, *TEXTS], strength, np.random.default_rng(0))
    for name in features:
        was_known = features[name].notna()
        share = float(after[name][was_known].isna().mean())
        assert share == pytest.approx(strength, abs=4 * math.sqrt(strength * (1 - strength) / was_known.sum()) + 1e-9)
    both = (after["price"].isna() & after["count"].isna()).mean()
    assert both == pytest.approx(strength**2, abs=0.03), "each cell by itself"
    assert {type(value) for value in after["job"] if not isinstance(value, str)} == {type(None)}


@pytest.mark.parametrize("strength", [*STRENGTHS["category_swaps"], 1.0])
def test_a_category_that_is_struck_becomes_another_one(strength: float) -> None:
    """Drawn from the whole column, most of a common category would be replaced by itself, and little would have changed."""
    features = table(20_000)
    after = with_category_swaps(features, TEXTS, strength, np.random.default_rng(0))
    for name in TEXTS:
        known = features[name].notna()
        share = float((after[name] != features[name])[known].mean())
        assert share == pytest.approx(strength, abs=4 * math.sqrt(strength * (1 - strength) / known.sum()) + 1e-9)
    struck = after["home"][(features["home"] == "own") & (after["home"] != "own")].value_counts(normalize=True)
    assert struck["rent"] == pytest.approx(5 / 6, abs=4 * math.sqrt(5 / 36 / (0.94 * strength * 20_000)))


def test_every_other_category_is_drawn_as_often_as_it_occurs() -> None:
    features = pd.DataFrame({"c": pd.Series(["a"] * 6000 + ["b"] * 3000 + ["c"] * 1000, dtype=object)})
    after = with_category_swaps(features, ["c"], 1.0, np.random.default_rng(0))["c"]
    for old, expected in {
        "a": {"b": 0.75, "c": 0.25},
        "b": {"a": 6 / 7, "c": 1 / 7},
        "c": {"a": 2 / 3, "b": 1 / 3},
    }.items():
        became = after[features["c"] == old].value_counts(normalize=True)
        assert dict(became) == pytest.approx(expected, abs=0.05)


# --- columns in which nothing can happen -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "able"),
    [
        ([1.0, 2.0], {"noise", "shift", "missing_values"}),
        ([7.0, 7.0], {"missing_values"}),
        ([7.0, None], {"missing_values"}),
        ([None, None], set()),
        (["a", "b"], {"category_swaps", "missing_values"}),
        (["a", "a"], {"missing_values"}),
        (["a", None], {"missing_values"}),
    ],
)
def test_what_holds_one_value_has_no_range_and_no_other_category(column: list[Any], able: set[str]) -> None:
    kind = object if any(isinstance(value, str) for value in column) else "float64"
    features = pd.DataFrame({"it": pd.Series(column, dtype=kind)})
    about = {name for name in PERTURB if touched_columns(name, features, ())}
    assert {name for name in about if can_change(name, features["it"])} == able
    for perturbation in about - able:
        assert changed(perturbation, features, 0.5).equals(features)


def test_a_column_that_is_missing_altogether_stays_so() -> None:
    features = table(50).assign(number=np.nan, text=pd.Series([None] * 50, dtype=object))
    for perturbation in PERTURB:
        after = changed(perturbation, features, 0.4)
        assert after[["number", "text"]].isna().all(axis=None)


def test_a_heavy_tail_moves_much_and_not_beyond_itself() -> None:
    features = pd.DataFrame({"gain": np.r_[np.zeros(920), np.random.default_rng(0).pareto(1.1, 80) * 1000]})
    after = with_noise(features, ["gain"], 0.1, np.random.default_rng(0))
    assert after["gain"].between(0, features["gain"].max()).all()
    moved = (after["gain"] - features["gain"]).abs()[features["gain"] == 0]
    assert 0.4 < (moved > 0).mean() < 0.6, "half of the zeros are at the bound and stay"
    assert moved.max() > features["gain"].std() * 0.1


def test_a_shift_is_tried_both_ways() -> None:
    assert signed("shift", [0.1, 0.5]) == [0.1, -0.1, 0.5, -0.5]
    assert signed("noise", [0.1, 0.5]) == [0.1, 0.5]
