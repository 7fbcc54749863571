"""Labels from files: every format alike, a bad row told by its number, and nothing recorded of a file that has one."""

import itertools
import json
from pathlib import Path

import pandas as pd
import pytest

from rai_platform.errors import EvidenceMissing, LogUnwritable, RaiError, UnknownColumn, UnreadableData, UnsuitableData
from rai_platform.serving import label_files
from rai_platform.serving.inference_log import InferenceLog
from rai_platform.serving.label_files import read_label_file, record_label_file
from rai_platform.serving.labels import LabelCounts, NewLabel, label_history
from rai_platform.serving.log_tables import count_recorded, opened_to_read, told_time
from rai_platform_tests.serving.conftest import without_room
from rai_platform_tests.serving.test_inference_log import NOON, row
from rai_platform_tests.serving.test_labels import BINARY, MINUTE

TIME = "2026-01-01T12:00:00.000000+00:00"


@pytest.fixture
def log(url: str) -> str:
    """A log of ten predictions, `1-0` to `1-9`."""
    opened = InferenceLog(url)
    opened.record([row(f"1-{place}", key=f"00{place}") for place in range(10)]).result(30)
    opened.close()
    return url


def record(log: str, labels: list[NewLabel]) -> LabelCounts:
    parts = record_label_file(log, labels, model="fair", clock=lambda: NOON, where="labels.csv")
    counts = LabelCounts()
    for _, part in parts:
        counts += part
    return counts


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "jsonl", "json"])
def test_every_format_says_the_same(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"labels.{ending}"
    table = pd.DataFrame({"key": ["001", "002"], "label": [1, 0], "observed_at": [TIME, None]})
    if ending.startswith("csv"):
        table.to_csv(file, index=False)
    elif ending == "parquet":
        table.assign(observed_at=pd.to_datetime(table["observed_at"], utc=True)).to_parquet(file)
    else:
        table.to_json(file, orient="records", lines=ending == "jsonl")
    assert read_label_file(file, BINARY) == [
        NewLabel(key="001", label=1, observed_at=TIME),
        NewLabel(key="002", label=0),
    ]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("id,label\na,1\nb,2\n", UnsuitableData, "row 2, field \"label\": expected one of '1', '0'; got \"2\""),
        ("id,label\na,1\nb,\n", UnsuitableData, 'row 2, field "label": .* got nothing'),
        ("id,label\n,1\n", UnsuitableData, 'row 1, field "id": expected either `id` or `key`; got neither'),
        ("id,key,label\na,b,1\n", UnsuitableData, "row 1, .* got both"),
        ("id,label,observed_at\na,1,2026-01-01\n", UnsuitableData, "row 1, .* a time with its zone"),
        ("id,label,when\na,1,x\n", UnsuitableData, "the columns id or key, label and perhaps observed_at; got 'when' too"),
        ("id,labl\na,1\n", UnsuitableData, "did you mean 'label'"),
        ("id,observed_at\na,1\n", UnknownColumn, "no column 'label'"),
        ("label,observed_at\n1,1\n", UnknownColumn, "no column 'id'"),
        ("id,label\n", UnreadableData, "expected rows, got none"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_told_with_the_row(
    tmp_path: Path, text: str, error: type[RaiError], said: str
) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(error, match=said) as refused:
        read_label_file(tmp_path / "labels.csv", BINARY)
    assert "labels.csv" in str(refused.value)


def test_a_file_is_recorded_part_by_part_and_again_adds_nothing(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_files, "AT_ONCE", 4)
    labels = [NewLabel(id=f"1-{place}", label=place % 2) for place in range(10)]
    parts = record_label_file(log, labels, model="fair", clock=lambda: NOON, where="")
    assert [done for done, _ in parts] == [4, 8, 10]
    assert record(log, labels) == LabelCounts(repeated=10)


def test_one_unknown_row_at_the_end_refuses_the_whole_file(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_files, "AT_ONCE", 4)
    labels = [*(NewLabel(key=f"00{place}", label=1) for place in range(9)), NewLabel(key="nobody", label=1)]
    with pytest.raises(UnsuitableData, match=r'labels.csv: row 10, field "key": .* got none; no label was recorded'):
        record(log, labels)
    assert count_recorded(log, "fair") == (10, 0)


def test_a_part_that_cannot_be_written_leaves_the_parts_before_it(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_files, "AT_ONCE", 4)
    labels = [NewLabel(id=f"1-{place}", label=1) for place in range(10)]
    with (
        without_room(log, "labels", for_row="NEW.prediction_id = '1-6'"),
        pytest.raises(LogUnwritable, match="database or disk is full; 4 of 10 labels are on record"),
    ):
        record(log, labels)
    with opened_to_read(log) as reader:
        assert [bool(label_history(reader, f"1-{place}")) for place in range(10)] == [True] * 4 + [False] * 6


def test_a_service_that_writes_the_same_log_goes_on(log: str) -> None:
    """Both get through, whatever the order of their transactions."""
    service = InferenceLog(log)
    labels = [NewLabel(id=f"1-{place}", label=label) for label, place in itertools.product((0, 1), range(10))]
    parts = record_label_file(log, labels * 200, model="fair", clock=lambda: NOON, where="")
    done = []
    for place, _ in enumerate(parts):
        done.append(service.record([row(f"s-{place}")]))
        done.append(
            service.record_labels(
                [NewLabel(id="1-0", label=1, observed_at=told_time(NOON + place * MINUTE))], model="fair"
            )
        )
    assert [each.exception(30) for each in done] == [None] * len(done)
    service.close()
    with opened_to_read(log) as reader:
        assert [each.label for each in label_history(reader, "1-1")] == [0, 1]


def test_labels_without_a_log_have_nothing_to_be_for(tmp_path: Path) -> None:
    with pytest.raises(EvidenceMissing, match="no prediction was recorded yet"):
        record(f"sqlite:///{tmp_path}/none.db", [NewLabel(id="a", label=1)])
    assert not (tmp_path / "none.db").exists()


def test_a_file_of_lines_may_hold_labels_of_any_type(tmp_path: Path) -> None:
    lines = [{"id": "a", "label": True}, {"id": "b", "label": "0"}, {"id": 7, "label": 1.0}]
    (tmp_path / "labels.jsonl").write_text("\n".join(json.dumps(each) for each in lines))
    read = read_label_file(tmp_path / "labels.jsonl", BINARY)
    assert [(each.id, each.label) for each in read] == [("a", 1), ("b", 0), ("7", 1)]
