"""The section of the card about what happens when a row, an image or a text is a little different."""

from dataclasses import dataclass

from rai_platform.card.sections.attack import AttackSection
from rai_platform.card.sections.figure import Figure
from rai_platform.card.sections.images import ImageSection
from rai_platform.card.sections.prompts import PromptSection
from rai_platform.card.sections.texts import TextAttackSection


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessRow:
    """Accuracy under one perturbation at one strength, overall and by group."""

    perturbation: str
    strength: float
    accuracy: Figure
    drop: Figure
    by_group: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessSection:
    """What happens when the table or the images are a little different, by chance or on purpose."""

    not_possible: str | None
    untouched: Figure | None
    rows: tuple[RobustnessRow, ...]
    not_estimable: dict[str, str]
    left_alone: tuple[str, ...]
    attack: AttackSection | None = None
    images: ImageSection | None = None
    texts: TextAttackSection | None = None
    prompts: PromptSection | None = None
