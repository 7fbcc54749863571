"""Drills on a promoted model: what goes wrong is noticed, told, gone back from where there is something to go back to, and seen."""

import contextlib
import dataclasses
import shutil
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import TypeAdapter

from rai_platform.drills.drill import Drill, Plan, run_drill
from rai_platform.errors import BadInput, EvidenceMissing, RaiError
from rai_platform.explanations.report import Explanations
from rai_platform.explanations.row_explainer import background_from_bytes
from rai_platform.home import Home
from rai_platform.monitoring.alarms import Alert
from rai_platform.pipeline.location import shared_resources
from rai_platform.pipeline.monitoring import build_monitoring
from rai_platform.pipeline.watching import acknowledge, look_at_production
from rai_platform.serving.observed import read_observed
from rai_platform.serving.served import find_production, recorded_candidate
from rai_platform.settings import read_settings
from rai_platform.training.loading import load_model
from rai_platform_tests.inbox import Inbox
from rai_platform_tests.serving.conftest import file_at
from rai_platform_tests.world import World

PLAN = Plan(days=6, people=400, begins=4, labels_after=1)


def drilled(world: World, folder: Path, plan: Plan) -> tuple[Drill, list[str]]:
    told: list[str] = []
    return run_drill(world.home, world.model("fair"), plan, folder=folder / "drill", tell=told.append), told


def families(alert: Alert) -> set[str]:
    return {finding.look.monitor.family for finding in alert.findings}


@pytest.fixture(scope="module")
def biased(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Drill, list[str]]:
    return drilled(released_world, tmp_path_factory.mktemp("biased"), PLAN)


def test_bias_against_one_group_is_told_at_once_and_once_more_when_labels_are_there(
    biased: tuple[Drill, list[str]],
) -> None:
    drill, told = biased
    early, late = drill.report.alerts
    assert (early.about, late.about) == ("data and predictions", "performance and fairness")
    assert early.opened == late.opened == (drill.began + timedelta(days=3)).strftime("%Y-%m-%d")
    group = drill.script.says.rpartition("sex = ")[2]
    assert any(
        finding.look.monitor.metric == "selection_rate" and finding.look.monitor.group == group
        for finding in early.findings
    )
    assert "fairness" in families(late)
    assert next(line for line in told if line.startswith("day 4:")).endswith(f"sex = {group}")
    opened = next(message for message in drill.messages if message.told.about == early.about)
    assert any(f"sex = {group}" in sentence and "95 % confidence" in sentence for sentence in opened.sentences)


def test_every_answer_is_on_record_with_its_label_and_its_group(biased: tuple[Drill, list[str]]) -> None:
    drill, _ = biased
    copy = read_settings({"RAI_HOME": str(drill.home)})
    observed = read_observed(copy, "fair", with_groups=False)
    assert len(observed) == PLAN.days * PLAN.people
    assert observed["label"].notna().sum() == (PLAN.days - PLAN.labels_after) * PLAN.people
    assert sum(window.n for window in drill.report.windows) == len(observed)
    assert {window.maturity for window in drill.report.windows[:-1]} == {"mature"}


def test_the_page_of_the_drill_shows_the_alert(biased: tuple[Drill, list[str]]) -> None:
    drill, _ = biased
    page = drill.page.read_text(encoding="utf-8")
    assert drill.page.is_relative_to(drill.home)
    assert "Data and predictions" in page
    assert "What moved the score in the window" in page
    assert drill.report.alerts[0].opened in page


def test_production_itself_is_left_as_it_was(released_world: World, biased: tuple[Drill, list[str]]) -> None:
    assert biased[0].messages
    with released_world.home.ledger.read() as reader:
        assert not list(reader.entries(model="fair", kinds=["alert", "rollback", "rollback_failed"]))
    assert not file_at(released_world.settings.inference_log_url).exists()


@pytest.mark.parametrize(
    "variable", ["RAI_LEDGER_URL", "RAI_LEDGER_ANCHOR", "RAI_STORE_URL", "RAI_SIGNING_KEY", "MLFLOW_TRACKING_URI"]
)
def test_a_drill_that_would_write_into_production_is_refused(released: World, tmp_path: Path, variable: str) -> None:
    default = {
        "RAI_LEDGER_URL": released.settings.ledger_url,
        "RAI_LEDGER_ANCHOR": released.settings.anchor_url,
        "RAI_STORE_URL": released.settings.store_url,
        "RAI_SIGNING_KEY": str(released.settings.signing_key),
        "MLFLOW_TRACKING_URI": released.settings.tracking_uri,
    }
    home = Home(read_settings({**released.settings.environment, variable: default[variable]}))
    with pytest.raises(BadInput, match=f"{variable} keeps part of production elsewhere"):
        run_drill(home, released.model("fair"), PLAN, folder=tmp_path / "drill", tell=print)
    assert not (tmp_path / "drill").exists()


def test_a_drill_tells_nobody_and_knows_no_real_person(released: World, tmp_path: Path, inbox: Inbox) -> None:
    people, log = tmp_path / "people.db", tmp_path / "log.db"
    variables = {
        "RAI_ALERT_URLS": inbox.url,
        "RAI_PROTECTED_ATTRIBUTES": str(people),
        "RAI_INFERENCE_LOG_URL": f"sqlite:///{log}",
    }
    home = Home(read_settings({**released.settings.environment, **variables}))
    plan = dataclasses.replace(PLAN, days=2, begins=1)
    drill = run_drill(home, released.model("fair"), plan, folder=tmp_path / "drill", tell=lambda _: None)
    assert drill.messages
    assert inbox.received == []
    assert not people.exists()
    assert not log.exists()


@pytest.mark.slow
def test_where_nothing_goes_wrong_nobody_is_told_of_anything(released: World, tmp_path: Path) -> None:
    drill, told = drilled(released, tmp_path, dataclasses.replace(PLAN, incident="none"))
    assert (drill.report.alerts, drill.messages, drill.rollbacks) == ((), (), ())
    assert told == ["day 4: nothing goes wrong"]


@pytest.mark.slow
@pytest.mark.parametrize("incident", ["drift", "broken_feature", "outcomes"])
def test_other_incidents_are_noticed_on_their_first_day(released: World, tmp_path: Path, incident: str) -> None:
    drill, _ = drilled(released, tmp_path, dataclasses.replace(PLAN, incident=incident))  # type: ignore[arg-type]
    alert = drill.report.alerts[0]
    assert alert.opened == (drill.began + timedelta(days=3)).strftime("%Y-%m-%d")
    if incident == "outcomes":
        assert alert.about == "performance and fairness"
    else:
        assert alert.findings[0].look.monitor.metric == drill.script.says.partition(" ")[0]


@pytest.mark.slow
def test_the_policy_goes_back_from_a_version_that_is_unfair_in_production(released: World, tmp_path: Path) -> None:
    drill, _ = drilled(
        released, tmp_path, dataclasses.replace(PLAN, newer_version=True, rolls_back_on=("prediction", "fairness"))
    )
    (back,) = drill.rollbacks
    assert back.left is not None
    assert back.production is not None
    assert (back.outcome, back.left.version, back.production.version) == ("rolled_back", "2", "1")
    assert back.seen is not None
    assert back.seen.verified
    assert back.seen.digest == back.production.model_digest
    assert back.seen.seconds < 10
    (told,) = (message for message in drill.messages if message.told.event == "rolled back")
    assert told.title == "fair: production went back from version 2 to version 1"
    assert drill.report.version == "1"
    assert drill.report.alerts == (), "what went wrong was the newer version's alone"


@pytest.fixture
def troubled(released: World, biased: tuple[Drill, list[str]]) -> World:
    """A home with predictions that went wrong, which nobody has looked at."""
    shutil.copytree(biased[0].home / "serving", released.settings.home / "serving")
    return released


@pytest.fixture
def then(biased: tuple[Drill, list[str]]) -> datetime:
    """The end of the last day."""
    return biased[0].began + timedelta(days=PLAN.days)


def test_with_nothing_to_go_back_to_that_is_told_and_on_record_once(
    troubled: World, inbox: Inbox, then: datetime
) -> None:
    home = Home(dataclasses.replace(troubled.settings, alert_urls=(inbox.url,)))
    fair = troubled.model("fair")
    rule = fair.policy.rollback.model_copy(update={"on": ("prediction",)})
    definition = dataclasses.replace(fair, policy=fair.policy.model_copy(update={"rollback": rule}))
    first = look_at_production(home, definition, now=then)
    assert first.rolled_back is not None
    assert (first.rolled_back.outcome, first.rolled_back.passed_over) == ("kept", ())
    title = "fair: production stays at version 1: there is nothing to go back to"
    assert [each["title"] for each in inbox.received if each["title"].startswith("fair: ")] == [title]
    assert [message.title for message in first.messages if message.told.event == "rolled back"] == [title]
    again = look_at_production(home, definition, now=then)
    assert (again.rolled_back, again.messages) == (None, ())
    with troubled.home.ledger.read() as reader:
        (entry,) = reader.entries(model="fair", kinds=["rollback_failed"])
    assert entry.body["by"] == "policy"
    assert entry.body["breach"]["about"] == "data and predictions"


def test_an_alert_is_sent_once_and_a_service_that_does_not_take_it_is_told(
    troubled: World, inbox: Inbox, then: datetime
) -> None:
    settings = dataclasses.replace(troubled.settings, alert_urls=(inbox.url, "json://127.0.0.1:9/nobody"))
    home, definition = Home(settings), troubled.model("fair")
    first = look_at_production(home, definition, now=then)
    assert first.messages
    assert len(inbox.received) == len(first.messages)
    assert "fair, version 1" in inbox.received[0]["title"]
    assert first.not_told == ("json",)
    again = look_at_production(home, definition, now=then)
    assert again.messages == ()
    assert again.report.alerts == first.report.alerts
    with home.ledger.read() as reader:
        kinds = [entry.kind for entry in reader.entries(model="fair", kinds=["alert", "alert_delivery"])]
    assert kinds == ["alert"] * len(first.messages) + ["alert_delivery"] * len(first.messages)


def test_a_url_that_apprise_does_not_know_is_refused_without_telling_it(troubled: World, then: datetime) -> None:
    home = Home(dataclasses.replace(troubled.settings, alert_urls=("nosuch://token-that-is-secret",)))
    with pytest.raises(BadInput, match="Apprise") as refused:
        look_at_production(home, troubled.model("fair"), now=then)
    assert "secret" not in str(refused.value)


def test_whoever_cannot_look_tells_so_once_a_day(troubled: World, inbox: Inbox, then: datetime) -> None:
    home = Home(dataclasses.replace(troubled.settings, alert_urls=(inbox.url,)))
    file_at(troubled.settings.inference_log_url).write_bytes(b"no database")
    for hour in (1, 2):
        with pytest.raises(RaiError):
            look_at_production(home, troubled.model("fair"), now=then + timedelta(hours=hour))
    with pytest.raises(RaiError):
        look_at_production(home, troubled.model("fair"), now=then + timedelta(days=1))
    assert [each["title"] for each in inbox.received] == ["fair, version 1: production could not be looked at"] * 2


def test_where_features_are_hashed_the_rest_is_watched(troubled: World, then: datetime) -> None:
    with contextlib.closing(sqlite3.connect(file_at(troubled.settings.inference_log_url))) as log, log:
        log.execute('UPDATE predictions SET features = \'{"hmac_sha256": "00"}\'')
    report = look_at_production(troubled.home, troubled.model("fair"), now=then).report
    assert set(report.windows[0].drift) == {"(score)"}
    assert "not watched" in report.reference
    assert report.not_attributed == "features are not in the log"
    assert {window.attributions for window in report.windows} == {None}
    assert {alert.about for alert in report.alerts} == {"data and predictions", "performance and fairness"}


def test_it_is_watched_what_moves_the_score_and_what_was_explained_is_kept(
    troubled: World, then: datetime, biased: tuple[Drill, list[str]]
) -> None:
    number = biased[0].script.says.partition(" ")[0]
    windows = look_at_production(troubled.home, troubled.model("fair"), now=then).report.windows
    usual, wrong = windows[0].attributions, windows[-1].attributions
    assert usual is not None
    assert wrong is not None
    assert (usual.n, wrong.n, wrong.furthest) == (PLAN.people, PLAN.people, number)
    assert abs(usual.shares[number].change) < 0.05 < abs(wrong.shares[number].change)
    (file,) = (troubled.settings.home / "attributions").iterdir()
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b'"n":400', b'"n":399'))
    read = look_at_production(troubled.home, troubled.model("fair"), now=then).report.windows
    assert {window.attributions.n for window in read if window.attributions} == {399}
    file.write_bytes(b"nothing that can be read")
    assert look_at_production(troubled.home, troubled.model("fair"), now=then).report.windows == windows
    assert file.read_bytes() == kept


def test_the_rows_that_the_released_explanation_stands_on_are_among_its_evidence(released_world: World) -> None:
    home = released_world.home
    production = find_production(home, "fair")
    evidence = production.body["evidence"]
    report = TypeAdapter(Explanations).validate_json(home.store.get(evidence["shap_explanations"]))
    background = background_from_bytes(home.store.get(evidence["explanation_background"]))
    model = load_model(recorded_candidate(home, production), home.store)
    outputs = model.estimators[0].decision_function(model.encode(background))
    assert report.method == "linear"
    assert report.base_value == pytest.approx(outputs.mean(), rel=1e-9)


def test_the_policy_may_go_back_on_what_moves_the_score(troubled: World, then: datetime) -> None:
    fair = troubled.model("fair")
    tolerated = fair.spec.monitoring.tolerated_change.model_copy(update={"attribution": 0.001})
    update = {"tolerated_change": tolerated, "looks_to_a_false_alarm": 100}
    monitoring = fair.spec.monitoring.model_copy(update=update)
    rule = fair.policy.rollback.model_copy(update={"on": ("attribution",)})
    policy = fair.policy.model_copy(update={"rollback": rule})
    assert look_at_production(troubled.home, dataclasses.replace(fair, policy=policy), now=then).rolled_back is None
    spec = fair.spec.model_copy(update={"monitoring": monitoring})
    looked = look_at_production(troubled.home, dataclasses.replace(fair, spec=spec, policy=policy), now=then)
    assert looked.rolled_back is not None
    assert looked.rolled_back.outcome == "kept"
    with troubled.home.ledger.read() as reader:
        (entry,) = reader.entries(model="fair", kinds=["rollback_failed"])
    assert "share of attribution of" in entry.body["reason"]


def test_what_was_acknowledged_stays_acknowledged(troubled: World, then: datetime) -> None:
    home, definition = troubled.home, troubled.model("fair")
    before = look_at_production(home, definition, now=then)
    said = acknowledge(home, definition, about="data and predictions", reason="a new form", now=then)
    assert said.opened == before.report.alerts[0].opened
    later = look_at_production(home, definition, now=then)
    assert later.report.alerts[0].ending == "acknowledged"
    assert [message.told.event for message in later.messages] == ["acknowledged"]
    with pytest.raises(EvidenceMissing, match="no alert is open about data and predictions"):
        acknowledge(home, definition, about="data and predictions", reason="again", now=then)


def test_dagster_shows_a_window_with_its_checks(troubled: World, then: datetime) -> None:
    definition = troubled.model("fair")
    home = Home(troubled.settings, lambda: then)
    monitoring = build_monitoring(definition)
    report = next(asset for asset in monitoring.assets if isinstance(asset, dg.AssetsDefinition))
    resources = {**shared_resources(troubled.settings), "home": dg.ResourceDefinition.hardcoded_resource(home)}
    key = (then - timedelta(days=2)).strftime("%Y-%m-%d")
    with troubled.instance() as instance, dg.partition_loading_context(effective_dt=then):
        result = dg.materialize(
            [report], instance=instance, resources=resources, partition_key=key, raise_on_error=True
        )
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert {name: each.passed for name, each in checks.items()}["prediction_drift"] is False
    assert "may change by" in (checks["prediction_drift"].description or "")
    assert checks["attribution_drift"].passed
    assert checks["attribution_drift"].description == "nothing moved further than it may"
    assert all(each.severity == dg.AssetCheckSeverity.WARN for each in checks.values())
