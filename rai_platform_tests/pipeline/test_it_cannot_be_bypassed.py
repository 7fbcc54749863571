"""Ways around the gate, each tried through Dagster itself: production stays as it was, and the run says why."""

import dataclasses
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from rai_platform.pipeline.code_versions import code_version
from rai_platform.pipeline.history import DagsterHistory
from rai_platform.pipeline.releasing import attempt_release
from rai_platform.pipeline.steps import Step
from rai_platform.pipeline.values import LEDGER_ENTRY, StoredValues
from rai_platform.registry.production import ALIAS, ProductionRegistry
from rai_platform.release.decision import Promotion, Refusal
from rai_platform.release.judgement import judge
from rai_platform.release.ledger import Entry
from rai_platform.release.ledger import _digest as entry_digest
from rai_platform.release.records import started_entry, verdict_entry
from rai_platform.spec.digests import canonical_json
from rai_platform.spec.requirements import checks_of
from rai_platform_tests.pipeline.flaky import fails_once
from rai_platform_tests.pipeline.replacing import replaced_fairness_report
from rai_platform_tests.world import World, lending_attributes, materialized, told, unfair_data

REPORTS = ["performance_report", "fairness_report", "shap_explanations", "robustness_scores"]
BEFORE_PRODUCTION = ["training_data", "test_data", "candidate_model", "predictions", *REPORTS, "model_card"]


def assert_refused(world: World, name: str, result: dg.ExecuteInProcessResult, *reasons: str) -> None:
    """Production is what it was, nothing was materialized as production, and the run says why."""
    assert not result.success
    assert "production_model" not in materialized(result)
    for reason in reasons:
        assert reason in told(result), told(result)
    assert not world.entries(name, "promotion")
    assert world.home.registry.alias(name) is None


def keys(name: str, *assets: str) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(dg.AssetKey([name, asset]) for asset in assets))


# --- what Dagster lets a person select ---------------------------------------------------------------------------


def test_production_model_alone_after_a_failed_run(judged: World) -> None:
    result = judged.run("unfair", ["production_model"])
    assert_refused(judged, "unfair", result, "promotion_gate", "disparate_impact__sex fails")
    assert judged.status("unfair").production is None


@pytest.mark.slow
def test_every_check_deselected(judged: World) -> None:
    judged.write("unchecked", data=unfair_data())
    result = judged.run("unchecked", dg.AssetSelection.groups("unchecked").without_checks())
    assert {"model_card", "fairness_report"} <= materialized(result)
    assert_refused(judged, "unchecked", result, "no verdict", "disparate_impact__sex")


def test_the_gate_deselected(judged: World) -> None:
    judged.write("ungated", data=unfair_data())
    everything = dg.AssetSelection.groups("ungated")
    gates = dg.AssetSelection.checks_for_assets(dg.AssetKey(["ungated", "model_card"]))
    result = judged.run("ungated", everything - gates)
    assert "model_card" in materialized(result)
    assert_refused(judged, "ungated", result, "disparate_impact__sex fails")


@pytest.mark.parametrize(
    "left_out",
    ["model_card", *(pytest.param(asset, marks=pytest.mark.slow) for asset in ("fairness_report", "predictions"))],
)
def test_an_asset_between_left_out_of_the_selection(judged: World, left_out: str) -> None:
    judged.write("gap", data=unfair_data())
    chosen = [asset for asset in [*BEFORE_PRODUCTION, "production_model"] if asset != left_out]
    result = judged.run("gap", chosen)
    assert_refused(judged, "gap", result)
    alone = judged.run("gap", ["production_model"])
    assert_refused(judged, "gap", alone, "materialize")


@pytest.mark.slow
def test_report_checks_never_run(judged: World) -> None:
    judged.write("unjudged", data=unfair_data())
    name = "unjudged"
    first = keys(name, "training_data", "test_data", "candidate_model", "predictions", "model_card", "production_model")
    result = judged.run(name, first | keys(name, *REPORTS).without_checks())
    assert_refused(judged, name, result, "no verdict")
    assert_refused(judged, name, judged.run(name, ["production_model"]), "no verdict", "disparate_impact__sex")


# --- checks that do not do their work ----------------------------------------------------------------------------


def honest_entries(step: Step, report: Any, digest: str) -> list[Entry]:
    """The verdicts that the platform itself would record."""
    verdicts = [
        judge(
            check,
            report,
            step.definition,
            subject=report.subject,
            evidence_digest=digest,
            code_version=code_version("fairness_report"),
        )
        for check in checks_of(step.definition, "fairness_report")
    ]
    return step.home.ledger.append(
        [verdict_entry(step.definition.name, verdict, run_id=step.run_id) for verdict in verdicts]
    )


@pytest.mark.slow
def test_a_check_that_crashed(judged: World) -> None:
    judged.write("crashing")

    def crashes(step: Step, report: Any, _digest: str) -> Iterator[Any]:
        step.home.ledger.append(
            [
                started_entry(
                    "crashing",
                    asset="fairness_report",
                    checks=["disparate_impact__sex"],
                    subject=report.subject,
                    policy_digest=step.definition.policy.digest,
                    run_id=step.run_id,
                )
            ]
        )
        raise MemoryError("the machine gave out")
        yield

    result = judged.run("crashing", replaced=[replaced_fairness_report(judged, "crashing", crashes)])
    assert_refused(judged, "crashing", result, "the machine gave out")
    alone = judged.run("crashing", ["model_card", "production_model"])
    assert_refused(judged, "crashing", alone)


def test_a_check_that_crashed_after_an_earlier_pass(judged: World) -> None:
    def crashes(step: Step, report: Any, _digest: str) -> Iterator[Any]:
        step.home.ledger.append(
            [
                started_entry(
                    "fair",
                    asset="fairness_report",
                    checks=["disparate_impact__sex"],
                    subject=report.subject,
                    policy_digest=step.definition.policy.digest,
                    run_id=step.run_id,
                )
            ]
        )
        raise MemoryError("the machine gave out")
        yield

    judged.run("fair", ["fairness_report"], replaced=[replaced_fairness_report(judged, "fair", crashes)])
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "never finished")


@pytest.mark.slow
def test_a_check_that_returned_nothing(judged: World) -> None:
    judged.write("silent", data=unfair_data())

    def returns_nothing(_step: Step, _report: Any, _digest: str) -> Iterator[Any]:
        yield from ()

    result = judged.run("silent", replaced=[replaced_fairness_report(judged, "silent", returns_nothing)])
    assert_refused(judged, "silent", result, "no verdict")
    assert_refused(judged, "silent", judged.run("silent", ["production_model"]), "no verdict")


@pytest.mark.slow
def test_a_warning_where_the_policy_says_block(judged: World) -> None:
    judged.write("warned", data=unfair_data())

    def only_warns(step: Step, report: Any, digest: str) -> Iterator[Any]:
        for entry, check in zip(
            honest_entries(step, report, digest), checks_of(step.definition, "fairness_report"), strict=True
        ):
            yield dg.AssetCheckResult(
                asset_key=step.key("fairness_report"),
                check_name=check.name,
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={LEDGER_ENTRY: str(entry.sequence)},
            )

    result = judged.run("warned", replaced=[replaced_fairness_report(judged, "warned", only_warns)])
    assert_refused(judged, "warned", result, "disparate_impact__sex fails")
    assert_refused(judged, "warned", judged.run("warned", ["production_model"]), "disparate_impact__sex fails")


def test_a_check_that_tells_dagster_otherwise_than_the_ledger(judged: World) -> None:
    def says_it_failed(step: Step, report: Any, digest: str) -> Iterator[Any]:
        for entry, check in zip(
            honest_entries(step, report, digest), checks_of(step.definition, "fairness_report"), strict=True
        ):
            yield dg.AssetCheckResult(
                asset_key=step.key("fairness_report"),
                check_name=check.name,
                passed=False,
                metadata={LEDGER_ENTRY: str(entry.sequence)},
            )

    judged.run("fair", ["fairness_report"], replaced=[replaced_fairness_report(judged, "fair", says_it_failed)])
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "does not agree with ledger entry")


@pytest.mark.slow
def test_a_failed_check_run_again_by_hand_until_it_passes(judged: World) -> None:
    judged.write("flaky")
    replaced = replaced_fairness_report(judged, "flaky", fails_once)
    assert not judged.run("flaky", replaced=[replaced]).success
    again = judged.run("flaky", ["fairness_report", "model_card", "production_model"], replaced=[replaced])
    assert_refused(judged, "flaky", again, "a later judgement does not undo this one")
    assert_refused(judged, "flaky", judged.run("flaky", ["production_model"]), "does not undo")


# --- another model, other data, another policy ---------------------------------------------------------------------


def test_another_runs_model_landing_while_the_checks_run(judged: World) -> None:
    intruder = {**lending_attributes()["estimator"], "params": {"max_iter": 500, "C": 0.01}}

    def lets_another_training_land(step: Step, report: Any, digest: str) -> Iterator[Any]:
        judged.write("fair", estimator=intruder)
        assert judged.run("fair", ["candidate_model"]).success
        for entry, check in zip(
            honest_entries(step, report, digest), checks_of(step.definition, "fairness_report"), strict=True
        ):
            yield dg.AssetCheckResult(
                asset_key=step.key("fairness_report"),
                check_name=check.name,
                passed=True,
                metadata={LEDGER_ENTRY: str(entry.sequence)},
            )

    result = judged.run(
        "fair",
        ["fairness_report", "model_card", "production_model"],
        replaced=[replaced_fairness_report(judged, "fair", lets_another_training_land)],
    )
    assert_refused(judged, "fair", result, "gather the evidence again")
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "gather the evidence again")


def test_evidence_of_an_earlier_model_after_retraining(judged: World) -> None:
    judged.write("fair", estimator={**lending_attributes()["estimator"], "params": {"max_iter": 500, "C": 0.01}})
    assert judged.run("fair", ["candidate_model"]).success
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "no verdict about this model")


def test_test_data_changed_after_the_reports(judged: World) -> None:
    judged.write("fair", split={"test_size": 0.5, "seed": 99})
    assert judged.run("fair", ["test_data"]).success
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "no verdict about this model")


def test_a_policy_tightened_after_the_reports(judged: World) -> None:
    policy = {**lending_attributes()["policy"]}
    policy["requirements"] = [*policy["requirements"], {"metric": "roc_auc", "min": 0.6}]
    judged.write("fair", policy=policy)
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "another policy", "roc_auc")


def test_a_sensitive_feature_declared_after_the_reports(judged: World) -> None:
    features = [{"name": "sex"}, {"name": "age_group", "column": "age", "bins": [40]}]
    judged.write("fair", sensitive_features=features)
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "disparate_impact__age_group")


# --- bytes and records that were touched ---------------------------------------------------------------------------


@pytest.mark.parametrize("asset", ["candidate_model", "predictions", "fairness_report", "model_card"])
def test_a_stored_value_swapped_on_disk(judged: World, asset: str) -> None:
    with judged.instance() as instance:
        digest = StoredValues(instance, judged.home.store, None).digest(dg.AssetKey(["fair", asset]))
    _overwrite(judged, digest)
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "was changed after it was written")


def test_a_model_file_swapped_on_disk(judged: World) -> None:
    with judged.instance() as instance:
        candidate = StoredValues(instance, judged.home.store, None).read(dg.AssetKey(["fair", "candidate_model"]))
    _overwrite(judged, candidate.files["estimator"].blob)
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "was changed after it was written")


def test_a_verdict_edited(judged: World) -> None:
    with _ledger_database(judged) as database:
        rows = database.execute(
            "select sequence, body from ledger_entries where model = 'unfair' and kind = 'verdict'"
        ).fetchall()
        for sequence, body in rows:
            verdict = json.loads(body)
            verdict["verdict"]["outcome"] = "PASS"
            database.execute("update ledger_entries set body = ? where sequence = ?", (json.dumps(verdict), sequence))
    assert_refused(judged, "unfair", judged.run("unfair", ["production_model"]), "was changed after it was written")


def test_a_verdict_deleted(judged: World) -> None:
    with _ledger_database(judged) as database:
        database.execute(
            "delete from ledger_entries where sequence = (select min(sequence) from ledger_entries "
            "where model = 'unfair' and body like '%\"FAIL\"%')"
        )
    assert_refused(judged, "unfair", judged.run("unfair", ["production_model"]), "is missing")


def test_the_ledger_cut_at_the_end(judged: World) -> None:
    with _ledger_database(judged) as database:
        database.execute("delete from ledger_entries where sequence > (select max(sequence) - 3 from ledger_entries)")
    assert_refused(judged, "unfair", judged.run("unfair", ["production_model"]), "entries were cut or added")


def test_the_ledger_cut_together_with_its_head(judged: World) -> None:
    before = judged.home.settings.home / "ledger"
    kept = {file: file.read_bytes() for file in before.iterdir()}
    judged.run("unfair", ["production_model"])
    for file in before.iterdir():
        file.unlink()
    for file, content in kept.items():
        file.write_bytes(content)
    assert_refused(judged, "unfair", judged.run("unfair", ["production_model"]), "its end was cut off")


def test_the_chain_recomputed(judged: World) -> None:
    with _ledger_database(judged) as database:
        previous = "0" * 64
        columns = "sequence, kind, model, recorded_at, body"
        for sequence, kind, model, recorded_at, text in database.execute(
            f"select {columns} from ledger_entries order by sequence"  # noqa: S608 - our own words
        ).fetchall():
            body = json.loads(text.replace('"FAIL"', '"PASS"'))
            entry = Entry(
                sequence=sequence,
                kind=kind,
                model=model,
                recorded_at=recorded_at,
                body=body,
                previous=previous,
                digest="",
            )
            digest = entry_digest(entry)
            database.execute(
                "update ledger_entries set body = ?, previous = ?, digest = ? where sequence = ?",
                (canonical_json(body).decode(), previous, digest, sequence),
            )
            previous = digest
        database.execute("update ledger_head set digest = ?", (previous,))
    assert_refused(judged, "unfair", judged.run("unfair", ["production_model"]), "computed anew")


def test_the_ledger_removed(judged: World) -> None:
    for file in (judged.home.settings.home / "ledger").iterdir():
        file.unlink()
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "the ledger does not verify")


def test_an_asset_wiped(judged: World) -> None:
    with judged.instance() as instance:
        instance.wipe_assets([dg.AssetKey(["fair", "fairness_report"])])
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "Dagster has forgotten it")


def test_a_check_wiped_and_its_report_brought_back_without_it(judged: World) -> None:
    with judged.instance() as instance:
        instance.wipe_assets([dg.AssetKey(["fair", "fairness_report"])])
    judged.run("fair", keys("fair", "fairness_report").without_checks())
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "Dagster no longer knows")


def test_the_run_that_gathered_the_evidence_deleted(judged: World) -> None:
    with judged.instance() as instance:
        for run in instance.get_runs():
            instance.delete_run(run.run_id)
    assert_refused(judged, "fair", judged.run("fair", ["production_model"]), "Dagster has forgotten it")
    assert [entry.kind for entry in judged.entries("fair", "verdict")], "the ledger remembers what Dagster forgot"


# --- production itself -----------------------------------------------------------------------------------------------


def test_the_alias_moved_by_hand_is_found_put_right_and_logged(released: World) -> None:
    registry = released.home.registry
    stranger = registry.client.create_model_version("fair", source="somewhere/else")
    registry.client.set_registered_model_alias("fair", ALIAS, stranger.version)
    assert any("MLflow's alias points to version 2" in reason for reason in released.status("fair").reasons)

    result = released.run("fair", ["production_model"])
    assert result.success
    assert registry.alias("fair") == "1"
    assert "pointed to version 2; put to version 1" in released.entries("fair", "alias_restored")[-1].body["found"]
    assert released.status("fair").decided_because == ("identical to the production model already",)
    assert released.status("fair").out_of_order == ()


def test_an_alias_on_a_model_that_was_never_promoted_is_taken_away(judged: World) -> None:
    client = judged.home.registry.client
    client.create_registered_model("unfair")
    version = client.create_model_version("unfair", source="somewhere/else")
    client.set_registered_model_alias("unfair", ALIAS, version.version)
    assert_refused(judged, "unfair", judged.run("unfair", ["production_model"]))
    assert "never promoted" in judged.entries("unfair", "alias_restored")[-1].body["found"]


class MeetsAtPromotion(ProductionRegistry):
    """A registry whose promotions wait for each other after they were decided and before they are recorded."""

    barrier = threading.Barrier(2, timeout=60)

    def promote(self, promotion: Promotion, *args: Any, **options: Any) -> Any:
        self.barrier.wait()
        return super().promote(promotion, *args, **options)


def test_of_two_promotions_at_once_one_wins_and_one_is_told(judged: World) -> None:
    outcomes: list[Any] = []

    def promote() -> None:
        home = judged.home
        known = {field.name: getattr(home.registry, field.name) for field in dataclasses.fields(home.registry)}
        home.__dict__["registry"] = MeetsAtPromotion(**known)
        with judged.instance() as instance:
            step = Step(
                definition=judged.model("fair"),
                home=home,
                values=StoredValues(instance, home.store, None),
                run_id="at-once",
                mlflow_run_id=lambda: "none",
            )
            outcomes.append(attempt_release(step, DagsterHistory(instance, step.definition)))

    threads = [threading.Thread(target=promote) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(outcomes) == 2
    assert len(refused) == 1
    assert "another model was promoted" in refused[0].reasons[0]
    assert len(judged.entries("fair", "promotion")) == 1


def test_a_promotion_cannot_be_made_by_hand() -> None:
    with pytest.raises(TypeError, match="made by release"):
        Promotion(
            model="fair",
            subject=None,
            training_digest=None,
            policy_digest="",
            policy_name="",
            rules_digest=None,
            card_digest="",  # type: ignore[arg-type]
            card_says="",
            evidence={},
            verdicts=(),
            disclosed=(),
            earlier=(),
            departures=(),
            as_of=0,
            replaces=None,
            seal=object(),
        )


def _overwrite(world: World, digest: str) -> None:
    path = world.home.settings.home / "store" / digest[:2] / digest
    path.write_bytes(path.read_bytes() + b" ")


class _ledger_database:  # noqa: N801 - used as a function
    """The ledger's database, opened behind the platform's back."""

    def __init__(self, world: World) -> None:
        self._path = Path(world.home.settings.home) / "ledger" / "ledger.db"

    def __enter__(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(self._path)
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.commit()
        self._connection.close()
