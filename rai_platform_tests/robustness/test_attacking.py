"""What is attacked is the decision that is released, about the people it is about."""

import dataclasses
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rai_platform.data.preparation import prepare_data
from rai_platform.data.sample import Sample
from rai_platform.robustness.attacking import attacked
from rai_platform.robustness.images.opaque import network_of
from rai_platform.robustness.people import People
from rai_platform.robustness.report import NOT_A_TABLE, RobustnessScores
from rai_platform.spec.attacks import Attacks
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.subject import Subject
from rai_platform.training.fitting import fit_model
from rai_platform.training.model import TrainedModel

PROMPTS = {"source": "generator:prompts?rows=500&seed=4", "target": "injection", "text": "text"}
PROBABILITY, MARGIN = "sklearn.linear_model.LogisticRegression", "sklearn.svm.LinearSVC"


def fitted(data: dict[str, Any], **estimator: Any) -> tuple[TrainedModel, Sample]:
    spec = ModelSpec.model_validate(
        {
            "name": "tried",
            "owners": ["team:tests"],
            "intended_use": "A test.",
            "out_of_scope": "Everything else.",
            "data": data,
            "estimator": estimator,
        }
    )
    prepared = prepare_data(spec)
    assert prepared.training is not None
    return fit_model(spec, prepared.training)[0], prepared.test


@pytest.fixture(scope="module")
def sevens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Digits that are a seven or not."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    path = tmp_path_factory.mktemp("sevens") / "sevens.npz"
    np.savez(path, image=digits.images / 16, label=(digits.target == 7).astype("int64"))
    return {"source": str(path), "target": "label", "image": "image"}


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_the_likeliest_class_is_the_decision_whatever_the_threshold(threshold: float) -> None:
    model, test = fitted(PROMPTS, type=PROBABILITY, threshold=threshold)
    chances = model.deciding_chances_encoded(model.encode(test.features))
    assert np.array_equal(chances.argmax(axis=1), model.decide(test.features))
    assert np.allclose(chances.sum(axis=1), 1)
    if threshold == 0.5:
        assert np.allclose(chances[:, 1], model.score(test.features), atol=1e-6)


@pytest.mark.parametrize("threshold", [None, -0.7])
def test_a_margin_is_followed_to_its_threshold(threshold: float | None) -> None:
    model, test = fitted(PROMPTS, type=MARGIN, threshold=threshold)
    chances = model.deciding_chances_encoded(model.encode(test.features))
    assert np.array_equal(chances.argmax(axis=1), model.decide(test.features))
    assert chances.min() >= 0
    assert chances.max() <= 1


def test_a_score_on_the_threshold_is_selected() -> None:
    """A few trees give few scores, and many people exactly the threshold."""
    trees = {"n_estimators": 4, "max_depth": 3}
    model, test = fitted(PROMPTS, type="sklearn.ensemble.RandomForestClassifier", params=trees)
    score = model.score(test.features)
    on_it = dataclasses.replace(model.manifest, threshold=float(np.median(score)))
    model = dataclasses.replace(model, manifest=on_it)
    assert (score == on_it.threshold).any()
    chances = model.deciding_chances_encoded(model.encode(test.features)).astype("float32")
    assert np.array_equal(chances.argmax(axis=1), model.decide(test.features))


@pytest.mark.parametrize(
    ("estimator", "threshold"),
    [
        ("rai_platform.training.networks.ImageClassifier", 0.05),
        ("rai_platform.training.networks.ImageClassifier", None),
        (PROBABILITY, 0.8),
        (MARGIN, -0.5),
    ],
)
def test_a_network_decides_as_the_model_of_images_does(
    sevens: dict[str, Any], estimator: str, threshold: float | None
) -> None:
    model, test = fitted(sevens, type=estimator, threshold=threshold)
    network = network_of(model)
    pixels = model.encode(test.features).reshape(test.n, 1, 8, 8)
    with torch.no_grad():
        decided = network(torch.from_numpy(pixels)).argmax(dim=1).numpy()
    assert np.array_equal(decided, model.decide(test.features))
    assert 0 < decided.sum() < test.n


def report_of(test: Sample) -> RobustnessScores:
    return RobustnessScores(
        subject=Subject(model_digest="m" * 64, data_digest=test.digest),
        not_possible=None,
        n=test.n,
        untouched=None,
        scores=(),
        not_estimable={"noise": NOT_A_TABLE},
        left_alone=(),
        code_version="1",
    )


def attack(model: TrainedModel, test: Sample, asked: dict[str, Any], folder: Path) -> RobustnessScores:
    attacks = Attacks.model_validate(asked)
    return attacked(report_of(test), model, test, attacks, extra_strengths={}, seed=1, checkpoints=folder)


def test_accuracy_of_the_texts_as_they_are_is_that_of_the_released_decisions(tmp_path: Path) -> None:
    model, test = fitted(PROMPTS, type=PROBABILITY, threshold=0.85)
    asked = {"texts": {"recipes": ["deepwordbug"], "examples": test.n, "queries": 5}}
    report = attack(model, test, asked, tmp_path)
    assert report.texts is not None
    assert report.texts.accuracy is not None
    right = model.decide(test.features) == test.y_true
    assert report.texts.accuracy.value == pytest.approx(right.mean())
    assert right.mean() < 0.95, "the threshold makes a difference"
    assert report.prompts is not None
    assert report.prompts.guard is None, "nobody said that it guards anything"


def test_injections_count_by_the_weights_and_writers_of_the_data(tmp_path: Path) -> None:
    model, test = fitted(PROMPTS, type=PROBABILITY, threshold=0.85)
    recognized = model.decide(test.features)[test.y_true == 1] == 1
    assert 0 < recognized.mean() < 1
    weight = np.where(model.decide(test.features) == 1, 3.0, 1.0)
    asked = {"guard": {"examples": test.n}, "texts": {"recipes": ["hotflip"]}}
    variants = (
        test,
        dataclasses.replace(test, weight=weight),
        dataclasses.replace(test, cluster=np.arange(test.n) // 9),
    )
    detections = []
    for each in variants:
        prompts = attack(model, each, asked, tmp_path).prompts
        assert prompts is not None
        assert prompts.guard is not None
        assert prompts.guard.detection is not None
        detections.append(prompts.guard.detection)
    alike, weighted, clustered = detections
    assert alike.value == pytest.approx(recognized.mean())
    assert weighted.value == pytest.approx(3 * recognized.sum() / (3 * recognized.sum() + (~recognized).sum()))
    assert clustered.value == pytest.approx(alike.value)
    assert clustered.trials != alike.trials


def test_rows_of_one_writer_count_as_one_writer(sevens: dict[str, Any], tmp_path: Path) -> None:
    model, test = fitted(sevens, type="rai_platform.training.networks.ImageClassifier", params={"epochs": 3})
    few = test.take(np.arange(100))
    copied = dataclasses.replace(few.take(np.repeat(np.arange(100), 5)), cluster=np.repeat(np.arange(100), 5))
    asked = {"images": {"linf": [0.1], "l2": [], "examples": 20, "queries": 2}}
    alone, together = (attack(model, each, asked, tmp_path).images for each in (few, copied))
    assert alone is not None
    assert together is not None
    for one, other in zip(alone.corruptions, together.corruptions, strict=True):
        widths = [each.accuracy.bounds().upper - each.accuracy.bounds().lower for each in (one, other)]
        assert widths[1] == pytest.approx(widths[0], rel=0.1), one.corruption


class Dazzled(torch.nn.Module):
    """Gives no number for an image without a black pixel."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = images.flatten(1).amin(1, keepdim=True) > 0
        logits: torch.Tensor = self.network(images)
        return torch.where(bright, torch.nan, logits)


def test_a_network_that_gives_no_number_for_a_bright_image_is_told_of_and_not_attacked(
    sevens: dict[str, Any], tmp_path: Path
) -> None:
    model, test = fitted(sevens, type="rai_platform.training.networks.ImageClassifier", params={"epochs": 1})
    (estimator,) = model.estimators
    estimator.network_ = Dazzled(estimator.network_)
    images = attack(model, test, {"images": {"linf": [0.1], "examples": 5, "queries": 2}}, tmp_path).images
    assert images is not None
    assert images.not_possible == "the network gives no finite number for every image and class"
    assert images.curve == images.corruptions == images.checks == ()


def test_weights_count_in_every_share() -> None:
    import pandas as pd

    people = People(
        sensitive_features=pd.DataFrame({"sex": ["f", "f", "m", "m"]}),
        weight=np.array([3.0, 1.0, 1.0, 1.0]),
    )
    right = np.array([True, False, True, False])
    assert people.share(right).value == pytest.approx(4 / 6)
    assert people.by_group(right)["sex"]["f"].value == pytest.approx(3 / 4)
    assert people.drop(right, np.zeros(4, dtype=bool)).value == pytest.approx(4 / 6)


def test_images_of_which_the_first_hundred_are_wrong_are_attacked_all_the_same(
    sevens: dict[str, Any], tmp_path: Path
) -> None:
    model, test = fitted(sevens, type="rai_platform.training.networks.ImageClassifier", params={"epochs": 3})
    order = np.random.default_rng([1, zlib.crc32(b"images")]).permutation(150)
    wrong = test.take(np.arange(150))
    y_true = wrong.y_true.copy()
    y_true[order[:110]] = 1 - model.decide(wrong.features)[order[:110]]
    y_true[order[110:]] = model.decide(wrong.features)[order[110:]]
    asked = {"images": {"linf": [0.1], "l2": [], "examples": 150, "queries": 2}}
    report = attack(model, dataclasses.replace(wrong, y_true=y_true), asked, tmp_path)
    assert report.images is not None
    assert report.images.accuracy is not None
    assert report.images.accuracy.value == pytest.approx(40 / 150)
