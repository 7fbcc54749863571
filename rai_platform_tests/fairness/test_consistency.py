"""Whether people who are alike are decided about alike, held against AI Fairness 360 and against the truth."""

import logging

import numpy as np
import pandas as pd
import pytest

from rai_platform.fairness import consistency
from rai_platform.fairness.consistency import mean_agreement, measure_consistency, neighbours
from rai_platform.training.estimators import build_preprocessing
from rai_platform_tests.fairness.people import predictions_for
from rai_platform_tests.training.lending import sample_of

logging.getLogger("aif360").setLevel(logging.ERROR)


def people(features, y_pred, *, weight=None, protected=("sex",), seed=0):
    """The consistency of decisions about people made by hand."""
    sample = sample_of(pd.DataFrame(features), y_pred, weight=weight)
    return measure_consistency(predictions_for(sample, y_pred=y_pred), sample, protected=protected, seed=seed)


# --- AI Fairness 360 -------------------------------------------------------------------------------------------------


@pytest.fixture(params=["german", "compas"])
def real(request, german, compas):
    """Features, groups and decisions of real people: a rule of thumb about credit, and COMPAS's own."""
    if request.param == "german":
        return german.drop(columns=["risk", "good", "sex", "personal_status"]), (german["duration"] < 24).astype(int)
    columns = ["age", "priors_count", "juv_fel_count", "juv_misd_count", "c_charge_degree", "race", "sex"]
    return compas[columns], (compas["decile_score"] >= 5).astype(int)


def test_it_is_aif360s_on_the_same_encoded_features(real):
    aif360 = pytest.importorskip("aif360.datasets", reason="AIF360 is not installed (it is a development dependency)")
    from aif360.metrics import BinaryLabelDatasetMetric

    features, y_pred = real
    features = features.astype({name: object for name in features if features[name].dtype == object})
    encoded = np.asarray(build_preprocessing(features).fit_transform(features), dtype=float)
    frame = pd.DataFrame(encoded, columns=[f"x{at}" for at in range(encoded.shape[1])]).assign(y=y_pred.to_numpy())
    decided = aif360.BinaryLabelDataset(df=frame, label_names=["y"], protected_attribute_names=["x0"])
    expected = float(BinaryLabelDatasetMetric(decided).consistency(n_neighbors=5)[0])
    found = people(features, y_pred.to_numpy(), protected=())
    assert found.estimate.value == pytest.approx(expected, abs=1e-9)
    assert found.judged == found.searched == len(frame)
    interval = found.estimate.bounds()
    assert 0 < interval.lower < expected < interval.upper < 1


# --- what it means ---------------------------------------------------------------------------------------------------


def test_protected_attributes_make_nobody_unlike():
    """With the sex among what makes people alike, a rule by sex alone would look perfect."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["female", "male"], 400).astype(object)
    features = {"sex": sex, "income": rng.standard_normal(400)}
    y_pred = (sex == "male").astype(int)
    blind, seeing = people(features, y_pred), people(features, y_pred, protected=())
    assert seeing.estimate.value > 0.99
    assert blind.estimate.value < 0.7
    assert (blind.columns, blind.left_out) == (("income",), ("sex",))


def test_where_everybody_gets_the_same_it_is_one_and_the_interval_says_how_sure():
    found = people({"income": np.arange(100.0)}, np.ones(100, dtype=int))
    assert found.estimate.value == 1
    assert 0.7 < found.estimate.bounds().lower < 0.95  # 20 neighbourhoods are no proof


def test_a_person_is_one_of_their_own_five():
    """Ten people on a line; the one in the middle alone is selected, and has four neighbours who are not."""
    y_pred = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    near = neighbours(np.arange(10.0)[:, None], np.arange(10))
    assert all(row in set(near[row]) for row in range(10))
    by_hand = [abs(y_pred[row] - np.mean([y_pred[other] for other in near[row]])) for row in range(10)]
    assert people({"income": np.arange(10.0)}, y_pred).estimate.value == pytest.approx(1 - np.mean(by_hand))
    assert by_hand[5] == pytest.approx(4 / 5)


def test_heavier_people_count_for_more():
    y_pred = np.array([0] * 50 + [1, 0] * 25)
    income = np.concatenate([np.linspace(0, 1, 50), np.linspace(100, 101, 50)])
    even, uneven = np.ones(100), np.repeat([9.0, 1.0], 50)
    values = [people({"income": income}, y_pred, weight=weight).estimate for weight in (None, even, uneven)]
    assert values[0].value == pytest.approx(values[1].value)
    assert values[2].value > values[0].value + 0.1
    assert values[2].bounds().upper - values[2].bounds().lower > 0


@pytest.mark.parametrize(
    ("features", "rows", "why"),
    [
        ({"sex": ["a", "b"] * 10}, 20, "nothing but protected attributes"),
        ({"income": [1.0, 2.0, 3.0, 4.0, 5.0]}, 5, "only 5 people, and 6 are needed"),
        ({"income": [np.nan] * 20}, 20, "nothing but protected attributes"),
    ],
)
def test_what_cannot_be_told_is_said(features, rows, why):
    found = people(features, np.arange(rows) % 2)
    assert found.estimate is None
    assert why in found.why_not


def test_of_many_people_some_are_judged_and_the_report_says_so(monkeypatch):
    monkeypatch.setattr(consistency, "MOST_SEARCHED", 400)
    monkeypatch.setattr(consistency, "MOST_JUDGED", 300)
    rng = np.random.default_rng(0)
    income = rng.standard_normal(1000)
    found, again = (people({"income": income}, (income > 0).astype(int)) for _ in range(2))
    assert (found.judged, found.searched, found.estimate.n) == (300, 400, 300)
    assert found == again
    assert people({"income": income}, (income > 0).astype(int), seed=1) != found


# --- how sure --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("columns", [2, 8])
@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_the_interval_covers_the_value_of_everybody(columns, noise):
    """Samples of 300 drawn again and again: rows as if independent would cover 80 to 90 times in 100."""
    rng = np.random.default_rng(1)
    drawn, bounds = [], []
    for _ in range(200):
        x = rng.standard_normal((300, columns))
        y_pred = (x[:, 0] + x[:, 1] + noise * rng.standard_normal(300) > 0.5).astype(float)
        near = neighbours(x, np.arange(300))
        distance = np.abs(y_pred - y_pred[near].mean(axis=1))
        estimate = mean_agreement(distance, near, weight=None, cluster=None)
        drawn.append(estimate.value)
        bounds.append(estimate.bounds())
    truth = np.mean(drawn)
    covered = np.mean([each.lower <= truth <= each.upper for each in bounds])
    assert covered >= 0.94
    width = np.mean([each.upper - each.lower for each in bounds])
    assert width < 2.2 * 2 * 1.96 * np.std(drawn), "and is not merely wide"


def test_rows_of_one_person_are_not_so_many_people():
    rng = np.random.default_rng(2)
    x = np.repeat(rng.standard_normal((60, 3)), 5, axis=0)
    y_pred = np.repeat((rng.random(60) > 0.5).astype(float), 5)
    y_pred[::7] = 1 - y_pred[::7]
    near = neighbours(x + 1e-6 * rng.standard_normal(x.shape), np.arange(300))
    distance = np.abs(y_pred - y_pred[near].mean(axis=1))
    alone = mean_agreement(distance, near, weight=None, cluster=None)
    together = mean_agreement(distance, near, weight=None, cluster=np.repeat(np.arange(60), 5))
    assert together.value == alone.value
    assert together.trials <= alone.trials
