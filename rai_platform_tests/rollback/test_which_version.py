"""Which of several versions is gone back to, and why the others are not."""

import dataclasses

import pytest

from rai_platform.errors import EvidenceMissing
from rai_platform.release.ledger import NewEntry
from rai_platform.release.records import read_verdicts, verdict_entry
from rai_platform_tests.rollback.going_back import (
    ask_for_more,
    damage,
    estimator_of,
    go_back,
    promotions,
    version,
    whys,
)
from rai_platform_tests.world import World

pytestmark = pytest.mark.slow  # the third version takes a while


def test_a_version_that_todays_policy_does_not_let_pass_is_passed_over(three: World) -> None:
    ask_for_more(three, 0.19)
    done = go_back(three)
    assert version(three) == "1"
    assert list(whys(done)) == ["2"]
    assert "accuracy_gain fails" in whys(done)["2"]
    (entry,) = three.entries("fair", "rollback")
    assert [each["version"] for each in entry.body["passed_over"]] == ["2"]
    judged = {each["check"]: each for each in entry.body["verdicts"]}
    first = promotions(three)[0]
    assert judged["accuracy_gain"]["evidence"] == first.body["evidence"]["performance_report"]
    assert judged["accuracy_gain"]["estimate"] > 0.19


def test_a_failure_on_record_is_not_undone_by_judging_the_report_once_more(three: World) -> None:
    with three.home.ledger.read() as reader:
        known = read_verdicts(reader, "fair")
    digest = promotions(three)[1].body["model_digest"]
    verdict = next(
        item.verdict
        for item in known
        if item.verdict.subject.model_digest == digest and item.verdict.check == "disparate_impact__sex"
    )
    failed = dataclasses.replace(verdict, outcome="FAIL", reason="Another run found otherwise.")
    three.home.ledger.append([verdict_entry("fair", failed, run_id="another")])
    done = go_back(three)
    assert version(three) == "1"
    assert "Another run found otherwise." in whys(done)["2"]


def test_what_was_left_itself_is_not_gone_back_to_and_then_there_is_nothing_left(three: World) -> None:
    assert go_back(three, reason="one").outcome == "rolled_back"
    done = go_back(three, reason="two")
    assert version(three) == "1"
    assert whys(done) == {"3": whys(done)["3"]}
    assert whys(done)["3"].endswith(": one")
    kept = go_back(three, reason="three")
    assert (kept.outcome, kept.entry) == ("kept", three.entries("fair", "rollback_failed")[0].sequence)
    assert version(three) == "1"
    assert [why.rsplit(": ")[-1] for why in whys(kept).values()] == ["one", "two"]
    (failed,) = three.entries("fair", "rollback_failed")
    assert [each["version"] for each in failed.body["passed_over"]] == ["3", "2"]


def test_a_person_may_bring_back_by_name_what_was_left_and_the_other_is_not_left_for_it(three: World) -> None:
    go_back(three, reason="A mistake of mine.")
    done = go_back(three, to="3", reason="The alarm was false.")
    assert done.outcome == "rolled_back"
    assert version(three) == "3"
    (_, entry) = three.entries("fair", "rollback")
    assert (entry.body["named"], entry.body["reason"]) == ("3", "The alarm was false.")
    assert go_back(three).outcome == "rolled_back"
    assert version(three) == "2"


def test_a_version_that_is_itself_in_breach_is_avoided(three: World) -> None:
    digest = promotions(three)[1].body["model_digest"]
    done = go_back(three, by="policy", avoid={digest: "it is in breach of disparate_impact as well"})
    assert version(three) == "1"
    assert whys(done) == {"2": "it is in breach of disparate_impact as well"}


def test_a_version_that_is_named_has_to_pass_todays_policy_too(three: World) -> None:
    ask_for_more(three, 0.19)
    done = go_back(three, to="2")
    assert (done.outcome, list(whys(done))) == ("kept", ["2"])
    assert version(three) == "3"
    assert go_back(three, to="3").outcome == "kept"
    with pytest.raises(EvidenceMissing, match="version 9 was never promoted; versions: 1, 2, 3"):
        go_back(three, to="9")


def test_a_model_whose_files_were_changed_is_passed_over(three: World) -> None:
    first, second, _ = promotions(three)
    damage(three, estimator_of(three, second))
    done = go_back(three)
    assert version(three) == "1"
    assert "it was changed after it was written" in whys(done)["2"]
    damage(three, estimator_of(three, first))
    assert go_back(three).outcome == "kept"


def test_a_model_whose_evidence_was_changed_or_is_gone_is_passed_over(three: World) -> None:
    first, second, _ = promotions(three)
    damage(three, second.body["evidence"]["fairness_report"])
    blob = first.body["evidence"]["performance_report"]
    (three.settings.home / "store" / blob[:2] / blob).unlink()
    done = go_back(three)
    assert done.outcome == "kept"
    assert "disparate_impact__sex cannot be judged: the file stored as" in whys(done)["2"]
    assert "accuracy_gain cannot be judged: nothing is stored under" in whys(done)["1"]


def test_a_promotion_with_another_models_certificate_is_passed_over(three: World) -> None:
    first, second, third = promotions(three)
    forged = {**second.body, "version": "8", "certificate": first.body["certificate"]}
    three.home.ledger.append([NewEntry(kind="promotion", model="fair", body=forged)])
    three.home.ledger.append([NewEntry(kind="promotion", model="fair", body={**third.body, "version": "9"})])
    done = go_back(three)
    assert done.production is not None
    assert done.production.version == "2"
    assert "the release is not what its certificate names" in whys(done)["8"]


def test_a_version_that_mlflow_lost_is_restored_and_stays_the_one_of_its_promotion(three: World) -> None:
    client = three.home.registry.client
    client.delete_model_version("fair", "2")
    assert go_back(three).outcome == "rolled_back"
    (restored,) = three.entries("fair", "release_restored")
    assert restored.body["promotion"] == promotions(three)[1].sequence
    assert version(three) == restored.body["version"] == "4"
    tags = client.get_model_version("fair", "4").tags
    assert tags["rai.ledger_entry"] == str(promotions(three)[1].sequence)
    assert go_back(three, to="3").outcome == "rolled_back"
    assert go_back(three, to="4").outcome == "rolled_back"
    assert version(three) == "4"
