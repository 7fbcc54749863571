"""What a model is, in words: everything about it but the numbers it learned."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

FeatureKind = Literal["number", "category", "text", "image"]
PLATFORM_NETWORKS = (
    "rai_platform.training.networks.small_networks."  # need no digest: the platform's code has a version
)
Composition = Literal["single", "weighted", "group_thresholds", "given"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A column that the model sees."""

    name: str
    kind: FeatureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdStep:
    """One of the two rules between which a group's decisions are drawn: ``score > threshold`` or ``score < threshold``."""

    operator: Literal[">", "<"]
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupThresholds:
    """How one group's scores become chances of being selected, in Fairlearn's terms.

    The chance is ``p_ignore * prediction_constant + (1 - p_ignore) * (p0 * rule0 + p1 * rule1)``.
    """

    p_ignore: float
    prediction_constant: float
    p0: float
    rule0: ThresholdStep
    p1: float
    rule1: ThresholdStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The decision rule around the learned parts.

    Attributes:
        composition: ``single`` estimator; ``weighted`` mean of several (ExponentiatedGradient); ``group_thresholds`` on
            one (ThresholdOptimizer); ``given``: somebody else's scores, no model at all.
        estimator: import path of the estimator, or the column of given scores.
        estimator_code: the distribution and version that the estimator is from, or the digest of the file that defines it;
            None for given scores.
        features: the columns it sees, in order.
        group_features: sensitive features it needs to decide about a person; empty for most models.
        positive_label: what a decision of 1 stands for.
        threshold: rows with at least this score are selected; None where decisions are drawn or given.
        score_is_probability: whether scores are meant as chances of the positive label.
        seed: of training, and of drawn decisions.
        weights: of the parts of a weighted mean.
        randomized: whether decisions are drawn with the chance that mitigation computed.
        thresholds: by group, for ``group_thresholds``.
        classes: the labels in the order of their numbers, where there are several; the likeliest is decided for.
        class_columns: the estimator's column of the negative and the positive label, or of every class, where it was trained
            elsewhere; empty where they are in order.
        module_code: by import path, the code of a network that the estimator was given; as in ``estimator_code``.
    """

    composition: Composition
    estimator: str
    estimator_code: str | None = None
    features: tuple[Feature, ...]
    group_features: tuple[str, ...] = ()
    positive_label: str
    threshold: float | None
    score_is_probability: bool
    seed: int
    weights: tuple[float, ...] = ()
    randomized: bool = False
    thresholds: dict[str, GroupThresholds] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    module_code: dict[str, str] = field(default_factory=dict)
    class_columns: tuple[int, ...] = ()

    @property
    def sees_a_whole(self) -> bool:
        """Whether it sees an image or a text, and nothing else."""
        return len(self.features) == 1 and self.features[0].kind in ("image", "text")

    def in_digests(self) -> dict[str, Any]:
        """The manifest as it is digested: what not every model has is left out where it has none."""
        told = dataclasses.asdict(self)
        return {
            name: value
            for name, value in told.items()
            if value or name not in ("classes", "module_code", "class_columns")
        }
