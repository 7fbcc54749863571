"""Drawing again: counts as rows would be drawn, and clusters whole."""

import numpy as np
import pytest

from rai_platform.statistics.resampling import redrawn_clusters, redrawn_counts, replicated


def test_drawing_counts_is_drawing_rows():
    counts = np.array([[40.0, 10.0], [20.0, 30.0]])
    rows = np.repeat(np.arange(4), counts.ravel().astype(int))
    rng = np.random.default_rng(0)
    by_rows = np.array([np.bincount(rng.choice(rows, len(rows)), minlength=4) for _ in range(4000)])
    by_counts = redrawn_counts(counts, replicates=4000, seed=1).reshape(4000, 4)
    assert by_counts.sum(axis=1) == pytest.approx(100)
    assert by_counts.mean(axis=0) == pytest.approx(by_rows.mean(axis=0), abs=0.4)
    assert np.cov(by_counts.T) == pytest.approx(np.cov(by_rows.T), abs=1.6)


def test_rows_that_are_clusters_of_one_are_drawn_as_independent_rows():
    rng = np.random.default_rng(2)
    cell, weight = rng.integers(0, 3, 400), rng.lognormal(size=400)
    drawn = redrawn_clusters(cell, np.arange(400), weight, cells=3, replicates=2000, seed=3)
    sums, squares = (np.bincount(cell, weights=weight**power, minlength=3) for power in (1, 2))
    assert drawn.mean(axis=0) == pytest.approx(sums, rel=0.02)
    assert drawn.var(axis=0) == pytest.approx(squares - sums**2 / 400, rel=0.15)


def test_what_the_rows_of_a_cluster_share_adds_to_the_spread():
    cluster = np.repeat(np.arange(50), 8)
    cell = np.repeat(np.random.default_rng(4).integers(0, 2, 50), 8)  # everybody of a household is alike
    ones = np.ones(400)
    together = redrawn_clusters(cell, cluster, ones, cells=2, replicates=2000, seed=5)[:, 1]
    apart = redrawn_clusters(cell, np.arange(400), ones, cells=2, replicates=2000, seed=5)[:, 1]
    assert together.var() == pytest.approx(8 * apart.var(), rel=0.15)


def test_equal_seeds_draw_the_same():
    assert (redrawn_counts([5.0, 5.0], seed=7) == redrawn_counts([5.0, 5.0], seed=7)).all()


def test_a_smooth_function_of_counts_has_the_interval_of_its_delta_method():
    found = replicated(lambda counts: counts[..., 0] / counts.sum(axis=-1), [300.0, 700.0], n=1000, seed=0)
    interval = found.bounds()
    half = 1.96 * np.sqrt(0.3 * 0.7 / 1000)
    assert (interval.lower, interval.upper) == pytest.approx((0.3 - half, 0.3 + half), abs=0.004)
    assert found.n == 1000


def test_what_the_counts_do_not_give_is_no_number():
    assert replicated(lambda counts: counts[..., 0] / counts.sum(axis=-1), [0.0, 0.0], n=0, seed=0) is None
