"""What a mitigation is said to buy, and its price, are what they are on everybody; and nothing is bought for sure by chance."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rai_platform.card.mitigation import mitigation_section
from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch, InvalidSpec
from rai_platform.fairness.cells import count_cells
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.mitigation import frontier
from rai_platform.mitigation.measurement import MEASURED_BY
from rai_platform.mitigation.report import MitigationReport
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.reading import read_model
from rai_platform.training.fitting import fit_model
from rai_platform_tests.conftest import PROJECT
from rai_platform_tests.mitigation.comparing import compared, predictions_of, prepared, spec_of

REDUCED = {"method": "exponentiated_gradient", "params": {"max_iter": 6}, "constraint": "equalized_odds"}
METHODS: dict[str, dict[str, Any]] = {
    "exponentiated_gradient": REDUCED,
    "grid_search": {"params": {"grid_size": 13}},
    "threshold_optimizer": {},
    "correlation_remover": {},
}


def asked(method: str) -> dict[str, Any]:
    return {"method": method, **METHODS[method]}


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[ModelSpec, Sample, Sample, MitigationReport]]:
    """Every method, trained and compared once."""
    found = {}
    for method in METHODS:
        spec = spec_of(asked(method))
        found[method] = (spec, *prepared(spec), compared(spec, *prepared(spec)))
    return found


def disparity(name: str, groups: Any, sample: Sample, decided: Any) -> float | None:
    return measure_disparity(count_cells(groups.to_numpy(object), sample.y_true, decided), DISPARITIES[name]).estimate


# --- the figures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_figure_is_that_of_the_two_models(
    method: str, measured: dict[str, tuple[ModelSpec, Sample, Sample, MitigationReport]]
) -> None:
    spec, training, test, report = measured[method]
    twin, _ = fit_model(spec.model_copy(update={"mitigation": None}), training)
    model, _ = fit_model(spec, training)
    before, after = (each.decide(test.features, test.sensitive_features) for each in (twin, model))
    assert (report.n, report.training_digest) == (test.n, training.digest)
    assert report.changed == (before != after).mean()
    for trade in report.trades:
        for side, decided in ((trade.before, before), (trade.after, after)):
            if trade.feature is not None:
                expected = disparity(trade.metric, test.groups(trade.feature), test, decided)
            elif trade.metric == "accuracy":
                expected = (decided == test.y_true).mean()
            else:
                expected = np.mean([(decided == label)[test.y_true == label].mean() for label in (0, 1)])
            assert side.value == pytest.approx(expected), trade.metric
            assert side.interval.lower <= side.value <= side.interval.upper
        assert trade.change.value == pytest.approx(trade.after.value - trade.before.value)
        assert trade.change.interval.lower <= trade.change.value <= trade.change.interval.upper


@pytest.mark.parametrize("method", METHODS)
def test_the_disparity_is_seen_to_fall_and_the_price_is_told(
    method: str, measured: dict[str, tuple[ModelSpec, Sample, Sample, MitigationReport]]
) -> None:
    *_, report = measured[method]
    assert report.gain.metric == MEASURED_BY[report.constraint] == report.disparity
    assert report.gain.feature == "sex"
    assert report.gain.change.interval.upper < 0
    assert report.price.change.interval is not None
    compared_by = {(trade.metric, trade.feature) for trade in report.trades}
    assert {("accuracy", None), ("balanced_accuracy", None)} < compared_by
    for name in ("disparate_impact", "equalized_odds_difference"):
        assert {(name, "sex"), (name, "age_group")} < compared_by


@pytest.mark.parametrize("method", METHODS)
def test_intervals_of_changes_hold_the_truth_of_the_generator(
    method: str, measured: dict[str, tuple[ModelSpec, Sample, Sample, MitigationReport]]
) -> None:
    """Both models asked about people by the hundred thousand give the truth to two digits and more."""
    spec, training, _, report = measured[method]
    everybody = prepared(spec_of(asked(method), rows=200_000, seed=77))[0]
    twin, _ = fit_model(spec.model_copy(update={"mitigation": None}), training)
    model, _ = fit_model(spec, training)
    before, after = (each.decide(everybody.features, everybody.sensitive_features) for each in (twin, model))
    truth = {("accuracy", None): (after == everybody.y_true).mean() - (before == everybody.y_true).mean()}
    for name in (report.disparity, "disparate_impact"):
        one, other = (disparity(name, everybody.groups("sex"), everybody, each) for each in (after, before))
        assert one is not None
        assert other is not None
        truth[name, "sex"] = one - other
    for (name, feature), value in truth.items():
        interval = report.trade(name, feature).change.interval
        assert interval.lower - 0.005 <= value <= interval.upper + 0.005, name


@pytest.mark.parametrize("method", METHODS)
def test_who_needs_a_protected_attribute_says_so(
    method: str, measured: dict[str, tuple[ModelSpec, Sample, Sample, MitigationReport]]
) -> None:
    *_, report = measured[method]
    # The age is a feature of all of them; sex is one where it is not excluded, and sets thresholds.
    needs_sex = method in ("threshold_optimizer", "correlation_remover")
    assert report.at_prediction == (("sex", "age_group") if needs_sex else ("age_group",))
    assert report.drawn == (method in ("exponentiated_gradient", "threshold_optimizer"))


# --- other settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_model_itself_is_one_point_of_its_frontier(
    method: str, measured: dict[str, tuple[ModelSpec, Sample, Sample, MitigationReport]]
) -> None:
    *_, report = measured[method]
    if method == "threshold_optimizer":
        assert report.frontier == ()
        return
    [chosen] = [point for point in report.frontier if point.chosen]
    assert chosen.accuracy == report.price.after.value
    assert chosen.disparity == report.gain.after.value
    assert len({point.value for point in report.frontier}) == len(report.frontier) >= 5
    assert [point.value for point in report.frontier] == sorted(point.value for point in report.frontier)


def test_without_any_removal_a_correlation_remover_only_hides_the_column(
    measured: dict[str, tuple[ModelSpec, Sample, Sample, MitigationReport]],
) -> None:
    spec, _, test, report = measured["correlation_remover"]
    data = spec.data.model_copy(update={"exclude": ("repaid", "sex")})
    blind = spec.model_copy(update={"mitigation": None, "data": data})
    hidden, _ = fit_model(blind, prepared(blind)[0])
    [point] = [point for point in report.frontier if point.value == 0.0]
    assert point.accuracy == pytest.approx((hidden.decide(test.features) == test.y_true).mean(), abs=0.002)


def test_the_models_at_other_settings_learn_from_no_more_rows_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of({"method": "correlation_remover"}, rows=6000)
    training, test = prepared(spec)
    whole = compared(spec, training, test)
    monkeypatch.setattr(frontier, "MOST_ROWS", 500)
    part = compared(spec, training, test)
    assert (whole.frontier_n, part.frontier_n, part.training_n) == (training.n, 500, training.n)
    by_setting = [
        {point.value: (point.accuracy, point.disparity) for point in report.frontier} for report in (whole, part)
    ]
    assert [point.value for point in part.frontier if point.chosen] == [1.0]
    assert by_setting[0][1.0] == by_setting[1][1.0]
    assert by_setting[0][0.0] != by_setting[1][0.0]
    assert "from 500 of the" in mitigation_section(part).frontier_note
    assert mitigation_section(whole).frontier_note == ""


# --- chance, weights, small groups -----------------------------------------------------------------------------------


def test_measuring_again_gives_the_same() -> None:
    spec = spec_of({"method": "threshold_optimizer"}, rows=2000)
    training, test = prepared(spec)
    assert compared(spec, training, test) == compared(spec, training, test)


def test_a_mitigation_that_changes_nothing_buys_nothing_for_sure() -> None:
    spec = spec_of({"method": "reweighing"}, rows=2000)
    training, test = prepared(spec)
    twin, _ = fit_model(spec.model_copy(update={"mitigation": None}), training)
    report = compared(spec, training, test, y_pred=predictions_of(twin, test).y_pred)
    assert report.changed == 0
    for trade in report.trades:
        assert trade.change.interval.lower <= 0 <= trade.change.interval.upper, trade.metric
    assert report.gain.change.interval.upper == 0


def test_weights_count_as_people_do() -> None:
    spec = spec_of({"method": "reweighing"}, rows=2000)
    training, test = prepared(spec)
    rows = np.repeat(np.arange(test.n), np.where(np.arange(test.n) % 3 == 0, 3, 1))
    weighted = dataclasses.replace(test, weight=np.where(np.arange(test.n) % 3 == 0, 3.0, 1.0))
    repeated, by_weight = (compared(spec, training, sample) for sample in (test.take(rows), weighted))
    for one, other in zip(repeated.trades, by_weight.trades, strict=True):
        assert other.before.value == pytest.approx(one.before.value)
        assert other.change.value == pytest.approx(one.change.value, abs=1e-12)
        if one.change.value:
            assert np.ptp(tuple(dataclasses.astuple(other.change.interval))) > np.ptp(
                tuple(dataclasses.astuple(one.change.interval))
            ), "weights tell less than as many people"
    assert by_weight.changed == pytest.approx(repeated.changed)


def test_small_groups_are_left_out_and_one_group_alone_is_not_compared() -> None:
    spec = spec_of({"method": "reweighing"}, rows=2000)
    training, test = prepared(spec)
    groups = test.sensitive_features.copy()
    groups.loc[:4, "sex"] = "other"
    few = dataclasses.replace(test, sensitive_features=groups)
    report = compared(spec, training, few)
    without = compared(spec, training, few.take(np.arange(5, few.n)))
    assert report.gain == without.gain
    alone = compared(spec, training, few, minimum_group_size=few.n)
    assert alone.gain.change.value is None
    assert alone.gain.before.interval is None
    assert alone.price.change.value is not None


def test_test_data_with_one_label_have_no_balanced_accuracy() -> None:
    spec = spec_of({"method": "reweighing"}, rows=2000)
    training, test = prepared(spec)
    repaid = test.take(np.flatnonzero(test.y_true == 1))
    assert "balanced_accuracy" not in {trade.metric for trade in compared(spec, training, repaid).trades}


def test_what_is_not_about_a_mitigation_or_these_data_is_refused() -> None:
    spec = spec_of({"method": "reweighing"}, rows=2000)
    training, test = prepared(spec)
    with pytest.raises(InvalidSpec, match="there is no mitigation to measure"):
        compared(spec_of(None, rows=2000), training, test)
    other = test.take(np.arange(10, test.n))
    with pytest.raises(EvidenceMismatch, match="the predictions are about data"):
        compared(spec, training, test, subject=predictions_of(fit_model(spec, training)[0], other).subject)


# --- the census ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def census(real_data: Path) -> tuple[ModelSpec, Sample, Sample]:
    definition = read_model(
        PROJECT / "rai_platform_tests" / "specs" / "adult_mitigated.yaml",
        environment={"RAI_TEST_DATA": str(real_data)},
        working_folder=PROJECT,
    )
    return definition.spec, *prepared(definition.spec)


@pytest.mark.parametrize(
    "mitigation",
    [
        {"method": "reweighing"},
        {"method": "threshold_optimizer"},
        pytest.param({"method": "exponentiated_gradient", "params": {"max_iter": 10}}, marks=pytest.mark.slow),
        pytest.param({"method": "grid_search"}, marks=pytest.mark.slow),
    ],
    ids=lambda mitigation: mitigation["method"],
)
def test_on_the_census_the_disparity_falls_and_accuracy_pays(
    mitigation: dict[str, Any], census: tuple[ModelSpec, Sample, Sample]
) -> None:
    spec, training, test = census
    asked = spec.mitigation.model_copy(update={"constraint": "demographic_parity", "params": {}, **mitigation})
    report = compared(spec.model_copy(update={"mitigation": asked}), training, test, minimum_group_size=100)
    assert report.price.before.value == pytest.approx(0.85, abs=0.01)
    assert report.gain.before.value > 0.15
    assert report.gain.change.interval.upper < -0.01
    assert -0.04 < report.price.change.interval.lower < report.price.change.interval.upper < 0
