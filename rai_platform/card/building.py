"""A model card from the spec's texts and the evidence, and from nothing else."""

from dataclasses import dataclass

from rai_platform.card.champion import champion_section
from rai_platform.card.data_figures import data_figures, labels_of_groups, missing_rows, proxy_rows
from rai_platform.card.discoveries import discovery_sections
from rai_platform.card.document import ModelCard
from rai_platform.card.examination import examination_section
from rai_platform.card.figures import (
    class_rows,
    explanation_section,
    fairness_sections,
    figure,
    performance_figures,
)
from rai_platform.card.individual import individual_section
from rai_platform.card.law import legal_readings
from rai_platform.card.limitations import computed_limitations
from rai_platform.card.mitigation import mitigation_section
from rai_platform.card.robustness import robustness_section
from rai_platform.card.sections.policy import PolicyLine, PolicySection
from rai_platform.card.sections.training import GroupShare, TrainingSection
from rai_platform.comparison.report import ChampionComparison
from rai_platform.errors import EvidenceMismatch
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.report import FairnessReport
from rai_platform.mitigation.report import MitigationReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.robustness.report import RobustnessScores
from rai_platform.spec.departures import departures
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import required_checks, switched_off
from rai_platform.spec.verdict import Verdict
from rai_platform.training.candidate import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The reports about one model on one set of data, with the digests they are stored under."""

    performance: PerformanceReport
    fairness: FairnessReport
    explanations: Explanations
    robustness: RobustnessScores
    digests: dict[str, str]
    mitigation: MitigationReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was decided about the evidence so far.

    Attributes:
        verdicts: those that count, warnings included.
        missing: required checks without a verdict.
        reasons: why a release is refused; empty where nothing speaks against it.
        disclosed: what is named instead of proven.
        earlier: verdicts against this very model that count no more.
    """

    verdicts: tuple[Verdict, ...]
    missing: tuple[str, ...]
    reasons: tuple[str, ...]
    disclosed: tuple[str, ...]
    earlier: tuple[str, ...] = ()


def build_card(
    definition: ModelDefinition,
    candidate: Candidate,
    evidence: Evidence,
    judged: Judged,
    *,
    test_source: str,
    replaces: int | None,
    created_at: str,
    champion: ChampionComparison | None = None,
) -> ModelCard:
    """The card of a candidate, released or refused.

    Raises:
        EvidenceMismatch: the reports are about different models or data.
    """
    performance = evidence.performance
    for report in (evidence.fairness, evidence.explanations, evidence.robustness, evidence.mitigation):
        if report is not None and report.subject != performance.subject:
            raise EvidenceMismatch(
                f"the reports are about {performance.subject} and about {report.subject}: gather the evidence again"
            )
    if performance.subject.model_digest != candidate.model_digest:
        raise EvidenceMismatch(
            f"the reports are about {performance.subject}, the candidate is model {candidate.model_digest[:12]}: "
            "gather the evidence again"
        )
    spec = definition.spec
    return ModelCard(
        model=definition.name,
        subject=performance.subject,
        created_at=created_at,
        recommendation="refuse" if judged.reasons else "release",
        summary=_summary(definition, judged),
        reasons=judged.reasons,
        owners=spec.owners,
        intended_use=spec.intended_use,
        out_of_scope=spec.out_of_scope,
        limitations=spec.limitations,
        computed_limitations=(
            *(f"On record against this very model, and no longer counted: {told}" for told in judged.earlier),
            *(f"The policy asks for less than the default one: {told}." for told in departures(definition)),
            *computed_limitations(
                definition, candidate, performance, evidence.fairness, evidence.explanations, evidence.robustness
            ),
        ),
        disclosed=judged.disclosed,
        training=_training(definition, candidate),
        evaluation_data=test_source,
        evaluation_rows=performance.n,
        performance=performance_figures(performance),
        baseline=figure(
            "majority accuracy", "accuracy of always giving the majority's answer", performance.majority_accuracy
        ),
        confusion=performance.confusion,
        classes=class_rows(performance),
        fairness=fairness_sections(evidence.fairness, definition),
        individual=individual_section(evidence.fairness),
        discoveries=discovery_sections(evidence.fairness),
        law=legal_readings(evidence.fairness),
        conditional=evidence.fairness.conditional,
        explanations=explanation_section(
            evidence.explanations,
            candidate.manifest.threshold,
            examination_section(evidence.explanations),
            None if candidate.manifest.classes else candidate.manifest.positive_label,
        ),
        robustness=robustness_section(evidence.robustness),
        mitigation=mitigation_section(evidence.mitigation) if evidence.mitigation else None,
        champion=champion_section(champion) if champion else None,
        policy=_policy(definition),
        verdicts=judged.verdicts,
        missing_verdicts=judged.missing,
        evidence=evidence.digests,
        replaces=replaces,
        mlflow_run_id=candidate.mlflow_run_id,
    )


def gaps(card: ModelCard, definition: ModelDefinition) -> list[str]:
    """What the card of a model must hold and does not, in words; empty for a complete card."""
    found = [f"no verdict on {name}" for name in card.missing_verdicts]
    declared = set(definition.spec.group_features)
    shown = {section.feature for section in card.fairness}
    found += [f"nothing about the groups of {feature}" for feature in sorted(declared - shown)]
    for section in card.fairness:
        if not section.groups:
            found.append(f"no group of {section.feature}")
    if card.explanations.not_possible is None and not card.explanations.importance:
        found.append("no explanation, and no reason why not")
    told = card.robustness
    tried = told.rows or told.not_estimable or told.images or told.texts or told.prompts
    if told.not_possible is None and not tried:
        found.append("nothing about robustness, and no reason why not")
    if definition.spec.mitigation and card.mitigation is None:
        found.append("nothing about what the mitigation changes")
    unsaid = [item.name for item in card.performance if item.value is None and not item.why_not]
    found += [f"{name} has no value, and no reason why not" for name in unsaid]
    return found


def _summary(definition: ModelDefinition, judged: Judged) -> str:
    policy = definition.policy.name
    passed = sum(verdict.passed for verdict in judged.verdicts)
    total = len(judged.verdicts) + len(judged.missing)
    if judged.reasons:
        count = len(judged.reasons)
        what = "one thing speaks" if count == 1 else f"{count} things speak"
        return (
            f"Not released. Of {total} requirements of the policy “{policy}”, {passed} are met with the confidence it asks "
            f"for; {what} against a release."
        )
    named = f" What is not proven is named: {'; '.join(judged.disclosed)}." if judged.disclosed else ""
    return f"Fit for release under the policy “{policy}”: all requirements that a release depends on are met.{named}"


def _training(definition: ModelDefinition, candidate: Candidate) -> TrainingSection:
    report, mitigation = candidate.training_report, definition.spec.mitigation
    return TrainingSection(
        estimator=candidate.manifest.estimator,
        parameters=candidate.parameters,
        mitigation=None
        if mitigation is None
        else (
            f"{mitigation.method.replace('_', ' ')} for {mitigation.constraint.replace('_', ' ')} "
            f"by {' and '.join(definition.spec.mitigated_features)}"
        ),
        features=tuple(feature.name for feature in candidate.manifest.features),
        data=definition.spec.data.table.path.rsplit("/", 1)[-1] if report else None,
        data_digest=candidate.training_digest,
        n=report.n if report else 0,
        label_rate=report.label_rate if report else None,
        groups=tuple(
            GroupShare(feature=feature, group=group.group, n=group.n, share=group.share, label_rate=group.label_rate)
            for feature, groups in (report.groups if report else {}).items()
            for group in groups
        ),
        figures=data_figures(report) if report else (),
        labels=labels_of_groups(report) if report else (),
        proxies=proxy_rows(report) if report else (),
        missing=missing_rows(report) if report else (),
        versions=candidate.versions,
        warnings=candidate.warnings,
    )


def _policy(definition: ModelDefinition) -> PolicySection:
    policy = definition.policy
    lines = {
        check.in_words(policy): PolicyLine(
            requirement=check.in_words(policy),
            severity=check.severity,
            reason=check.requirement.reason or "no reason given",
            source=check.requirement.source,
        )
        for check in required_checks(definition)
    }
    return PolicySection(
        name=policy.name,
        digest=policy.digest,
        confidence=policy.confidence,
        minimum_group_size=policy.minimum_group_size,
        requirements=tuple(lines.values()),
        switched_off=tuple(
            PolicyLine(requirement=name, severity="off", reason=item.reason, source=item.source)
            for name, item in switched_off(definition).items()
        ),
    )
