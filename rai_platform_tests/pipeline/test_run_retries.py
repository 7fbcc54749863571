"""Dagster's daemon runs a failed run again until its check passes; production stays as it was."""

import json
import time

import pytest

from rai_platform_tests.pipeline.flaky import ATTEMPTS, MODEL, WORLD
from rai_platform_tests.servers import Pages, dagster_pages
from rai_platform_tests.world import World

# What a careless operator may write: Dagster's own default for the last line is true.
CARELESS = """
telemetry: {enabled: false}
nux: {enabled: false}
run_monitoring: {enabled: false}
run_retries: {enabled: true, max_retries: 2, retry_on_asset_or_op_failure: true}
"""
LAUNCH = """
mutation($selector: JobOrPipelineSelector!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}, executionMetadata: {tags: $tags}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
RUNS = """{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"""


def ended_runs(pages: Pages, *, count: int) -> list[dict[str, str]]:
    """Waits until so many runs have ended."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        runs = pages.graphql(RUNS)["runsOrError"]["results"]
        done = [run for run in runs if run["status"] in ("SUCCESS", "FAILURE", "CANCELED")]
        if len(done) >= count:
            return done
        time.sleep(1)
    raise TimeoutError(f"waited for {count} runs, got {json.dumps(runs)}")


@pytest.mark.slow
def test_a_failed_check_run_again_by_run_retries_until_it_passes(judged: World) -> None:
    judged.write(MODEL)
    (judged.settings.dagster_home / "dagster.yaml").write_text(CARELESS)
    location = "rai_platform_tests.pipeline.flaky"
    with dagster_pages(judged, daemon=True, module=location, **{WORLD: str(judged.folder)}) as pages:
        before = len(pages.graphql(RUNS)["runsOrError"]["results"])
        selector = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "jobName": f"run_{MODEL}_flaky",
        }
        tags = [{"key": "dagster/retry_strategy", "value": "ALL_STEPS"}]
        launched = pages.graphql(LAUNCH, selector=selector, tags=tags)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        ended_runs(pages, count=before + 3)

    asked = (judged.settings.home / ATTEMPTS).read_text().splitlines()
    assert len(asked) == len(set(asked)) == 3, "the daemon ran the check three times"
    outcomes = [entry.body["verdict"]["outcome"] for entry in judged.entries(MODEL, "verdict")]
    assert {"FAIL", "PASS"} <= set(outcomes)
    status = judged.status(MODEL)
    assert (status.decision, status.production) == ("refused", None)
    assert any("a later judgement does not undo this one" in reason for reason in status.reasons)
    assert judged.home.registry.alias(MODEL) is None
