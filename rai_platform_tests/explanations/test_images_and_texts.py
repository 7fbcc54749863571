"""Images and texts explained: values that add up, what was planted is found, and the same again."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from rai_platform.data.sample import Sample
from rai_platform.explanations.examination import FAITHFULNESS, PROXIES, SECOND_OPINION, STABILITY
from rai_platform.explanations.images import ImageParts
from rai_platform.explanations.lime_opinion import NOT_INSTALLED, is_installed
from rai_platform.explanations.measurement import explain
from rai_platform.explanations.mixing import Floats
from rai_platform.explanations.parts import halved, share_out
from rai_platform.explanations.report import Explanations
from rai_platform.explanations.shown import HeatMap, from_png
from rai_platform.explanations.texts import TextParts
from rai_platform.pipeline.values import decode, encode
from rai_platform.release.judgement import judge
from rai_platform.spec.policy import PolicyOverlay
from rai_platform.spec.requirements import required_checks
from rai_platform.spec.verdict import Verdict
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.small import SUBJECT
from rai_platform_tests.explanations.whole import SIGNAL, TEXTS, corner_images, image_model, signal_texts, text_model
from rai_platform_tests.training.lending import definition_of, lending_spec


def explained(model: TrainedModel, sample: Sample, seed: int = 0) -> Explanations:
    return explain(model, SUBJECT, sample, group_features=tuple(sample.sensitive_features), seed=seed, code_version="1")


def log_odds_of_decision(model: TrainedModel, sample: Sample) -> Floats:
    chances = model.probabilities(sample.features)
    own = chances.max(axis=1) if model.manifest.classes else chances[:, 1]
    return np.asarray(np.log(own) - np.log(chances.sum(axis=1) - own))


@pytest.fixture(scope="module")
def two_corners() -> tuple[TrainedModel, Sample, Explanations]:
    training = corner_images()
    model = image_model(training)
    sample = training.take(np.arange(50))
    some_are_wrong = np.where(np.arange(sample.n) < 6, 1 - sample.y_true, sample.y_true)
    sample = dataclasses.replace(sample, y_true=some_are_wrong)
    return model, sample, explained(model, sample)


@pytest.fixture(scope="module")
def texts() -> tuple[TrainedModel, Sample, Explanations]:
    sample = signal_texts(140)
    model = text_model(sample)
    return model, sample, explained(model, sample)


@pytest.mark.slow
def test_the_corner_that_decides_is_the_strongest_region(two_corners: tuple[TrainedModel, Sample, Explanations]):
    report = two_corners[2]
    assert (report.modality, report.method, report.output) == ("image", "partition", "log odds")
    assert report.features[0] == "row 1, column 1"
    assert report.importance[0].lower > 3 * report.importance[1].upper
    assert report.images is not None
    heat = report.images.averages[0].heat.values
    assert heat[:2, :2].sum() > 0.6 * heat.sum()


@pytest.mark.slow
def test_attributions_of_an_image_add_up_to_what_the_model_gives(
    two_corners: tuple[TrainedModel, Sample, Explanations],
):
    model, sample, report = two_corners
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-4
    given = log_odds_of_decision(model, sample)
    for row in report.rows:
        assert row.output == pytest.approx(given[row.row_key], abs=1e-3)
        assert report.base_value + sum(row.attributions) == pytest.approx(given[row.row_key], abs=1e-3)


@pytest.mark.slow
def test_what_the_examination_finds_of_a_planted_corner(two_corners: tuple[TrainedModel, Sample, Explanations]):
    examination = two_corners[2].examination
    assert examination is not None
    assert examination.measured[FAITHFULNESS].bounds().lower > 0.2
    assert examination.measured[STABILITY].bounds().upper <= 1
    assert examination.second_method == "expected gradients"
    assert np.argmax(examination.permutation_importance) == 0
    assert "region" in examination.not_estimable[PROXIES]
    assert examination.proxies == ()


@pytest.mark.slow
def test_of_several_classes_each_has_its_corner():
    sample = corner_images(classes=4, channels=3)
    report = explained(image_model(sample), sample.take(np.arange(48)))
    assert report.images is not None
    assert report.images.channels == 3
    at = {"north west": (0, 0), "north east": (0, 7), "south west": (7, 0), "south east": (7, 7)}
    assert {each.name for each in report.images.averages[1:]} == set(at)
    for average in report.images.averages[1:]:
        heat = average.heat.values
        corners = {name: heat[place] for name, place in at.items()}
        assert max(corners, key=lambda name: corners[name]) == average.name
    assert set(report.features[:4]) == {
        "row 1, column 1",
        "row 1, column 4",
        "row 4, column 1",
        "row 4, column 4",
    }


@pytest.mark.slow
def test_a_model_that_knows_nothing_of_images_is_explained_by_its_pixels():
    sample = corner_images(classes=4)
    model = image_model(sample, estimator="sklearn.ensemble.ExtraTreesClassifier")
    report = explained(model, sample.take(np.arange(30)))
    assert report.output == "probability"
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-9
    assert report.examination is not None
    assert report.examination.second_method == "leave one region out"
    assert report.examination.measured[SECOND_OPINION].value > 0


def test_cells_that_are_followed_to_the_end_of_a_linear_model_have_its_weights():
    sample = corner_images(40)
    model = image_model(sample, estimator="sklearn.linear_model.LogisticRegression")
    parts = ImageParts(model, sample.take(np.arange(3)), sample)
    found = share_out(parts, questions=10**6, seed=0)
    inputs = model.encode(sample.features)
    expected = (inputs[:3] - inputs.mean(axis=0)) * model.estimators[0].coef_[0]
    assert np.allclose(np.stack(found.values), expected, atol=1e-4)


LARGE = [
    ((70, 40), (32, 32)),
    ((70, 20), (32, 20)),
    ((20, 70), (20, 32)),
]  # images, and the cells that they are cut into


def large_images(size: tuple[int, int]) -> tuple[TrainedModel, Sample, ImageParts]:
    """With a linear model to which every pixel matters, each to another extent."""
    sample = corner_images(30, size=size)
    model = image_model(sample, estimator="sklearn.linear_model.LogisticRegression")
    model.estimators[0].coef_[0] = np.random.default_rng(0).normal(0, 0.05, math.prod(size))
    return model, sample, ImageParts(model, sample, sample)


def sums_of_pieces(pixels: Floats, rows: int, columns: int) -> Floats:
    """Sums over the pieces of an image that is cut into so many, of nearly one size, row by row (rows * columns,)."""
    height, width = pixels.shape
    down, across = ([-(-at * side // cut) for at in range(cut)] for side, cut in ((height, rows), (width, columns)))
    return np.add.reduceat(np.add.reduceat(pixels, down, axis=0), across, axis=1).ravel()


@pytest.mark.parametrize(("size", "grid"), LARGE)
def test_a_cell_of_a_large_image_shows_its_pixels_and_no_other(size: tuple[int, int], grid: tuple[int, int]):
    model, sample, parts = large_images(size)
    cells = math.prod(grid)
    assert parts.grid == grid
    assert parts.widths.tolist() == [cells] * sample.n
    nothing = parts.outputs(np.array([0]), [np.zeros(cells, dtype=bool)])
    shown = parts.outputs(np.zeros(cells, dtype="int64"), list(np.eye(cells, dtype=bool))) - nothing
    inputs = model.encode(sample.features)
    of_pixels = (inputs[0] - inputs.mean(axis=0)) * model.estimators[0].coef_[0]
    toward = 1 if parts.decision.numbers[0] == 1 else -1
    assert np.allclose(shown, toward * sums_of_pieces(of_pixels.reshape(size), *grid), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("size", "grid"), LARGE)
def test_pixels_of_a_large_image_are_summed_by_cell_and_by_region(size: tuple[int, int], grid: tuple[int, int]):
    parts = large_images(size)[2]
    pixels = np.random.default_rng(0).integers(0, 1000, (2, *size)).astype("float64")
    by_cell = parts.by_cell(pixels)
    assert np.array_equal(by_cell, [sums_of_pieces(each, *grid) for each in pixels])
    cells = by_cell.reshape(2, *grid)
    assert np.array_equal(parts.by_region(by_cell), [sums_of_pieces(each, 4, 4) for each in cells])


def test_the_word_that_decides_is_the_strongest(texts: tuple[TrainedModel, Sample, Explanations]):
    report = texts[2]
    assert (report.modality, report.method, report.output) == ("text", "partition", "log odds")
    assert report.features[0] == SIGNAL
    assert report.importance[0].lower > 3 * report.importance[1].upper
    shown = next(text for text in report.texts if SIGNAL in " ".join(text.words))
    strongest = max(zip(shown.attributions, shown.words, strict=True))[1]
    assert strongest.strip() == SIGNAL


def test_attributions_of_a_text_add_up_to_what_the_model_gives(texts: tuple[TrainedModel, Sample, Explanations]):
    model, sample, report = texts
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-9
    given = log_odds_of_decision(model, sample)
    for row in report.rows:
        assert report.base_value + sum(row.attributions) == pytest.approx(given[row.row_key], abs=1e-4)
    for text in report.texts:
        assert text.base_value + sum(text.attributions) == pytest.approx(given[text.row_key], abs=1e-2)
        assert "".join(text.words) == sample.features["text"].iloc[text.row_key]


def test_what_the_examination_finds_of_a_planted_word(texts: tuple[TrainedModel, Sample, Explanations]):
    examination = texts[2].examination
    assert examination is not None
    assert examination.measured[FAITHFULNESS].bounds().lower > 0.2
    assert examination.second_method == "leave one word out"
    assert np.argmax(examination.permutation_importance) == 0
    assert [each.group for each in examination.parity["writes_in"]] == ["first", "second"]
    assert set(texts[2].by_group["writes_in"]) == {"first", "second"}


def test_lime_names_the_planted_word_too(texts: tuple[TrainedModel, Sample, Explanations]):
    examination = texts[2].examination
    assert examination is not None
    if not is_installed():
        assert examination.not_estimable["lime_agreement"] == NOT_INSTALLED
        pytest.skip("LIME is an optional extra and not installed here")
    assert np.argmax(examination.lime) == 0
    bounds = examination.measured["lime_agreement"].bounds()
    assert -1 <= bounds.lower <= bounds.upper <= 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_report(texts: tuple[TrainedModel, Sample, Explanations]):
    model, sample, report = texts
    assert encode(explained(model, sample)) == encode(report)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_maps(two_corners: tuple[TrainedModel, Sample, Explanations]):
    model, sample, report = two_corners
    state = np.random.get_state()[1]
    assert encode(explained(model, sample)) == encode(report)
    assert np.array_equal(np.random.get_state()[1], state)


@pytest.mark.slow
def test_reports_come_back_as_they_were_written(
    texts: tuple[TrainedModel, Sample, Explanations], two_corners: tuple[TrainedModel, Sample, Explanations]
):
    for report in (texts[2], two_corners[2]):
        assert decode(Explanations, encode(report)) == report
        assert len(encode(report)) < 400_000


@pytest.mark.slow
def test_texts_without_words_and_in_scripts_without_spaces_are_explained():
    sample = signal_texts(60, extra=("", " \n ", "hello", "你好 world", "<b>moonlight</b>", "a" * 3000, "moonlight"))
    model = text_model(sample)
    parts = TextParts(model, sample.take(np.arange(7)))
    assert parts.words[3] == ("你", "好", "world")
    assert parts.widths[:2].tolist() == [0, 0]
    found = share_out(parts, questions=200, seed=0)
    sums = found.base_values + [values.sum() for values in found.values]
    assert np.allclose(sums, found.outputs)
    assert parts.left(4, np.array([False] * 3 + [True] + [False] * 4)) == "moonlight"
    assert explained(model, sample).not_possible is None


def verdict(report: Explanations, metric: str, **asked: Any) -> Verdict:
    changed = PolicyOverlay.model_validate({"requirements": [{"metric": metric, **asked}]} if asked else {})
    definition = definition_of(lending_spec(data=TEXTS, sensitive_features=[{"name": "writes_in"}]), changed)
    (check,) = (check for check in required_checks(definition) if check.name == metric)
    return judge(check, report, definition, subject=SUBJECT, evidence_digest="e", code_version="1")


@pytest.mark.parametrize(
    "metric", ["forbidden_features_in_top", "protected_attributes_at_prediction", "additivity_error"]
)
def test_a_protected_attribute_is_not_among_words(texts: tuple[TrainedModel, Sample, Explanations], metric: str):
    assert verdict(texts[2], metric).outcome == "PASS"


def test_a_forbidden_word_is_found(texts: tuple[TrainedModel, Sample, Explanations]):
    found = verdict(texts[2], "forbidden_features_in_top", max=0, top=3, features=[SIGNAL])
    assert (found.outcome, found.estimate) == ("FAIL", 1.0)


def test_of_proxies_among_words_nothing_is_known(texts: tuple[TrainedModel, Sample, Explanations]):
    found = verdict(texts[2], "proxies_in_top", max=0, top=3)
    assert found.outcome == "INSUFFICIENT_EVIDENCE"
    assert "A word is no column" in found.reason


def test_a_heat_map_is_kept_within_half_a_level():
    values = np.random.default_rng(0).normal(size=(5, 7))
    heat = HeatMap.of(values)
    assert np.abs(heat.values - values).max() <= heat.largest / 127 / 2 + 1e-6
    assert (HeatMap.of(np.zeros((2, 2))).values == 0).all()


def test_a_grid_is_halved_until_every_cell_stands_alone():
    links = halved(3, 5)
    assert links.shape == (14, 4)
    assert links[-1, 3] == 15
    children = sorted(int(each) for each in links[:, :2].ravel())
    assert children == [*range(15), *range(15, 28)]


@pytest.mark.slow
def test_a_text_beside_columns_is_one_feature():
    sample = signal_texts(60)
    age = np.random.default_rng(99).integers(20, 70, sample.n).astype("float64")
    both = dataclasses.replace(sample, features=sample.features.assign(age=age))
    report = explained(text_model(both), both)
    assert report.not_possible is None
    assert (report.modality, report.method) == ("table", "permutation")
    assert report.features == ("text", "age")
    assert report.additivity_error is not None
    assert report.additivity_error < 1e-6


@pytest.mark.slow
def test_examples_show_right_and_wrong_decisions(two_corners: tuple[TrainedModel, Sample, Explanations]):
    images = two_corners[2].images
    assert images is not None
    assert {each.is_right for each in images.examples} == {True, False}
    assert from_png(images.examples[0].png).shape == (8, 8)
