"""What attacks on images and texts cost beside the bare libraries, what a second process brings, and how strong Auto-PGD is.

Images are MNIST's where the public data sets are at RAI_TEST_DATA, else scikit-learn's digits; texts are sentences of movie
reviews, else sentences made up from words.
"""

import gzip
import io
import itertools
import os
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from foolbox.attacks.deepfool import LinfDeepFoolAttack
from foolbox.attacks.fast_gradient_method import LinfFastGradientAttack
from foolbox.models.pytorch import PyTorchModel
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.table import Claim, Goal, report
from rai_platform.robustness.images.attacks import DEEPFOOL_STEPS, projected_gradient_descent
from rai_platform.robustness.images.ensemble import Assault, Outcome, Target
from rai_platform.robustness.images.network import frozen, one_thread
from rai_platform.robustness.images.report import ImageAttack
from rai_platform.robustness.images.workers import attack_workers, carry_out_all
from rai_platform.robustness.texts.asking import decide
from rai_platform.robustness.texts.attempt import Attacker, Job
from rai_platform.robustness.texts.loading import load_textattack, quiet_and_offline
from rai_platform.robustness.texts.measurement import measure_text_robustness
from rai_platform.robustness.texts.recipes import RECIPES, build
from rai_platform.training.networks.image_classifier import ImageClassifier

OF_FOOLBOX: tuple[ImageAttack, ...] = ("fgsm", "deepfool", "pgd")
NO_SLOWER = 1.05
FASTER = 1.7
ONE_POINT = 0.01
WORKERS = 2
BATCH = 25
RECIPE = "deepwordbug"
QUESTIONS = 500
PUBLIC = Path(os.environ.get("RAI_TEST_DATA") or "../shared/data")

Floats = npt.NDArray[np.float64]


def measure(quick: bool) -> list[Claim]:
    """The claims; the best of several rounds, ours and the peer's taken in turn."""
    with one_thread():
        target, epsilons = images(train=5_000 if quick else 60_000, attacked=100 if quick else 500)
        return [
            beside_foolbox(target, epsilons, rounds=2 if quick else 3),
            *with_two_processes(target, epsilons, rounds=3),
            *beside_pgd(target, epsilons),
            *beside_textattack(texts(), examples=200 if quick else 1_000, rounds=5),
        ]


# --- images --------------------------------------------------------------------------------------------------------------


def images(
    *, train: int, attacked: int, adversarial_training: dict[str, Any] | None = None
) -> tuple[Target, tuple[float, ...]]:
    """A network, images that it classifies rightly, and distances at which some of them stand."""
    folder = PUBLIC / "mnist"
    if folder.is_dir():
        x, y = (idx(folder / f"train-{name}.gz") for name in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        others, labels = (idx(folder / f"t10k-{name}.gz") for name in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        name, pixels, others = "mnist", x[:train, None] / 255, others[:, None] / 255
        y = y[:train]
    else:
        bunch: Any = load_digits()
        name, pixels, others = "digits", bunch.images[:1200, None] / 16, bunch.images[1200:, None] / 16
        y, labels = bunch.target[:1200], bunch.target[1200:]
    epochs, epsilons = (2, (0.1, 0.2)) if name == "mnist" else (15, (0.05, 0.1))
    classifier = ImageClassifier(epochs=epochs, adversarial_training=adversarial_training).fit(
        pixels.astype("float32"), y.astype("int8")
    )
    others, labels = others.astype("float32"), labels.astype("int64")
    right = np.flatnonzero(classifier.predict(others[: 2 * attacked]) == labels[: 2 * attacked])[:attacked]
    network = frozen(classifier.network_, "cpu")
    return Target(
        network=network, images=others[right], labels=labels[right], predicted=labels[right], device="cpu"
    ), epsilons


def idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array in a file of MNIST's format: its number of dimensions is the fourth byte, its shape follows."""
    content = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape([int(side) for side in shape])


def assaults(target: Target, epsilons: tuple[float, ...], *attacks: ImageAttack) -> list[Assault]:
    """Each attack on each batch."""
    return [
        Assault(attack=attack, norm="linf", epsilons=epsilons, rows=rows, queries=0, seed=number)
        for attack in attacks
        for number, rows in enumerate(batches(target))
    ]


def batches(target: Target) -> list[tuple[int, ...]]:
    """The images, so many at a time."""
    n = len(target.images)
    return [tuple(range(start, min(start + BATCH, n))) for start in range(0, n, BATCH)]


def beside_foolbox(target: Target, epsilons: tuple[float, ...], *, rounds: int) -> Claim:
    """The platform's own check of every success, its counts and examples are part of ours."""
    asked = assaults(target, epsilons, *OF_FOOLBOX)
    ours, peer = in_turn(lambda: carry_out_all(target, asked), lambda: bare_foolbox(target, epsilons), rounds=rounds)
    return Claim(
        says=f"FGSM, DeepFool and PGD within {len(epsilons)} distances, {len(target.images)} images, each success checked; "
        "peer: the same objects of Foolbox in a bare loop",
        ours=ours,
        peer=peer,
        unit="s",
        goal=Goal(of="ratio", at_most=NO_SLOWER),
    )


def bare_foolbox(target: Target, epsilons: tuple[float, ...]) -> None:
    """The same attacks on the same batches as one would write them down; a second run of PGD attacks what the first left."""
    model = PyTorchModel(target.network, bounds=(0, 1), device="cpu")
    fast, deepfool = LinfFastGradientAttack(), LinfDeepFoolAttack(steps=DEEPFOOL_STEPS)
    runs = projected_gradient_descent("linf")
    for rows in batches(target):
        x, y = (torch.from_numpy(each[list(rows)]) for each in (target.images, target.labels))
        fast(model, x, y, epsilons=list(epsilons))
        deepfool(model, x, y, epsilons=list(epsilons))
        for epsilon in epsilons:
            left = torch.arange(len(x))
            for run in runs:
                if len(left):
                    *_, turned = run(model, x[left], y[left], epsilons=epsilon)
                    left = left[~turned]


def with_two_processes(target: Target, epsilons: tuple[float, ...], *, rounds: int) -> list[Claim]:
    """Auto-PGD in processes that are ready, and what it takes until they are."""
    asked = assaults(target, epsilons, "apgd_ce", "apgd_dlr")
    started = time.perf_counter()
    with attack_workers(target, WORKERS) as pool:
        until_ready = time.perf_counter() - started
        told: dict[str, list[Outcome]] = {}
        ours, peer = in_turn(
            lambda: told.update(ours=pool.carry_out_all(asked)),
            lambda: told.update(peer=carry_out_all(target, asked)),
            rounds=rounds,
        )
    if not all(np.array_equal(one.turned, other.turned) for one, other in zip(told["ours"], told["peer"], strict=True)):
        raise ValueError("two processes find something else than one")
    return [
        Claim(
            says=f"APGD-CE and APGD-DLR, {len(target.images)} images in batches of {BATCH}, {WORKERS} processes of one thread "
            "that are ready; peer: one process of one thread",
            ours=ours,
            peer=peer,
            unit="s",
            goal=Goal(of="ratio", at_most=1 / FASTER),
        ),
        Claim(
            says=f"starting these {WORKERS} processes; peer: as above", ours=until_ready, peer=peer, unit="s", goal=None
        ),
    ]


def beside_pgd(target: Target, epsilons: tuple[float, ...]) -> list[Claim]:
    """Accuracy that each leaves of images that are classified rightly, with as many gradients."""
    left = {}
    for attack in ("apgd_ce", "pgd"):
        outcomes = carry_out_all(target, assaults(target, epsilons, attack))
        left[attack] = 1 - np.concatenate([outcome.turned for outcome in outcomes], axis=1).mean(axis=1)
    return [
        Claim(
            says=f"accuracy under APGD-CE within {epsilon:g}; peer: under Foolbox's PGD with as many gradients",
            ours=float(left["apgd_ce"][at]),
            peer=float(left["pgd"][at]),
            unit="%",
            goal=Goal(of="difference", at_most=ONE_POINT),
        )
        for at, epsilon in enumerate(epsilons)
    ]


# --- texts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Texts (texts,) with their classes (texts,), and a model that has not seen them."""

    texts: list[str]
    labels: npt.NDArray[np.int64]
    predict: Callable[[list[str]], Floats]


def texts() -> Texts:
    """Movie reviews, and a linear model of their words."""
    archive = PUBLIC / "rt_polarity" / "sentence_polarity.zip"
    sentences = reviews(archive) if archive.is_file() else made_up(6000)
    labels = np.arange(len(sentences)) % 2
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(sentences[:-2000], labels[:-2000])
    return Texts(texts=sentences[-2000:], labels=labels[-2000:], predict=model.predict_proba)


def reviews(path: Path) -> list[str]:
    """Bad ones and good ones in turn."""
    with zipfile.ZipFile(path) as archive:
        bad, good = (
            archive.read(f"sentence_polarity/rt-polarity.{kind}").decode("latin-1").splitlines()
            for kind in ("neg", "pos")
        )
    return [text.strip() for pair in zip(bad, good, strict=True) for text in pair]


def made_up(count: int) -> list[str]:
    """Twenty words each, of which three tell the class more often than not; the classes in turn."""
    rng = np.random.default_rng(0)
    anything = [
        f"{one}{two}{three}" for one in ("ba", "do", "ki", "lu") for two in ("ra", "te", "mo") for three in "nst"
    ]
    telling = (["awful", "boring", "clumsy", "dull", "weak"], ["lovely", "clever", "bright", "moving", "funny"])
    return [
        " ".join(
            rng.permutation(
                [*rng.choice(anything, 17), *(rng.choice(telling[at % 2 ^ int(rng.random() < 0.2)]) for _ in range(3))]
            )
        )
        for at in range(count)
    ]


def beside_textattack(known: Texts, *, examples: int, rounds: int) -> list[Claim]:
    """The attack itself, each text with a seed of its own, and a whole report around it; libraries are loaded before."""
    textattack = load_textattack()
    order = np.random.default_rng(0).permutation(len(known.texts))[:examples]
    drawn, labels = [known.texts[at] for at in order], known.labels[order]

    def platform() -> None:
        right = decide(known.predict, drawn, 2) == labels
        attacker = Attacker(textattack, known.predict, query_budget=QUESTIONS)
        for text, label in zip(itertools.compress(drawn, right), labels[right], strict=True):
            attacker.attack(Job.of(RECIPE, text, int(label), 0))

    def whole_report() -> None:
        measure_text_robustness(
            known.predict,
            drawn,
            labels,
            classes=("bad", "good"),
            sensitive_features=pd.DataFrame(index=range(examples)),
            row_key=np.arange(examples),
            seed=0,
            recipes=(RECIPE,),
            examples=examples,
            query_budget=QUESTIONS,
        )

    def library() -> None:
        with quiet_and_offline(), redirect_stderr(io.StringIO()):  # its progress, which cannot be switched off
            attack = build(textattack, RECIPES[RECIPE], known.predict, query_budget=QUESTIONS, label=0)
            dataset = textattack.datasets.Dataset(list(zip(drawn, labels.tolist(), strict=True)))
            arguments = textattack.AttackArgs(
                num_examples=examples, query_budget=QUESTIONS, silent=True, disable_stdout=True
            )
            textattack.Attacker(attack, dataset, arguments).attack_dataset()

    ours, report, peer = in_turn(platform, whole_report, library, rounds=rounds)
    return [
        Claim(
            says=f"DeepWordBug on {examples} texts; peer: TextAttack's Attacker",
            ours=ours,
            peer=peer,
            unit="s",
            goal=Goal(of="ratio", at_most=NO_SLOWER),
        ),
        Claim(
            says="a whole report of that: each success asked about again, an attack without limits; peer: as above",
            ours=report,
            peer=peer,
            unit="s",
            goal=None,
        ),
    ]


def in_turn(*tasks: Callable[[], object], rounds: int) -> list[float]:
    """The best seconds of each, so that a slow moment of the machine meets none of them alone."""
    best = [float("inf")] * len(tasks)
    for _ in range(rounds):
        for at, task in enumerate(tasks):
            started = time.perf_counter()
            task()
            best[at] = min(best[at], time.perf_counter() - started)
    return best


if __name__ == "__main__":
    sys.exit(report("Attacks on images and texts", measure))
