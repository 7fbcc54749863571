"""What the screen of data says of a metric by group: the group that is farthest off, with bounds that hold."""

import dataclasses
import math

import numpy as np
import pytest

from rai_platform.data.pretraining import MEASURES, LabelCounts
from rai_platform.data.report import GroupAgainstOthers, Proxy, ProxyFinding
from rai_platform.errors import EvidenceMissing
from rai_platform.release.data_findings import find_in_data
from rai_platform.release.finding import Levels
from rai_platform.statistics.estimates import NormalEstimate
from rai_platform_tests.card import made
from rai_platform_tests.release.checks import check_of

LEVELS = Levels(outer=0.05, inner=0.05)
DISTANCES = [name for name in MEASURES if name != "class_imbalance"]


def compared(group, n, positive, other_n, other_positive, **more):
    labels = LabelCounts(
        positive=positive, negative=n - positive, other_positive=other_positive, other_negative=other_n - other_positive
    )
    told = {"conditional": None, "share": n / (n + other_n), "expected_share": None, **more}
    return GroupAgainstOthers(group=group, n=n, other_n=other_n, labels=labels, trials=n, other_trials=other_n, **told)


def found(metric, *groups, levels=LEVELS, minimum=50, **changed):
    report = dataclasses.replace(made.data_report(), against_others={"sex": groups}, **changed)
    return find_in_data(check_of(metric), report, levels, minimum)


@pytest.mark.parametrize("name", ["label_rate_gap", "kullback_leibler_divergence", "jensen_shannon_divergence"])
@pytest.mark.slow
def test_the_bounds_of_a_distance_hold_as_often_as_they_say(name):
    rng = np.random.default_rng(1)
    for q, p in ((0.3, 0.5), (0.4, 0.4), (0.1, 0.15)):
        truth = abs(MEASURES[name].of(LabelCounts(positive=q, negative=1 - q, other_positive=p, other_negative=1 - p)))
        below, above = 0, 0
        for x, y in zip(rng.binomial(150, q, 200), rng.binomial(400, p, 200), strict=True):
            bounds = found(name, compared("f", 150, int(x), 400, int(y))).bounds
            below += truth < bounds.lower
            above += truth > bounds.upper
        # Of 200 draws at 5 %, more than 20 are too many (99.9 % of the binomial).
        assert below <= 20, (q, p)
        assert above <= 20, (q, p)


@pytest.mark.parametrize("name", DISTANCES)
def test_bounds_narrow_to_the_value_as_rows_grow(name):
    n = 4_000_000
    finding = found(name, compared("f", n, n // 4, n, n // 2))
    assert finding.bounds.lower == pytest.approx(finding.value, abs=0.005)
    assert finding.bounds.upper == pytest.approx(finding.value, abs=0.005)
    assert finding.bounds.lower < finding.value < finding.bounds.upper


def test_the_group_that_is_farthest_off_is_judged_whichever_side_it_is_on():
    finding = found(
        "label_rate_gap",
        compared("f", 500, 250, 1500, 700),
        compared("m", 500, 400, 1500, 550),
        compared("x", 9, 9, 1991, 941),
    )
    assert finding.value == pytest.approx(0.8 - 550 / 1500)
    assert "0.800 of m" in finding.says
    assert finding.left_out == {"x": "too small: 9 rows, 50 needed"}
    assert set(finding.groups) == {"f", "m"}


def test_a_label_that_never_occurs_leaves_the_divergence_without_a_value():
    finding = found("kullback_leibler_divergence", compared("f", 200, 0, 400, 90))
    assert finding.value is None
    assert "never occurs in f" in finding.says
    assert found("jensen_shannon_divergence", compared("f", 200, 0, 400, 90)).value > 0


def test_a_rare_label_leaves_the_upper_bound_of_the_divergence_finite_and_wide():
    bounds = found("kullback_leibler_divergence", compared("f", 200, 1, 400, 90)).bounds
    assert math.isfinite(bounds.upper)
    assert bounds.upper > 2 * bounds.lower


def test_representation_is_the_worst_ratio_of_shares():
    finding = found(
        "representation_ratio",
        compared("f", 300, 100, 700, 300, expected_share=0.5),
        compared("m", 700, 300, 300, 100, expected_share=0.5),
        compared("(missing)", 60, 3, 940, 3),
    )
    assert finding.value == pytest.approx(0.6)
    assert finding.groups == ("f", "m")


def test_class_imbalance_is_that_of_the_smallest_group_however_small():
    finding = found("class_imbalance", compared("f", 20, 10, 80, 40), compared("m", 80, 40, 20, 10))
    assert finding.value == pytest.approx(0.6)


def test_what_nobody_declared_is_not_estimable():
    group = compared("f", 300, 100, 700, 300)
    assert "no `reference`" in found("representation_ratio", group).says
    assert "no `conditional_on`" in found("conditional_demographic_disparity", group).says
    assert found("conditional_demographic_disparity", group, dataclasses.replace(group, conditional=-0.2)).value == 0.2


def test_a_screen_made_before_anybody_asked_is_made_again():
    for metric in ("label_rate_gap", "proxy_auc", "missing_rate_difference", "representation_ratio"):
        old = dataclasses.replace(made.data_report(), against_others={}, proxies={}, missing={})
        with pytest.raises(EvidenceMissing, match="materialize `training_data` again"):
            find_in_data(check_of(metric), old, LEVELS, 50)


def test_the_clearest_group_of_several_is_judged_and_its_proxies_are_named():
    def finding(group, auc):
        return ProxyFinding(
            group=group,
            auc=NormalEstimate(value=auc, standard_error=0.01, n=500, scale="logit", most=1.0),
            strongest=(Proxy(column=f"tells {group}", auc=auc - 0.05),),
        )

    told = found("proxy_auc", proxies={"sex": (finding("a", 0.6), finding("b", 0.9))})
    assert told.value == 0.9
    assert "tells b (0.850 by itself)" in told.says
    assert told.bounds.lower < 0.9 < told.bounds.upper
    alone = found("proxy_auc", proxies={"sex": (finding("b", 0.9),)})
    assert alone.bounds.lower > told.bounds.lower, "sought among more groups, less is certain"


def test_missing_values_are_compared_over_groups_large_enough_to_have_a_rate():
    finding = found("missing_rate_difference")
    assert finding.value == pytest.approx(0.01)
    assert "income is missing for 0.020 of female and 0.010 of male" in finding.says
    assert found("missing_rate_difference", missing={"sex": ()}).value == 0.0
    assert found("missing_rate_difference", minimum=1400).value is None
