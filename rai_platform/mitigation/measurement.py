"""The mitigated model against the same estimator without mitigation, person by person."""

import math

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec
from rai_platform.fairness.cells import count_cells
from rai_platform.fairness.change import bounds_of_change, compare_decisions
from rai_platform.fairness.disparities import measure_disparity
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.report import must_match
from rai_platform.mitigation.frontier import measure_frontier, rows_of_frontier
from rai_platform.mitigation.report import Measured, MitigationReport, Trade
from rai_platform.performance.measurement import balanced_accuracy
from rai_platform.spec.data import INTERSECTION
from rai_platform.spec.model import ModelSpec
from rai_platform.statistics.estimates import Estimate, NormalEstimate, paired_difference, weighted_proportion
from rai_platform.training.fitting import fit_model
from rai_platform.training.manifest import Manifest
from rai_platform.training.predictions import Predictions

MEASURED_BY = {
    "demographic_parity": "demographic_parity_difference",
    "equalized_odds": "equalized_odds_difference",
    "true_positive_rate_parity": "equal_opportunity_difference",
    "false_positive_rate_parity": "false_positive_rate_difference",
}
HEADLINES = ("disparate_impact", "equalized_odds_difference")

Decisions = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]


def measure_mitigation(
    manifest: Manifest,
    predictions: Predictions,
    training: Sample,
    test: Sample,
    spec: ModelSpec,
    *,
    minimum_group_size: int,
    seed: int,
    code_version: str,
) -> MitigationReport:
    """What the mitigation changes in accuracy and in disparities, on the rows of the test data.

    The twin is the same estimator, trained on the same rows with the same seed and without the mitigation.

    Args:
        manifest: the mitigated model's rule.
        predictions: of the mitigated model on the test data.
        training: what the mitigated model learned from.
        test: the test data.
        spec: of the model.
        minimum_group_size: rows below which a group is left out of the disparities.
        seed: of the bootstrap.
        code_version: of the measuring code.

    Raises:
        EvidenceMismatch: the predictions are about other data.
        InvalidSpec: the spec asks for no mitigation.
    """
    must_match(predictions, test)
    asked = spec.mitigation
    if asked is None:
        raise InvalidSpec("there is no mitigation to measure", where="mitigation")
    twin, _ = fit_model(spec.model_copy(update={"mitigation": None}), training)
    before, after = twin.decide(test.features, test.sensitive_features), predictions.y_pred
    feature, disparity = INTERSECTION.join(spec.mitigated_features), MEASURED_BY[asked.constraint]
    asked_for = {(disparity, feature): None} | {
        (name, each): None for each in (feature, *spec.group_features) for name in HEADLINES
    }
    disparities = _Disparities(test, before, after, minimum_group_size=minimum_group_size, seed=seed)
    return MitigationReport(
        subject=predictions.subject,
        training_digest=training.digest,
        n=test.n,
        weighted=test.weight is not None,
        minimum_group_size=minimum_group_size,
        method=asked.method,
        constraint=asked.constraint,
        feature=feature,
        disparity=disparity,
        changed=float(np.average(before != after, weights=test.weight)),
        trades=(*_accuracies(test, before, after), *(disparities.trade(*pair) for pair in asked_for)),
        training_n=training.n,
        frontier=measure_frontier(
            spec,
            training,
            test,
            after,
            disparity=lambda decided: disparities.value(disparity, feature, decided),
        ),
        frontier_n=rows_of_frontier(spec, training),
        at_prediction=at_prediction(manifest, spec),
        drawn=manifest.randomized,
        seed=manifest.seed,
        code_version=code_version,
    )


def at_prediction(manifest: Manifest, spec: ModelSpec) -> tuple[str, ...]:
    """The protected attributes without which the model cannot decide about a person, by their names in the spec."""
    seen = {feature.name for feature in manifest.features}
    return tuple(
        feature.name
        for feature in spec.sensitive_features
        if feature.name in manifest.group_features or feature.source_column in seen
    )


def _accuracies(test: Sample, before: Decisions, after: Decisions) -> tuple[Trade, ...]:
    right = [decided == test.y_true for decided in (before, after)]
    accuracy = Trade(
        metric="accuracy",
        feature=None,
        unmitigated=_measured_of(weighted_proportion(right[0], test.weight)),
        mitigated=_measured_of(weighted_proportion(right[1], test.weight)),
        change=_measured_of(paired_difference(right[1], right[0], test.weight)),
    )
    if np.bincount(test.y_true, minlength=2).min() == 0:
        return (accuracy,)
    sides = [_measured_of(balanced_accuracy(each, test.y_true, test.weight)) for each in right]
    balanced = Trade(
        metric="balanced_accuracy",
        feature=None,
        unmitigated=sides[0],
        mitigated=sides[1],
        change=_measured_of(_balanced_change(right[0], right[1], test)),
    )
    return accuracy, balanced


def _balanced_change(before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], test: Sample) -> NormalEstimate:
    """The mean of the changes in true positive and true negative rate, two paired differences on different people."""
    value = variance = 0.0
    for label in (0, 1):
        member = test.y_true == label
        weight = None if test.weight is None else test.weight[member]
        change = paired_difference(after[member], before[member], weight)
        # One row more in each kind of disagreement, as for the bounds of a paired difference.
        total = change.trials + 2
        gained, lost = (change.first_only + 1) / total, (change.second_only + 1) / total
        value += change.value / 2
        variance += (gained + lost - (gained - lost) ** 2) / total / 4
    return NormalEstimate(value=value, standard_error=math.sqrt(variance), n=test.n, least=-1.0, most=1.0)


class _Disparities:
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
            return Trade(metric=name, feature=feature, unmitigated=unknown, mitigated=unknown, change=unknown)
        test = self._test
        found = compare_decisions(
            {feature: groups[rows]},
            test.y_true[rows],
            self._before[rows],
            self._after[rows],
            names=(name,),
            seed=self._seed,
            weight=None if test.weight is None else test.weight[rows],
        ).disparities[name][feature]
        return Trade(
            metric=name,
            feature=feature,
            unmitigated=self._measured(name, feature, self._before),
            mitigated=self._measured(name, feature, self._after),
            change=Measured(value=found.value if found else None, interval=bounds_of_change(found) if found else None),
        )

    def value(self, name: str, feature: str, decided: Decisions) -> float | None:
        """A disparity of some decisions; None where it has no value."""
        return self._measured(name, feature, decided).value

    def _measured(self, name: str, feature: str, decided: Decisions) -> Measured:
        groups, rows = self._large(feature)
        test = self._test
        cells = count_cells(
            groups[rows], test.y_true[rows], decided[rows], None if test.weight is None else test.weight[rows]
        )
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
