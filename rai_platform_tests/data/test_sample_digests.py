"""A sample's digest is that of its content: nothing else changes it, and every change of the content does."""

import dataclasses
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.data.sample import Sample
from rai_platform.errors import UnsuitableData
from rai_platform.training.model import joined_groups
from rai_platform_tests.data.declared import prepare, prepare_whole

TABLE = pd.DataFrame(
    {
        "age": [31, 45, 27, 60],
        "income": [2.5, np.nan, 4.0, 0.0],
        "town": ["Köln", "Oslo", None, "Köln"],
        "member": [True, False, True, True],
        "weight": [1.0, 2.0, 1.5, 0.5],
        "label": [1, 0, 0, 1],
    }
)


def a_sample(**changed):
    parts = {
        "features": TABLE[["age", "income", "town"]],
        "y_true": TABLE["label"].to_numpy("int8"),
        "sensitive_features": pd.DataFrame({"sex": ["f", "m", "(missing)", "f"]}, dtype=object),
        "weight": TABLE["weight"].to_numpy(),
        "row_key": np.arange(4),
        "record": np.arange(4, dtype="uint64"),
        "source": "made by hand",
        "fingerprint": "1",
    }
    return Sample(**{**parts, **changed})


DIGEST = a_sample().digest


def written(folder):
    """One table in many files: by separator, compression, encoding, format and storage type."""
    TABLE.to_csv(folder / "plain.csv", index=False)
    TABLE.to_csv(folder / "packed.csv.gz", index=False)
    TABLE.to_csv(folder / "semicolons.csv", index=False, sep=";")
    TABLE.to_csv(folder / "latin.csv", index=False, encoding="latin-1")
    TABLE.to_csv(folder / "question_marks.csv", index=False, na_rep="?")
    TABLE.to_csv(folder / "no_header.csv", index=False, header=False)
    TABLE.to_parquet(folder / "plain.parquet")
    TABLE.set_index(np.array([9, 3, 5, 1])).to_parquet(folder / "indexed.parquet")
    narrow = {"age": "int16", "income": "float32", "town": "category", "label": "Int8", "member": "boolean"}
    TABLE.astype(narrow).to_parquet(folder / "narrow.parquet", compression="gzip")
    return {
        "plain.csv": {},
        "packed.csv.gz": {},
        "semicolons.csv": {"separator": ";"},
        "latin.csv": {"encoding": "latin-1"},
        "question_marks.csv": {},
        "no_header.csv": {"columns": list(TABLE.columns)},
        "plain.parquet": {},
        "indexed.parquet": {},
        "narrow.parquet": {},
    }


def test_equal_content_has_one_digest_whatever_it_is_stored_in(tmp_path):
    digests = {}
    for name, options in written(tmp_path).items():
        source = {"path": str(tmp_path / name), **options}
        prepared = prepare(source, sensitive=["town"], missing=["?"], weight="weight", split={"test_size": 0.5})
        whole = prepare_whole(source, sensitive=["town", "member"], missing=["?"], weight="weight")
        digests[name] = (prepared.training.digest, prepared.test.digest, whole.digest)
    assert len(set(digests.values())) == 1, digests


def test_a_digest_outlives_the_version_of_the_platform():
    # Written down, because evidence is stored under it: a digest computed otherwise is about other data.
    assert a_sample().digest == "4a50bff101c07be39b030d9accd5f121e0c12b5a5762cb62648e7f8d066e7c70"


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("a number", {"features": TABLE[["age", "income", "town"]].assign(age=[31, 45, 27, 61])}),
        ("a fraction", {"features": TABLE[["age", "income", "town"]].assign(income=[2.5, np.nan, 4.0, 1e-300])}),
        ("a text", {"features": TABLE[["age", "income", "town"]].assign(town=["Köln", "Oslo", None, "Koln"])}),
        ("a missing text", {"features": TABLE[["age", "income", "town"]].assign(town=["Köln", "Oslo", "", "Köln"])}),
        (
            "where a text ends",
            {"features": TABLE[["age", "income", "town"]].assign(town=["KölnO", "slo", None, "Köln"])},
        ),
        ("a missing number", {"features": TABLE[["age", "income", "town"]].assign(income=[2.5, 3.0, 4.0, 0.0])}),
        ("a type", {"features": TABLE[["age", "income", "town"]].astype({"age": "float64"})}),
        ("a name", {"features": TABLE[["age", "income", "town"]].rename(columns={"town": "city"})}),
        ("two names", {"features": TABLE[["age", "income", "town"]].set_axis(["income", "age", "town"], axis=1)}),
        ("the order of the columns", {"features": TABLE[["income", "age", "town"]]}),
        ("a column left out", {"features": TABLE[["age", "income"]]}),
        ("a label", {"y_true": np.array([1, 0, 0, 0], dtype="int8")}),
        ("a group", {"sensitive_features": pd.DataFrame({"sex": ["f", "m", "m", "f"]}, dtype=object)}),
        (
            "a feature's name",
            {"sensitive_features": pd.DataFrame({"gender": ["f", "m", "(missing)", "f"]}, dtype=object)},
        ),
        ("a weight", {"weight": np.array([1.0, 2.0, 1.5, 0.6])}),
        ("no weights", {"weight": None}),
        ("a row's position", {"row_key": np.array([0, 1, 2, 9])}),
    ],
)
def test_any_change_of_the_content_changes_the_digest(what, changed):
    assert a_sample(**changed).digest != DIGEST, what


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("where it came from", {"source": "elsewhere", "fingerprint": "2"}),
        ("the hash of the source rows", {"record": np.arange(4, 8, dtype="uint64")}),
        ("the labels of the rows", {"features": TABLE[["age", "income", "town"]].set_axis([9, 8, 7, 6])}),
        (
            "how a missing text is stored",
            {"features": TABLE[["age", "income", "town"]].assign(town=["Köln", "Oslo", np.nan, "Köln"])},
        ),
        ("the sign of zero", {"features": TABLE[["age", "income", "town"]].assign(income=[2.5, np.nan, 4.0, -0.0])}),
        ("the order of bytes", {"features": TABLE[["age", "income", "town"]].astype({"age": ">i8", "income": ">f8"})}),
    ],
)
def test_what_is_not_content_does_not_change_the_digest(what, changed):
    assert a_sample(**changed).digest == DIGEST, what


def test_every_missing_number_is_the_same_whatever_its_bits():
    other_nan = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_1234))[0]
    income = np.array([2.5, other_nan, 4.0, 0.0])
    assert income.tobytes() != TABLE["income"].to_numpy().tobytes()
    assert a_sample(features=TABLE[["age", "income", "town"]].assign(income=income)).digest == DIGEST


values = st.one_of(
    st.lists(st.integers(-(2**62), 2**62), min_size=5, max_size=5).map(lambda cells: pd.Series(cells, dtype="int64")),
    st.lists(st.floats(allow_infinity=False), min_size=5, max_size=5).map(
        lambda cells: pd.Series(cells, dtype="float64")
    ),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=5) | st.none(), min_size=5, max_size=5).map(
        lambda cells: pd.Series(cells, dtype=object)
    ),
)
frames = st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6), values, max_size=4)


@st.composite
def samples(draw):
    groups = st.lists(st.sampled_from(["f", "m", "(missing)", "ø & ∂"]), min_size=5, max_size=5)
    weight = draw(st.none() | st.lists(st.floats(0.1, 1e6), min_size=5, max_size=5))
    return Sample(
        features=pd.DataFrame(draw(frames), index=range(5)),
        y_true=np.array(draw(st.lists(st.integers(0, 1), min_size=5, max_size=5)), dtype="int8"),
        sensitive_features=pd.DataFrame(
            draw(st.dictionaries(st.sampled_from("ab"), groups)), index=range(5), dtype=object
        ),
        weight=None if weight is None else np.array(weight),
        row_key=np.array(draw(st.permutations(range(5)))),
        record=np.array(draw(st.lists(st.integers(0, 2**64 - 1), min_size=5, max_size=5)), dtype="uint64"),
        source=draw(st.text(max_size=5)),
        fingerprint=draw(st.text(max_size=5)),
    )


@given(samples())
@settings(max_examples=40, deadline=None)
def test_a_sample_comes_back_from_its_bytes_as_it_was(sample):
    back = Sample.from_bytes(sample.to_bytes())
    assert back.digest == sample.digest
    assert (back.source, back.fingerprint, back.n) == (sample.source, sample.fingerprint, 5)
    assert back.record.tolist() == sample.record.tolist()
    assert back.record.dtype == sample.record.dtype
    assert [str(kind) for kind in back.features.dtypes] == [str(kind) for kind in sample.features.dtypes]
    assert list(back.sensitive_features) == list(sample.sensitive_features)


@given(samples(), st.permutations(range(5)))
@settings(max_examples=40, deadline=None)
def test_another_order_of_the_rows_is_another_digest(sample, order):
    shuffled = sample.take(np.array(order))
    assert (shuffled.digest == sample.digest) == (list(order) == [0, 1, 2, 3, 4])
    back = shuffled.take(np.argsort(order))
    assert back.digest == sample.digest


@given(samples(), st.integers(0, 4), st.data())
@settings(max_examples=40, deadline=None)
def test_a_single_cell_that_changes_changes_the_digest(sample, row, data):
    if not len(sample.features.columns):
        return
    column = data.draw(st.sampled_from(list(sample.features.columns)))
    cells = sample.features[column].tolist()
    before = cells[row]
    if sample.features[column].dtype == object:
        cells[row] = "" if before is None else None if before == "" else before + "x"
    elif sample.features[column].dtype == "int64":
        cells[row] = before + 1
    else:
        cells[row] = 1.0 if np.isnan(before) else np.nan
    changed = sample.features.assign(**{column: pd.Series(cells, dtype=sample.features[column].dtype)})
    assert dataclasses.replace(sample, features=changed).digest != sample.digest


# Groups by several features at once


def crossed_sample(one, other):
    return a_sample(sensitive_features=pd.DataFrame({"one": one, "other": other}, dtype=object))


def test_a_group_by_two_features_bears_both_names():
    sample = crossed_sample(["f", "m", "f", "m"], ["x", "x", "R & D", "(missing)"])
    assert sample.groups("one_x_other").tolist() == ["f & x", "m & x", "f & R & D", "m & (missing)"]


@pytest.mark.parametrize(
    ("one", "other"),
    [(["x", "x & y"], ["y & z", "z"]), (["a", "a &"], ["& b", "b"])],
)
def test_two_groups_that_would_bear_one_name_are_refused(one, other):
    sample = crossed_sample([*one, "o", "o"], [*other, "o", "o"])
    with pytest.raises(UnsuitableData, match=r"two different groups would both be called .* without '&'"):
        sample.groups("one_x_other")
    with pytest.raises(UnsuitableData, match="one and other"):
        joined_groups(sample.sensitive_features, ("one", "other"))
    assert sample.groups("one").tolist() == [*one, "o", "o"]
