"""The step of ``production_model``: put everything on the table, decide, and act on the decision."""

from dataclasses import dataclass
from typing import Any

from rai_platform.card.building import Evidence
from rai_platform.card.document import ModelCard
from rai_platform.data.sample import Sample
from rai_platform.errors import (
    EvidenceMismatch,
    EvidenceMissing,
    LedgerBroken,
    PromotionConflict,
    RaiError,
    TamperedArtifact,
)
from rai_platform.pipeline.code_versions import code_versions
from rai_platform.pipeline.history import DagsterHistory
from rai_platform.pipeline.steps import Step, evidence_digests
from rai_platform.release.decision import AlreadyInProduction, CardOnFile, Dossier, Promotion, Refusal, decide
from rai_platform.release.records import (
    Production,
    confirmation_entry,
    is_on_record,
    read_production,
    read_unfinished,
    read_verdicts,
    read_verdicts_on,
    refusal_entry,
)
from rai_platform.release.rollbacks import left_behind_in_words, read_left_behind
from rai_platform.spec.model import MITIGATION_REPORT
from rai_platform.spec.subject import Subject
from rai_platform.training.candidate import Candidate
from rai_platform.training.loading import stored_files

DOCUMENTS = ("model_card.json", "model_card.html", "model_card.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What is in production after the step, and what was put right on the way."""

    production: Production
    is_new: bool
    put_right: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A decision, and the candidate it is about where there is one."""

    decision: Promotion | AlreadyInProduction | Refusal
    candidate: Candidate | None
    subject: Subject | None


def consider(step: Step, history: DagsterHistory) -> Considered:
    """What follows from everything that is on record now; changes nothing."""
    if problems := step.home.ledger.problems():
        reasons = tuple(f"the ledger does not verify: {problem}" for problem in problems)
        return Considered(decision=Refusal(reasons=reasons), candidate=None, subject=None)
    candidate: Candidate | None = None
    subject: Subject | None = None
    try:
        candidate = step.values.read(step.key("candidate_model"))
        sample: Sample = step.values.read(step.key("test_data"))
        subject = Subject(model_digest=candidate.model_digest, data_digest=sample.digest)
        decision = decide(_dossier(step, history, candidate, subject))
    except (EvidenceMissing, TamperedArtifact) as error:
        decision = Refusal(reasons=(str(error),))
    return Considered(decision=decision, candidate=candidate, subject=subject)


def attempt_release(step: Step, history: DagsterHistory) -> Released | Refusal:
    """Promotes the candidate if the evidence allows it; refuses, with every reason, if not."""
    considered = consider(step, history)
    decision, subject = considered.decision, considered.subject
    if step.home.ledger.problems():
        return decision if isinstance(decision, Refusal) else Refusal(reasons=("the ledger does not verify",))
    put_right = step.home.registry.bring_in_line(step.definition.name)
    if isinstance(decision, Promotion) and considered.candidate is not None:
        try:
            production = step.home.registry.promote(
                decision, considered.candidate, _documents(step), run_id=step.run_id
            )
            return Released(production=production, is_new=True, put_right=put_right)
        except (EvidenceMissing, TamperedArtifact, PromotionConflict, LedgerBroken) as error:
            decision = Refusal(reasons=(str(error),))
    if isinstance(decision, AlreadyInProduction) and subject is not None:
        step.home.ledger.append(
            [
                confirmation_entry(
                    decision.production,
                    candidate=subject,
                    policy_digest=step.definition.policy.digest,
                    run_id=step.run_id,
                )
            ]
        )
        return Released(production=decision.production, is_new=False, put_right=put_right)
    refusal = decision if isinstance(decision, Refusal) else Refusal(reasons=("there is no candidate",))
    _record(step, refusal, subject)
    return refusal


def _dossier(step: Step, history: DagsterHistory, candidate: Candidate, subject: Subject) -> Dossier:
    from rai_platform.pipeline.carding import built_card

    objections: list[str] = []
    try:
        stored_files(candidate, step.home.store)
    except RaiError as error:
        objections.append(str(error))
    card: ModelCard = step.values.read(step.key("model_card"))
    gathered = _evidence(step)
    screen, _ = step.values.data_report(step.key("test_data"))
    if candidate.training_digest is not None and screen.compared_with != candidate.training_digest:
        objections.append(
            "the test data were compared with other training data than the candidate learned from, so nobody knows whether it "
            "has seen them: materialize `training_data`, `test_data` and `candidate_model` again"
        )
    rebuilt = None
    if gathered.performance.subject == subject and card.subject == subject:
        try:
            rebuilt = built_card(step, candidate, gathered, replaces=card.replaces, created_at=card.created_at)
        except EvidenceMismatch as error:
            objections.append(str(error))
    with step.home.ledger.read() as reader:
        objections += history.objections(reader)
        if not is_on_record(reader, candidate):
            objections.append(
                "the platform has no record of training this candidate: materialize `candidate_model` again"
            )
        if (left := read_left_behind(reader, step.definition.name).get(candidate.model_digest)) is not None:
            objections.append(left_behind_in_words(left))
        final = reader.final()
        return Dossier(
            definition=step.definition,
            subject=subject,
            training_digest=candidate.training_digest,
            evidence=gathered.digests,
            card=CardOnFile(
                digest=step.values.digest(step.key("model_card")),
                subject=card.subject,
                policy_digest=card.policy.digest,
                evidence=card.evidence,
                replaces=card.replaces,
                says=card.says,
                is_true=rebuilt == card,
            ),
            verdicts=tuple(read_verdicts(reader, step.definition.name)),
            on_this_model=tuple(read_verdicts_on(reader, subject.model_digest)),
            unfinished=tuple(read_unfinished(reader, step.definition.name)),
            production=read_production(reader, step.definition.name),
            as_of=final.sequence if final else 0,
            code_versions=code_versions(),
            objections=tuple(objections),
        )


def _evidence(step: Step) -> Evidence:
    """The reports on record, each of which has the bytes that its digest says."""

    def read(asset: str) -> Any:
        return step.values.read(step.key(asset))

    read("predictions")
    return Evidence(
        performance=read("performance_report"),
        fairness=read("fairness_report"),
        explanations=read("shap_explanations"),
        robustness=read("robustness_scores"),
        mitigation=read(MITIGATION_REPORT) if step.definition.spec.mitigation else None,
        digests=evidence_digests(step),
    )


def _documents(step: Step) -> dict[str, bytes]:
    """The card's files, rendered anew from the card and reports on record."""
    from rai_platform.pipeline.carding import render_files

    return render_files(step.values.read(step.key("model_card")), _evidence(step))


def _record(step: Step, refusal: Refusal, subject: Subject | None) -> None:
    step.home.ledger.append(
        [
            refusal_entry(
                step.definition.name,
                reasons=refusal.reasons,
                candidate=subject,
                policy_digest=step.definition.policy.digest,
                run_id=step.run_id,
            )
        ]
    )
