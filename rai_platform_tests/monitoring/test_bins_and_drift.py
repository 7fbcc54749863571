"""Counting columns, and the distances between counts, each by a second route."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from rai_platform.monitoring.bins import MOST_CATEGORIES, CategoryBins, NumberBins
from rai_platform.monitoring.drift import measure_drift, parts

VALUES = st.lists(st.one_of(st.none(), st.integers(-3, 3).map(float), st.floats(-10, 10)), min_size=1, max_size=60)
NAMES = st.lists(st.one_of(st.none(), st.sampled_from("abcde")), min_size=1, max_size=60)


def numbers(values: Any) -> pl.Series:
    return pl.Series("x", values, dtype=pl.Float64)


def names(values: Any) -> pl.Series:
    return pl.Series("x", values, dtype=pl.String)


@settings(max_examples=50)
@given(reference=VALUES, first=VALUES, second=VALUES)
def test_windows_of_numbers_add_up(reference: list[float], first: list[float], second: list[float]) -> None:
    bins = NumberBins.of(numbers(reference))
    assert bins.count(numbers(first)) + bins.count(numbers(second)) == bins.count(numbers([*first, *second]))
    assert bins.count(numbers(first)).n == len(first)


@settings(max_examples=50)
@given(reference=NAMES, first=NAMES, second=NAMES)
def test_windows_of_categories_add_up(reference: list[str], first: list[str], second: list[str]) -> None:
    bins = CategoryBins.of(names(reference))
    assert bins.count(names(first)) + bins.count(names(second)) == bins.count(names([*first, *second]))
    assert bins.count(names(first)).n == len(first)


@settings(max_examples=50)
@given(reference=VALUES, window=VALUES)
def test_distances_of_numbers_are_those_of_the_rows_where_every_value_has_a_bin(
    reference: list[float | None], window: list[float | None]
) -> None:
    """A window within the values of the reference, so that nothing lies between or beyond the cuts."""
    known = [value for value in reference if value is not None]
    within = [min(known, key=lambda each: abs(each - value)) for value in window if value is not None] if known else []
    if not within:
        return
    bins = NumberBins.of(numbers(reference), quantiles=1000)
    found = measure_drift(bins, bins.count(numbers(reference)), bins.count(numbers(within)))
    apart = [sum(x <= at for x in known) / len(known) - sum(x <= at for x in within) / len(within) for at in known]
    assert found.kolmogorov_smirnov == pytest.approx(max(map(abs, apart)))
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(known, within), abs=1e-9)


@settings(max_examples=50)
@given(reference=NAMES, window=NAMES)
def test_distances_of_categories_are_those_of_scipy(reference: list[str | None], window: list[str | None]) -> None:
    before, now = ([each for each in side if each is not None] for side in (reference, window))
    if not before or not now:
        return
    bins = CategoryBins.of(names(reference))
    found = measure_drift(bins, bins.count(names(reference)), bins.count(names(window)))
    everything = [*sorted(set(before)), "new"]
    tables = [
        np.array([sum(each == name or (name == "new" and each not in before) for each in side) for name in everything])
        for side in (before, now)
    ]
    used = tables[0] + tables[1] > 0
    p, q = (table[used] for table in tables)
    assert found.jensen_shannon == pytest.approx(distance.jensenshannon(p, q, base=2), abs=1e-6)
    if len(p) > 1:
        assert found.chi_square == pytest.approx(stats.chi2_contingency([p, q], correction=False).pvalue)
    assert found.new_share == pytest.approx(sum(each not in before for each in now) / len(window))


def test_the_stability_index_is_zero_for_the_same_and_known_for_another() -> None:
    bins = CategoryBins.of(names(["a"] * 600 + ["b"] * 400))
    before = bins.count(names(["a"] * 600 + ["b"] * 400))
    assert measure_drift(bins, before, before).psi == pytest.approx(0)
    now = measure_drift(bins, before, bins.count(names(["a"] * 400 + ["b"] * 600)))
    assert now.psi == pytest.approx(2 * 0.2 * np.log(1.5), rel=5e-3)
    assert (now.moved, now.before, now.now) == ("'a'", 0.6, 0.4)


def test_a_number_that_is_shifted_moves_the_share_below_its_median() -> None:
    x = np.random.default_rng(0).normal(size=20_000)
    bins = NumberBins.of(numbers(x))
    found = measure_drift(bins, bins.count(numbers(x)), bins.count(numbers(x + 0.5)))
    assert found.kolmogorov_smirnov == pytest.approx(stats.ks_2samp(x, x + 0.5).statistic, abs=0.006)
    assert found.wasserstein == pytest.approx(0.5, rel=0.05)
    assert found.psi == pytest.approx(0.25, abs=0.05), "of two normals half a standard deviation apart"
    assert found.largest_change == pytest.approx(0.197, abs=0.01)


def test_missing_values_and_values_that_are_no_numbers_are_told_apart_from_the_rest() -> None:
    bins = NumberBins.of(numbers([1.0, 2.0, 3.0, 4.0]))
    found = measure_drift(
        bins, bins.count(numbers([1.0, 2.0, 3.0, 4.0])), bins.count(numbers([1.0, None, float("nan"), float("inf")]))
    )
    assert found.missing_change == 0.75
    assert found.moved == "missing"


def test_of_many_categories_the_rare_ones_are_counted_together() -> None:
    many = [f"{number:03d}" for number in range(MOST_CATEGORIES + 50)]
    bins = CategoryBins.of(names([*many, *many[:MOST_CATEGORIES]]))
    counted = bins.count(names([*many, "never seen"]))
    assert (len(counted.bins), counted.bins[-1], counted.new) == (MOST_CATEGORIES + 1, 50, {"never seen": 1})
    told = parts(bins, counted, counted)
    assert [part.says for part in told[-3:]] == ["a rare category", "a category that is new (never seen)", "missing"]


def test_a_column_without_any_value_has_no_distance() -> None:
    bins = NumberBins.of(numbers([None, None]))
    found = measure_drift(bins, bins.count(numbers([None])), bins.count(numbers([1.0])))
    assert found.psi is None
    assert found.kolmogorov_smirnov is None
    assert found.moved == "missing"
