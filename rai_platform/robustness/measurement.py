"""Accuracy of a tabular model on tables that were changed."""

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.errors import UnscorableRows
from rai_platform.robustness.attack_measurement import measure_constrained_attack
from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform.robustness.people import People
from rai_platform.robustness.perturbations import PERTURB, STRENGTHS, can_change, signed, stream, touched_columns
from rai_platform.robustness.report import (
    NO_COLUMN,
    NOT_A_TABLE,
    ONE_VALUE,
    Perturbation,
    RobustnessScore,
    RobustnessScores,
)
from rai_platform.spec.adversary import Adversary
from rai_platform.spec.subject import Subject
from rai_platform.training.model import TrainedModel


def measure_robustness(
    model: TrainedModel,
    subject: Subject,
    sample: Sample,
    *,
    left_alone: tuple[str, ...],
    extra_strengths: Mapping[str, set[float]],
    seed: int,
    code_version: str,
    adversary: Adversary | None = None,
    workers: int = 1,
) -> RobustnessScores:
    """How often the model is right when the table is changed, at random and by people who want another decision.

    Args:
        model: the trained model.
        subject: the model and the data, as they are on record.
        sample: the test data.
        left_alone: columns that are not changed: nobody measures a person's sex or race a little differently, and a text or an
            image is not changed as a cell of a table is.
        extra_strengths: by perturbation, strengths to try besides the usual ones, because a policy limits them; those of
            ``constrained_attack`` are budgets.
        seed: of every draw; each perturbation and strength has its own stream.
        code_version: of the measuring code.
        adversary: what people could change; None attacks nobody.
        workers: processes at most; nothing depends on it.

    Raises:
        InvalidSpec: the declaration of the adversary does not fit the sample.
    """
    before = model.decide(sample.features, sample.sensitive_features)
    scores: list[RobustnessScore] = []
    not_estimable: dict[str, str] = {}
    for perturbation, usual in STRENGTHS.items():
        columns = touched_columns(perturbation, sample.features, left_alone)
        if not any(can_change(perturbation, sample.features[name]) for name in columns):
            nothing = NOT_A_TABLE if sample.tabular.empty else NO_COLUMN
            not_estimable[perturbation] = ONE_VALUE if columns else nothing
            continue
        strengths = sorted({*usual, *extra_strengths.get(perturbation, set())})
        try:
            scores += [
                _score(
                    perturbation, strength, before, _after(model, sample, perturbation, columns, strength, seed), sample
                )
                for strength in signed(perturbation, strengths)
            ]
        except UnscorableRows as error:  # at any strength: a weaker one may only have missed what the model refuses
            not_estimable[perturbation] = error.message
    return RobustnessScores(
        subject=subject,
        not_possible=None,
        n=sample.n,
        untouched=People.of(sample).share(before == sample.y_true),
        scores=tuple(scores),
        not_estimable=not_estimable,
        left_alone=left_alone,
        code_version=code_version,
        attack=None
        if adversary is None
        else _attacked(
            model,
            sample,
            adversary,
            left_alone,
            extra_budgets=extra_strengths.get("constrained_attack", ()),
            seed=seed,
            workers=workers,
        ),
    )


def _attacked(
    model: TrainedModel,
    sample: Sample,
    adversary: Adversary,
    left_alone: tuple[str, ...],
    *,
    extra_budgets: Collection[float],
    seed: int,
    workers: int,
) -> ConstrainedAttack:
    if sample.tabular.empty:
        return ConstrainedAttack(not_possible=NOT_A_TABLE)
    if sample.classes:
        return ConstrainedAttack(
            not_possible="these attacks turn a decision between two labels, and there are several classes"
        )
    return measure_constrained_attack(
        model, sample, adversary, left_alone=left_alone, extra_budgets=extra_budgets, seed=seed, workers=workers
    )


def _after(
    model: TrainedModel, sample: Sample, perturbation: Perturbation, columns: list[str], strength: float, seed: int
) -> npt.NDArray[np.int8]:
    """Decisions on the changed table (rows,)."""
    changed = PERTURB[perturbation](sample.features, columns, strength, stream(seed, perturbation, strength))
    return model.decide(changed, sample.sensitive_features)


def _score(
    perturbation: Perturbation,
    strength: float,
    before: npt.NDArray[np.int8],
    after: npt.NDArray[np.int8],
    sample: Sample,
) -> RobustnessScore:
    right, people = after == sample.y_true, People.of(sample)
    return RobustnessScore(
        perturbation=perturbation,
        strength=strength,
        accuracy=people.share(right),
        drop=people.drop(before == sample.y_true, right),
        flipped=people.share(before != after),
        by_group=people.by_group(right),
    )
