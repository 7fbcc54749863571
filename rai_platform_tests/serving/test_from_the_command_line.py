"""`rai labels`, `rai groups` and `rai log` in a home where a model is in production and predictions were logged."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from rai_platform.serving.inference_log import InferenceLog, read_predictions
from rai_platform.serving.observed import read_observed
from rai_platform_tests.serving.conftest import file_at
from rai_platform_tests.serving.test_inference_log import row
from rai_platform_tests.world import Command, World

TODAY = datetime.now(UTC)


@pytest.fixture
def world(released: World) -> World:
    """A year-old prediction and three of today."""
    log = InferenceLog(released.settings.inference_log_url)
    log.record([row(f"n-{place}", key=f"k{place}", at=TODAY) for place in range(3)]).result(30)
    log.record([row("o-0", key="old", at=TODAY - timedelta(days=365))]).result(30)
    log.close()
    return released


@pytest.fixture
def rai(world: World, rai: Callable[[World], Command]) -> Command:
    """Runs a command in the world."""
    return rai(world)


def test_labels_and_groups_reach_what_monitoring_reads(world: World, rai: Command) -> None:
    (world.folder / "labels.csv").write_text("id,label,observed_at\nn-0,1,2026-01-01T12:00Z\nn-1,0,\n")
    assert rai("labels", "fair", "labels.csv")[:2] == (0, "recorded 2, repeated 0, corrected 0\n")
    (world.folder / "labels.jsonl").write_text('{"key": "k0", "label": 0}\n{"key": "k1", "label": 0}\n')
    code, out, _ = rai("labels", "fair", "labels.jsonl", "--json")
    assert (code, json.loads(out)) == (0, {"recorded": 0, "repeated": 1, "corrected": 1})
    pd.DataFrame({"key": ["k0", "k1", "other"], "sex": ["female", "male", "male"]}).to_parquet(
        world.folder / "p.parquet"
    )
    code, out, _ = rai("groups", "fair", "p.parquet", "--json")
    assert (code, json.loads(out)) == (0, {"keys": 3})
    observed = read_observed(world.settings, "fair").set_index("id")
    assert observed["label"].dropna().to_dict() == {"n-0": 0, "n-1": 0}
    assert observed["sensitive:sex"].dropna().to_dict() == {"n-0": "female", "n-1": "male"}


@pytest.mark.parametrize(
    ("arguments", "content", "code", "said"),
    [
        (("labels", "fair", "f.csv"), "id,label\nn-0,1\nx-0,1\n", 2, "row 2, field \"id\": expected a prediction of 'fair'"),
        (("labels", "fair", "f.csv"), "id,label\nn-0,yes\n", 2, "row 1, field \"label\": expected one of '1', '0'"),
        (("labels", "fair", "none.csv"), "", 2, "none.csv: no such file"),
        (("labels", "fiar", "f.csv"), "id,label\nn-0,1\n", 2, "no model 'fiar'; did you mean 'fair'"),
        (("labels", "unfair", "f.csv"), "id,label\nn-0,1\n", 1, "no candidate was promoted yet"),
        (("groups", "fair", "f.csv"), "key,gender\nk0,f\n", 2, "no column 'sex'"),
        (("groups", "fiar", "f.csv"), "key,sex\nk0,f\n", 2, "no model 'fiar'"),
        (("log", "forget", "fair", "--older-than", "90"), "", 2, "expected a number of days such as 90d, got '90'"),
        (("log", "forget", "fair", "--older-than", "999999d"), "", 2, "expected a number of days"),
        (("log", "export", "fair", "--to", "out", "--since", "then"), "", 2, "expected a day or a time"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_in_a_sentence_and_nothing_is_recorded(
    world: World, rai: Command, arguments: tuple[str, ...], content: str, code: int, said: str
) -> None:
    (world.folder / "f.csv").write_text(content)
    got, out, err = rai(*arguments)
    assert (got, out) == (code, "")
    assert said in " ".join(err.split())
    assert "Traceback" not in err
    assert read_observed(world.settings, "fair")["label"].isna().all()
    assert not file_at(world.settings.protected_attributes_url).exists()


def test_the_log_is_written_as_parquet_by_day(rai: Command) -> None:
    code, out, _ = rai("log", "export", "fair", "--to", "out", "--json")
    told = json.loads(out)
    assert (code, [each["predictions"] for each in told]) == (0, [1, 3])
    assert [Path(each["file"]).parent.name for each in told] == [
        f"day={TODAY - timedelta(days=365):%Y-%m-%d}",
        f"day={TODAY:%Y-%m-%d}",
    ]
    assert sorted(pq.ParquetFile(told[1]["file"]).read()["id"].to_pylist()) == ["n-0", "n-1", "n-2"]
    code, out, _ = rai("log", "export", "fair", "--to", "later", "--since", f"{TODAY:%Y-%m-%d}")
    assert (code, out.splitlines()[-1]) == (0, "3 predictions")


def test_old_predictions_are_forgotten_only_where_somebody_says_so(
    world: World, rai: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = rai("log", "forget", "fair", "--older-than", "90d")
    assert code == 2
    assert "1 prediction of fair" in err
    assert "say so with --yes" in err
    assert len(read_predictions(world.settings.inference_log_url)) == 4
    assert rai("log", "forget", "fair", "--older-than", "90d", "--yes")[:2] == (0, "1 prediction deleted\n")
    assert sorted(read_predictions(world.settings.inference_log_url)["id"]) == ["n-0", "n-1", "n-2"]
    code, out, _ = rai("log", "forget", "fair", "--older-than", "90d", "--json")
    assert (code, json.loads(out)) == (0, {"deleted": 0})


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 130, 4), ("y\n", 0, 3)])
def test_a_person_is_asked_before(
    world: World, rai: Command, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, left: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert rai("log", "forget", "fair", "--older-than", "90d")[0] == code
    assert len(read_predictions(world.settings.inference_log_url)) == left
