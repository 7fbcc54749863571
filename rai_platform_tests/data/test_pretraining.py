"""Measures of bias before training: the definitions of SageMaker Clarify, computed by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.data.pretraining import (
    MEASURES,
    LabelCounts,
    conditional_demographic_disparity,
    demographic_disparity,
    measure_labels,
)

# 20 women of whom 5 have the positive label, 80 men of whom 40 have it.
WOMEN = LabelCounts(positive=5, negative=15, other_positive=40, other_negative=40)


def test_every_measure_is_what_its_definition_says():
    found = measure_labels(WOMEN)
    middle = (0.25 + 0.5) / 2
    assert found == pytest.approx(
        {
            "class_imbalance": 0.6,
            "label_rate_gap": 0.25,
            "kullback_leibler_divergence": 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25),
            "jensen_shannon_divergence": (
                0.5 * math.log(0.5 / (1 - middle))
                + 0.5 * math.log(0.5 / middle)
                + 0.75 * math.log(0.75 / (1 - middle))
                + 0.25 * math.log(0.25 / middle)
            )
            / 2,
            "lp_norm": math.sqrt(2) * 0.25,
            "total_variation_distance": 0.25,
            "kolmogorov_smirnov_distance": 0.25,
        }
    )
    assert set(found) == set(MEASURES)
    assert demographic_disparity(WOMEN) == pytest.approx(15 / 55 - 5 / 45)


counts = st.integers(1, 500)


@given(counts, counts, counts, counts)
@settings(max_examples=50, deadline=None)
def test_measures_stay_in_their_range_and_are_0_for_equal_labels(a, b, c, d):
    found = measure_labels(LabelCounts(positive=a, negative=b, other_positive=c, other_negative=d))
    assert -1 <= found["class_imbalance"] <= 1
    assert -1 <= found["label_rate_gap"] <= 1
    assert found["kullback_leibler_divergence"] >= -1e-12
    assert -1e-12 <= found["jensen_shannon_divergence"] <= math.log(2)
    assert found["total_variation_distance"] == pytest.approx(abs(found["label_rate_gap"]))
    equal = measure_labels(LabelCounts(positive=a, negative=b, other_positive=3 * a, other_negative=3 * b))
    assert {name: value for name, value in equal.items() if name != "class_imbalance"} == pytest.approx(
        dict.fromkeys(set(MEASURES) - {"class_imbalance"}, 0.0), abs=1e-9
    )


def test_what_has_no_value_says_none():
    never = LabelCounts(positive=0, negative=10, other_positive=5, other_negative=5)
    assert measure_labels(never)["kullback_leibler_divergence"] is None
    nobody = LabelCounts(positive=0, negative=0, other_positive=5, other_negative=5)
    assert set(measure_labels(nobody).values()) == {None}
    assert demographic_disparity(LabelCounts(positive=3, negative=0, other_positive=5, other_negative=0)) is None
    assert conditional_demographic_disparity([]) is None


def test_a_disparity_that_a_factor_accounts_for_vanishes_within_its_strata():
    # Berkeley's paradox: women apply where few are accepted; within each department nobody is preferred.
    easy = LabelCounts(positive=8, negative=2, other_positive=72, other_negative=18)
    hard = LabelCounts(positive=18, negative=72, other_positive=2, other_negative=8)
    both = LabelCounts(positive=26, negative=74, other_positive=74, other_negative=26)
    assert demographic_disparity(both) == pytest.approx(0.48)
    assert conditional_demographic_disparity([easy, hard]) == pytest.approx(0.0)
    assert conditional_demographic_disparity([both]) == pytest.approx(0.48)
