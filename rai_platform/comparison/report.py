"""Two models on the same people, as values."""

from dataclasses import dataclass

from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric of one of the two models, or its change; None where it has no value.

    Attributes:
        value: the estimate.
        interval: 95 % interval.
    """

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One metric of both models, on the same rows.

    Attributes:
        metric: its name.
        feature: the sensitive feature or intersection it is measured by; None for a metric over everybody.
        before: of the model that gives way: the one without mitigation, or the one in production.
        after: of the model that takes its place.
        change: after minus before, each person's two decisions kept together.
    """

    metric: str
    feature: str | None
    before: Measured
    after: Measured
    change: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """People of a group whose decision is another one with the candidate.

    Attributes:
        feature: the sensitive feature or intersection.
        group: of that feature.
        n: how many they are.
        gained: passed over by the model in production, and selected by the candidate.
        lost: selected by the model in production, and passed over by the candidate.
    """

    feature: str
    group: str
    n: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionComparison:
    """What changes when a candidate takes the place of the model in production, on the candidate's test data.

    Attributes:
        version: of the model in production, when it was promoted.
        entry: of that promotion in the ledger.
        not_possible: why they cannot be compared; None where they can.
        same_training: whether both learned from the same data.
        n: people.
        changed: share of people whose decision is another one.
        accuracy_p_value: of both being right equally often, by McNemar's exact test.
        trades: accuracy first, then the headline disparities by every feature; ``before`` is the model in production.
        moved: by group, who is selected no longer, and who anew.
    """

    version: str
    entry: int
    not_possible: str | None = None
    same_training: bool = False
    n: int = 0
    changed: Proportion | None = None
    accuracy_p_value: float | None = None
    trades: tuple[Trade, ...] = ()
    moved: tuple[Moved, ...] = ()
