"""`rai` as a person or a program uses it: what it prints, and the exit code."""

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rai_platform.data.generators import lending
from rai_platform.pipeline.models import register
from rai_platform.spec.reading import COMPONENT_TYPE
from rai_platform_tests.world import Command, World, lending_attributes

NUMBER_OR_NULL = {"type": ["number", "null"]}
DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SUBJECT = {
    "type": "object",
    "properties": {"model_digest": {"anyOf": [DIGEST, {"type": "null"}]}, "data_digest": DIGEST},
    "required": ["model_digest", "data_digest"],
}
STATUS = {
    "type": "object",
    "required": ["model", "decision", "production", "candidate", "reasons", "verdicts"],
    "properties": {
        "model": {"type": "string"},
        "decision": {"enum": ["promoted", "refused", None]},
        "production": {
            "type": ["object", "null"],
            "required": ["version", "model_digest", "promoted_at"],
            "properties": {
                "version": {"type": "string"},
                "model_digest": DIGEST,
                "promoted_at": {"format": "date-time"},
            },
        },
        "candidate": {"anyOf": [SUBJECT, {"type": "null"}]},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "verdicts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "asset",
                    "check",
                    "requirement",
                    "metric",
                    "sensitive_feature",
                    "groups",
                    "verdict",
                    "estimate",
                    "interval",
                    "n",
                    "limit",
                    "policy_digest",
                    "subject",
                    "reason",
                ],
                "properties": {
                    "verdict": {"enum": ["PASS", "FAIL", "INSUFFICIENT_EVIDENCE"]},
                    "estimate": NUMBER_OR_NULL,
                    "interval": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                    "n": {"type": "integer"},
                    "limit": {"type": "object", "required": ["rule"], "minProperties": 2, "maxProperties": 2},
                    "subject": SUBJECT,
                    "sensitive_feature": {"type": ["string", "null"]},
                },
            },
        },
    },
}


def write_spec(path: Path, **attributes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"type": COMPONENT_TYPE, "attributes": {**lending_attributes(), **attributes}}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_a_table_of_ones_own_is_promoted_and_then_found_identical(
    judged: World, rai: Callable[[World], Command]
) -> None:
    lending(rows=3000, seed=5, disparate_impact=1.0).to_csv(judged.folder / "loans.csv", index=False)
    spec = write_spec(
        judged.folder / "elsewhere" / "loans.yaml",
        name="loans",
        data={"source": "../loans.csv", "target": "repaid", "exclude": ["approved", "sex"]},
    )
    run = rai(judged)
    code, out, err = run("run", "--spec", str(spec), "--json")
    status = json.loads(out)
    jsonschema.validate(status, STATUS)
    assert (code, status["decision"]) == (0, "promoted"), status["reasons"]
    assert status["production"]["version"] == "1"
    assert status["candidate"]["model_digest"] == status["production"]["model_digest"]
    assert "production_model" in err
    assert (judged.folder / "home" / "cards" / "loans" / "model_card.html").exists()

    code, out, _ = run("promote", "loans", "--json")
    assert code == 0
    first, *others = json.loads(out)["reasons"]
    assert first == "identical to the production model already"
    assert all(
        reason.startswith("the policy it was released under asks for less than the default") for reason in others
    )
    assert any("roc auc: not asked for, the default asks for at least 0.65" in reason for reason in others)
    code, out, _ = run("status", "loans", "--json")
    assert (code, json.loads(out)["production"]) == (0, status["production"])


def test_a_refused_model_gives_exit_code_3_and_its_reasons(judged: World, rai: Callable[[World], Command]) -> None:
    run = rai(judged)
    code, out, _ = run("promote", "unfair", "--json")
    status = json.loads(out)
    jsonschema.validate(status, STATUS)
    assert code == 3
    assert status["decision"] == "refused"
    assert status["production"] is None
    assert any("disparate_impact__sex fails" in reason for reason in status["reasons"])
    code, out, _ = run("promote", "unfair")
    assert code == 3
    assert "REFUSED" in out


EMBEDDED = ("digits", "lending", "lending_mitigated", "prompt_guard")


def test_status_lists_every_model(judged: World, rai: Callable[[World], Command]) -> None:
    code, out, err = rai(judged)("status", "--json")
    statuses = json.loads(out)
    for status in statuses:
        jsonschema.validate(status, STATUS)
    assert code == 0
    assert [status["model"] for status in statuses] == sorted(["fair", "unfair", *EMBEDDED])
    code, out, err = rai(judged)("status")
    assert code == 0
    assert "unfair" in out
    assert "RAI_HOME" in err


def test_history_remembers_what_dagster_was_made_to_forget(judged: World, rai: Callable[[World], Command]) -> None:
    with judged.instance() as instance:
        for run in instance.get_runs():
            instance.delete_run(run.run_id)
    code, out, _ = rai(judged)("history", "unfair", "--json")
    entries = json.loads(out)
    assert code == 0
    verdicts = [entry["body"]["verdict"] for entry in entries if entry["kind"] == "verdict"]
    assert {"disparate_impact__sex", "accuracy_gain"} <= {verdict["check"] for verdict in verdicts}
    assert entries[-1]["kind"] == "refusal"
    code, out, _ = rai(judged)("history", "unfair")
    assert code == 0
    assert "FAIL disparate_impact by sex" in " ".join(out.split())


def test_history_says_first_what_in_the_ledger_does_not_verify(judged: World, rai: Callable[[World], Command]) -> None:
    with contextlib.closing(sqlite3.connect(judged.home.settings.home / "ledger" / "ledger.db")) as database, database:
        database.execute(
            """update ledger_entries set body = replace(body, '"FAIL"', '"PASS"') where model = 'unfair'"""
        )
        database.execute("delete from ledger_entries where model = 'unfair' and kind = 'refusal'")
    for words in (["history", "unfair"], ["history", "unfair", "--json"]):
        code, out, err = rai(judged)(*words)
        assert code == 1
        assert "(verdict of unfair) was changed after it was written" in err
        assert "is missing" in err or "entries were cut or added" in err
        assert "does not verify" not in out
    assert {entry["model"] for entry in json.loads(out)} == {"unfair"}


def test_a_registered_name_is_not_taken_over_by_another_file(tmp_path: Path, rai: Callable[[World], Command]) -> None:
    world = World(tmp_path / "world")
    mine, theirs = (write_spec(tmp_path / f"{whose}.yaml", name="loans") for whose in ("mine", "theirs"))
    register(mine, world.settings)
    link = world.settings.models / "loans" / "defs.yaml"
    code, out, _ = rai(world)("run", "--spec", str(theirs), "--json")
    message = json.loads(out)["error"]["message"]
    assert (code, link.resolve()) == (2, mine)
    assert str(mine) in message
    assert f"rm {link}" in message
    assert register(mine, world.settings).path == mine
    mine.unlink()
    register(theirs, world.settings)
    assert link.resolve() == theirs


def test_doctor_finds_the_alias_and_mends_it(released: World, rai: Callable[[World], Command]) -> None:
    client = released.home.registry.client
    client.set_registered_model_alias("fair", "production", client.create_model_version("fair", source="x").version)
    run = rai(released)
    _, out, _ = run("doctor", "--json")
    found = json.loads(out)["diagnoses"]
    assert any(item["subject"] == "records of fair" and "alias points to version 2" in item["found"] for item in found)
    _, out, _ = run("doctor", "--mend", "--json")
    assert json.loads(out)["mended"] == ["fair: the alias `production` pointed to version 2; put to version 1"]
    assert released.home.registry.alias("fair") == "1"


def test_doctor_gives_exit_code_1_where_the_ledger_was_touched(judged: World, rai: Callable[[World], Command]) -> None:
    (judged.home.settings.home / "keys" / "ledger_head.json").write_text("{}")
    code, out, _ = rai(judged)("doctor")
    assert code == 1
    assert "the anchor is not signed" in " ".join(out.split())


def test_init_writes_a_spec_that_runs(judged: World, rai: Callable[[World], Command]) -> None:
    lending(rows=3000, seed=5, disparate_impact=1.0).drop(columns="approved").to_csv(
        judged.folder / "loans.csv", index=False
    )
    run = rai(judged)
    code, out, _ = run("init", "loans", "--data", "loans.csv", "--target", "repaid", "--json")
    made = json.loads(out)
    assert code == 0
    written = yaml.safe_load(Path(made["spec"]).read_text())["attributes"]
    assert [feature["name"] for feature in written["sensitive_features"]] == ["sex", "age"]
    assert "guessed as sensitive: sex, age" in made["remarks"][0]
    code, out, _ = run("run", "loans", "--only", "training_data", "--json")
    assert code == 0, out
    assert {verdict["asset"] for verdict in json.loads(out)["verdicts"]} == {"training_data"}
    code, out, _ = run("init", "loans", "--data", "loans.csv", "--target", "repaid", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "invalid_spec")


# --- bad input -------------------------------------------------------------------------------------------------------


def broken_table(folder: Path, name: str) -> str:
    table = lending(rows=200, seed=1)
    path = folder / f"{name}.csv"
    if name == "empty":
        path.write_bytes(b"")
    elif name == "latin":
        table.assign(home="größer").to_csv(path, index=False, encoding="latin-1")
    elif name == "one_class":
        table.assign(repaid=1).to_csv(path, index=False)
    elif name == "all_null":
        table.assign(income=None).to_csv(path, index=False)
    elif name != "missing":
        table.to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(
    ("table", "changes", "code", "says"),
    [
        ("missing", {}, "unreadable_data", "no such file"),
        ("empty", {}, "unreadable_data", "empty file"),
        ("latin", {}, "unreadable_data", "encoding"),
        ("plain", {"data": {"target": "repayed"}}, "unknown_column", "did you mean 'repaid'"),
        ("one_class", {}, "unsuitable_data", "expected two labels"),
        ("plain", {"sensitive_features": [{"name": "gender"}]}, "unknown_column", "no column 'gender'"),
        ("all_null", {}, "unsuitable_data", "every value is missing"),
        ("plain", {"estimater": {}}, "invalid_spec", "did you mean 'estimator'"),
        (
            "plain",
            {"estimator": {"type": "sklearn.linear_model.LogisticRegresion"}},
            "unusable_estimator",
            "did you mean",
        ),
        ("plain", {"estimator": {"type": "nowhere.Model"}}, "unusable_estimator", "cannot import 'nowhere'"),
        (
            "plain",
            {"policy": {"requirements": [{"metric": "disparate_impct", "min": 0.8}]}},
            "invalid_spec",
            "did you mean 'disparate_impact'",
        ),
        ("plain", {"policy": "no_such_policy.yaml"}, "invalid_spec", "no such file"),
    ],
)
def test_bad_input_gets_one_clear_error_and_exit_code_2(
    judged: World, rai: Callable[[World], Command], table: str, changes: dict[str, Any], code: str, says: str
) -> None:
    data = {"source": broken_table(judged.folder, table), "target": "repaid", "exclude": ["approved", "sex"]}
    attributes = {"name": "broken", **changes, "data": {**data, **changes.get("data", {})}}
    spec = write_spec(judged.folder / "broken.yaml", **attributes)
    exit_code, out, err = rai(judged)("run", "--spec", str(spec), "--json")
    answer = json.loads(out)
    assert exit_code == 2, answer
    assert answer["error"]["code"] == code
    assert says in answer["error"]["message"]
    assert "Traceback" not in err


def test_words_off_the_command_line_get_exit_code_2(judged: World, rai: Callable[[World], Command]) -> None:
    run = rai(judged)
    for words in (["run"], ["run", "nope"], ["run", "fair", "--only", "fairnes_report"], ["promote"], ["frobnicate"]):
        code, out, err = run(*words, "--json")
        assert code == 2, words
        assert json.loads(out)["error"]["message"]
        assert "Traceback" not in err
    code, out, err = run("run", "lendin")
    assert (code, out) == (2, "")
    assert "did you mean 'lending'" in " ".join(err.split())


@pytest.mark.slow
def test_a_group_of_three_and_a_group_without_positives_are_no_bad_input(
    judged: World, rai: Callable[[World], Command]
) -> None:
    table = lending(rows=3000, seed=5, disparate_impact=1.0)
    table["region"] = "north"
    table.loc[:2, "region"] = "islands"
    table.loc[3:60, "region"] = "south"
    table.loc[3:60, "repaid"] = 0
    table.to_csv(judged.folder / "regions.csv", index=False)
    spec = write_spec(
        judged.folder / "regions.yaml",
        name="regions",
        data={"source": "regions.csv", "target": "repaid", "exclude": ["approved", "sex", "region"]},
        sensitive_features=[{"name": "region"}],
        policy={"requirements": [{"metric": "label_rate_ratio", "severity": "off", "reason": "Regions differ."}]},
    )
    code, out, _ = rai(judged)("run", "--spec", str(spec), "--json")
    status = json.loads(out)
    assert code == 3
    verdict = next(item for item in status["verdicts"] if item["check"] == "equalized_odds_difference__region")
    assert verdict["verdict"] == "INSUFFICIENT_EVIDENCE"
    assert "too small" in verdict["reason"]
    card = (judged.folder / "home" / "cards" / "regions" / "model_card.md").read_text()
    assert "islands" in card
    assert "not estimable: no positives" in card or "no positives" in card
