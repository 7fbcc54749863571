"""Rows that come in clusters: intervals that take them for independent miss the truth, and these do not."""

import numpy as np
import pytest

from rai_platform.fairness.cells import Cells, count_cells, with_clusters
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.indices import INDICES, measure_index
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import ACCURACY, SELECTION_RATE, TRUE_POSITIVE_RATE, proportion
from rai_platform.performance.balanced import balanced_accuracy
from rai_platform.statistics.areas import roc_auc
from rai_platform.statistics.clusters import clustered_size, clustered_variance, few_clusters
from rai_platform.statistics.estimates import paired_difference, weighted_mean, weighted_proportion
from rai_platform.statistics.resampling import redrawn_clusters

CORRELATION = 0.3
SIMULATIONS = 400
# Of 400 intervals of 95 %, fewer than 366 hold the truth by chance once in a thousand.
ENOUGH, TOO_FEW = 0.915, 0.85


def clustered(rng, clusters, rows, rate, correlation=CORRELATION):
    """0 and 1 in clusters (beta-binomial), with the given correlation within one: values and clusters, each (rows,)."""
    a = rate * (1 - correlation) / correlation
    of_cluster = rng.beta(a, a * (1 - rate) / rate, clusters)
    cluster = np.repeat(np.arange(clusters), rows)
    return rng.random(clusters * rows) < of_cluster[cluster], cluster


def coverage(intervals, truth):
    return np.mean([each.lower <= truth <= each.upper for each in intervals])


@pytest.mark.parametrize(("clusters", "rows", "rate"), [(100, 8, 0.3), (30, 10, 0.5), (60, 6, 0.1)])
def test_a_share_of_clustered_rows_is_covered_and_is_not_where_rows_are_taken_for_independent(clusters, rows, rate):
    rng = np.random.default_rng(clusters)
    known, ignored, weighted = [], [], []
    for _ in range(SIMULATIONS):
        values, cluster = clustered(rng, clusters, rows, rate)
        weight = rng.uniform(0.5, 1.5, len(values))
        known.append(weighted_proportion(values, None, cluster).bounds())
        ignored.append(weighted_proportion(values, None).bounds())
        weighted.append(weighted_proportion(values, weight, cluster).bounds())
    assert coverage(known, rate) >= ENOUGH
    assert coverage(weighted, rate) >= ENOUGH
    assert coverage(ignored, rate) < TOO_FEW


def test_a_disparity_of_clustered_rows_is_covered_and_is_not_where_rows_are_taken_for_independent():
    rng = np.random.default_rng(7)
    difference = DISPARITIES["demographic_parity_difference"]
    known, ignored = [], []
    for _ in range(SIMULATIONS // 2):
        women, of_women = clustered(rng, 60, 8, 0.5)
        men, of_men = clustered(rng, 60, 8, 0.3)
        selected = np.concatenate([women, men]).astype("int8")
        cluster = np.concatenate([of_women, 60 + of_men])
        groups = np.repeat(np.array(["f", "m"], dtype=object), 480)
        label = rng.integers(0, 2, 960).astype("int8")
        plain = count_cells(groups, label, selected)
        cells = with_clusters(plain, groups, 2 * label.astype("int64") + selected, None, cluster)
        known.append(measure_disparity(cells, difference).interval)
        ignored.append(measure_disparity(plain, difference).interval)
    assert coverage(known, 0.2) >= 0.90  # of 200, fewer than 180 once in a thousand
    assert coverage(ignored, 0.2) < TOO_FEW


def test_a_mean_and_an_area_of_clustered_rows_are_covered():
    rng = np.random.default_rng(3)
    means, plain_means, areas, plain_areas = [], [], [], []
    truth = 0.7602499  # of a normal score that is 1 higher for positives, with variance 1: Phi(1 / sqrt 2)
    for _ in range(SIMULATIONS):
        cluster = np.repeat(np.arange(50), 8)
        shared = np.sqrt(CORRELATION) * rng.standard_normal(50)[cluster]
        score = shared + np.sqrt(1 - CORRELATION) * rng.standard_normal(400)
        label = (rng.random(50) < 0.5)[cluster].astype("int8")  # of a whole cluster, as a patient's diagnosis
        means.append(weighted_mean(score + 10, None, cluster).bounds())
        plain_means.append(weighted_mean(score + 10, None).bounds())
        areas.append(roc_auc(label, score + label, None, cluster).bounds())
        plain_areas.append(roc_auc(label, score + label, None).bounds())
    assert coverage(means, 10.0) >= ENOUGH
    assert coverage(plain_means, 10.0) < TOO_FEW
    assert coverage(areas, truth) >= ENOUGH
    assert coverage(plain_areas, truth) < TOO_FEW


def test_balanced_accuracy_and_paired_differences_of_clustered_rows_are_covered():
    rng = np.random.default_rng(5)
    balanced, plain, paired, plain_paired = [], [], [], []
    for _ in range(SIMULATIONS):
        right, cluster = clustered(rng, 60, 8, 0.7)
        label = rng.integers(0, 2, 480).astype("int8")
        balanced.append(balanced_accuracy(right, label, None, cluster).bounds())
        plain.append(balanced_accuracy(right, label, None).bounds())
        nobody = np.zeros(480, dtype=bool)
        paired.append(paired_difference(right, nobody, None, cluster).bounds())
        plain_paired.append(paired_difference(right, nobody, None).bounds())
    assert coverage(balanced, 0.7) >= ENOUGH
    assert coverage(plain, 0.7) < TOO_FEW
    assert coverage(paired, 0.7) >= ENOUGH
    assert coverage(plain_paired, 0.7) < TOO_FEW


def test_the_linearized_variance_is_that_of_drawing_clusters_again():
    rng = np.random.default_rng(2)
    values, cluster = clustered(rng, 300, 6, 0.4)
    weight = rng.uniform(0.5, 2.0, len(values))
    drawn = redrawn_clusters(values.astype("int64"), cluster, weight, cells=2, replicates=4000, seed=1)
    shares = drawn[:, 1] / drawn.sum(axis=1)
    mean = np.average(values, weights=weight)
    variance = clustered_variance(weight * (values - mean) / weight.sum(), cluster)
    assert variance == pytest.approx(shares.var(), rel=0.08)
    size = clustered_size(values.astype(float), weight, cluster)
    kish = weight.sum() ** 2 / (weight**2).sum()
    independent = np.sum(weight**2 * (values - mean) ** 2) / weight.sum() ** 2
    assert size == pytest.approx(kish * independent / variance, rel=0.01)


def test_the_design_effect_is_that_of_kish_for_equal_clusters():
    values, cluster = clustered(np.random.default_rng(0), 20_000, 5, 0.4)
    assert len(values) / clustered_size(values.astype(float), None, cluster) == pytest.approx(
        1 + 4 * CORRELATION, rel=0.03
    )


def test_clusters_of_one_are_independent_rows():
    values = np.random.default_rng(0).random(500) < 0.3
    assert clustered_size(values.astype(float), None, np.arange(500)) == pytest.approx(500)
    assert few_clusters(500, 500) == 1.0


def test_rows_that_are_copies_count_as_one():
    values = np.random.default_rng(0).random(200) < 0.3
    size = clustered_size(np.repeat(values, 5).astype(float), None, np.repeat(np.arange(200), 5))
    assert size == pytest.approx(200, rel=0.02)
    assert clustered_size(np.ones(1000), None, np.repeat(np.arange(200), 5)) == pytest.approx(200, rel=0.02)


def test_one_cluster_says_hardly_anything():
    one = weighted_proportion(np.arange(100) % 2 == 0, None, np.zeros(100, dtype="int64"))
    assert one.trials == pytest.approx(1.0)
    assert one.bounds().upper - one.bounds().lower > 0.8
    assert few_clusters(5, 1000) < 0.6


def test_cells_give_the_rates_of_rows():
    rng = np.random.default_rng(8)
    selected, cluster = clustered(rng, 80, 6, 0.4)
    label = rng.integers(0, 2, 480).astype("int8")
    weight = rng.uniform(0.5, 2.0, 480)
    groups = rng.choice(np.array(["f", "m"], dtype=object), 480)
    selected = selected.astype("int8")
    plain = count_cells(groups, label, selected, weight)
    cells = with_clusters(plain, groups, 2 * label.astype("int64") + selected, weight, cluster)
    for index, group in enumerate(cells.groups):
        mine = groups == group
        for rate, among, of in (
            (SELECTION_RATE, mine, selected == 1),
            (TRUE_POSITIVE_RATE, mine & (label == 1), selected == 1),
            (ACCURACY, mine, selected == label),
        ):
            expected = weighted_proportion(of[among], weight[among], cluster[among])
            found = proportion(cells, index, rate)
            assert found.value == pytest.approx(expected.value)
            assert found.trials == pytest.approx(expected.trials, rel=0.02), rate.name
            assert found.n == expected.n


def test_an_index_of_clustered_people_is_less_certain():
    rng = np.random.default_rng(9)
    selected, cluster = clustered(rng, 80, 6, 0.4)
    selected, label = selected.astype("int8"), rng.integers(0, 2, 480).astype("int8")
    everybody = np.full(480, "(all)", dtype=object)
    plain = count_cells(everybody, label, selected)
    cells = with_clusters(plain, everybody, 2 * label.astype("int64") + selected, None, cluster)
    wide, narrow = (measure_index(each, INDICES["theil_index"], seed=0).bounds() for each in (cells, plain))
    assert wide.upper - wide.lower > 1.1 * (narrow.upper - narrow.lower)


def test_cells_of_clusters_are_not_added_up():
    cells = Cells(
        groups=("f",),
        counts=((1.0, 0.0, 0.0, 1.0),),
        weights=((1.0, 0.0, 0.0, 1.0),),
        squares=((1.0, 0.0, 0.0, 1.0),),
        moments=((0.0,) * 16,),
        clusters=(1,),
    )
    with pytest.raises(ValueError, match="independent rows"):
        _ = cells + cells
