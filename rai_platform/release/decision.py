"""The decision about production: the only place that can make a ``Promotion``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rai_platform.release.records import Production, RecordedVerdict, StartedEvaluation
from rai_platform.spec.departures import departures
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
        says: digest of what it tells, whenever it was made.
        is_true: whether it says just what the spec, the evidence and the verdicts as they are now give.
    """

    digest: str
    subject: Subject
    policy_digest: str
    evidence: dict[str, str]
    replaces: int | None
    says: str
    is_true: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that is on the table when it is decided.

    Attributes:
        definition: the model and the policy as they are now.
        subject: the candidate and the test data as they are now.
        training_digest: the data the candidate learned from; None for given predictions.
        evidence: digest of every report as it is now, by asset; the predictions and the screens of the data among them.
        card: the model card as it is now.
        verdicts: every verdict on record under the model's name.
        on_this_model: every verdict on record about the candidate, under whatever name.
        unfinished: judgements that were begun and gave no verdict.
        production: what is in production now.
        as_of: the last entry of the ledger that was read.
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
    on_this_model: tuple[RecordedVerdict, ...]
    unfinished: tuple[StartedEvaluation, ...]
    production: Production | None
    as_of: int
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
        rules_digest: of the rules that decided what breaks the schema.
        card_digest: of the model card.
        card_says: digest of what the card tells.
        evidence: digest of every report, by asset.
        verdicts: the verdicts it rests on.
        disclosed: groups and requirements without evidence that the policy lets be named.
        earlier: verdicts against this very model that count no more, in words.
        departures: where the policy asks for less than the default one, in words.
        as_of: the last entry of the ledger that the decision rests on.
        replaces: the ledger's sequence of the promotion it replaces.
        seal: shows that ``decide`` made it.
    """

    model: str
    subject: Subject
    training_digest: str | None
    policy_digest: str
    policy_name: str
    rules_digest: str | None
    card_digest: str
    card_says: str
    evidence: dict[str, str]
    verdicts: tuple[RecordedVerdict, ...]
    disclosed: tuple[str, ...]
    earlier: tuple[str, ...]
    departures: tuple[str, ...]
    as_of: int
    replaces: int | None
    seal: Any

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a Promotion is made by release.decision.decide, from evidence, and by nothing else")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyInProduction:
    """The candidate is the production model, and its card tells what the published one tells: nothing to do."""

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
    reasons = [
        *dossier.objections,
        *nothing_asked_for(dossier.definition),
        *_card_reasons(dossier),
        *_unfinished_reasons(dossier),
        *reasons,
        *_replaced_evidence(chosen, dossier),
    ]
    production = dossier.production
    if not reasons and production is not None and _is_published(dossier, production):
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
        rules_digest=dossier.definition.policy.rules_digest,
        card_digest=dossier.card.digest,
        card_says=dossier.card.says,
        evidence=dossier.evidence,
        verdicts=tuple(chosen),
        disclosed=disclosures(chosen),
        earlier=earlier_verdicts(dossier.on_this_model, chosen, name=dossier.definition.name),
        departures=departures(dossier.definition),
        as_of=dossier.as_of,
        replaces=dossier.card.replaces,
        seal=_SEAL,
    )


def _is_published(dossier: Dossier, production: Production) -> bool:
    """Whether a release would publish nothing new: neither another model nor another card of the same one."""
    published = production.model_digest, production.body.get("card_says")
    return published == (dossier.subject.model_digest, dossier.card.says)


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


def earlier_verdicts(
    on_this_model: Sequence[RecordedVerdict], chosen: Sequence[RecordedVerdict], *, name: str
) -> tuple[str, ...]:
    """What speaks against this very model on record and counts no more, in words.

    A verdict counts no more where the policy changed, where a feature is not declared any longer, or where it was about other
    test data or was given under another name. The model is the same; whoever reads its card should know.

    Args:
        on_this_model: every verdict about the model, by its digest.
        chosen: those that count.
        name: the model's name now.
    """
    counting = {item.sequence for item in chosen}
    against = [
        item
        for item in on_this_model
        if item.sequence not in counting and item.verdict.outcome != "PASS" and item.verdict.severity == "block"
    ]
    latest = {
        (item.model, item.verdict.check, item.verdict.policy_digest, item.verdict.subject.data_digest): item
        for item in against
    }
    return tuple(
        f"{item.recorded_at[:10]}, {item.verdict.check} {_said(item.verdict)} on data {item.verdict.subject.data_digest[:12]} under "
        f"policy {item.verdict.policy_digest[:12]}{'' if item.model == name else f' as {item.model}'}: {item.verdict.reason}"
        for item in latest.values()
        if not _is_same(item, chosen)
    )


def _is_same(item: RecordedVerdict, chosen: Sequence[RecordedVerdict]) -> bool:
    """Whether a verdict of the same kind on the same thing counts already."""
    about = (item.verdict.check, item.verdict.policy_digest, item.verdict.subject, item.verdict.outcome)
    return about in [
        (each.verdict.check, each.verdict.policy_digest, each.verdict.subject, each.verdict.outcome) for each in chosen
    ]


def _said(verdict: Verdict) -> str:
    return {"FAIL": "failed", "INSUFFICIENT_EVIDENCE": "lacked evidence", "PASS": "passed"}[verdict.outcome]


def nothing_asked_for(definition: ModelDefinition) -> list[str]:
    """The reason against a release under a policy that asks for nothing; empty for any other."""
    if blocking_checks(definition):
        return []
    return [f"the policy “{definition.policy.name}” asks for nothing that a release depends on, so nothing was proven"]


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
    if not reasons and not card.is_true:
        reasons.append(
            "the model card does not say what the spec, the evidence and the verdicts say now: materialize `model_card` again"
        )
    if card.subject == dossier.subject and card.evidence != dossier.evidence:
        changed = sorted(asset for asset, digest in dossier.evidence.items() if card.evidence.get(asset) != digest)
        reasons.append(
            f"{', '.join(changed) or 'the evidence'} changed after the model card was written: materialize `model_card` again"
        )
    return reasons


def _replaced_evidence(chosen: list[RecordedVerdict], dossier: Dossier) -> list[str]:
    """Reports that are not the ones that were judged."""
    replaced = {
        item.verdict.asset
        for item in chosen
        if dossier.evidence.get(item.verdict.asset) not in (None, item.verdict.evidence_digest)
        and dossier.evidence.get(item.verdict.asset) == dossier.card.evidence.get(item.verdict.asset)
        and item.verdict.code_version == dossier.code_versions[item.verdict.asset]
    }
    return [
        f"{asset} is not the one that was judged: materialize it again, with its checks" for asset in sorted(replaced)
    ]


def _unfinished_reasons(dossier: Dossier) -> list[str]:
    policy_digest = dossier.definition.policy.digest
    return [
        f"the checks of {item.asset} were begun at {item.recorded_at} in run {item.run_id[:8]} and never finished: run them again"
        for item in dossier.unfinished
        if item.policy_digest == policy_digest
        and item.subject == subject_of(item.asset, dossier.subject, dossier.training_digest)
    ]
