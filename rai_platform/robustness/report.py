"""The robustness report of a model as a value."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform.robustness.images.report import ImageRobustness
from rai_platform.robustness.prompts.report import PromptRobustness
from rai_platform.robustness.texts.report import TextRobustness
from rai_platform.spec.subject import Subject
from rai_platform.statistics.estimates import PairedDifference, Proportion

Perturbation = Literal["noise", "missing_values", "category_swaps", "shift"]
NO_COLUMN = "the model sees no column that it would change"  # of a perturbation that cannot happen to a model
NOT_A_TABLE = "the model sees a text or an image, and this changes the cells of a table"
ONE_VALUE = (
    "every column that it would change holds one value alone in these data: judge on others, or exclude the columns"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessScore:
    """Accuracy under one perturbation at one strength.

    Attributes:
        perturbation: what was done to the table.
        strength: standard deviations for noise and shift (a shift may go down), shares of cells for the others.
        accuracy: share of decisions that still agree with the label.
        drop: accuracy before minus accuracy after, on the same rows.
        flipped: share of decisions that changed.
        by_group: accuracy by sensitive feature and group.
    """

    perturbation: Perturbation
    strength: float
    accuracy: Proportion
    drop: PairedDifference
    flipped: Proportion
    by_group: dict[str, dict[str, Proportion]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessScores:
    """How one model does on one set of data when the table changes within what can happen.

    Attributes:
        subject: the model and the data.
        not_possible: why nothing could be tried; None where something was.
        n: rows.
        untouched: accuracy on the table as it is.
        scores: by perturbation and strength.
        not_estimable: why, by perturbation that could not be tried.
        left_alone: columns that were not changed, because people cannot change them.
        code_version: of the measuring code.
        attack: what people could bring about by changing what they could change; None in a report older than the question.
        images: what becomes of an image classifier when images are changed; None for a model that decides about rows.
        texts: what recipes made of texts; None where the model reads none, or nobody asked.
        prompts: what came of attempts to get instructions past the model, or into it; None where nobody asked.
    """

    subject: Subject
    not_possible: str | None
    n: int
    untouched: Proportion | None
    scores: tuple[RobustnessScore, ...]
    not_estimable: dict[str, str]
    left_alone: tuple[str, ...]
    code_version: str
    attack: ConstrainedAttack | None = None
    images: ImageRobustness | None = None
    texts: TextRobustness | None = None
    prompts: PromptRobustness | None = None

    def at(self, perturbation: str, strength: float) -> tuple[RobustnessScore, ...]:
        """The scores of a perturbation at a strength; two for a shift, up and down."""
        return tuple(
            score
            for score in self.scores
            if score.perturbation == perturbation and abs(abs(score.strength) - strength) < 1e-12
        )


def nothing_to_perturb(subject: Subject, n: int, why: str, *, code_version: str) -> RobustnessScores:
    """The report of a model that cannot be asked, such as a vendor's score."""
    return RobustnessScores(
        subject=subject,
        not_possible=why,
        n=n,
        untouched=None,
        scores=(),
        not_estimable={},
        left_alone=(),
        code_version=code_version,
        attack=ConstrainedAttack(not_possible=why),
    )
