"""Who gets another decision when nothing about them is changed but a protected attribute."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from rai_platform.fairness.flipping import NO_MODEL, ONE_GROUP, flip_attribute
from rai_platform.fairness.report import AttributeFlip
from rai_platform.spec.subject import Subject
from rai_platform.statistics.estimates import Exact
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import draws
from rai_platform.training.predictions import Predictions
from rai_platform_tests.fairness.by_rule import model_of
from rai_platform_tests.mitigation.comparing import predictions_of, prepared, spec_of
from rai_platform_tests.training.lending import lending_spec, sample_of


def people(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    sex = rng.choice(["female", "male"], rows).astype(object)
    age = rng.integers(20, 70, rows)
    features = pd.DataFrame({"sex": sex, "age": age, "income": rng.standard_normal(rows)})
    groups = pd.DataFrame({"sex": sex, "old": np.where(age >= 45, "45 and over", "under 45").astype(object)})
    return sample_of(features, rng.integers(0, 2, rows), groups)


def flipped(rule, sample, feature, *, columns=("sex", "age", "income"), **changes):
    model = model_of(rule, sample.features[list(columns)], **changes)
    predictions = Predictions(
        subject=Subject(model_digest="m" * 64, data_digest=sample.digest),
        row_key=sample.row_key,
        y_score=None,
        y_pred=model.decide(sample.features, sample.sensitive_features),
        score_is_probability=True,
    )
    found = flip_attribute(model, predictions, sample, feature, columns={"old": "age"}, seed=0)
    return found, predictions.y_pred


def test_a_rule_by_sex_changes_with_sex_and_with_nothing_else():
    sample = people()
    found, y_pred = flipped(lambda table: table["sex"] == "male", sample, "sex")
    assert found.rate.value == 1
    assert found.seen == ("sex",)
    directions = {each.group: (each.n, each.gained, each.lost) for each in found.by_group}
    women, men = int((y_pred == 0).sum()), int((y_pred == 1).sum())
    assert directions == {"female": (women, women, 0), "male": (men, 0, men)}
    other, _ = flipped(lambda table: table["sex"] == "male", sample, "old")
    assert other.rate.value == 0
    assert 0 < other.rate.bounds().upper < 0.02, "it was measured, on 400 people"
    assert not other.unseen


def test_a_share_is_counted_person_by_person():
    """Only people whose income lies within the bonus that a man has are decided about otherwise."""
    sample = people()
    found, _ = flipped(lambda table: table["income"] + 0.5 * (table["sex"] == "male") > 0, sample, "sex")
    between = (sample.features["income"] > -0.5) & (sample.features["income"] <= 0)
    assert found.rate.value == pytest.approx(between.mean())
    interval = found.rate.bounds()
    assert interval.lower < found.rate.value < interval.upper


def test_a_number_becomes_one_that_somebody_in_the_other_group_has():
    sample = people()
    found, y_pred = flipped(lambda table: table["age"] >= 30, sample, "old")
    ages = sample.features["age"]
    for group, member in (("45 and over", ages >= 45), ("under 45", ages < 45)):
        stands = int(found.values[group]["age"])
        assert stands in set(ages[member])
        assert abs((ages[member] <= stands).mean() - 0.5) < 0.05
    # The median of the younger is over 30: whoever is under 30 is passed over, and would not be if old; nobody loses.
    by_group = {each.group: each for each in found.by_group}
    assert by_group["under 45"].gained == int((y_pred == 0).sum()) > 0
    assert by_group["45 and over"].lost == 0


def test_what_the_model_does_not_see_changes_nothing_by_construction():
    found, _ = flipped(lambda table: table["income"] > 0, people(), "sex", columns=("age", "income"))
    assert found.rate == Exact(value=0.0, n=400)
    assert found.unseen
    assert found.by_group == ()


def test_crossed_attributes_are_changed_together():
    sample = people()
    found, _ = flipped(lambda table: (table["sex"] == "male") & (table["age"] >= 45), sample, "sex_x_old")
    assert [each.group for each in found.by_group] == [
        "female & under 45",
        "female & 45 and over",
        "male & under 45",
        "male & 45 and over",
    ]
    assert found.rate.value == 1, "everybody would be decided about otherwise in some other group"
    assert found.seen == ("sex", "age")


def test_people_of_unknown_attribute_are_not_asked_about():
    sample = people()
    sample.sensitive_features.loc[:99, "sex"] = "(missing)"
    found, _ = flipped(lambda table: table["sex"] == "male", sample, "sex")
    assert found.rate.n == 300
    assert {each.group for each in found.by_group} == {"female", "male"}


def test_heavier_people_count_for_more():
    sample = people()
    near = (sample.features["income"] > -0.5) & (sample.features["income"] <= 0)
    heavy = dataclasses.replace(sample, weight=np.where(near, 3.0, 1.0))
    found, _ = flipped(lambda table: table["income"] + 0.5 * (table["sex"] == "male") > 0, heavy, "sex")
    assert found.rate.value == pytest.approx(3 * near.mean() / (3 * near.mean() + 1 - near.mean()))


def test_a_draw_stays_the_persons_own():
    """A model that draws, and takes no notice of sex, changes nothing with sex, although the draw depends on every column."""
    sample = people()
    found, y_pred = flipped(
        lambda table: np.full(len(table), 1.0),
        sample,
        "sex",
        composition="weighted",
        threshold=None,
        randomized=True,
        weights=(0.5,),
    )
    assert 0.4 < y_pred.mean() < 0.6
    assert found.rate.value == 0
    model = model_of(lambda table: np.full(len(table), 1.0), sample.features, randomized=True)
    other = sample.features.assign(sex=sample.features["sex"].map({"female": "male", "male": "female"}))
    assert not np.array_equal(draws(other, model.manifest), draws(sample.features, model.manifest))


def test_with_the_group_its_threshold_changes_too():
    spec = spec_of({"method": "threshold_optimizer", "constraint": "demographic_parity"})
    training, test = prepared(spec)
    model, _ = fit_model(spec, training)
    assert "sex" not in {feature.name for feature in model.manifest.features}
    predictions = predictions_of(model, test)
    found = flip_attribute(model, predictions, test, "sex", columns={}, seed=0)
    assert (found.seen, found.thresholds) == ((), ("sex",))
    other = test.sensitive_features.assign(sex=test.sensitive_features["sex"].map({"female": "male", "male": "female"}))
    answers = model.decide(test.features, other)
    assert found.rate.value == pytest.approx((answers != predictions.y_pred).mean())
    assert found.rate.value > 0.02
    lost = {each.group: each.lost for each in found.by_group}
    assert lost["female"] > 0, "women are selected at a threshold of their own"
    assert lost["male"] == 0


def test_a_group_without_a_threshold_is_not_asked_for():
    spec = spec_of({"method": "threshold_optimizer", "constraint": "demographic_parity"})
    training, test = prepared(spec)
    model, _ = fit_model(spec, training)
    predictions = predictions_of(model, test)
    unknown = test.sensitive_features.copy()
    unknown.loc[:9, "sex"] = "unheard of"
    found = flip_attribute(
        model, predictions, dataclasses.replace(test, sensitive_features=unknown), "sex", columns={}, seed=0
    )
    assert found.rate is not None
    assert {each.group for each in found.by_group} == {"female", "male", "unheard of"}


@pytest.mark.parametrize("case", ["no model", "one group", "refused"])
def test_what_cannot_be_told_is_said(case):
    sample = people()
    if case == "one group":
        sample.sensitive_features["sex"] = "female"
    found, _ = flipped(lambda table: table["sex"] == "male", sample, "sex")
    if case == "no model":
        assert (
            flip_attribute(None, predictions_of_nobody(sample), sample, "sex", columns={}, seed=0).why_not == NO_MODEL
        )
        return
    if case == "one group":
        assert (found.rate, found.why_not) == (None, ONE_GROUP)
        return

    richest = sample.features.loc[sample.features["income"].idxmax()]

    def refuses_one(table):
        if ((table["income"] == richest["income"]) & (table["sex"] != richest["sex"])).any():
            raise ValueError("there is no such person")
        return table["income"] > 0

    refused, _ = flipped(refuses_one, sample, "sex")
    assert refused.rate is None
    assert "there is no such person" in refused.why_not


def predictions_of_nobody(sample):
    return Predictions(
        subject=Subject(model_digest="m" * 64, data_digest=sample.digest),
        row_key=sample.row_key,
        y_score=None,
        y_pred=np.zeros(sample.n, dtype="int8"),
        score_is_probability=False,
    )


def test_a_real_model_that_sees_sex_and_comes_back_as_it_was():
    spec = lending_spec(
        data={
            "source": "generator:lending?rows=4000&seed=1&disparate_impact=0.4",
            "target": "repaid",
            "exclude": ["approved"],
        }
    )
    training, test = prepared(spec)
    model, _ = fit_model(spec, training)
    predictions = predictions_of(model, test)
    found = flip_attribute(model, predictions, test, "sex", columns={}, seed=0)
    other = test.features.assign(sex=test.features["sex"].map({"female": "male", "male": "female"}))
    assert found.rate.value == pytest.approx((model.decide(other) != predictions.y_pred).mean())
    women, men = found.by_group
    assert women.lost > women.gained == 0, "women's incomes are under-reported, and the model makes up for it"
    assert men.gained > men.lost == 0
    adapter = TypeAdapter(AttributeFlip)
    assert adapter.validate_json(adapter.dump_json(found)) == found
