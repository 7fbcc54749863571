"""Ways to have something else served than what was released: each is found, put right from the store, and on record."""

import dataclasses
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import mlflow.pyfunc
import pytest

from rai_platform.pipeline.history import DagsterHistory
from rai_platform.pipeline.releasing import attempt_release
from rai_platform.pipeline.steps import Step
from rai_platform.pipeline.values import BLOB, StoredValues, encode
from rai_platform.registry.production import ALIAS, ProductionRegistry
from rai_platform.release.decision import Promotion, Refusal
from rai_platform.release.ledger import NewEntry
from rai_platform.release.records import read_verdicts, verdict_entry
from rai_platform_tests.world import World, lending_attributes, told, unfair_data


def folder_of_alias(world: World, name: str) -> Path:
    """The release that the alias leads to."""
    version = world.home.registry.client.get_model_version_by_alias(name, ALIAS)
    return Path(str(version.source).removeprefix("file://"))


def assert_served_as_released(world: World, name: str) -> None:
    production = world.status(name).production
    assert production is not None
    assert world.home.registry.damage(production) is None
    assert world.home.registry.alias(name) == production.version
    assert not world.home.ledger.problems()


def change_a_file(world: World) -> None:
    candidate = next(folder_of_alias(world, "fair").rglob("candidate.json"))
    candidate.write_text(candidate.read_text().replace('"threshold": 0.5', '"threshold": 0.9'))


def add_a_file(world: World) -> None:
    (folder_of_alias(world, "fair") / "code.py").write_text("import os")


def remove_all_files(world: World) -> None:
    shutil.rmtree(folder_of_alias(world, "fair"))


def delete_the_version(world: World) -> None:
    world.home.registry.client.delete_model_version("fair", "1")


def begin_the_model_anew(world: World) -> None:
    client = world.home.registry.client
    client.delete_registered_model("fair")
    client.create_registered_model("fair")
    client.create_model_version("fair", source="somewhere/else")
    client.set_registered_model_alias("fair", ALIAS, "1")


def lose_the_database(world: World) -> None:
    database = sqlite3.connect(world.settings.home / "mlflow" / "mlflow.db")
    tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
    for table in set(tables) - {"alembic_version", "sqlite_sequence", "workspaces"}:
        database.execute(f'delete from "{table}"')  # noqa: S608 - the names of tables
    database.commit()
    database.close()


def delete_the_run(world: World) -> None:
    client = world.home.registry.client
    client.delete_run(client.get_model_version_by_alias("fair", ALIAS).run_id)
    client.delete_model_version("fair", "1")


@pytest.fixture
def released_files(released: World, tmp_path: Path) -> Iterator[None]:
    """Puts the files of the release back: MLflow names them by their whole path, so that copies of a world share them."""
    folder, kept = folder_of_alias(released, "fair"), tmp_path / "kept"
    shutil.copytree(folder, kept)
    yield
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder)


@pytest.mark.usefixtures("released_files")
@pytest.mark.parametrize(
    "harm",
    [
        change_a_file,
        add_a_file,
        remove_all_files,
        delete_the_version,
        begin_the_model_anew,
        lose_the_database,
        delete_the_run,
    ],
)
def test_a_version_that_was_touched_is_found_and_restored_from_the_store(
    released: World, harm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    harm(released)
    assert any("the next run restores what was released" in reason for reason in released.status("fair").reasons)
    result = released.run("fair", ["production_model"])
    assert result.success, told(result)
    assert_served_as_released(released, "fair")
    monkeypatch.setenv("RAI_HOME", str(released.settings.home))
    mlflow.set_tracking_uri(released.settings.tracking_uri)
    assert mlflow.pyfunc.load_model(f"models:/fair@{ALIAS}") is not None
    (restored,) = released.entries("fair", "release_restored")
    assert restored.body["found"]
    assert len(released.entries("fair", "promotion")) == 1, "what was decided stays as it was"
    again = released.run("fair", ["production_model"])
    assert again.success
    assert len(released.entries("fair", "release_restored")) == 1


def test_a_version_that_only_bears_the_tag_of_a_promotion_is_not_taken_for_it(judged: World) -> None:
    planted: list[str] = []

    class Plants(ProductionRegistry):
        def _left_behind(self, candidate: Any, tags: Any, folder: Path, path: str) -> Any:
            self._ensure_registered("fair")
            version = self.client.create_model_version("fair", source="somewhere/else", tags=dict(tags))
            planted.append(str(version.version))
            return super()._left_behind(candidate, tags, folder, path)

    outcome = promote_with(judged, Plants)
    assert not isinstance(outcome, Refusal)
    assert outcome.production.version not in planted
    assert_served_as_released(judged, "fair")


@pytest.mark.slow
def test_a_later_model_of_the_same_run_leaves_the_released_files_alone(released: World) -> None:
    before = {file: file.read_bytes() for file in folder_of_alias(released, "fair").rglob("*") if file.is_file()}
    released.write("fair", estimator={**lending_attributes()["estimator"], "params": {"max_iter": 500, "C": 0.01}})
    assert released.run("fair").success
    assert all(file.read_bytes() == content for file, content in before.items())
    assert len(released.entries("fair", "promotion")) == 2
    assert_served_as_released(released, "fair")


def promote_with(world: World, registry: type[ProductionRegistry]) -> Any:
    """Decides about `fair` and acts on it, with a registry of the test's own."""
    home = world.home
    known = {field.name: getattr(home.registry, field.name) for field in dataclasses.fields(home.registry)}
    home.__dict__["registry"] = registry(**known)
    with world.instance() as instance:
        step = Step(
            definition=world.model("fair"),
            home=home,
            values=StoredValues(instance, home.store, None),
            run_id="by-hand",
            mlflow_run_id=lambda: "none",
        )
        return attempt_release(step, DagsterHistory(instance, step.definition))


def test_a_failure_that_is_recorded_between_decision_and_promotion_stops_it(judged: World) -> None:
    class JudgedMeanwhile(ProductionRegistry):
        def promote(self, promotion: Promotion, *args: Any, **options: Any) -> Any:
            with self.ledger.read() as reader:
                verdict = next(
                    item.verdict
                    for item in read_verdicts(reader, "fair")
                    if item.verdict.check == "disparate_impact__sex"
                )
            failed = dataclasses.replace(verdict, outcome="FAIL", reason="Another run found otherwise.")
            self.ledger.append([verdict_entry("fair", failed, run_id="another")])
            return super().promote(promotion, *args, **options)

    outcome = promote_with(judged, JudgedMeanwhile)
    assert isinstance(outcome, Refusal)
    assert "judged after it was decided" in outcome.reasons[0]
    assert judged.status("fair").production is None
    refused = judged.run("fair", ["production_model"])
    assert "disparate_impact__sex fails" in told(refused)


def test_a_change_of_production_between_decision_and_promotion_stops_it_though_nothing_is_in_it_again(
    judged: World,
) -> None:
    left = {"entry": 1, "promotion": 1, "version": "1", "model_digest": "0" * 64}

    class WithdrawnMeanwhile(ProductionRegistry):
        def promote(self, promotion: Promotion, *args: Any, **options: Any) -> Any:
            body = {"left": left, "reason": "An alarm.", "actor": "ada", "by": "hand"}
            self.ledger.append([NewEntry(kind="withdrawal", model="fair", body=body)])
            return super().promote(promotion, *args, **options)

    outcome = promote_with(judged, WithdrawnMeanwhile)
    assert isinstance(outcome, Refusal)
    assert "what is in production changed after it was decided" in outcome.reasons[0]
    assert judged.entries("fair", "promotion") == []


def test_a_card_forged_in_dagsters_own_records_is_refused(judged: World) -> None:
    key = dg.AssetKey(["fair", "model_card"])
    with judged.instance() as instance:
        card = StoredValues(instance, judged.home.store, None).read(key)
        forged = dataclasses.replace(card, intended_use="Decides on mortgages without a person.")
        blob = judged.home.store.put(encode(forged))
        run = instance.get_run_by_id(instance.fetch_materializations(key, limit=1).records[0].run_id)
        assert run is not None
        event = dg.AssetMaterialization(key, metadata={BLOB: blob})
        instance.report_dagster_event(
            dg.DagsterEvent(
                event_type_value="ASSET_MATERIALIZATION",
                job_name=run.job_name,
                event_specific_data=dg._core.events.StepMaterializationData(event),
            ),
            run_id=run.run_id,
        )
    refused = judged.run("fair", ["production_model"])
    assert not refused.success
    assert "the model card does not say what" in told(refused)


@pytest.mark.slow
def test_texts_changed_after_the_card_was_written_need_a_new_card(judged: World) -> None:
    judged.write("fair", intended_use="Decides on mortgages without a person.")
    refused = judged.run("fair", ["production_model"])
    assert not refused.success
    assert "the model card does not say what" in told(refused)
    written = judged.run("fair", ["model_card", "production_model"])
    assert written.success, told(written)


@pytest.mark.slow
def test_a_card_written_before_the_verdicts_is_refused(judged: World) -> None:
    judged.write("early")
    everything = dg.AssetSelection.groups("early")
    gate = dg.AssetSelection.assets(dg.AssetKey(["early", "production_model"]))
    assert judged.run("early", (everything - gate).without_checks()).success
    checks = everything - everything.without_checks()
    judged.run("early", checks)
    refused = judged.run("early", ["production_model"])
    assert not refused.success
    assert judged.status("early").production is None


def test_an_older_run_repeated_promotes_nothing_that_is_not_there_now(judged: World) -> None:
    judged.write("fair", split={"test_size": 0.5, "seed": 99})
    assert judged.run("fair", ["test_data"]).success
    with judged.instance() as instance:
        older = instance.fetch_materializations(dg.AssetKey(["fair", "model_card"]), limit=1).records[0].run_id
        definitions = judged.definitions(
            judged.model("fair"), (), dg.define_asset_job("again", selection="fair/production_model")
        )
        repeated = definitions.resolve_job_def("again").execute_in_process(
            instance=instance, raise_on_error=False, tags={"dagster/parent_run_id": older, "dagster/root_run_id": older}
        )
    assert not repeated.success
    assert judged.status("fair").production is None


@pytest.mark.slow
def test_what_was_found_against_this_very_model_stays_on_its_card(judged: World) -> None:
    features = [{"name": "age_group", "column": "age", "bins": [40]}]
    judged.write("unfair", data=unfair_data(), sensitive_features=features)
    result = judged.run("unfair")
    card = (judged.settings.home / "cards" / "unfair" / "model_card.md").read_text()
    assert "On record against this very model, and no longer counted" in card
    assert "disparate\\_impact\\_\\_sex failed" in card or "disparate_impact__sex failed" in card
    assert "The policy asks for less than the default one" in card
    if result.success:
        certificate = judged.entries("unfair", "promotion")[-1].body
        assert certificate["earlier"]
        assert certificate["departures"]


@pytest.mark.slow
def test_a_model_judged_on_rows_it_has_seen_is_refused(judged: World) -> None:
    judged.write("fair", split={"test_size": 0.5, "seed": 99})
    assert judged.run("fair", ["training_data", "candidate_model"]).success
    judged.write("fair")
    evidence = ["test_data", "predictions", "performance_report", "fairness_report", "shap_explanations"]
    judged.run("fair", [*evidence, "robustness_scores", "model_card"])
    refused = judged.run("fair", ["production_model"])
    assert not refused.success
    assert "compared with other training data than the candidate learned from" in told(refused)


@pytest.mark.slow
def test_words_that_change_after_a_release_are_published_with_a_new_card_of_the_same_model(released: World) -> None:
    before = released.status("fair").production
    assert before is not None
    released.write("fair", limitations=["Not for people without a bank account."])
    result = released.run("fair")
    assert result.success, told(result)
    status = released.status("fair")
    assert status.production is not None
    assert (status.production.model_digest, status.production.version) == (before.model_digest, "2")
    client = released.home.registry.client
    assert "without a bank account" in client.get_model_version("fair", "2").description
    assert released.home.registry.alias("fair") == "2"
    assert released.run("fair").success
    assert [entry.kind for entry in released.entries("fair", "promotion", "confirmation")][-1] == "confirmation"


@pytest.mark.slow
def test_what_was_found_under_another_name_is_on_the_card(judged: World) -> None:
    """The same model, refused as `unfair`, is asked for again by another name and a policy that asks for less."""
    policy = {"extends": "none", "requirements": [{"metric": "accuracy_gain", "min": 0}]}
    judged.write("quiet", data=unfair_data(), policy=policy)
    result = judged.run("quiet")
    assert result.success, told(result)
    (promotion,) = judged.entries("quiet", "promotion")
    assert any(
        "as unfair" in earlier and "disparate_impact__sex failed" in earlier for earlier in promotion.body["earlier"]
    )
    assert "as unfair" in (judged.settings.home / "cards" / "quiet" / "model_card.md").read_text()
