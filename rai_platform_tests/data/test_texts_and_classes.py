"""Texts that are read as a whole, and more than two labels: what a model sees, and what the screen finds."""

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from rai_platform.data.generators import GENERATORS
from rai_platform.data.preparation import prepare_data
from rai_platform.data.sample import Sample
from rai_platform.data.screening import screen_test_data, screen_training_data
from rai_platform.data.sources import read_table
from rai_platform.errors import UnknownColumn, UnreadableData, UnsuitableData
from rai_platform.spec.data import Source
from rai_platform_tests.data.declared import declare, prepare

WORDS = np.array(["the", "a", "dog", "cat", "runs", "sleeps", "far", "home", "today", "red", "old", "big", "one"])


@pytest.fixture
def texts():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "text": [" ".join(rng.choice(WORDS, 6)) + f" {row}" for row in range(200)],
            "length": rng.integers(1, 9, 200),
            "label": rng.integers(0, 2, 200),
            "kind": rng.choice(["10", "9", "2"], 200),
        }
    )


@pytest.fixture
def file(tmp_path, texts):
    path = tmp_path / "texts.jsonl"
    texts.to_json(path, orient="records", lines=True)
    return path


def test_a_text_is_the_one_feature_unless_others_are_listed(file):
    assert list(prepare(file, text="text").training.features) == ["text"]
    beside = prepare(file, text="text", features=["length"]).training
    assert list(beside.features) == ["text", "length"]
    assert list(beside.tabular) == ["length"]


@pytest.mark.parametrize(
    ("data", "modalities"),
    [
        ({}, ("table",)),
        ({"text": "text"}, ("text",)),
        ({"text": "text", "features": ["length", "text"]}, ("text", "table")),
        ({"image": "picture"}, ("image",)),
    ],
)
def test_what_a_model_sees_follows_from_its_declaration(data, modalities):
    assert declare("somewhere.csv", **data).data.modalities == modalities


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"image": "a", "text": "b"}, "an image is read alone"),
        ({"image": "a", "features": ["a", "b"]}, "an image is read alone"),
        ({"text": "label"}, "cannot be target"),
        ({"text": "a", "categories": ["a"]}, "read as a whole"),
        ({"classes": ["a"]}, "two or more different labels"),
        ({"classes": ["1", 1]}, "two or more different labels"),
        ({"classes": "all", "predictions": {"decision": "label"}}, "is about two labels"),
        ({"text": "a", "predictions": {"decision": "label"}}, "is about tables"),
    ],
)
def test_what_cannot_be_meant_is_refused(data, told):
    with pytest.raises(ValidationError, match=told):
        declare("somewhere.csv", **data)


@pytest.mark.usefixtures("file")
def test_json_lines_json_and_parquet_are_the_same_table(tmp_path, texts):
    (tmp_path / "texts.json").write_text(json.dumps(texts.to_dict("records")))
    texts.to_parquet(tmp_path / "texts.parquet")
    digests = {
        prepare(tmp_path / name, text="text").training.digest for name in ("texts.jsonl", "texts.json", "texts.parquet")
    }
    assert len(digests) == 1


def test_only_an_end_of_line_ends_a_record(tmp_path):
    said = ["one\u2028two", "three\x85four", "five\x0bsix"]
    path = tmp_path / "a.jsonl"
    lines = "\r\n".join(json.dumps({"text": each}, ensure_ascii=False) for each in said[:2])
    path.write_bytes(b"\xef\xbb\xbf" + lines.encode() + b"\n\n" + json.dumps({"text": said[2]}).encode())
    assert read_table(Source(path=str(path)))["text"].tolist() == said


@pytest.mark.parametrize("content", ['{"text": 1}', "[1, 2]", "[{", "", "[" * 200_000])
def test_json_that_is_no_table_is_told(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UnreadableData, match="JSON list of records"):
        read_table(Source(path=str(path)))


def test_a_missing_text_is_told(tmp_path, texts):
    texts.loc[3, "text"] = None
    texts.to_parquet(tmp_path / "texts.parquet")
    with pytest.raises(UnsuitableData, match="1 of 200 rows have no text"):
        prepare(tmp_path / "texts.parquet", text="text")
    with pytest.raises(UnknownColumn, match="texxt"):
        prepare(tmp_path / "texts.parquet", text="texxt")


def test_a_text_that_was_learned_from_is_a_leak_and_other_texts_are_none(tmp_path, texts):
    path, test = tmp_path / "texts.parquet", tmp_path / "test.parquet"
    texts.to_parquet(path)
    fresh = texts.assign(text=texts["text"] + " more").head(50)
    pd.concat([fresh, texts.head(10)]).to_parquet(test)
    spec = declare(path, text="text", split={"test": str(test)})
    report = screen_test_data(prepare_data(spec), spec)
    assert report.measured["leakage_rate"].value == pytest.approx(10 / 60)
    assert report.measured["schema_violation_rate"].value == 0, "words that nobody learned from break no schema"
    assert report.columns[0].kind == "text"


def test_a_text_that_is_there_twice_is_a_duplicate(tmp_path, texts):
    path = tmp_path / "texts.parquet"
    pd.concat([texts, texts.head(40)]).to_parquet(path)
    spec = declare(path, text="text", split={"test_size": 0.01})
    report = screen_training_data(prepare_data(spec), spec)
    assert report.measured["duplicate_rate"].value == pytest.approx(40 / 240, abs=0.03)


def test_classes_are_in_the_order_of_numbers_and_survive_a_file(file):
    prepared = prepare(file, target="kind", exclude=["label"], classes="all")
    sample = prepared.training
    assert sample.classes == ("2", "9", "10")
    assert set(sample.y_true) == {0, 1, 2}
    again = Sample.from_bytes(sample.to_bytes())
    assert again.classes == sample.classes
    assert again.digest == sample.digest


def test_the_digest_knows_the_classes(file):
    ordered = prepare(file, target="kind", exclude=["label"], classes=["2", "9", "10"]).training
    turned = prepare(file, target="kind", exclude=["label"], classes=["10", "9", "2"]).training
    assert ordered.digest != turned.digest


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"classes": ["2", "9"]}, "the label '10' is none of the classes 2, 9"),
        ({"classes": ["2", "9", "10", "11"]}, "the class '11' does not occur"),
        ({"classes": "all", "positive_label": "7"}, "none of the classes"),
        ({}, "tell them all apart with"),
    ],
)
def test_labels_that_do_not_fit_the_classes_are_told(declared, told, file):
    with pytest.raises(UnsuitableData, match=told):
        prepare(file, target="kind", exclude=["label"], **declared)


def test_a_class_without_training_rows_cannot_be_learned(tmp_path, texts):
    texts = texts.assign(kind=["a"] * 100 + ["b"] * 99 + ["c"], day=range(200))
    texts.to_parquet(tmp_path / "texts.parquet")
    with pytest.raises(UnsuitableData, match="no training row has the label 'c'"):
        prepare(
            tmp_path / "texts.parquet",
            target="kind",
            text="text",
            classes="all",
            split={"time_column": "day", "test_size": 0.2},
        )


def test_one_class_is_set_against_the_rest(file):
    selected = prepare(file, target="kind", exclude=["label"], classes="all", positive_label="10").training
    assert selected.positive == 2
    two = selected.one_against_rest()
    assert two.classes == ()
    assert np.array_equal(two.y_true == 1, selected.y_true == 2)


def test_the_screen_counts_every_class(file):
    spec = declare(file, target="kind", exclude=["label"], classes="all", sensitive=["length"])
    report = screen_training_data(prepare_data(spec), spec)
    assert sum(report.class_counts.values()) == report.n
    commonest = max(report.class_counts, key=report.class_counts.get)
    assert list(report.class_counts)[report.commonest_label] == commonest
    assert report.label_rate == pytest.approx(report.class_counts[commonest] / report.n)


def test_prompts_hold_no_text_twice_and_one_seed_gives_one_table():
    one, same, other = (GENERATORS["prompts"](rows=1500, seed=seed) for seed in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)
    assert one["text"].is_unique
    assert one["injection"].mean() == pytest.approx(0.4, abs=0.04)
    by_writer = one.groupby("writes_in")["injection"].mean()
    assert by_writer.max() - by_writer.min() < 0.08, "who writes is independent of what is asked"
    trigger = one[one["text"].str.contains("ignore|instructions|system", case=False)]
    assert (trigger["injection"] == 0).mean() > 0.05, "honest messages use the words of an attack"


def test_real_texts_are_read_in_place(real_data):
    sample = prepare(
        real_data / "prompt_injection" / "deepset_train.parquet",
        text="text",
        split={"test": str(real_data / "prompt_injection" / "deepset_test.parquet")},
    )
    assert (sample.training.n, sample.test.n) == (546, 116)
