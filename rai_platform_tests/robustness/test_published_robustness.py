"""Figures on public data that attacks, networks and texts have to come to.

That attacks on movie reviews come to what TextAttack's own runner comes to is tested in ``texts/test_text_attacks.py``.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from rai_platform.data.preparation import prepare_data
from rai_platform.robustness.images.report import ImageRobustness
from rai_platform.spec.model import ModelSpec
from rai_platform.training.fitting import fit_model

pytestmark = pytest.mark.slow

ATTACKED = 150
CLASSES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True, kw_only=True)
class Mnist:
    """Images (n, 1, 28, 28) in [0, 1] and what they show (n,)."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    @classmethod
    def read(cls, folder: Path, part: str) -> "Mnist":
        pixels = np.frombuffer(gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes()), "u1", offset=16)
        labels = np.frombuffer(gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes()), "u1", offset=8)
        images = (pixels.reshape(-1, 1, 28, 28) / np.float32(255)).astype("float32")
        return cls(images=images, labels=labels.astype("int64"))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Accuracy on the test images as they are, and what attacks on some of them found."""

    clean: float
    robustness: ImageRobustness

    def left(self, attack: str, epsilon: float) -> float:
        """Accuracy as an attack with that epsilon alone left it."""
        return next(
            point.as_found.value
            for point in self.robustness.curve
            if (point.attack, point.epsilon) == (attack, epsilon)
        )


def measured(real_data: Path, *, first: int, epsilon: float, **params: Any) -> Measured:
    """Of a network that has learned the first images of the training data."""
    from rai_platform.robustness.images.measurement import measure_image_robustness
    from rai_platform.training.networks import ImageClassifier

    train, test = (Mnist.read(real_data / "mnist", part) for part in ("train", "t10k"))
    classifier = ImageClassifier(**params).fit(train.images[:first], train.labels[:first].astype("int8"))
    return Measured(
        clean=float((classifier.predict(test.images) == test.labels).mean()),
        robustness=measure_image_robustness(
            classifier.network_,
            test.images[:ATTACKED],
            test.labels[:ATTACKED],
            classes=CLASSES,
            sensitive_features=pd.DataFrame(index=range(ATTACKED)),
            row_key=np.arange(ATTACKED),
            seed=0,
            epsilons={"linf": (epsilon,)},
            queries=100,
        ),
    )


def test_an_undefended_network_is_right_about_mnist_and_falls_to_nothing_within_its_usual_distance(
    real_data: Path,
) -> None:
    """0.3 is the distance of the MNIST challenge of Madry et al."""
    found = measured(real_data, first=40_000, epsilon=0.3, epochs=3)
    assert found.clean >= 0.98
    assert found.left("worst_case", 0.3) <= 0.02
    assert found.left("fgsm", 0.3) >= found.left("pgd", 0.3) >= found.left("worst_case", 0.3)


def test_a_network_trained_against_changed_images_withstands_them(real_data: Path) -> None:
    """And a stronger attack leaves less: FGSM, PGD, all together; Madry et al., ICLR 2018, table 1."""
    found = measured(real_data, first=10_000, epsilon=0.2, epochs=6, adversarial_training={"epsilon": 0.2, "steps": 4})
    assert found.clean >= 0.95
    assert found.left("fgsm", 0.2) >= found.left("pgd", 0.2) >= found.left("worst_case", 0.2) >= 0.5


def test_a_linear_model_of_letters_tells_injected_prompts_from_others(real_data: Path) -> None:
    """The split of deepset; published for logistic regression on a language model's vectors: 0.966 right, precision 1."""
    folder = real_data / "prompt_injection"
    spec = ModelSpec.model_validate(
        {
            "name": "guard",
            "owners": ["team:a"],
            "intended_use": "to keep injected instructions out",
            "out_of_scope": "anything else",
            "data": {"source": str(folder / "deepset_train.parquet"), "target": "label", "text": "text"},
            "split": {"test": str(folder / "deepset_test.parquet")},
            "estimator": {
                "type": "sklearn.linear_model.LogisticRegression",
                "params": {"C": 100.0},
                "vectorizer": {"analyzer": "char_wb", "ngram_range": [1, 5]},
            },
        }
    )
    prepared = prepare_data(spec)
    model, _ = fit_model(spec, prepared.training)
    decided, truth = model.decide(prepared.test.features), prepared.test.y_true
    assert (len(truth), int(truth.sum())) == (116, 60)
    assert np.equal(decided, truth).mean() >= 0.88
    assert truth[np.equal(decided, 1)].mean() >= 0.97
