"""What was found out about an explanation itself: whether it can be repeated, and whether it names what the model uses."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.statistics.estimates import Estimate, NormalEstimate

STABILITY = "explanation_stability"
FAITHFULNESS = "explanation_faithfulness"
SECOND_OPINION = "second_opinion_agreement"
LIME = "lime_agreement"
PROXIES = "proxies_in_top"

SecondMethod = Literal["permutation importance", "expected gradients", "leave one region out", "leave one word out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetitions:
    """Importance computed again, each time on other people.

    Attributes:
        count: repetitions.
        rows: people explained in each, none of them in two; the smallest number where they differ.
        background: rows that stood for everybody in each, drawn anew; 0 where the method needs none.
        seeds: whether the method draws, so that each repetition had a seed of its own.
        top: how many of the strongest features are compared by ``overlap``.
        overlap: share of the strongest features of one repetition that are among the strongest of another, on average.
    """

    count: int
    rows: int
    background: int
    seeds: bool
    top: int
    overlap: NormalEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What becomes of a person's score when features are replaced one after the other.

    Everything is in shares of the mean distance between a person's output and the base value, counted in the direction in
    which that person departs from it.

    Attributes:
        replaced: share of the features replaced, or put back (steps,), from 0 to 1.
        deletion: what is lost when features are replaced by another person's, strongest attribution first (steps,).
        insertion: what is won when features are put back into that other person, strongest attribution first (steps,).
        random_deletion: what is lost in a random order (steps,).
        random_insertion: what is won in a random order (steps,).
        n: people.
        orders: random orders of each.
    """

    replaced: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random_deletion: tuple[float, ...]
    random_insertion: tuple[float, ...]
    n: int
    orders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShares:
    """How the attributions of a group are shared out over the features.

    Attributes:
        group: its name.
        n: explained rows.
        people: clusters among them, or rows where rows are independent.
        shares: of the group's total absolute attribution, in the order of the report's features (features,); empty where
            nothing moves the score of anybody in the group.
        standard_errors: of the shares (features,).
    """

    group: str
    n: int
    people: int
    shares: tuple[float, ...]
    standard_errors: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyColumn:
    """A feature of the model that gives a group away, by the screen of the training data.

    Attributes:
        column: the feature.
        sensitive_feature: the sensitive feature or intersection that the group is of.
        group: the group, against everybody else.
        auc: the chance that the column by itself tells a member from somebody else.
    """

    column: str
    sensitive_feature: str
    group: str
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found out about an explanation.

    Attributes:
        measured: stability, faithfulness and agreement with a second opinion, by metric.
        not_estimable: why one of them is not known, by metric.
        repetitions: behind the stability; None where it is not estimable.
        curves: behind the faithfulness; None where it is not estimable.
        permutation_importance: the second opinion by feature, in the order of the report's: how large a feature is by
            ``second_method``; empty where there is none.
        parity: how attributions are shared out in every group, by sensitive feature and intersection.
        proxies: what gives groups away among the model's features, the clearest first.
        screened: sensitive features and intersections of which proxies were sought; None where the training data were not
            screened for them.
        second_method: of the second opinion.
        lime: mean absolute weight of LIME by feature, in the order of the report's; empty where there is none.
    """

    measured: dict[str, Estimate]
    not_estimable: dict[str, str]
    repetitions: Repetitions | None
    curves: Curves | None
    permutation_importance: tuple[float, ...]
    parity: dict[str, tuple[GroupShares, ...]]
    proxies: tuple[ProxyColumn, ...]
    screened: tuple[str, ...] | None
    second_method: SecondMethod = "permutation importance"
    lime: tuple[float, ...] = ()
