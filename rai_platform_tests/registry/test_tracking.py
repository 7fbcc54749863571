"""A candidate's MLflow run: figures under names that MLflow takes, parameters, data and documents."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_metric_name

from rai_platform.registry.tracking import (
    LONGEST_DESCRIPTION,
    LONGEST_PARAM,
    ensure_experiment,
    in_short,
    log_candidate,
    log_document,
    log_figures,
    metric_names,
)
from rai_platform_tests.card import made
from rai_platform_tests.world import World

FIGURE = "fairness.selection_rate.sex."


@pytest.fixture(scope="module")
def client(judged_world: World, tmp_path_factory: pytest.TempPathFactory) -> MlflowClient:
    return judged_world.copy(tmp_path_factory.mktemp("tracking")).home.registry.client


@pytest.fixture
def run_id(client: MlflowClient, tmp_path: Path) -> str:
    experiment = ensure_experiment(client, tmp_path.name, tmp_path)
    return str(client.create_run(experiment).info.run_id)


@pytest.mark.parametrize(
    ("figure", "name"),
    [
        ("performance.roc_auc", "performance.roc_auc"),
        (f"{FIGURE}25 to under 40", f"{FIGURE}25 to under 40"),
        (f"{FIGURE}(missing)", f"{FIGURE}_missing_"),
        (f"{FIGURE}Asian-Pac-Islander", f"{FIGURE}Asian-Pac-Islander"),
        (f"{FIGURE}größer & Straße", f"{FIGURE}größer _ Straße"),
        (f"{FIGURE}n/a", f"{FIGURE}n_a"),
        (f"{FIGURE}/", f"{FIGURE}_"),
        (f"{FIGURE}a//b/../c/", f"{FIGURE}a__b_.._c_"),
        (f"{FIGURE}<script>", f"{FIGURE}_script_"),
    ],
)
def test_a_figure_keeps_its_name_as_far_as_mlflow_takes_it(figure: str, name: str) -> None:
    assert metric_names([figure]) == {figure: name}


@given(st.sets(st.text(max_size=300).map(FIGURE.__add__), max_size=6))
def test_whatever_groups_are_called_mlflow_takes_the_names_and_no_two_are_the_same(figures: set[str]) -> None:
    names = metric_names(figures)
    assert set(names) == figures
    assert len(set(names.values())) == len(figures)
    for name in names.values():
        _validate_metric_name(name)
        assert len(name) <= MAX_ENTITY_KEY_LENGTH


def test_figures_of_groups_with_any_name_are_on_record(client: MlflowClient, run_id: str) -> None:
    hostile = ("a/", "a//b", "..", "<b>", "50%", "50$", "x" * 400, "x" * 401, "女性", "plain")
    figures: dict[str, float | None] = {f"{FIGURE}{name}": float(at) for at, name in enumerate(hostile)}
    log_figures(client, run_id, {**figures, f"{FIGURE}nobody": None})
    recorded = client.get_run(run_id).data.metrics
    assert sorted(recorded.values()) == [float(at) for at in range(len(hostile))]
    assert recorded[f"{FIGURE}plain"] == 9.0
    assert f"{FIGURE}nobody" not in recorded


def test_more_figures_than_one_request_holds_are_all_on_record(client: MlflowClient, run_id: str) -> None:
    log_figures(client, run_id, {f"figure.{at}": float(at) for at in range(1203)})
    assert len(client.get_run(run_id).data.metrics) == 1203


@pytest.mark.parametrize(("role", "context"), [("training", "training"), ("test", "evaluation")])
def test_a_candidate_is_on_record_with_its_parameters_its_digests_and_its_data(
    client: MlflowClient, run_id: str, role: Any, context: str
) -> None:
    import dataclasses

    long = "x" * (LONGEST_PARAM + 9)
    candidate = dataclasses.replace(made.candidate(), mlflow_run_id=run_id, parameters={"C": "0.5", "long": long})
    report = made.data_report(role)
    log_candidate(client, candidate, report, "a source with a long name " * 20)
    run = client.get_run(run_id)
    assert run.data.params == {"C": "0.5", "long": "x" * LONGEST_PARAM, "seed": "7", "training_rows": str(report.n)}
    assert run.data.tags["rai.model_digest"] == candidate.model_digest
    assert run.data.tags["rai.data_digest"] == report.data_digest
    (data,) = run.inputs.dataset_inputs
    assert json.loads(data.dataset.source)["sha256"] == report.data_digest
    assert [(tag.key, tag.value) for tag in data.tags] == [("mlflow.data.context", context)]


def test_a_document_is_an_artifact_in_its_folder(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    log_document(client, run_id, "card/model_card.md", "größer")
    log_document(client, run_id, "plain.bin", b"\x00\x01")
    assert Path(client.download_artifacts(run_id, "card/model_card.md", str(tmp_path))).read_text("utf-8") == "größer"
    assert Path(client.download_artifacts(run_id, "plain.bin", str(tmp_path))).read_bytes() == b"\x00\x01"


def test_an_experiment_is_made_once_with_its_artifacts_where_the_platform_keeps_them(
    client: MlflowClient, tmp_path: Path
) -> None:
    first = ensure_experiment(client, "loans", tmp_path)
    assert ensure_experiment(client, "loans", None) == first
    assert client.get_experiment(first).artifact_location == (tmp_path / "loans").as_uri()


def test_a_card_that_fits_is_the_description_and_one_that_does_not_ends_between_two_paragraphs() -> None:
    short = "# fair: refused\n\nWhy.\n"
    assert in_short(short) == short
    table = "| a | b |\n| --- | --- |\n" + "| 1 | 2 |\n" * 800
    long = in_short(f"# fair: refused\n\nWhy.\n\n{table}")
    assert long.startswith("# fair: refused\n\nWhy.\n\nThe rest is in")
    assert "|" not in long


@given(st.lists(st.integers(0, LONGEST_DESCRIPTION + 10), min_size=1, max_size=6))
def test_a_description_is_never_longer_than_mlflow_takes(paragraphs: list[int]) -> None:
    card = "\n\n".join("x" * letters for letters in paragraphs)
    assert len(in_short(card)) <= LONGEST_DESCRIPTION


def test_the_run_of_a_refused_candidate_says_why_in_mlflow(judged_world: World) -> None:
    refusal = judged_world.entries("unfair", "refusal")[-1].body
    client = judged_world.home.registry.client
    [run] = client.search_runs([client.get_experiment_by_name("unfair").experiment_id])
    description = run.data.tags["mlflow.note.content"]
    assert description.startswith("# unfair: refused")
    for reason in refusal["reasons"]:
        assert reason.split(": ", 1)[1] in description
