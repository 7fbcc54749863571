"""What is watched: shares of rows that may move by so much and no more, each with the evidence of a window that one did.

Every monitor is a share: of a category, of values below a decile, of what moves the score, of people selected, of right answers,
of pairs that a model puts in the right order. The null is a tolerance and not equality: with many rows every share moves a
little, and most of that matters to nobody.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from rai_platform.fairness.cells import Cells
from rai_platform.fairness.rates import (
    ACCURACY,
    FALSE_POSITIVE_RATE,
    SELECTION_RATE,
    TRUE_POSITIVE_RATE,
    Rate,
    group_rates,
)
from rai_platform.monitoring.classes import ByGroup, class_recalls, class_shares
from rai_platform.monitoring.drift import Part, parts
from rai_platform.monitoring.outcomes import NOBODY_KNOWS
from rai_platform.monitoring.windows import ALL, SCORE, Reference, Window
from rai_platform.spec.policy import ServiceLevel
from rai_platform.statistics.e_values import log_e_value_outside, log_mean
from rai_platform.statistics.estimates import Proportion

Family = ServiceLevel
ODD = 0.2  # of the tolerance, for what should hardly be there
MOST_LOST = 0.75  # of the share of a category, before it counts as vanishing
LEAST_EVIDENCE = -700.0  # of a logarithm; below it a float is 0, whose logarithm JSON has no name for
SEED_OF_PAIRS = 5  # which rows make a pair; nothing else depends on chance


class Tolerances(NamedTuple):
    """How far a share may move, as a difference of shares.

    Attributes:
        data: of a category, or below a value. A new category and missing values may gain a fifth of it, and a category may not
            lose more than three quarters of its share, however rare it is.
        prediction: of the scores, and of the people selected, of all and of each group.
        attribution: of what moves the score, by feature.
        performance: of right answers, and of pairs in the right order.
        fairness: of the people of one group who are rightly selected, or selected by mistake.
    """

    data: float = 0.05
    prediction: float = 0.05
    attribution: float = 0.1
    performance: float = 0.03
    fairness: float = 0.05


class Monitor(NamedTuple):
    """What a share is the share of.

    Attributes:
        family: what kind of problem it tells of.
        metric: a feature's name, the name of a rate, or ``roc_auc``.
        feature: the sensitive feature; empty where everybody counts.
        group: of it.
    """

    family: Family
    metric: str
    feature: str = ""
    group: str = ""

    @property
    def says(self) -> str:
        """In words."""
        if self.family == "attribution":
            return f"share of attribution of {self.metric}"
        return (
            self.metric.replace("_", " ")
            if not self.feature
            else f"{self.metric.replace('_', ' ')} of {self.feature} = {self.group}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One share in the reference and in a window.

    Attributes:
        says: of what.
        before: in the reference.
        now: in the window.
        down: how far it may fall.
        up: how far it may rise.
    """

    says: str
    before: Proportion
    now: Proportion
    down: float
    up: float

    @property
    def change(self) -> float:
        """Now minus before."""
        return self.now.value - self.before.value

    @property
    def tolerances_away(self) -> float:
        """How many times as far as it may it moved; above 1 it is beyond."""
        allowed = self.up if self.change > 0 else self.down
        return abs(self.change) / allowed if allowed else math.inf * bool(self.change)

    @property
    def may_be_within(self) -> bool:
        """Whether the window's 95 % interval reaches into what is tolerated."""
        if self.tolerances_away <= 1:  # the interval holds the share itself
            return True
        now = self.now.bounds()
        return now.lower <= self.before.value + self.up and now.upper >= self.before.value - self.down


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one window says of one monitor.

    Attributes:
        monitor: which.
        shares: that it is made of; a feature has many, a rate one.
        log_e_value: the evidence of this window alone that one moved further, as a natural logarithm.
    """

    monitor: Monitor
    shares: tuple[Share, ...]
    log_e_value: float

    @property
    def furthest(self) -> Share:
        """The share that moved most, beside how far it may; of those that surely moved further, where there is one.

        A category that is rare may be missing from a small window, and that says little.
        """
        return max(self.shares, key=lambda share: (not share.may_be_within, share.tolerances_away))

    @property
    def may_be_within(self) -> bool:
        """Whether no share is surely further from the reference than it may be."""
        return all(share.may_be_within for share in self.shares)


def looks(reference: Reference, window: Window, tolerances: Tolerances, *, labels: bool) -> dict[Monitor, Look]:
    """What a window says of every monitor that both it and the reference know something of.

    Args:
        reference: what counts as normal.
        window: the counts of the window.
        tolerances: by family.
        labels: whether to look at performance and fairness, which need labels, or at data, predictions and attributions, which do
            not.
    """
    if labels:
        found = {
            **_labelled_rates(reference.window, window, tolerances),
            **_areas(reference.window, window, tolerances),
            **_classes(class_recalls(reference.window.classes), class_recalls(window.classes), tolerances, "fairness"),
        }
    else:
        found = {
            **_columns(reference, window, tolerances),
            **_selection_rates(reference.window, window, tolerances),
            **_classes(class_shares(reference.window.classes), class_shares(window.classes), tolerances, "prediction"),
            **_attributions(reference.window, window, tolerances.attribution),
        }
    return {monitor: _look(monitor, shares) for monitor, shares in found.items()}


def against(look: Look, earlier: Look) -> Look:
    """The same window held against an earlier one in the place of the reference."""
    usual = {share.says: share.now for share in earlier.shares}
    shares = tuple(replace(share, before=usual.get(share.says, share.before)) for share in look.shares)
    return _look(look.monitor, shares)


def _look(monitor: Monitor, shares: tuple[Share, ...]) -> Look:
    """The mean of the evidence of every share, each against the tolerance beyond what the reference itself is sure of."""
    successes = np.array([share.now.successes for share in shares])
    trials = np.array([share.now.trials for share in shares])
    bounds = [share.before.bounds() for share in shares]
    lower = np.clip([each.lower - share.down for each, share in zip(bounds, shares, strict=True)], 0, 1)
    upper = np.clip([each.upper + share.up for each, share in zip(bounds, shares, strict=True)], 0, 1)
    evidence = log_e_value_outside(successes, trials, lower, upper)
    return Look(monitor=monitor, shares=shares, log_e_value=max(log_mean(evidence), LEAST_EVIDENCE))


def _columns(reference: Reference, window: Window, tolerances: Tolerances) -> dict[Monitor, tuple[Share, ...]]:
    found = {}
    for name, bins in {**reference.bins, SCORE: reference.score_bins}.items():
        before, now = reference.window.columns[name], window.columns[name]
        if before.n and now.n:
            monitor = Monitor("prediction", "score") if name == SCORE else Monitor("data", name)
            tolerance = tolerances.prediction if name == SCORE else tolerances.data
            found[monitor] = tuple(_share(part, before.n, now.n, tolerance) for part in parts(bins, before, now))
    return found


def _classes(
    before: ByGroup, now: ByGroup, tolerances: Tolerances, of_groups: Family
) -> dict[Monitor, tuple[Share, ...]]:
    """The rates of each of several classes that both sides know."""
    found: dict[Monitor, tuple[Share, ...]] = {}
    for rate, features in now.items():
        for feature, groups in features.items():
            family: Family = "performance" if feature == ALL and of_groups == "fairness" else of_groups
            for group, seen in groups.items():
                usual = before.get(rate, {}).get(feature, {}).get(group)
                if usual is not None and group != NOBODY_KNOWS:
                    allowed = getattr(tolerances, family)
                    share = Share(says=rate, before=usual, now=seen, down=allowed, up=allowed)
                    found[Monitor(family, rate, *(("", "") if feature == ALL else (feature, group)))] = (share,)
    return found


def _attributions(before: Window, now: Window, tolerance: float) -> dict[Monitor, tuple[Share, ...]]:
    if before.attributed is None or now.attributed is None:
        return {}
    return {
        Monitor("attribution", name): (
            Share(
                says="what moves the score",
                before=before.attributed.shares[name],
                now=share,
                down=tolerance,
                up=tolerance,
            ),
        )
        for name, share in now.attributed.shares.items()
    }


def _selection_rates(before: Window, now: Window, tolerances: Tolerances) -> dict[Monitor, tuple[Share, ...]]:
    if now.classes:  # of which each has a share of its own
        return {}
    return {
        Monitor("prediction", SELECTION_RATE.name, *where): shares
        for feature in now.outcomes
        for where, shares in _both(
            feature,
            SELECTION_RATE,
            before.outcomes[feature].decided(),
            now.outcomes[feature].decided(),
            tolerances.prediction,
        )
    }


def _labelled_rates(before: Window, now: Window, tolerances: Tolerances) -> dict[Monitor, tuple[Share, ...]]:
    found: dict[Monitor, tuple[Share, ...]] = {}
    for feature in now.outcomes:
        known, seen = before.outcomes[feature].cells(), now.outcomes[feature].cells()
        for rate in (ACCURACY,) if now.classes else (ACCURACY, TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE):
            family: Family = "performance" if feature == ALL or rate is ACCURACY else "fairness"
            found |= {
                Monitor(family, rate.name, *where): shares
                for where, shares in _both(feature, rate, known, seen, getattr(tolerances, family))
            }
    return found


def _both(
    feature: str, rate: Rate, before: Cells, now: Cells, tolerance: float
) -> Iterator[tuple[tuple[str, str], tuple[Share, ...]]]:
    """The rate of every group that both sides have somebody of."""
    known = group_rates(before, rate)
    for group, seen in group_rates(now, rate).items():
        usual = known.get(group)
        if usual is not None and seen is not None and group != NOBODY_KNOWS:
            where = ("", "") if feature == ALL else (feature, group)
            share = Share(says=rate.name.replace("_", " "), before=usual, now=seen, down=tolerance, up=tolerance)
            yield where, (share,)


def _areas(before: Window, now: Window, tolerances: Tolerances) -> dict[Monitor, tuple[Share, ...]]:
    if now.classes:
        return {}
    known = before.outcomes[ALL].roc_auc()
    won, pairs = now.outcomes[ALL].won_pairs(np.random.default_rng([SEED_OF_PAIRS, now.n]))
    if known is None or not pairs:
        return {}
    # Of the reference the area itself, as sure as its own standard error says.
    trials = known.value * (1 - known.value) / known.standard_error**2 if known.standard_error else float(known.n)
    area = Proportion(successes=known.value * trials, trials=trials, n=known.n)
    share = Share(
        says="pairs in the right order",
        before=area,
        now=Proportion(successes=won, trials=pairs, n=now.n),
        down=tolerances.performance,
        up=tolerances.performance,
    )
    return {Monitor("performance", "roc_auc"): (share,)}


def _share(part: Part, of: int, among: int, tolerance: float) -> Share:
    odd = part.kind in ("new", "missing")
    return Share(
        says=part.says,
        before=Proportion(successes=part.before, trials=of, n=of),
        now=Proportion(successes=part.now, trials=among, n=among),
        down=min(tolerance, MOST_LOST * part.before / of) if part.kind == "category" else tolerance,
        up=ODD * tolerance if odd else tolerance,
    )
