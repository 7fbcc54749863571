"""A model of several classes, from its YAML to what is said of it in production."""

import io
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from rai_platform.console.watched import show_report
from rai_platform.data.preparation import prepare_data
from rai_platform.monitoring.windows import ALL
from rai_platform.pipeline.production_page import write_production_page
from rai_platform.pipeline.watching import look_at_production
from rai_platform.serving.features import teller
from rai_platform.serving.inference_log import InferenceLog, LoggedPrediction
from rai_platform.serving.labels import NewLabel
from rai_platform.serving.log_tables import told_time
from rai_platform.serving.served import find_production, load_served
from rai_platform_tests.world import World, told

A_DAY = 300
FLOWERS = {
    "data": {"source": "sklearn:iris", "target": "target", "classes": "all"},
    "sensitive_features": [],
    "intersections": [],
    "policy": {
        "extends": "none",
        "name": "flowers",
        "requirements": [{"metric": "accuracy_gain", "min": 0}],
    },
}


def answer(world: World, rows: pd.DataFrame, labels: list[str], at: datetime) -> None:
    """Has the model in production answer rows, as the service does, and records that with the labels."""
    production = find_production(world.home, "flowers")
    served = load_served(world.home, production)
    read = served.rules.read(rows.to_dict("records"))
    tell = teller(world.settings)
    log = InferenceLog(world.settings.inference_log_url)
    logged = [
        LoggedPrediction(
            id=f"{at:%d}-{place}",
            request_id=f"{at:%d}",
            key=None,
            recorded_at=told_time(at),
            model="flowers",
            version=production.version,
            digest=production.model_digest,
            score=score,
            decision=decision,
            latency_ms=1.0,
            features=tell(row),
        )
        for place, (row, (score, decision)) in enumerate(zip(read, served.predict(read), strict=True))
    ]
    log.record(logged).result(30)
    new = [NewLabel(id=each.id, label=label) for each, label in zip(logged, labels, strict=True)]
    log.record_labels(new, model="flowers").result(30)
    log.close()


@pytest.mark.slow
@pytest.mark.usefixtures("_artifacts_by_world")
def test_answers_of_several_classes_are_watched_from_the_log_to_the_page(
    tmp_path: Path,
) -> None:
    world = World(tmp_path / "flowers")
    definition = world.write("flowers", **FLOWERS)
    result = world.run("flowers")
    assert result.success, told(result)
    sample = prepare_data(definition.spec).test
    begin = datetime.fromisoformat(find_production(world.home, "flowers").promoted_at).replace(hour=12) + timedelta(
        days=1
    )
    for day in range(3):
        drawn = sample.features.sample(A_DAY, replace=True, random_state=day)
        labels = [sample.classes[place] for place in sample.y_true[drawn.index.to_numpy()]]
        if day == 2:
            drawn = drawn.assign(**{str(name): drawn[name].min() for name in drawn if "petal" in str(name)})
        answer(world, drawn, labels, begin + timedelta(days=day))
    now = begin + timedelta(days=3)
    looked = look_at_production(world.home, definition, now=now)
    report = looked.report
    assert [window.n for window in report.windows] == [A_DAY] * 3
    assert report.windows[0].rates["accuracy"][ALL][ALL].value > 0.85
    assert report.not_attributed == "there is no fast explainer for this model: only trees and linear models have one"
    early, late = report.alerts
    assert early.opened == late.opened == report.windows[2].name
    assert {each.look.monitor.family for each in early.findings} == {"data", "prediction"}
    assert any(each.look.monitor.metric.startswith("recall of") for each in (*late.findings, *late.joined))
    assert any("share of" in line for message in looked.messages for line in message.sentences)
    terminal = io.StringIO()
    show_report(Console(file=terminal, width=200), report)
    assert "% 0" in terminal.getvalue(), "the share of the class 0"
    page = write_production_page(world.home, definition, now=now).read_text(encoding="utf-8")
    assert "What is answered rightly" in page
    assert "there is no fast explainer" in page
