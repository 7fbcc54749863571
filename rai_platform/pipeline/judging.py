"""Checks: verdicts on reports, the gate on the card. Each is in the ledger before Dagster hears of it."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from rai_platform.pipeline.code_versions import code_version
from rai_platform.pipeline.steps import Step
from rai_platform.pipeline.values import LEDGER_ENTRY, Page
from rai_platform.release.decision import reason_against
from rai_platform.release.finding import in_words
from rai_platform.release.ledger import Entry
from rai_platform.release.records import refusal_entry, started_entry, verdict_entry
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import RequiredCheck, blocking_checks, checks_of
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import SEVEREST_FIRST, Verdict

DATA_ASSETS = ("training_data", "test_data")
COMPLETE = "complete"
PROMOTION_GATE = "promotion_gate"


def check_specs(definition: ModelDefinition, asset: str) -> list[dg.AssetCheckSpec]:
    """The checks that Dagster shows on an asset, from the policy."""
    key = dg.AssetKey([definition.name, asset])
    if asset == "model_card":
        return _gate_specs(definition, key)
    return [
        dg.AssetCheckSpec(
            check.name,
            asset=key,
            blocking=asset in DATA_ASSETS and check.severity == "block",
            description=_description(check, definition),
        )
        for check in checks_of(definition, asset)
    ]


def judge_asset(step: Step, asset: str, selected: Iterable[str]) -> Iterator[dg.AssetCheckResult]:
    """Judges the stored report of an asset, one result per selected check."""
    from rai_platform.release.judgement import judge

    names = set(selected)
    checks = [check for check in checks_of(step.definition, asset) if check.name in names]
    evidence, digest, subject = _evidence(step, asset)
    ledger, model = step.home.ledger, step.definition.name
    ledger.append(
        [
            started_entry(
                model,
                asset=asset,
                checks=[check.name for check in checks],
                subject=subject,
                policy_digest=step.definition.policy.digest,
                run_id=step.run_id,
            )
        ]
    )
    verdicts = [
        judge(
            check, evidence, step.definition, subject=subject, evidence_digest=digest, code_version=code_version(asset)
        )
        for check in checks
    ]
    entries = ledger.append([verdict_entry(model, verdict, run_id=step.run_id) for verdict in verdicts])
    if refused := [verdict for verdict in verdicts if _stops_training(verdict)]:
        ledger.append(
            [
                refusal_entry(
                    model,
                    reasons=[reason_against(verdict) for verdict in refused],
                    candidate=None,
                    policy_digest=step.definition.policy.digest,
                    run_id=step.run_id,
                )
            ]
        )
    for verdict, entry in zip(verdicts, entries, strict=True):
        yield _result(step, asset, verdict, entry)


def judge_card(step: Step, selected: Iterable[str]) -> Iterator[dg.AssetCheckResult]:
    """The release gate: one result per requirement, from the verdicts on record, and one for the card's completeness."""
    from rai_platform.card.building import gaps
    from rai_platform.pipeline.carding import chosen
    from rai_platform.pipeline.pages import verdict_page

    names, key = set(selected), step.key("model_card")
    card, candidate = step.values.read(key), step.values.read(step.key("candidate_model"))
    told: dict[str, list[str]] = {}
    met: dict[str, str] = {}
    pages: dict[str, Page] = {}
    for name, checks in _by_name(step.definition).items():
        if name in names:
            counting, told[name] = chosen(step, tuple(checks), card.subject, candidate.training_digest)
            verdicts = sorted((item.verdict for item in counting), key=lambda each: SEVEREST_FIRST.index(each.outcome))
            met[name] = "\n\n".join(verdict.reason for verdict in verdicts)
            pages[name] = verdict_page(verdicts[0]) if verdicts else {}
    if COMPLETE in names:
        told[COMPLETE] = gaps(card, step.definition)
    if reasons := [reason for found in told.values() for reason in found]:
        step.home.ledger.append(
            [
                refusal_entry(
                    step.definition.name,
                    reasons=reasons,
                    candidate=card.subject,
                    policy_digest=step.definition.policy.digest,
                    run_id=step.run_id,
                )
            ]
        )
    for name, found in told.items():
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=not found,
            description="\n\n".join(found) or met.get(name) or "Nothing on record speaks against a release.",
            metadata={"subject": str(card.subject), **pages.get(name, {})},
        )


def told_to_the_run(asset: str, results: Iterator[dg.AssetCheckResult]) -> Iterator[dg.AssetCheckResult]:
    """The results of an asset's checks; where they stop the run it ends with their reasons in words, and not with a list of names.

    Raises:
        dagster.Failure: a check failed that lets nothing go on behind the asset.
    """
    stops = asset in DATA_ASSETS or asset == "model_card"
    against = []
    for result in results:
        yield result
        if stops and not result.passed and result.severity == dg.AssetCheckSeverity.ERROR:
            name = "" if asset == "model_card" and result.check_name != COMPLETE else f"{result.check_name}: "
            against.append(f"{name}{result.description}")
    if against:
        refused = "release refused" if asset == "model_card" else "the data are refused"
        raise dg.Failure(f"{refused}:\n- " + "\n- ".join(against), allow_retries=False)


def _gate_specs(definition: ModelDefinition, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    specs = [
        dg.AssetCheckSpec(
            name,
            asset=key,
            blocking=True,
            description=f"Release gate: {_requirement(checks[0], definition)}. Reads the verdict on record; "
            "production_model is not materialized without it.",
        )
        for name, checks in _by_name(definition).items()
    ]
    return [
        *specs,
        dg.AssetCheckSpec(
            COMPLETE,
            asset=key,
            blocking=True,
            description="Release gate: the card holds a verdict on every requirement and all groups that were declared.",
        ),
    ]


def _by_name(definition: ModelDefinition) -> dict[str, list[RequiredCheck]]:
    """The blocking checks by name; a requirement on several assets is one line of the gate."""
    found: dict[str, list[RequiredCheck]] = {}
    for check in blocking_checks(definition):
        found.setdefault(check.name, []).append(check)
    return found


def _evidence(step: Step, asset: str) -> tuple[Any, str, Subject]:
    key = step.key(asset)
    if asset in DATA_ASSETS:
        report, digest = step.values.data_report(key)
        return report, digest, Subject(model_digest=None, data_digest=report.data_digest)
    report = step.values.read(key)
    return report, step.values.digest(key), report.subject


def _result(step: Step, asset: str, verdict: Verdict, entry: Entry) -> dg.AssetCheckResult:
    from rai_platform.pipeline.pages import verdict_page

    blocks = verdict.severity == "block"
    goes_on = not blocks or (asset in DATA_ASSETS and not _stops_training(verdict))
    return dg.AssetCheckResult(
        asset_key=step.key(asset),
        check_name=verdict.check,
        passed=verdict.passed or (verdict.allows_release and blocks),
        severity=dg.AssetCheckSeverity.WARN if goes_on else dg.AssetCheckSeverity.ERROR,
        description=f"{'Not enough evidence to say. ' if verdict.outcome == 'INSUFFICIENT_EVIDENCE' else ''}{verdict.reason}",
        metadata={**verdict_page(verdict), LEDGER_ENTRY: str(entry.sequence)},
    )


def _stops_training(verdict: Verdict) -> bool:
    """Whether data are so bad that nothing is trained on them; where evidence is lacking, the release gate refuses later."""
    return verdict.asset in DATA_ASSETS and verdict.severity == "block" and verdict.outcome == "FAIL"


def _description(check: RequiredCheck, definition: ModelDefinition) -> str:
    needs = "Release requires it." if check.severity == "block" else "A warning; release does not depend on it."
    why = f" Why: {check.requirement.reason}" if check.requirement.reason else ""
    source = f" Source: {check.requirement.source}." if check.requirement.source else ""
    asked = _requirement(check, definition)
    meaning = METRICS[check.requirement.metric].meaning
    return f"{asked[0].upper()}{asked[1:]} ({meaning}). {needs}{why}{source}"


def _requirement(check: RequiredCheck, definition: ModelDefinition) -> str:
    metric = check.requirement.metric
    return in_words(metric) + in_words(check.in_words(definition.policy).removeprefix(metric))
