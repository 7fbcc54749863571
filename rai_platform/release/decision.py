"""The decision about production: the only place that can make a ``Promotion``."""

from dataclasses import dataclass
from typing import Any

from rai_platform.release.records import Production, RecordedVerdict, StartedEvaluation
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import RequiredCheck, blocking_checks
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Verdict, severest

_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOnFile:
    """What a decision needs to know of the model card.

    Attributes:
        digest: of the stored card.
        subject: the model and data it describes.
        policy_digest: the policy it was written under.
        evidence: digest of every report it was filled from, by asset.
        replaces: the ledger's sequence of the promotion it would replace; None where nothing was in production.
    """

    digest: str
    subject: Subject
    policy_digest: str
    evidence: dict[str, str]
    replaces: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that is on the table when it is decided.

    Attributes:
        definition: the model and the policy as they are now.
        subject: the candidate and the test data as they are now.
        training_digest: the data the candidate learned from; None for given predictions.
        evidence: digest of every report as it is now, by asset.
        card: the model card as it is now.
        verdicts: every verdict on record about the model.
        unfinished: judgements that were begun and gave no verdict.
        production: what is in production now.
        code_versions: of the measuring and judging code as it is now, by asset.
        objections: anything else that speaks against a release, in words: a ledger that does not verify, a check result
            that nobody here wrote.
    """

    definition: ModelDefinition
    subject: Subject
    training_digest: str | None
    evidence: dict[str, str]
    card: CardOnFile
    verdicts: tuple[RecordedVerdict, ...]
    unfinished: tuple[StartedEvaluation, ...]
    production: Production | None
    code_versions: dict[str, str]
    objections: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Leave to become the production model; made by ``decide`` and by nothing else.

    Attributes:
        model: the model's name.
        subject: the model and the data of its evidence.
        training_digest: the data it learned from.
        policy_digest: the policy it satisfied.
        policy_name: of that policy.
        card_digest: of the model card.
        evidence: digest of every report, by asset.
        verdicts: the verdicts it rests on.
        disclosed: groups and requirements without evidence that the policy lets be named.
        replaces: the ledger's sequence of the promotion it replaces.
        seal: shows that ``decide`` made it.
    """

    model: str
    subject: Subject
    training_digest: str | None
    policy_digest: str
    policy_name: str
    card_digest: str
    evidence: dict[str, str]
    verdicts: tuple[RecordedVerdict, ...]
    disclosed: tuple[str, ...]
    replaces: int | None
    seal: Any

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a Promotion is made by release.decision.decide, from evidence, and by nothing else")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyInProduction:
    """The candidate is the production model: nothing to do."""

    production: Production


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The candidate stays out, for these reasons."""

    reasons: tuple[str, ...]


def decide(dossier: Dossier) -> Promotion | AlreadyInProduction | Refusal:
    """Whether the candidate becomes the production model.

    It does when every blocking requirement of the policy, as it is now, has a verdict about exactly this model and
    these data that allows it, made by the code as it is now, and none that forbids it; when the card describes the
    same evidence; and when nothing else was promoted since the card was made.
    """
    chosen, reasons = choose_verdicts(
        blocking_checks(dossier.definition),
        dossier.verdicts,
        subject=dossier.subject,
        training_digest=dossier.training_digest,
        policy_digest=dossier.definition.policy.digest,
        code_versions=dossier.code_versions,
    )
    reasons = [*dossier.objections, *_card_reasons(dossier), *_unfinished_reasons(dossier), *reasons]
    production = dossier.production
    if not reasons and production is not None and production.model_digest == dossier.subject.model_digest:
        return AlreadyInProduction(production=production)
    if dossier.card.replaces != (production.sequence if production else None):
        reasons.append(
            "another model was promoted after the card of this one was made: materialize `model_card` again and look at "
            "what would be replaced"
        )
    if reasons:
        return Refusal(reasons=tuple(reasons))
    return Promotion(
        model=dossier.definition.name,
        subject=dossier.subject,
        training_digest=dossier.training_digest,
        policy_digest=dossier.definition.policy.digest,
        policy_name=dossier.definition.policy.name,
        card_digest=dossier.card.digest,
        evidence=dossier.evidence,
        verdicts=tuple(chosen),
        disclosed=disclosures(chosen),
        replaces=dossier.card.replaces,
        seal=_SEAL,
    )


def choose_verdicts(
    checks: tuple[RequiredCheck, ...],
    recorded: tuple[RecordedVerdict, ...],
    *,
    subject: Subject,
    training_digest: str | None,
    policy_digest: str,
    code_versions: dict[str, str],
) -> tuple[list[RecordedVerdict], list[str]]:
    """The verdict that counts for every check, and the reasons of those that keep a model out.

    Of several verdicts on one check, subject and policy the severest counts, whenever and by whatever version of the
    code it was made: judging again until it passes changes nothing.
    """
    chosen, reasons = [], []
    unjudged: dict[str, list[str]] = {}
    for check in checks:
        about = subject_of(check.asset, subject, training_digest)
        mine = [
            item
            for item in recorded
            if (item.verdict.asset, item.verdict.check, item.verdict.subject, item.verdict.policy_digest)
            == (check.asset, check.name, about, policy_digest)
        ]
        if not mine:
            unjudged.setdefault(check.asset, []).append(check.name)
            continue
        verdict, why = _counting(check, mine, code_versions[check.asset])
        chosen.append(verdict)
        if why is not None:
            reasons.append(why)
    reasons += [
        f"there is no verdict about this model, these data and this policy on {', '.join(names)}: materialize `{asset}` with "
        "its checks"
        for asset, names in unjudged.items()
    ]
    return chosen, reasons


def subject_of(asset: str, subject: Subject, training_digest: str | None) -> Subject:
    """What evidence of an asset is about: data alone before there is a model, else the model on the test data."""
    if asset == "training_data":
        return Subject(model_digest=None, data_digest=training_digest or "")
    if asset == "test_data":
        return Subject(model_digest=None, data_digest=subject.data_digest)
    return subject


def disclosures(verdicts: list[RecordedVerdict]) -> tuple[str, ...]:
    """What the verdicts leave without evidence, by the policy's leave, in words."""
    named: list[str] = []
    for item in verdicts:
        verdict = item.verdict
        named.extend(f"{verdict.check}: {group}" for group in verdict.disclosed)
        if verdict.outcome == "INSUFFICIENT_EVIDENCE" and verdict.may_be_disclosed:
            named.append(f"{verdict.check}: everybody")
    return tuple(named)


def reason_against(verdict: Verdict, *, undone: bool = False) -> str:
    """Why a verdict keeps a model out, in a sentence."""
    said = {"FAIL": "fails", "INSUFFICIENT_EVIDENCE": "lacks evidence"}[verdict.outcome]
    later = " (a later judgement does not undo this one)" if undone else ""
    return f"{verdict.check} {said}{later}: {verdict.reason}"


def _counting(
    check: RequiredCheck, mine: list[RecordedVerdict], code_version: str
) -> tuple[RecordedVerdict, str | None]:
    counts = severest([item.verdict.outcome for item in mine])
    worst = [item for item in mine if item.verdict.outcome == counts][-1]
    if not worst.verdict.allows_release:
        return worst, reason_against(worst.verdict, undone=worst is not mine[-1])
    current = [item for item in mine if item.verdict.code_version == code_version]
    if not current:
        return worst, f"{check.name} was judged by another version of the code: materialize `{check.asset}` again"
    return current[-1], None


def _card_reasons(dossier: Dossier) -> list[str]:
    card, reasons = dossier.card, []
    if card.subject != dossier.subject:
        reasons.append(
            f"the model card describes {card.subject}, the candidate is now {dossier.subject}: gather the evidence again"
        )
    if card.policy_digest != dossier.definition.policy.digest:
        reasons.append("the model card was written under another policy: materialize `model_card` again")
    if card.subject == dossier.subject and card.evidence != dossier.evidence:
        changed = sorted(asset for asset, digest in dossier.evidence.items() if card.evidence.get(asset) != digest)
        reasons.append(
            f"{', '.join(changed) or 'the evidence'} changed after the model card was written: materialize `model_card` again"
        )
    return reasons


def _unfinished_reasons(dossier: Dossier) -> list[str]:
    policy_digest = dossier.definition.policy.digest
    return [
        f"the checks of {item.asset} were begun at {item.recorded_at} in run {item.run_id[:8]} and never finished: run them again"
        for item in dossier.unfinished
        if item.policy_digest == policy_digest
        and item.subject == subject_of(item.asset, dossier.subject, dossier.training_digest)
    ]
