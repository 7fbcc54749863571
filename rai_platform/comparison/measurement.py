"""The candidate against the model in production, person by person."""

from dataclasses import dataclass

import numpy as np

from rai_platform.comparison.report import ChampionComparison, Moved
from rai_platform.comparison.trades import HEADLINES, Decisions, PairedDisparities, accuracy_trade, paired_accuracies
from rai_platform.data.sample import Sample, in_order
from rai_platform.errors import UnscorableRows, UnsuitableData
from rai_platform.fairness.report import must_match
from rai_platform.statistics.comparisons import mcnemar_test
from rai_platform.statistics.estimates import paired_difference, weighted_proportion
from rai_platform.training.model import TrainedModel
from rai_platform.training.predictions import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model in production.

    Attributes:
        version: in the registry, when it was promoted.
        entry: of that promotion in the ledger.
        training_digest: of the data it learned from; None where nobody knows.
        model: the model, as its certificate names it.
    """

    version: str
    entry: int
    training_digest: str | None
    model: TrainedModel


def compare_with_champion(
    champion: Champion,
    predictions: Predictions,
    test: Sample,
    *,
    features: tuple[str, ...],
    training_digest: str | None,
    minimum_group_size: int,
    seed: int,
) -> ChampionComparison:
    """What changes in accuracy, in disparities and for whom, if the candidate takes the champion's place.

    Args:
        champion: the model in production; it is asked about the test data.
        predictions: of the candidate on the test data.
        test: the test data.
        features: sensitive features and intersections.
        training_digest: of the data that the candidate learned from.
        minimum_group_size: rows below which a group is left out of the disparities.
        seed: of the bootstrap.

    Raises:
        EvidenceMismatch: the predictions are about other data.
    """
    must_match(predictions, test)
    before = _decisions(champion.model, test)
    if isinstance(before, str):
        return ChampionComparison(version=champion.version, entry=champion.entry, not_possible=before)
    after = predictions.y_pred
    if test.classes:
        return _among_classes(champion, before, after, test, training_digest)
    disparities = PairedDisparities(test, before, after, minimum_group_size=minimum_group_size, seed=seed)
    right = paired_difference(after == test.y_true, before == test.y_true, test.weight, test.cluster)
    return ChampionComparison(
        version=champion.version,
        entry=champion.entry,
        same_training=training_digest is not None and training_digest == champion.training_digest,
        n=test.n,
        changed=weighted_proportion(before != after, test.weight, test.cluster),
        accuracy_p_value=mcnemar_test(right.first_only, right.second_only),
        trades=(
            *paired_accuracies(test, before, after),
            *(disparities.trade(name, feature) for feature in features for name in HEADLINES),
        ),
        moved=tuple(each for feature in features for each in _moved(test, feature, before, after)),
    )


def _among_classes(
    champion: Champion, before: Decisions, after: Decisions, test: Sample, training_digest: str | None
) -> ChampionComparison:
    """Accuracy alone: between several classes a change has no direction, and nobody gains or loses by it."""
    right = paired_difference(after == test.y_true, before == test.y_true, test.weight, test.cluster)
    return ChampionComparison(
        version=champion.version,
        entry=champion.entry,
        same_training=training_digest is not None and training_digest == champion.training_digest,
        n=test.n,
        changed=weighted_proportion(before != after, test.weight, test.cluster),
        accuracy_p_value=mcnemar_test(right.first_only, right.second_only),
        trades=(accuracy_trade(test, before, after),),
        moved=(),
    )


def _decisions(model: TrainedModel, test: Sample) -> Decisions | str:
    """The champion's decisions (rows,), or why it cannot be asked."""
    absent = [feature.name for feature in model.manifest.features if feature.name not in test.features]
    if absent:
        return f"the model in production sees {', '.join(absent)}, which the test data lack"
    if model.manifest.classes != test.classes:
        return "the model in production tells other classes apart"
    try:
        return model.decide(test.features, test.sensitive_features)
    except (UnscorableRows, UnsuitableData) as error:
        return f"the model in production cannot decide about these people: {error.message}"


def _moved(test: Sample, feature: str, before: Decisions, after: Decisions) -> list[Moved]:
    groups = test.groups(feature).to_numpy(object)
    found = []
    for group in in_order(np.unique(groups.astype(str)).tolist()):
        member = groups == group
        found.append(
            Moved(
                feature=feature,
                group=group,
                n=int(member.sum()),
                gained=int((member & (after > before)).sum()),
                lost=int((member & (after < before)).sum()),
            )
        )
    return found
