"""The limits of a model that follow from its evidence, in sentences."""

from collections.abc import Iterator

from rai_platform.card.attack import strongest_in_words
from rai_platform.card.doubts import doubts_as_limitations
from rai_platform.card.images import strongest_on_images
from rai_platform.card.text_attack import strongest_recipe_in_words
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.rates import MAIN_RATES, group_rates
from rai_platform.fairness.report import FairnessReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.robustness.report import NOT_A_TABLE, RobustnessScores
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import switched_off
from rai_platform.training.candidate import Candidate


def computed_limitations(
    definition: ModelDefinition,
    candidate: Candidate,
    performance: PerformanceReport,
    fairness: FairnessReport,
    explanations: Explanations,
    robustness: RobustnessScores,
) -> tuple[str, ...]:
    """What the reader must not conclude from the figures, because the evidence does not carry it."""
    return (
        *_about_the_model(definition, candidate),
        *_about_groups(definition, fairness),
        *_about_figures(performance, explanations, robustness),
        *_about_the_design(definition, fairness),
    )


def _about_the_model(definition: ModelDefinition, candidate: Candidate) -> Iterator[str]:
    spec, manifest = definition.spec, candidate.manifest
    sensitive = {feature.source_column: feature.name for feature in spec.sensitive_features}
    used = sorted(feature.name for feature in manifest.features if feature.name in sensitive)
    if manifest.composition == "given":
        yield (
            "Only somebody else's scores were given: what they learned from is not known, and nothing that needs the "
            "model itself could be examined (explanations, robustness)."
        )
    if used:
        yield f"The model sees the protected attribute {_listed(used)} as an input."
    if definition.spec.model is not None:
        yield (
            f"The model was trained elsewhere and brought from {definition.spec.model.uri}: that it learned from the training "
            "data shown here, and from nothing else, is its owner's word."
        )
    if manifest.group_features:
        yield (
            f"Decisions need a person's {_listed(list(manifest.group_features))}: the thresholds differ by group, which the "
            "law forbids in many uses. Explanations are of the score, before these thresholds."
        )
    if manifest.randomized:
        yield (
            "Some decisions are drawn: two people with almost the same data can get different answers. The draw depends on "
            f"the data and the seed {manifest.seed} alone, so the same person gets the same answer again."
        )
    for warning in candidate.warnings:
        yield f"Training warned: {warning}"


def _about_groups(definition: ModelDefinition, fairness: FairnessReport) -> Iterator[str]:
    minimum = definition.policy.minimum_group_size
    for name, cells in fairness.cells.items():
        feature = name.replace("_x_", " x ").replace("_", " ")
        small = [f"{group} ({n})" for group, n in zip(cells.groups, cells.sizes, strict=True) if n < minimum]
        if small:
            yield f"By {feature}, these groups have fewer than {minimum} rows and are not judged: {_listed(small)}."
        for rate in MAIN_RATES if fairness.compared_by == "selected" else ():
            known = group_rates(cells, rate)
            gone = [group for group, value in known.items() if value is None]
            if gone:
                yield f"By {feature}, the {rate.name.replace('_', ' ')} of {_listed(gone)} is not estimable: no {rate.denominator}."
        if len(cells.groups) < 2:
            yield f"By {feature}, there is only one group in the test data, so nobody can be compared."
    if not fairness.cells:
        yield "No sensitive feature is declared, so nothing is known about how the model treats groups of people."


def _about_figures(
    performance: PerformanceReport, explanations: Explanations, robustness: RobustnessScores
) -> Iterator[str]:
    for metric, why in performance.not_estimable.items():
        yield f"Not estimable: {metric.replace('_', ' ')}, since {why}."
    if explanations.method == "permutation":
        yield (
            f"Attributions are sampled, on {explanations.n} rows; they break up the model's score, not the world: a strong "
            "feature is not a cause."
        )
    elif explanations.method:
        yield (
            f"Attributions were computed on {explanations.n} rows; they break up the model's score, not the world: a strong "
            "feature is not a cause."
        )
    tabular = {name: why for name, why in robustness.not_estimable.items() if why != NOT_A_TABLE}
    if explanations.method == "partition":
        yield (
            "Attributions come from asking the model about inputs of which parts are hidden, such as nobody sends: they also tell how "
            "it answers those."
        )
    for perturbation, why in tabular.items():
        yield f"Not tried: {perturbation.replace('_', ' ')}, since {why}."
    if robustness.images and robustness.images.curve:
        yield strongest_on_images(robustness.images)
        yield from doubts_as_limitations("The attacks on images are", robustness.images)
    if robustness.attack and robustness.attack.worst_case:
        yield strongest_in_words(robustness.attack)
        yield from doubts_as_limitations("The attack is", robustness.attack)
    elif robustness.scores and robustness.texts is None:
        yield "The table was changed at random; somebody who sets out to fool the model can do worse."
    if robustness.texts and robustness.texts.worst_case:
        yield strongest_recipe_in_words(robustness.texts)
        yield from doubts_as_limitations("The attack on texts is", robustness.texts)


def _about_the_design(definition: ModelDefinition, fairness: FairnessReport) -> Iterator[str]:
    spec = definition.spec
    if len(spec.sensitive_features) > 1 and not spec.intersections:
        yield "No intersections are declared: people who belong to two groups at once were not looked at."
    if fairness.weighted:
        yield "Rows carry sampling weights: intervals rest on effective sample sizes and are approximate."
    if spec.split.group_column is not None:
        yield (
            f"Rows of one {spec.split.group_column} resemble each other: intervals rest on effective sample sizes and are "
            "approximate. The search for subgroups looks at one row of each, and calibration within groups at all of them."
        )
    if spec.split.time_column is None and spec.learns:
        yield "The test data are of the same time as the training data; how the model does later is not known."
    for name, requirement in switched_off(definition).items():
        yield f"The policy does not judge {name.replace('_x_', ' x ').replace('_', ' ')}: {requirement.reason}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
