"""To which version production goes back, what is on record of it, and that everything else follows."""

import dataclasses
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from rai_platform.errors import BadInput, EvidenceMissing, LedgerBroken, PromotionConflict, UnknownModel
from rai_platform.home import Home
from rai_platform.registry.flavor import certified_model
from rai_platform.release.ledger import NewEntry
from rai_platform.release.records import read_production, read_verdicts, verdict_entry
from rai_platform.release.rejudging import judge_again
from rai_platform.release.rollbacks import RollbackRequest
from rai_platform.rollback.rolling import follow_alias, roll_back
from rai_platform.serving.served import find_production, load_served
from rai_platform_tests.rollback.going_back import (
    ask_for_more,
    damage,
    estimator_of,
    go_back,
    promotions,
)
from rai_platform_tests.servers import free_port
from rai_platform_tests.world import World


def version(world: World) -> str | None:
    """What is in production by everything that can be asked, which has to agree."""
    status = world.status("fair")
    with world.home.ledger.read() as reader:
        production = read_production(reader, "fair")
    told = None if production is None else production.version
    assert (status.production and status.production.version) == told == world.home.registry.alias("fair")
    assert status.out_of_order == ()
    if production is not None:
        assert load_served(world.home, find_production(world.home, "fair")).told["version"] == told
        assert certified_model(production, world.home.store, world.home.key.public) is not None
    return told


def whys(done: Any) -> dict[str, str]:
    return {each.version: each.why for each in done.passed_over}


# --- the version before ----------------------------------------------------------------------------------------------


def test_production_goes_back_to_the_version_before_and_everything_follows(three: World) -> None:
    _, second, third = promotions(three)
    assert version(three) == "3"
    done = go_back(three, breach={"metric": "disparate_impact", "estimate": 0.4})
    assert (done.outcome, done.alias, done.seen, done.passed_over) == ("rolled_back", None, None, ())
    assert version(three) == "2"
    (entry,) = three.entries("fair", "rollback")
    assert done.entry == entry.sequence
    body = entry.body
    assert (body["promotion"], body["version"], body["model_digest"]) == (
        second.sequence,
        "2",
        second.body["model_digest"],
    )
    assert body["left"] == {
        "entry": third.sequence,
        "promotion": third.sequence,
        "version": "3",
        "model_digest": third.body["model_digest"],
    }
    assert (body["reason"], body["actor"], body["by"]) == ("It turns too many people away.", "ada", "hand")
    assert body["breach"] == {"metric": "disparate_impact", "estimate": 0.4}
    assert body["policy"]["sha256"] == three.model("fair").policy.digest
    assert {each["verdict"] for each in body["verdicts"]} == {"PASS"}
    assert len(body["verdicts"]) == 7
    assert three.home.ledger.problems() == []


def test_status_and_certificate_tell_what_was_gone_back_to(three: World) -> None:
    go_back(three)
    status = three.status("fair")
    assert status.decision == "rolled_back"
    assert "rolled back from version 3 to version 2 by ada: It turns too many people away." in status.reasons
    told = status.as_json()["production"]
    assert told["rollback"]["from_version"] == "3"
    (entry,) = three.entries("fair", "rollback")
    assert (told["rollback"]["entry"], told["promoted_at"]) == (entry.sequence, entry.recorded_at)
    served = load_served(three.home, find_production(three.home, "fair"))
    assert served.certificate == promotions(three)[1].body["certificate"]


def test_a_version_that_todays_policy_does_not_let_pass_is_passed_over(three: World) -> None:
    ask_for_more(three, 0.15)
    done = go_back(three)
    assert version(three) == "1"
    assert list(whys(done)) == ["2"]
    assert "accuracy_gain fails" in whys(done)["2"]
    (entry,) = three.entries("fair", "rollback")
    assert [each["version"] for each in entry.body["passed_over"]] == ["2"]
    judged = {each["check"]: each for each in entry.body["verdicts"]}
    first = promotions(three)[0]
    assert judged["accuracy_gain"]["evidence"] == first.body["evidence"]["performance_report"]
    assert judged["accuracy_gain"]["estimate"] > 0.15


def test_what_was_never_measured_is_no_pass(three: World) -> None:
    three.write(
        "fair",
        sensitive_features=[{"name": "home"}],
        policy=three.model("fair").policy.model_dump(mode="json", exclude={"rules_digest"}, exclude_defaults=True)
        | {"extends": "none"},
    )
    done = go_back(three)
    assert done.outcome == "kept"
    assert "disparate_impact__home cannot be judged" in whys(done)["2"]


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


def test_data_that_were_screened_by_other_rules_are_no_evidence(three: World) -> None:
    definition, home = three.model("fair"), three.home
    with home.ledger.read() as reader:
        production, known = read_production(reader, "fair"), read_verdicts(reader, "fair")
    assert production is not None
    assert judge_again(definition, production, known, home.store).reasons == ()
    policy = definition.policy.model_copy(update={"rules_digest": "0" * 64})
    judged = judge_again(dataclasses.replace(definition, policy=policy), production, known, home.store)
    assert judged.reasons == ("schema_violation_rate was measured by other `data.rules` than those in force now",)


# --- versions that somebody went back from ---------------------------------------------------------------------------


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


def test_the_policy_itself_never_names_a_version(three: World) -> None:
    with pytest.raises(BadInput, match="only a person"):
        go_back(three, by="policy", to="1")
    with pytest.raises(BadInput, match="expected why"):
        go_back(three, reason="  ")
    assert go_back(three, by="policy", actor="service level").outcome == "rolled_back"
    assert "as the policy says (service level)" in " ".join(three.status("fair").reasons)


def test_a_version_that_is_itself_in_breach_is_avoided(three: World) -> None:
    digest = promotions(three)[1].body["model_digest"]
    done = go_back(three, by="policy", avoid={digest: "it is in breach of disparate_impact as well"})
    assert version(three) == "1"
    assert whys(done) == {"2": "it is in breach of disparate_impact as well"}


def test_a_version_that_is_named_has_to_pass_todays_policy_too(three: World) -> None:
    ask_for_more(three, 0.15)
    done = go_back(three, to="2")
    assert (done.outcome, list(whys(done))) == ("kept", ["2"])
    assert version(three) == "3"
    assert go_back(three, to="3").outcome == "kept"
    with pytest.raises(EvidenceMissing, match="version 9 was never promoted; versions: 1, 2, 3"):
        go_back(three, to="9")


def test_where_nothing_was_promoted_there_is_nothing_to_go_back_from(judged: World) -> None:
    with pytest.raises(EvidenceMissing, match="no candidate was promoted yet"):
        go_back(judged)
    judged.write("new")
    with pytest.raises(UnknownModel):
        roll_back(judged.home, judged.model("new"), RollbackRequest(reason="x", actor="ada"))


# --- nothing is gone back to that does not verify --------------------------------------------------------------------


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


# --- the ledger ------------------------------------------------------------------------------------------------------


class Meanwhile(Mapping[str, str]):
    """Nothing to avoid; whoever looks gives somebody else the time to act."""

    def __init__(self, act: Any) -> None:
        self._act = act

    def __contains__(self, key: object) -> bool:
        act, self._act = self._act, None
        if act is not None:
            act()
        return False

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __getitem__(self, key: str) -> str:
        raise KeyError(key)


def test_where_production_changes_between_look_and_write_nothing_is_written(three: World) -> None:
    def somebody_else() -> None:
        go_back(three, to="1", reason="another person's")

    with pytest.raises(PromotionConflict, match="changed while an earlier version was looked for"):
        go_back(three, avoid=Meanwhile(somebody_else))
    (entry,) = three.entries("fair", "rollback")
    assert entry.body["reason"] == "another person's"
    assert version(three) == "1"


def edit_the_rollback(world: World) -> None:
    _rewrite(
        world, "UPDATE ledger_entries SET body = replace(body, 'turns too many', 'turns few') WHERE kind='rollback'"
    )


def cut_the_rollback_off(world: World) -> None:
    _rewrite(world, "DELETE FROM ledger_entries WHERE kind = 'rollback'")


def write_one_without_the_key(world: World) -> None:
    _rewrite(
        world,
        "INSERT INTO ledger_entries SELECT sequence + 1, kind, model, recorded_at, body, digest, digest "
        "FROM ledger_entries ORDER BY sequence DESC LIMIT 1",
    )


def _rewrite(world: World, statement: str) -> None:
    with sqlite3.connect(world.settings.home / "ledger" / "ledger.db") as database:
        assert database.execute(statement).rowcount == 1
    database.close()


@pytest.mark.parametrize("forge", [edit_the_rollback, cut_the_rollback_off, write_one_without_the_key])
def test_a_rollback_that_was_forged_is_neither_served_nor_built_upon(three: World, forge: Any) -> None:
    go_back(three)
    forge(three)
    assert three.home.ledger.problems()
    with pytest.raises(LedgerBroken):
        load_served(three.home, find_production(three.home, "fair"))
    with pytest.raises(LedgerBroken):
        go_back(three)
    assert any("the ledger does not verify" in told for told in three.status("fair").out_of_order)
    refused = three.run("fair", ["production_model"])
    assert not refused.success


@pytest.mark.parametrize(
    "changes", [{"model_digest": "0" * 64}, {"promotion": 1}, {"promotion": 99999}], ids=["digest", "entry", "nothing"]
)
def test_a_rollback_to_what_was_never_promoted_puts_nothing_in_production(three: World, changes: Any) -> None:
    go_back(three)
    body = three.entries("fair", "rollback")[0].body
    three.home.ledger.append([NewEntry(kind="rollback", model="fair", body={**body, **changes})])
    with pytest.raises(LedgerBroken, match="which is no promotion of that model"):
        find_production(three.home, "fair")
    status = three.status("fair")
    assert status.production is None
    assert any("the last rollback in the ledger is not certified" in told for told in status.out_of_order)


# --- the registry ----------------------------------------------------------------------------------------------------


def test_where_mlflow_does_not_answer_the_ledger_decides_and_the_alias_follows_later(three: World) -> None:
    silent = Home(dataclasses.replace(three.settings, tracking_uri=f"http://127.0.0.1:{free_port()}"))
    asked = RollbackRequest(reason="At night, with MLflow down.", actor="ada")
    done = roll_back(silent, three.model("fair"), asked)
    assert done.outcome == "rolled_back"
    assert done.alias is not None
    assert "does not follow yet" in done.alias
    assert three.home.registry.alias("fair") == "3"
    assert any("the ledger says version 2" in told for told in three.status("fair").out_of_order)
    assert follow_alias(three.home, "fair") is None
    assert version(three) == "2"
    assert three.entries("fair", "alias_restored") == [], "it only followed a rollback"


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


# --- afterwards ------------------------------------------------------------------------------------------------------


def test_the_model_that_was_left_is_not_promoted_again_by_itself(three: World) -> None:
    go_back(three)
    again = three.run("fair", ["model_card", "production_model"])
    assert not again.success
    assert version(three) == "2"
    refusal = three.entries("fair", "refusal")[-1]
    assert len(refusal.body["reasons"]) == 1
    assert "taken out of it on" in refusal.body["reasons"][0]
    assert "rai rollback fair --to 3" in refusal.body["reasons"][0]
    assert go_back(three, to="3").outcome == "rolled_back"
    confirmed = three.run("fair", ["production_model"])
    assert confirmed.success, "brought back by a person, it is what is in production"
    assert version(three) == "3"


def test_a_decision_from_before_a_rollback_promotes_nothing_after_it(three: World) -> None:
    go_back(three)
    refused = three.run("fair", ["production_model"])
    assert not refused.success
    assert version(three) == "2"
    assert any(
        "another model was promoted after the card" in each
        for each in three.entries("fair", "refusal")[-1].body["reasons"]
    )
