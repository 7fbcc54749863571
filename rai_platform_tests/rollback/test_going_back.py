"""Production goes back, it is on record, and everything else follows."""

import dataclasses
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from rai_platform.errors import BadInput, EvidenceMissing, LedgerBroken, PromotionConflict, UnknownModel
from rai_platform.home import Home
from rai_platform.release.ledger import NewEntry
from rai_platform.release.records import read_production, read_verdicts
from rai_platform.release.rejudging import judge_again
from rai_platform.release.rollbacks import RollbackRequest
from rai_platform.rollback.rolling import follow_alias, roll_back
from rai_platform.serving.served import find_production, load_served
from rai_platform_tests.rollback.going_back import (
    go_back,
    promotions,
    version,
    whys,
)
from rai_platform_tests.servers import free_port
from rai_platform_tests.world import World

# --- the version before ----------------------------------------------------------------------------------------------


def test_production_goes_back_to_the_version_before_and_everything_follows(two: World) -> None:
    first, second = promotions(two)
    assert version(two) == "2"
    done = go_back(two, breach={"metric": "disparate_impact", "estimate": 0.4})
    assert (done.outcome, done.alias, done.seen, done.passed_over) == ("rolled_back", None, None, ())
    assert version(two) == "1"
    (entry,) = two.entries("fair", "rollback")
    assert done.entry == entry.sequence
    body = entry.body
    assert (body["promotion"], body["version"], body["model_digest"]) == (
        first.sequence,
        "1",
        first.body["model_digest"],
    )
    assert body["left"] == {
        "entry": second.sequence,
        "promotion": second.sequence,
        "version": "2",
        "model_digest": second.body["model_digest"],
    }
    assert (body["reason"], body["actor"], body["by"]) == ("It turns too many people away.", "ada", "hand")
    assert body["breach"] == {"metric": "disparate_impact", "estimate": 0.4}
    assert body["policy"]["sha256"] == two.model("fair").policy.digest
    assert {each["verdict"] for each in body["verdicts"]} == {"PASS"}
    assert len(body["verdicts"]) == 7
    assert two.home.ledger.problems() == []


def test_status_and_certificate_tell_what_was_gone_back_to(two: World) -> None:
    go_back(two)
    status = two.status("fair")
    assert status.decision == "rolled_back"
    assert "rolled back from version 2 to version 1 by ada: It turns too many people away." in status.reasons
    told = status.as_json()["production"]
    assert told["rollback"]["from_version"] == "2"
    (entry,) = two.entries("fair", "rollback")
    assert (told["rollback"]["entry"], told["promoted_at"]) == (entry.sequence, entry.recorded_at)
    served = load_served(two.home, find_production(two.home, "fair"))
    assert served.certificate == promotions(two)[0].body["certificate"]


@pytest.mark.slow
def test_what_was_never_measured_is_no_pass(two: World) -> None:
    two.write(
        "fair",
        sensitive_features=[{"name": "home"}],
        policy=two.model("fair").policy.model_dump(mode="json", exclude={"rules_digest"}, exclude_defaults=True)
        | {"extends": "none"},
    )
    done = go_back(two)
    assert done.outcome == "kept"
    assert "disparate_impact__home cannot be judged" in whys(done)["1"]


@pytest.mark.slow
def test_data_that_were_screened_by_other_rules_are_no_evidence(two: World) -> None:
    definition, home = two.model("fair"), two.home
    with home.ledger.read() as reader:
        production, known = read_production(reader, "fair"), read_verdicts(reader, "fair")
    assert production is not None
    assert judge_again(definition, production, known, home.store).reasons == ()
    policy = definition.policy.model_copy(update={"rules_digest": "0" * 64})
    judged = judge_again(dataclasses.replace(definition, policy=policy), production, known, home.store)
    assert judged.reasons == ("schema_violation_rate was measured by other `data.rules` than those in force now",)


# --- who asks --------------------------------------------------------------------------------------------------------


def test_the_policy_itself_never_names_a_version(two: World) -> None:
    with pytest.raises(BadInput, match="only a person"):
        go_back(two, by="policy", to="1")
    with pytest.raises(BadInput, match="expected why"):
        go_back(two, reason="  ")
    assert go_back(two, by="policy", actor="service level").outcome == "rolled_back"
    assert "as the policy says (service level)" in " ".join(two.status("fair").reasons)


def test_where_nothing_was_promoted_there_is_nothing_to_go_back_from(judged: World) -> None:
    with pytest.raises(EvidenceMissing, match="no candidate was promoted yet"):
        go_back(judged)
    judged.write("new")
    with pytest.raises(UnknownModel):
        roll_back(judged.home, judged.model("new"), RollbackRequest(reason="x", actor="ada"))


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


def test_where_production_changes_between_look_and_write_nothing_is_written(two: World) -> None:
    def somebody_else() -> None:
        go_back(two, to="1", reason="another person's")

    with pytest.raises(PromotionConflict, match="changed while an earlier version was looked for"):
        go_back(two, avoid=Meanwhile(somebody_else))
    (entry,) = two.entries("fair", "rollback")
    assert entry.body["reason"] == "another person's"
    assert version(two) == "1"


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
def test_a_rollback_that_was_forged_is_neither_served_nor_built_upon(two: World, forge: Any) -> None:
    go_back(two)
    forge(two)
    assert two.home.ledger.problems()
    with pytest.raises(LedgerBroken):
        load_served(two.home, find_production(two.home, "fair"))
    with pytest.raises(LedgerBroken):
        go_back(two)
    assert any("the ledger does not verify" in told for told in two.status("fair").out_of_order)
    refused = two.run("fair", ["production_model"])
    assert not refused.success


@pytest.mark.parametrize(
    "changes", [{"model_digest": "0" * 64}, {"promotion": 1}, {"promotion": 99999}], ids=["digest", "entry", "nothing"]
)
def test_a_rollback_to_what_was_never_promoted_puts_nothing_in_production(two: World, changes: Any) -> None:
    go_back(two)
    body = two.entries("fair", "rollback")[0].body
    two.home.ledger.append([NewEntry(kind="rollback", model="fair", body={**body, **changes})])
    with pytest.raises(LedgerBroken, match="which is no promotion of that model"):
        find_production(two.home, "fair")
    status = two.status("fair")
    assert status.production is None
    assert any("the last rollback in the ledger is not certified" in told for told in status.out_of_order)


# --- the registry ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_where_mlflow_does_not_answer_the_ledger_decides_and_the_alias_follows_later(two: World) -> None:
    silent = Home(dataclasses.replace(two.settings, tracking_uri=f"http://127.0.0.1:{free_port()}"))
    asked = RollbackRequest(reason="At night, with MLflow down.", actor="ada")
    done = roll_back(silent, two.model("fair"), asked)
    assert done.outcome == "rolled_back"
    assert done.alias is not None
    assert "does not follow yet" in done.alias
    assert two.home.registry.alias("fair") == "2"
    assert any("the ledger says version 1" in told for told in two.status("fair").out_of_order)
    assert follow_alias(two.home, "fair") is None
    assert version(two) == "1"
    assert two.entries("fair", "alias_restored") == [], "it only followed a rollback"


# --- afterwards ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_model_that_was_left_is_not_promoted_again_by_itself(two: World) -> None:
    go_back(two)
    again = two.run("fair", ["model_card", "production_model"])
    assert not again.success
    assert version(two) == "1"
    refusal = two.entries("fair", "refusal")[-1]
    assert len(refusal.body["reasons"]) == 1
    assert "taken out of it on" in refusal.body["reasons"][0]
    assert "rai rollback fair --to 2" in refusal.body["reasons"][0]
    assert go_back(two, to="2").outcome == "rolled_back"
    confirmed = two.run("fair", ["production_model"])
    assert confirmed.success, "brought back by a person, it is what is in production"
    assert version(two) == "2"


def test_a_decision_from_before_a_rollback_promotes_nothing_after_it(two: World) -> None:
    go_back(two)
    refused = two.run("fair", ["production_model"])
    assert not refused.success
    assert version(two) == "1"
    assert any(
        "another model was promoted after the card" in each
        for each in two.entries("fair", "refusal")[-1].body["reasons"]
    )
