"""Trades: metrics of two models on the same people, and their changes."""

import math

import numpy as np
import numpy.typing as npt

from rai_platform.comparison.report import Measured, Trade
from rai_platform.data.sample import Sample
from rai_platform.fairness.cells import count_cells, with_clusters
from rai_platform.fairness.change import bounds_of_change, compare_decisions
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.performance.balanced import balanced_accuracy
from rai_platform.statistics.clusters import clustered_variance
from rai_platform.statistics.estimates import Estimate, NormalEstimate, paired_difference, weighted_proportion

HEADLINES = ("disparate_impact", "equalized_odds_difference")

Decisions = npt.NDArray[np.int8]


def paired_accuracies(test: Sample, before: Decisions, after: Decisions) -> tuple[Trade, ...]:
    """Accuracy and, where there are both labels, balanced accuracy of both models, and their changes.

    Args:
        test: the people.
        before: decisions of the one model (rows,).
        after: decisions of the other (rows,).
    """
    right = [decided == test.y_true for decided in (before, after)]
    accuracy = accuracy_trade(test, before, after)
    if np.bincount(test.y_true, minlength=2).min() == 0:
        return (accuracy,)
    sides = [_measured_of(balanced_accuracy(each, test.y_true, test.weight, test.cluster)) for each in right]
    balanced = Trade(
        metric="balanced_accuracy",
        feature=None,
        before=sides[0],
        after=sides[1],
        change=_measured_of(_balanced_change(right[0], right[1], test)),
    )
    return accuracy, balanced


def accuracy_trade(test: Sample, before: Decisions, after: Decisions) -> Trade:
    """Accuracy of both models and its change, whatever the number of classes; arguments are those of ``paired_accuracies``."""
    right = [decided == test.y_true for decided in (before, after)]
    return Trade(
        metric="accuracy",
        feature=None,
        before=_measured_of(weighted_proportion(right[0], test.weight, test.cluster)),
        after=_measured_of(weighted_proportion(right[1], test.weight, test.cluster)),
        change=_measured_of(paired_difference(right[1], right[0], test.weight, test.cluster)),
    )


def _balanced_change(before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], test: Sample) -> NormalEstimate:
    """The mean of the changes in true positive and true negative rate, two paired differences on different people."""
    value = variance = 0.0
    weights = np.ones(test.n) if test.weight is None else test.weight
    error = np.empty(test.n)
    for label in (0, 1):
        member = test.y_true == label
        weight = None if test.weight is None else test.weight[member]
        change = paired_difference(after[member], before[member], weight)
        # One row more in each kind of disagreement, as for the bounds of a paired difference.
        total = change.trials + 2
        gained, lost = (change.first_only + 1) / total, (change.second_only + 1) / total
        value += change.value / 2
        variance += (gained + lost - (gained - lost) ** 2) / total / 4
        moved = after[member].astype("float64") - before[member] - change.value
        error[member] = weights[member] * moved / weights[member].sum() / 2
    if test.cluster is not None:
        variance = max(variance, clustered_variance(error, test.cluster))
    return NormalEstimate(value=value, standard_error=math.sqrt(variance), n=test.n, least=-1.0, most=1.0)


class PairedDisparities:
    """Disparities of decisions over the groups that are large enough."""

    def __init__(
        self, test: Sample, before: Decisions, after: Decisions, *, minimum_group_size: int, seed: int
    ) -> None:
        self._test, self._before, self._after = test, before, after
        self._minimum, self._seed = minimum_group_size, seed

    def trade(self, name: str, feature: str) -> Trade:
        """A disparity of both models and its change."""
        groups, rows = self._large(feature)
        if len(set(groups[rows])) < 2:
            unknown = Measured(value=None, interval=None)
            return Trade(metric=name, feature=feature, before=unknown, after=unknown, change=unknown)
        test = self._test
        found = compare_decisions(
            {feature: groups[rows]},
            test.y_true[rows],
            self._before[rows],
            self._after[rows],
            names=(name,),
            seed=self._seed,
            weight=None if test.weight is None else test.weight[rows],
            cluster=None if test.cluster is None else test.cluster[rows],
        ).disparities[name][feature]
        return Trade(
            metric=name,
            feature=feature,
            before=self._measured(name, feature, self._before),
            after=self._measured(name, feature, self._after),
            change=Measured(value=found.value if found else None, interval=bounds_of_change(found) if found else None),
        )

    def value(self, name: str, feature: str, decided: Decisions) -> float | None:
        """A disparity of some decisions; None where it has no value."""
        return self._measured(name, feature, decided).value

    def _measured(self, name: str, feature: str, decided: Decisions) -> Measured:
        groups, rows = self._large(feature)
        test = self._test
        weight = None if test.weight is None else test.weight[rows]
        cells = count_cells(groups[rows], test.y_true[rows], decided[rows], weight)
        if test.cluster is not None and rows.any():
            cell = 2 * test.y_true[rows].astype("int64") + decided[rows].astype("int64")
            cells = with_clusters(cells, groups[rows], cell, weight, test.cluster[rows])
        found = measure_disparity(cells, DISPARITIES[name])
        return Measured(value=found.estimate, interval=found.interval if found.estimate is not None else None)

    def _large(self, feature: str) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
        """The group of every row (rows,), and which rows are of a group that is large enough (rows,)."""
        groups = self._test.groups(feature).to_numpy(object)
        _, place, sizes = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
        rows: npt.NDArray[np.bool_] = sizes[place] >= self._minimum
        return groups, rows


def _measured_of(estimate: Estimate) -> Measured:
    return Measured(value=estimate.value, interval=estimate.bounds())
