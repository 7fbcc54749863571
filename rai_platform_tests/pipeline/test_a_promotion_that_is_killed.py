"""Killed between any two writes, a promotion leaves the old or the new production model, whole; the next run goes on."""

import multiprocessing
import signal
from pathlib import Path

import pytest

from rai_platform.release.certificate import read_certificate
from rai_platform_tests.pipeline.dying import promote_and_die
from rai_platform_tests.world import World, told

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["rai_platform_tests.pipeline.dying", "rai_platform.card.plots"])
WRITES_OF_A_PROMOTION = 8  # model, release, version, ledger entry, certificate, two tags, alias
RECORDED_AT = 3  # writes before the ledger entry


def die_after(world: World, writes: int) -> int:
    process = FORKED.Process(target=promote_and_die, args=(str(world.folder), writes))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the promotion hangs"
    return process.exitcode


@pytest.mark.parametrize(
    "writes",
    [
        pytest.param(writes, marks=() if writes == RECORDED_AT + 1 else pytest.mark.slow)
        for writes in range(WRITES_OF_A_PROMOTION)
    ],
)
def test_production_is_whole_and_the_next_run_goes_on(judged: World, writes: int) -> None:
    assert die_after(judged, writes) == -signal.SIGKILL

    production = judged.status("fair").production
    assert (production is not None) == (writes > RECORDED_AT)
    if production is not None:
        statement = read_certificate(production.body["certificate"], judged.home.key.public)
        assert statement["subject"][0]["digest"]["sha256"] == production.model_digest
    assert not judged.home.ledger.problems()

    next_run = judged.run("fair", ["production_model"])
    assert next_run.success, told(next_run)
    registry = judged.home.registry
    assert len(judged.entries("fair", "promotion")) == 1
    assert registry.alias("fair") == "1"
    version = registry.client.get_model_version("fair", "1")
    assert version.tags["rai.status"] == "promoted"
    assert [found.version for found in registry.client.search_model_versions("name='fair'")] in ([1], ["1"])


@pytest.mark.slow
def test_a_promotion_makes_no_more_writes_than_were_tried(judged: World, tmp_path: Path) -> None:
    assert die_after(judged.copy(tmp_path / "last"), WRITES_OF_A_PROMOTION - 1) == -signal.SIGKILL
    assert die_after(judged, WRITES_OF_A_PROMOTION) == 0
    assert judged.home.registry.alias("fair") == "1"
