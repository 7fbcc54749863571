"""The model card as a value; its JSON Schema is published with the documentation.

Everything in it comes from the spec's texts and from the evidence. Numbers appear as they were measured, with the
interval that was reported, and nothing that was declared is left out in silence.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from rai_platform.card.sections.champion import ChampionSection
from rai_platform.card.sections.discoveries import DiscoverySection
from rai_platform.card.sections.explanations import ExplanationSection
from rai_platform.card.sections.fairness import FeatureFairness
from rai_platform.card.sections.figure import Figure
from rai_platform.card.sections.individual import IndividualSection
from rai_platform.card.sections.law import LegalReading
from rai_platform.card.sections.mitigation import MitigationSection
from rai_platform.card.sections.performance import ClassRow
from rai_platform.card.sections.policy import PolicySection
from rai_platform.card.sections.robustness import RobustnessSection
from rai_platform.card.sections.training import TrainingSection
from rai_platform.fairness.report import ConditionalDisparity
from rai_platform.spec.digests import digest_of
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Verdict

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a model is for, what was found out about it, and what follows from that.

    Attributes:
        schema_version: of this document.
        model: the model's name.
        subject: the model and the test data.
        created_at: ISO 8601, UTC.
        recommendation: ``release`` where every blocking requirement is satisfied, else ``refuse``.
        summary: the recommendation in a few sentences.
        reasons: why not, one a line; empty where it is ``release``.
        owners: who answers for it.
        intended_use: from the spec.
        out_of_scope: from the spec.
        limitations: from the spec, then those that follow from the evidence.
        computed_limitations: those that follow from the evidence.
        disclosed: what is without evidence and named instead, by the policy's leave.
        training: the model and its data.
        evaluation_data: the source of the test data in words.
        evaluation_rows: rows of the test data.
        performance: how well it does.
        baseline: the accuracy of always giving the majority's answer.
        confusion: true negatives, false positives, false negatives, true positives; None where there are several classes.
        classes: how each of several classes is recognized; empty where there are two labels.
        fairness: by sensitive feature and intersection.
        individual: people who are alike.
        discoveries: subgroups that nobody named.
        law: readings of the law, by sensitive feature and intersection.
        conditional: groups among people alike in the legitimate factors; empty where none is declared.
        explanations: what moves the score.
        robustness: what happens when the table changes.
        mitigation: what it bought, and at what price; None where there was none.
        champion: what changes if it takes the place of the model in production; None where nothing is there, or this model.
        policy: what it had to prove.
        verdicts: what was judged.
        missing_verdicts: required checks without a verdict.
        evidence: SHA-256 of every report, by asset.
        replaces: the ledger's sequence of the promotion it would replace; None where nothing is in production.
        mlflow_run_id: the run that tracked the training.
    """

    schema_version: str = SCHEMA_VERSION
    model: str
    subject: Subject
    created_at: str
    recommendation: Literal["release", "refuse"]
    summary: str
    reasons: tuple[str, ...]
    owners: tuple[str, ...]
    intended_use: str
    out_of_scope: str
    limitations: tuple[str, ...]
    computed_limitations: tuple[str, ...]
    disclosed: tuple[str, ...]
    training: TrainingSection
    evaluation_data: str
    evaluation_rows: int
    performance: tuple[Figure, ...]
    baseline: Figure
    confusion: tuple[int, int, int, int] | None
    classes: tuple[ClassRow, ...]
    fairness: tuple[FeatureFairness, ...]
    individual: IndividualSection
    discoveries: tuple[DiscoverySection, ...]
    law: tuple[LegalReading, ...]
    conditional: tuple[ConditionalDisparity, ...]
    explanations: ExplanationSection
    robustness: RobustnessSection
    mitigation: MitigationSection | None
    champion: ChampionSection | None
    policy: PolicySection
    verdicts: tuple[Verdict, ...]
    missing_verdicts: tuple[str, ...]
    evidence: dict[str, str]
    replaces: int | None
    mlflow_run_id: str

    @property
    def says(self) -> str:
        """Digest of what the card tells: equal for two cards that differ in nothing but when and beside what they were made."""
        apart = {"created_at", "replaces", "champion", "mlflow_run_id"}
        told = dataclasses.asdict(self)
        return digest_of({name: value for name, value in told.items() if name not in apart})
