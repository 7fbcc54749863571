"""The mitigated model against the same estimator without mitigation, person by person."""

import numpy as np

from rai_platform.comparison.trades import HEADLINES, PairedDisparities, paired_accuracies
from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec
from rai_platform.fairness.report import must_match
from rai_platform.mitigation.frontier import measure_frontier, rows_of_frontier
from rai_platform.mitigation.report import MitigationReport
from rai_platform.spec.data import INTERSECTION
from rai_platform.spec.model import ModelSpec
from rai_platform.training.fitting import fit_model
from rai_platform.training.manifest import Manifest
from rai_platform.training.predictions import Predictions

MEASURED_BY = {
    "demographic_parity": "demographic_parity_difference",
    "equalized_odds": "equalized_odds_difference",
    "true_positive_rate_parity": "equal_opportunity_difference",
    "false_positive_rate_parity": "false_positive_rate_difference",
}


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
    disparities = PairedDisparities(test, before, after, minimum_group_size=minimum_group_size, seed=seed)
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
        trades=(*paired_accuracies(test, before, after), *(disparities.trade(*pair) for pair in asked_for)),
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
