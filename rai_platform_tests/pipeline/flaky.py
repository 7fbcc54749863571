"""A code location whose fairness check fails once and passes from then on, for Dagster's daemon to run again."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from rai_platform.pipeline.automation import job_name
from rai_platform.pipeline.code_versions import code_version
from rai_platform.pipeline.steps import Step
from rai_platform.pipeline.values import LEDGER_ENTRY
from rai_platform.release.judgement import judge
from rai_platform.release.records import verdict_entry
from rai_platform.spec.requirements import checks_of
from rai_platform_tests.pipeline.replacing import replaced_fairness_report
from rai_platform_tests.world import World

MODEL = "flaky"
WORLD = "RAI_TEST_WORLD"
ATTEMPTS = "attempts.txt"


def flaky_location(world: World) -> dg.Definitions:
    """The model `flaky` of a world, its fairness check replaced."""
    definition = world.model(MODEL)
    job = dg.define_asset_job(job_name(MODEL) + "_flaky", selection=dg.AssetSelection.groups(MODEL))
    return world.definitions(definition, [replaced_fairness_report(world, MODEL, fails_once)], job)


def fails_once(step: Step, report: Any, digest: str) -> Iterator[dg.AssetCheckResult]:
    """Judges honestly, but says FAIL the first time; how often it was asked lies in a file of the world."""
    told = step.home.settings.home / ATTEMPTS
    attempts = told.read_text().count("\n") if told.exists() else 0
    with told.open("a") as file:
        file.write(f"{step.run_id}\n")
    for check in checks_of(step.definition, "fairness_report"):
        verdict = judge(
            check,
            report,
            step.definition,
            subject=report.subject,
            evidence_digest=digest,
            code_version=code_version("fairness_report"),
        )
        if not verdict.passed:
            raise ValueError("the model was to be fair")
        if attempts == 0:
            verdict = dataclasses.replace(verdict, outcome="FAIL")
        entry = step.home.ledger.append([verdict_entry(MODEL, verdict, run_id=step.run_id)])[0]
        yield dg.AssetCheckResult(
            asset_key=step.key("fairness_report"),
            check_name=check.name,
            passed=verdict.passed,
            metadata={LEDGER_ENTRY: str(entry.sequence)},
        )


if WORLD in os.environ:
    defs = flaky_location(World(Path(os.environ[WORLD])))
