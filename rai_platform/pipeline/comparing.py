"""What would change if the candidate took the place of the model in production; nothing is judged by it."""

from rai_platform.comparison.report import ChampionComparison
from rai_platform.errors import RaiError
from rai_platform.pipeline.steps import Step, seed_for
from rai_platform.release.records import Production, production_at
from rai_platform.spec.subject import Subject
from rai_platform.training.candidate import Candidate


def compared_with_production(
    step: Step, candidate: Candidate, subject: Subject, *, replaces: int | None
) -> ChampionComparison | None:
    """The candidate beside the model that it would replace, on its own test data; equal whenever it is made.

    Args:
        step: of the card, or of the decision that makes the card again to see whether it is true.
        candidate: the model that the card is about.
        subject: that model on the test data.
        replaces: the entry that put there what the card would replace.

    Returns:
        None where nothing is in production, or this very model.
    """
    production = _promotion(step, replaces)
    if production is None or production.model_digest == candidate.model_digest:
        return None
    try:
        return _compared(step, candidate, subject, production)
    except RaiError as error:  # nothing depends on it, and a champion that nobody can load is no reason to stay with it
        return ChampionComparison(version=production.version, entry=production.sequence, not_possible=error.message)


def _promotion(step: Step, sequence: int | None) -> Production | None:
    if sequence is None:
        return None
    with step.home.ledger.read() as reader:
        return production_at(reader, step.definition.name, sequence)


def _compared(step: Step, candidate: Candidate, subject: Subject, production: Production) -> ChampionComparison:
    from rai_platform.comparison.measurement import Champion, compare_with_champion
    from rai_platform.registry.flavor import certified_model

    predictions = step.values.read(step.key("predictions"))
    if predictions.subject != subject:
        return ChampionComparison(
            version=production.version,
            entry=production.sequence,
            not_possible="the predictions on record are about another model, or about other data",
        )
    champion = Champion(
        version=production.version,
        entry=production.sequence,
        training_digest=production.body["training_digest"],
        model=certified_model(production, step.home.store, step.home.key.public),
    )
    return compare_with_champion(
        champion,
        predictions,
        step.values.read(step.key("test_data")),
        features=step.definition.spec.group_features,
        training_digest=candidate.training_digest,
        minimum_group_size=step.definition.policy.minimum_group_size,
        seed=seed_for(subject, "champion_comparison"),
    )
