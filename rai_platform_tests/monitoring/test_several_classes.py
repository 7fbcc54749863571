"""Models that tell several classes apart: what was answered, how often rightly, by class and by group."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from rai_platform.dashboard.history import Stretch
from rai_platform.dashboard.rendering import render_page
from rai_platform.data.sample import Sample
from rai_platform.monitoring.classes import ClassOutcomes
from rai_platform.monitoring.predicted import observed_predictions, reference_of_model
from rai_platform.monitoring.report import MonitoringReport
from rai_platform.monitoring.watching import watch
from rai_platform.monitoring.windows import ALL, Reference
from rai_platform.spec.monitoring import Monitoring
from rai_platform.spec.subject import Subject
from rai_platform.training.manifest import Feature, Manifest
from rai_platform.training.predictions import Predictions
from rai_platform_tests.dashboard.histories import OLD, history_of
from rai_platform_tests.dashboard.test_page import text_of
from rai_platform_tests.monitoring.test_watching import BEGIN, DAY, WATCHED

CLASSES = ("bus", "car", "tram")
A_DAY = 500


def drawn(n: int, *, seed: int) -> pd.DataFrame:
    """Two measurements, who sent them, and the class."""
    rng = np.random.default_rng(seed)
    label = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "length": rng.normal(size=n) + 1.2 * label,
            "weight": rng.normal(size=n) - 1.2 * (label == 1),
            "city": rng.choice(["north", "south"], size=n).astype(object),
            "label": label,
        }
    )


LEARNED = drawn(4000, seed=1)
MODEL = LogisticRegression().fit(LEARNED[["length", "weight"]], LEARNED["label"])
MANIFEST = Manifest(
    composition="single",
    estimator="sklearn.linear_model.LogisticRegression",
    features=(Feature(name="length", kind="number"), Feature(name="weight", kind="number")),
    positive_label="bus",
    threshold=None,
    score_is_probability=True,
    seed=0,
    classes=CLASSES,
)


def judged(rows: pd.DataFrame, manifest: Manifest = MANIFEST) -> Reference:
    """What is normal, after the model was judged on some rows."""
    n, chances = len(rows), MODEL.predict_proba(rows[["length", "weight"]])
    sample = Sample(
        features=rows[["length", "weight"]],
        y_true=rows["label"].to_numpy("int8"),
        sensitive_features=rows[["city"]],
        weight=None,
        row_key=np.arange(n),
        record=np.arange(n).astype("uint64"),
        source="made up",
        fingerprint="0",
        classes=CLASSES,
        positive=None,
    )
    predictions = Predictions(
        subject=Subject(model_digest="m" * 64, data_digest="d" * 64),
        row_key=np.arange(n),
        y_score=None,
        y_pred=chances.argmax(axis=1).astype("int8"),
        score_is_probability=True,
        y_proba=chances,
    )
    found = reference_of_model(manifest, predictions, sample, ("city",))
    assert found is not None
    return found


TESTED = drawn(5000, seed=2)
REFERENCE = judged(TESTED)


def logged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as the log has them once the model has answered."""
    chances = MODEL.predict_proba(rows[["length", "weight"]])
    names = np.array(CLASSES, dtype=object)
    return pd.DataFrame(
        {
            "score": chances.max(axis=1),
            "decision": names[chances.argmax(axis=1)],
            "label": names[rows["label"]],
            "feature:length": rows["length"],
            "feature:weight": rows["weight"],
            "sensitive:city": rows["city"].astype("string"),
        }
    )


def same(table: pd.DataFrame) -> pd.DataFrame:
    return table


def watched(
    days: int,
    *,
    before: Callable[[pd.DataFrame], pd.DataFrame] = same,
    after: Callable[[pd.DataFrame], pd.DataFrame] = same,
) -> MonitoringReport:
    """Days of answers; from the fourth on rows are changed before the model sees them, and what is logged after it."""
    tables = []
    for day in range(days):
        rows = drawn(A_DAY, seed=100 + day)
        tables.append(logged(rows) if day < 3 else after(logged(before(rows))))
    times = [BEGIN + day * DAY + at * timedelta(seconds=80) for day in range(days) for at in range(A_DAY)]
    return watch(
        observed_predictions(pd.concat(tables, ignore_index=True), REFERENCE),
        pl.Series(times, dtype=pl.Datetime("us", "UTC")),
        pl.Series(["3"] * len(times)),
        REFERENCE,
        Monitoring(),
        watched=WATCHED,
        now=BEGIN + days * DAY,
    )


def test_shares_and_recalls_are_counted_by_class_and_group_and_unknown_labels_count_for_decisions_alone() -> None:
    decided, label = pl.Series(["bus", "car", "car", "bus"]), pl.Series(["bus", "bus", "car", None])
    group = pl.Series(["north", "north", None, "north"])
    found = ClassOutcomes.count(decided, label, group, classes=CLASSES)
    assert {name: (each.successes, each.trials) for name, each in found.shares("bus").items()} == {
        "north": (2, 3),
        "(not known)": (0, 1),
    }
    assert {name: (each.successes, each.trials) for name, each in found.recalls("bus").items()} == {"north": (1, 2)}
    assert found.recalls("tram") == {}
    twice = found + ClassOutcomes.count(decided, label, None, classes=CLASSES)
    assert set(twice.groups) == {"(all)", "(not known)", "north"}
    assert twice.array.sum() == 8


def test_a_window_tells_what_was_answered_and_how_often_rightly() -> None:
    (window,) = watched(1).windows
    table = logged(drawn(A_DAY, seed=100))
    right = table["decision"] == table["label"]
    south = table["sensitive:city"] == "south"
    assert window.rates["accuracy"][ALL][ALL].value == pytest.approx(right.mean())
    assert window.rates["accuracy"]["city"]["south"].value == pytest.approx(right[south].mean())
    for name in CLASSES:
        said, is_it = table["decision"] == name, table["label"] == name
        assert window.rates[f"share of {name}"][ALL][ALL].value == pytest.approx(said.mean())
        assert window.rates[f"share of {name}"]["city"]["south"].value == pytest.approx(said[south].mean())
        assert window.rates[f"recall of {name}"][ALL][ALL].value == pytest.approx(said[is_it].mean())
        assert window.rates[f"recall of {name}"]["city"]["south"].value == pytest.approx(said[is_it & south].mean())
    assert set(window.drift) == {"length", "weight", "(score)"}
    expected = window.expected["accuracy"][ALL][ALL].value
    assert expected == pytest.approx(right.mean(), abs=0.04)
    assert expected != right.mean()


def test_what_is_not_defined_for_several_classes_is_left_out_and_said() -> None:
    report = watched(1)
    (window,) = report.windows
    assert set(window.rates) == {f"{rate} of {name}" for rate in ("share", "recall") for name in CLASSES} | {"accuracy"}
    assert (window.roc_auc, window.disparities, set(window.expected)) == (None, (), {"accuracy"})
    assert "disparities and the ROC curve are of two labels" in report.reference


def test_of_images_the_answers_are_watched_and_that_features_are_not_is_said() -> None:
    reference = judged(TESTED, replace(MANIFEST, features=(Feature(name="picture", kind="image"),)))
    assert reference.bins == {}
    assert reference.window.classes[ALL].shares("bus")[ALL].trials == len(TESTED)
    assert "picture is read as a whole and has no values to compare" in reference.says


def test_where_nothing_happens_nobody_is_woken_in_thirty_looks() -> None:
    assert watched(30).alerts == ()


def test_a_measurement_that_goes_wrong_shows_in_the_data_and_in_the_answers() -> None:
    (early, *_) = watched(5, before=lambda rows: rows.assign(length=rows["length"] + 3)).alerts
    named = {(each.look.monitor.family, each.look.monitor.metric) for each in early.findings}
    assert (early.about, early.opened) == ("data and predictions", "2026-03-05")
    assert {("data", "length"), ("prediction", "share of bus"), ("prediction", "share of tram")} <= named


def test_a_class_that_is_no_longer_found_in_one_group_is_named_with_it() -> None:
    def other(table: pd.DataFrame) -> pd.DataFrame:
        wrong = (table["label"] == "car") & (table["sensitive:city"] == "south")
        return table.assign(label=table["label"].mask(wrong, "bus"), decision=table["decision"].mask(wrong, "car"))

    (late,) = watched(6, after=other).alerts
    assert (late.about, late.opened) == ("performance and fairness", "2026-03-05")
    monitors = {each.look.monitor for each in (*late.findings, *late.joined)}
    named = {(each.family, each.metric, each.group) for each in monitors}
    assert ("performance", "accuracy", "south") in named
    assert ("fairness", "recall of bus", "south") in named
    assert not any(group == "north" for _, _, group in named)


def test_the_page_of_production_shows_every_class_and_no_rate_of_two_labels() -> None:
    report = watched(5, before=lambda rows: rows.assign(length=rows["length"] + 3))
    page = text_of(render_page(history_of(Stretch(version="3", digest=OLD, since=BEGIN, report=report))))
    for text in ("What is answered", "Share of tram", "Recall of tram", "share of answers that are tram", "Accuracy"):
        assert text in page
    for text in ("Selection rate", "True positive rate", "How far groups are apart", "of people selected"):
        assert text not in page
