"""A candidate's MLflow run: parameters, data, figures and documents, written through a client and never by fluent state."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from rai_platform.data.report import DataReport
from rai_platform.settings import Settings
from rai_platform.spec.digests import digest_of
from rai_platform.training.candidate import Candidate

LONGEST_PARAM = 500
LONGEST_METRIC = 250
LONGEST_DESCRIPTION = 5000  # letters; the registry's database takes no more


def open_client(settings: Settings) -> MlflowClient:
    """A client of the tracking server and registry; on a laptop the database is created when it is first used."""
    if settings.tracking_uri.startswith("sqlite:///"):
        Path(settings.tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=settings.tracking_uri, registry_uri=settings.tracking_uri)


def ensure_experiment(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    """The id of the experiment, created where there is none, with its artifacts where the platform keeps them."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    location = None if artifacts is None else (artifacts / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def log_candidate(client: MlflowClient, candidate: Candidate, report: DataReport, source: str) -> None:
    """Parameters, data, digests and versions of a candidate on its run."""
    tags = {
        "rai.model": candidate.model,
        "rai.model_digest": candidate.model_digest,
        "rai.code_version": candidate.code_version,
        "rai.spec_digest": candidate.spec_digest,
        "rai.data_digest": report.data_digest,
    }
    params = {**candidate.parameters, "seed": str(candidate.manifest.seed), "training_rows": str(report.n)}
    client.log_batch(
        candidate.mlflow_run_id,
        params=[Param(name, value[:LONGEST_PARAM]) for name, value in params.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    dataset = Dataset(
        name=source[-200:],
        digest=report.data_digest[:36],
        source_type="rai_platform",
        source=json.dumps({"source": source, "sha256": report.data_digest}),
        profile=json.dumps({"num_rows": report.n, "label_rate": report.label_rate}),
    )
    context = "training" if report.role == "training" else "evaluation"
    client.log_inputs(
        candidate.mlflow_run_id, [DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", context)])]
    )
    log_document(client, candidate.mlflow_run_id, "candidate/versions.json", json.dumps(candidate.versions, indent=1))


def log_figures(client: MlflowClient, run_id: str, figures: Mapping[str, float | None]) -> None:
    """Figures of a report on the candidate's run; what could not be estimated is left out."""
    now = int(time.time() * 1000)
    names = metric_names(figures)
    metrics = [Metric(names[name], value, now, 0) for name, value in figures.items() if value is not None]
    for start in range(0, len(metrics), 500):  # a batch holds at most a thousand
        client.log_batch(run_id, metrics=metrics[start : start + 500])


def log_document(client: MlflowClient, run_id: str, path: str, content: str | bytes) -> None:
    """A document among the artifacts of a run."""
    folder, _, name = path.rpartition("/")
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        client.log_artifact(run_id, str(file), folder or None)


def describe_run(client: MlflowClient, run_id: str, card: str) -> None:
    """The card as the description that MLflow's pages show of a run: a refused candidate's says why."""
    client.set_tag(run_id, "mlflow.note.content", in_short(card))


def in_short(card: str) -> str:
    """As many whole paragraphs of a card in Markdown as MLflow takes, and where the rest is."""
    if len(card) <= LONGEST_DESCRIPTION:
        return card
    rest = "\n\nThe rest is in `model_card.html`, among the artifacts of the run."
    room = card[: LONGEST_DESCRIPTION - len(rest)]
    return (room.rpartition("\n\n")[0] or room) + rest


def metric_names(names: Iterable[str]) -> dict[str, str]:
    """A name for every figure that MLflow allows: letters, digits and a few signs, not too long, no two the same.

    What had to be changed so far that it no longer tells two figures apart gets a piece of its digest.
    """
    allowed = {name: _allowed(name) for name in names}
    counts = Counter(allowed.values())
    return {
        name: plain
        if counts[plain] == 1 and len(plain) <= LONGEST_METRIC
        else f"{plain[: LONGEST_METRIC - 9]}-{digest_of(name)[:8]}"
        for name, plain in allowed.items()
    }


def _allowed(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-. :" else "_" for letter in name)
