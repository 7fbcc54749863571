"""A model that was promoted earlier, judged again: what was recorded of it then, against the policy as it is now."""

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rai_platform.data.report import DataReport
from rai_platform.errors import EvidenceMissing, TamperedArtifact
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.report import FairnessReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.release.decision import choose_verdicts, nothing_asked_for, subject_of
from rai_platform.release.findings import Evidence
from rai_platform.release.judgement import judge
from rai_platform.release.records import Production, RecordedVerdict
from rai_platform.robustness.report import RobustnessScores
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import RequiredCheck, blocking_checks
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Verdict
from rai_platform.store import ContentStore

REPORTS: dict[str, type[Evidence]] = {
    "performance_report": PerformanceReport,
    "fairness_report": FairnessReport,
    "shap_explanations": Explanations,
    "robustness_scores": RobustnessScores,
}
JUDGED_BY_RULES = "schema_violation_rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAgain:
    """What today's policy says of a model that was promoted earlier.

    Attributes:
        verdicts: the one that counts for every requirement that release depends on and that there is evidence about.
        reasons: why it may not be in production; empty where it may.
    """

    verdicts: tuple[Verdict, ...]
    reasons: tuple[str, ...]


def judge_again(
    definition: ModelDefinition, production: Production, recorded: Sequence[RecordedVerdict], store: ContentStore
) -> JudgedAgain:
    """The verdicts on a model that was promoted earlier, from its stored reports; nothing is measured again.

    A verdict on record under the very same policy counts as well, and of several the severest: what a later judgement
    found against the model is not undone by judging its reports once more.

    Args:
        definition: the model and the policy as they are now.
        production: the model, as it was promoted.
        recorded: every verdict on record under its name.
        store: the reports.
    """
    dossier = _Reports(production, recorded, store)
    judged: list[RequiredCheck] = []
    fresh: list[Verdict] = []
    gaps: list[str] = []
    for check in blocking_checks(definition):
        try:
            fresh.append(_verdict(check, definition, dossier))
            judged.append(check)
        except (EvidenceMissing, TamperedArtifact) as error:
            gaps.append(f"{check.name} cannot be judged: {error.message}")
    version = importlib.metadata.version("rai-platform")
    chosen, reasons = choose_verdicts(
        tuple(judged),
        (*recorded, *(_on_the_table(verdict, definition.name) for verdict in fresh)),
        subject=dossier.subject,
        training_digest=dossier.training_digest,
        policy_digest=definition.policy.digest,
        code_versions=dict.fromkeys((*REPORTS, "training_data", "test_data"), version),
    )
    return JudgedAgain(
        verdicts=tuple(item.verdict for item in chosen),
        reasons=(*nothing_asked_for(definition), *_other_rules(definition, judged, production), *gaps, *reasons),
    )


class _Reports:
    """The reports that a promotion rested on, each read once."""

    def __init__(self, production: Production, recorded: Sequence[RecordedVerdict], store: ContentStore) -> None:
        self.subject = Subject(model_digest=production.model_digest, data_digest=production.data_digest)
        self.training_digest: str | None = production.body["training_digest"]
        self._named: dict[str, str] = production.body["evidence"]
        self._recorded = recorded
        self._store = store
        self._read: dict[str, tuple[str, Any]] = {}

    def of(self, asset: str) -> tuple[str, Any]:
        """The digest of a report and the report.

        Raises:
            EvidenceMissing: there is none about this model and these data, or none that can be read.
            TamperedArtifact: it was changed.
        """
        if asset not in self._read:
            named = ((digest, self._parsed(digest, asset)) for digest in self._digests(asset))
            found = next((each for each in named if self._is_meant(asset, each[1])), None)
            if found is None:
                raise EvidenceMissing(f"no {asset} is on record about this model and these data")
            self._read[asset] = found
        return self._read[asset]

    def _digests(self, asset: str) -> Iterator[str]:
        if asset in REPORTS:
            yield from [self._named[asset]] if asset in self._named else []
            return
        about = subject_of(asset, self.subject, self.training_digest)
        on_data = [
            item.verdict for item in self._recorded if (item.verdict.asset, item.verdict.subject) == (asset, about)
        ]
        yield from dict.fromkeys(verdict.evidence_digest for verdict in reversed(on_data))

    def _parsed(self, digest: str, asset: str) -> Any:
        try:
            return TypeAdapter(REPORTS.get(asset, DataReport)).validate_json(self._store.get(digest))
        except ValidationError:
            raise EvidenceMissing(f"the {asset} on record is not one that this version can read") from None

    def _is_meant(self, asset: str, report: Any) -> bool:
        """Whether a report is about this model and these data; a screen of test data, about these training data too."""
        if asset in REPORTS:
            return bool(report.subject == self.subject)
        if asset == "training_data":
            return bool(report.data_digest == self.training_digest)
        return bool((report.data_digest, report.compared_with) == (self.subject.data_digest, self.training_digest))


def _verdict(check: RequiredCheck, definition: ModelDefinition, reports: _Reports) -> Verdict:
    digest, report = reports.of(check.asset)
    return judge(
        check,
        report,
        definition,
        subject=subject_of(check.asset, reports.subject, reports.training_digest),
        evidence_digest=digest,
        code_version=importlib.metadata.version("rai-platform"),
    )


def _on_the_table(verdict: Verdict, model: str) -> RecordedVerdict:
    """A verdict beside those on record; it goes on record with what is decided by it."""
    return RecordedVerdict(verdict=verdict, model=model, sequence=0, digest="", run_id="", recorded_at="")


def _other_rules(definition: ModelDefinition, judged: Sequence[RequiredCheck], production: Production) -> list[str]:
    """The reason against a model whose data were screened by other rules than those that hold now."""
    same = production.body.get("rules_digest") == definition.policy.rules_digest
    if same or all(check.requirement.metric != JUDGED_BY_RULES for check in judged):
        return []
    return [f"{JUDGED_BY_RULES} was measured by other `data.rules` than those in force now"]
