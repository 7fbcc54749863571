"""People with several rows each: from `split.group_column` to the reports, every interval knows whose rows they are."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.sample import Sample
from rai_platform.data.screening import screen_training_data
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.measurement import measure_fairness
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.performance.measurement import measure_performance
from rai_platform_tests.data.declared import declare, prepare
from rai_platform_tests.fairness.people import predictions_for

VISITS = 10


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    """Visits of 300 patients; all visits of one have the same outcome."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(300), VISITS)
    path = tmp_path_factory.mktemp("patients") / "visits.parquet"
    pd.DataFrame(
        {
            "patient": [f"patient {number}" for number in patient],
            "sex": np.array(["f", "m"])[patient % 2],
            "pressure": rng.normal(120, 10, len(patient)).round(1),
            "label": (rng.random(300) < 0.4)[patient].astype(int),
        }
    ).to_parquet(path)
    return path


def prepared(path, **split):
    declared = {"sensitive": ["sex"], "split": {"group_column": "patient", "test_size": 0.5, **split}}
    return declare(path, **declared), prepare(path, **declared)


def apart(sample):
    """The same rows, as if each were a person."""
    return dataclasses.replace(sample, cluster=None)


def width(interval):
    return interval.upper - interval.lower


def test_every_row_of_a_sample_knows_its_patient(patients):
    _, data = prepared(patients)
    for sample in (data.training, data.test):
        assert len(np.unique(sample.cluster)) == sample.n / VISITS
        assert "patient" not in sample.features
    assert not set(data.training.cluster) & set(data.test.cluster)
    assert Sample.from_bytes(data.test.to_bytes()).cluster.tolist() == data.test.cluster.tolist()
    assert data.test.take(np.array([5, 3])).cluster.tolist() == data.test.cluster[[5, 3]].tolist()


def test_whose_rows_they_are_is_part_of_the_digest(patients):
    sample = prepared(patients)[1].test
    assert apart(sample).digest != sample.digest
    assert dataclasses.replace(sample, cluster=sample.cluster[::-1].copy()).digest != sample.digest
    assert Sample.from_bytes(sample.to_bytes()).digest == sample.digest


def test_the_screen_counts_patients_not_visits(patients):
    spec, data = prepared(patients)
    report = screen_training_data(data, spec)
    for group, against in zip(report.groups["sex"], report.against_others["sex"], strict=True):
        assert group.n == against.n
        assert group.trials == pytest.approx(group.n / VISITS, rel=0.1)
        assert against.trials == pytest.approx(group.trials)
        assert group.label_rate == pytest.approx(against.labels.label_rate)


def test_reports_about_visits_of_few_patients_are_less_certain(patients):
    _, data = prepared(patients)
    sample = data.test
    rng = np.random.default_rng(1)
    # One score a patient, as of a model that sees what does not change between visits.
    score = np.clip(0.5 + 0.2 * rng.standard_normal(300)[sample.cluster] + 0.2 * (sample.y_true - 0.5), 0, 1)
    fair, performance = {}, {}
    for name, each in {"patients": sample, "visits": apart(sample)}.items():
        predictions = predictions_for(each, y_score=score)
        report = measure_fairness(predictions, each, features=("sex",), seed=0, code_version="1")
        fair[name] = report
        performance[name] = measure_performance(predictions, each, majority_label=0, seed=0, code_version="1")
    for disparity in ("disparate_impact", "equalized_odds_difference", "accuracy_difference"):
        whole, rows = (
            measure_disparity(fair[name].cells["sex"], DISPARITIES[disparity]) for name in ("patients", "visits")
        )
        assert whole.estimate == pytest.approx(rows.estimate)
        assert width(whole.interval) > 1.5 * width(rows.interval), disparity
    for name, estimate in performance["patients"].measured.items():
        by_row = performance["visits"].measured[name]
        assert estimate.value == pytest.approx(by_row.value)
        assert width(estimate.bounds()) > 1.5 * width(by_row.bounds()), name
    for discovery in fair["patients"].discoveries:
        assert not discovery.subgroups, "150 patients are too few to search among"
