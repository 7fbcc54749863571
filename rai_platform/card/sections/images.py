"""The section of the card about images that are a little different."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure
from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.images.report import AdversarialImage, ImageEffort


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAttackRow:
    """Accuracy when every image is attacked within one distance.

    Attributes:
        attack: who attacked; ``worst_case`` is whoever of them did best, image by image.
        norm: how the distance is measured.
        epsilon: the distance allowed.
        accuracy: share of images that are classified rightly however they were changed.
        drop: accuracy as they are minus that.
        by_class: accuracy under attack by class; of the worst case alone.
        by_group: the same by sensitive feature and group.
    """

    attack: str
    norm: str
    epsilon: float
    accuracy: Figure
    drop: Figure
    by_class: dict[str, Figure]
    by_group: dict[str, dict[str, Figure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptionRow:
    """Accuracy under one corruption at one severity, overall and by group."""

    corruption: str
    severity: int
    parameter: str
    accuracy: Figure
    drop: Figure
    by_group: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSection:
    """What becomes of an image classifier's accuracy when images are a little different, by chance or on purpose.

    Attributes:
        not_possible: why nothing was tried; None where something was.
        summary: what was found, in sentences.
        doubts: why the attacks are not credible, in sentences; empty where they are.
        notes: what a reader has to know of the attacks, in sentences.
        n: images attacked.
        n_corrupted: images corrupted.
        queries: the most questions about one image, of the attacks that see no gradients.
        accuracy: of the images attacked, as they are; None where none was.
        rows: by norm, attack and distance.
        efforts: what each attack did.
        examples: images that had to change least, and what they were changed into.
        corruptions: by corruption and severity.
        checks: what makes attacks credible.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    n: int
    n_corrupted: int
    queries: int
    accuracy: Figure | None
    rows: tuple[ImageAttackRow, ...]
    efforts: tuple[ImageEffort, ...]
    examples: tuple[AdversarialImage, ...]
    corruptions: tuple[CorruptionRow, ...]
    checks: tuple[CredibilityCheck, ...]

    @property
    def worst_case(self) -> tuple[ImageAttackRow, ...]:
        """All attacks together, by norm and distance."""
        return tuple(row for row in self.rows if row.attack == "worst_case")
