"""The section of the card about whether the explanation can be trusted."""

from dataclasses import dataclass, field

from rai_platform.card.sections.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationTest:
    """One test of the explanation itself.

    Attributes:
        question: what is asked.
        figure: what was measured.
        says: how, and what follows, in sentences.
    """

    question: str
    figure: Figure
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionParityRow:
    """How differently features matter to the groups of one sensitive feature or intersection.

    Attributes:
        feature: its name.
        difference: the largest difference between two groups in the share of the attributions that falls on one feature.
        says: that in a sentence.
        left_out: why, by group that is compared with no other.
    """

    feature: str
    difference: Figure
    says: str
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyFeatureRow:
    """A feature that moves the score and gives a group away.

    Attributes:
        column: the feature.
        rank: its place among those that move the score most, from 1.
        sensitive_feature: what the group is of.
        group: the one it gives away most clearly.
        auc: the chance that it tells a member from somebody else, by itself.
    """

    column: str
    rank: int
    sensitive_feature: str
    group: str
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminationSection:
    """Whether the explanation can be trusted.

    Attributes:
        tests: of the explanation as a whole.
        second_opinion: how large a feature is by ``second_method``; empty where there is none.
        parity: by sensitive feature and intersection.
        proxies: the features that give a group away, those that move the score most first.
        proxies_say: that in a sentence.
        second_method: of the second opinion.
        lime: mean absolute weight by feature; empty where LIME was not asked.
    """

    tests: tuple[ExplanationTest, ...]
    second_opinion: dict[str, float]
    parity: tuple[AttributionParityRow, ...]
    proxies: tuple[ProxyFeatureRow, ...]
    proxies_say: str
    second_method: str = "permutation importance"
    lime: dict[str, float] = field(default_factory=dict)
