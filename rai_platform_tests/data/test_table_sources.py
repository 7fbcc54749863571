"""Tables from every kind of source."""

import gzip
import hashlib
import json
import lzma

import fsspec
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from rai_platform.data.sources import fingerprint, read_table
from rai_platform.errors import UnknownColumn, UnreadableData
from rai_platform.spec.data import Source

PEOPLE = pd.DataFrame(
    {
        "age": [31, 45, 27],
        "income": [2.5, np.nan, 4.0],
        "town": ["Köln", "Zürich", None],
        "label": [1, 0, 1],
    }
)


def read(path, missing=(), **options):
    return read_table(Source(path=str(path), **options), missing=missing)


def test_a_csv_with_a_header_line_is_read(tmp_path):
    PEOPLE.to_csv(tmp_path / "people.csv", index=False)
    assert_frame_equal(read(tmp_path / "people.csv").fillna("-"), PEOPLE.fillna("-"))


@pytest.mark.parametrize("ending", ["csv.gz", "csv.bz2", "csv.xz"])
def test_a_compressed_csv_is_read_by_its_ending(tmp_path, ending):
    PEOPLE.to_csv(tmp_path / f"people.{ending}", index=False)
    assert_frame_equal(read(tmp_path / f"people.{ending}").fillna("-"), PEOPLE.fillna("-"))


@pytest.mark.parametrize("separator", [";", "\t", "|", " "])
def test_a_csv_with_another_separator_is_read(tmp_path, separator):
    PEOPLE.to_csv(tmp_path / "people.txt", index=False, sep=separator)
    assert_frame_equal(read(tmp_path / "people.txt", separator=separator).fillna("-"), PEOPLE.fillna("-"))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16"])
def test_a_csv_in_another_encoding_is_read(tmp_path, encoding):
    PEOPLE.to_csv(tmp_path / "people.csv", index=False, encoding=encoding)
    assert read(tmp_path / "people.csv", encoding=encoding)["town"].tolist()[:2] == ["Köln", "Zürich"]


def test_a_csv_without_a_header_line_gets_its_names_from_the_spec(tmp_path):
    (tmp_path / "people.data").write_text("a line to skip\nand another\n31, Rome, >50K.\n45, ?, <=50K.\n")
    found = read(
        tmp_path / "people.data",
        columns=("age", "town", "income"),
        skip_rows=2,
        replace={"income": {">50K.": ">50K", "<=50K.": "<=50K"}},
        missing=("?",),
    )
    expected = pd.DataFrame({"age": [31, 45], "town": ["Rome", None], "income": [">50K", "<=50K"]})
    assert_frame_equal(found.fillna("-"), expected.fillna("-"))


def test_texts_that_stand_for_a_missing_value_are_missing_whatever_the_format(tmp_path):
    table = pd.DataFrame({"town": ["Rome", "?", "n.a."], "age": [3, 4, 5]})
    table.to_csv(tmp_path / "towns.csv", index=False)
    table.to_parquet(tmp_path / "towns.parquet")
    table.astype({"town": "category"}).to_parquet(tmp_path / "categories.parquet")
    for name in ("towns.csv", "towns.parquet", "categories.parquet"):
        found = read(tmp_path / name, missing=("?", "n.a."))
        assert found["town"].isna().tolist() == [False, True, True]
        assert found["age"].tolist() == [3, 4, 5]
        assert read(tmp_path / name)["town"].isna().sum() == 0


@pytest.mark.parametrize(
    ("values", "replacements", "expected", "dtype"),
    [
        (["yes", "no", "yes"], {"yes": 1, "no": 0}, [1, 0, 1], "int64"),
        ([1, 2, 3], {1: "good", 2: "bad"}, ["good", "bad", 3], object),
        ([1.0, np.nan, 2.0], {2: 5}, [1.0, np.nan, 5.0], "float64"),
        ([True, False, True], {True: "in", False: "out"}, ["in", "out", "in"], object),
    ],
)
def test_values_are_replaced_and_typed_again(tmp_path, values, replacements, expected, dtype):
    pd.DataFrame({"x": values}).to_parquet(tmp_path / "x.parquet")
    found = read(tmp_path / "x.parquet", replace={"x": replacements})["x"]
    assert found.fillna(-1).tolist() == pd.Series(expected).fillna(-1).tolist()
    assert found.dtype == dtype


def test_a_mistyped_column_under_replace_is_an_error(tmp_path):
    PEOPLE.to_csv(tmp_path / "people.csv", index=False)
    with pytest.raises(UnknownColumn, match=r"replace: no column 'incme' in the data; did you mean 'income'\?"):
        read(tmp_path / "people.csv", replace={"incme": {"2.5": 3}})


def test_a_parquet_file_is_read_with_its_types(tmp_path):
    PEOPLE.to_parquet(tmp_path / "people.parquet")
    assert_frame_equal(read(tmp_path / "people.parquet"), PEOPLE)


def test_the_format_can_be_told_where_the_name_does_not(tmp_path):
    PEOPLE.to_parquet(tmp_path / "people")
    assert_frame_equal(read(tmp_path / "people", format="parquet"), PEOPLE)
    PEOPLE.to_csv(tmp_path / "people.pq", index=False)
    assert len(read(tmp_path / "people.pq", format="csv")) == 3


def test_any_url_that_fsspec_knows_is_read():
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe_file("/bucket/people.csv.gz", gzip.compress(b"age,label\n31,1\n45,0\n"))
    try:
        found = read("memory://bucket/people.csv.gz")
        first = fingerprint(Source(path="memory://bucket/people.csv.gz"))
        assert found.to_dict("list") == {"age": [31, 45], "label": [1, 0]}
        filesystem.pipe_file("/bucket/people.csv.gz", gzip.compress(b"age,label\n31,1\n45,0\n60,1\n"))
        assert fingerprint(Source(path="memory://bucket/people.csv.gz")) != first
    finally:
        filesystem.rm("/bucket", recursive=True)


def test_the_fingerprint_of_a_file_stays_until_it_is_written_again(tmp_path):
    path = tmp_path / "people.csv"
    PEOPLE.to_csv(path, index=False)
    source = Source(path=str(path))
    first = fingerprint(source)
    assert fingerprint(source) == first
    PEOPLE.head(2).to_csv(path, index=False)
    assert fingerprint(source) != first


def test_a_dataset_of_scikit_learn_is_read():
    found = read("sklearn:breast_cancer")
    assert found.shape == (569, 31)
    assert found["target"].value_counts().to_dict() == {1: 357, 0: 212}


def test_an_embedded_generator_is_read_with_its_options():
    found = read("generator:lending?rows=50&seed=3&disparate_impact=0.9")
    assert len(found) == 50
    assert_frame_equal(found, read("generator:lending?rows=50&seed=3&disparate_impact=0.9"))
    assert not found.equals(read("generator:lending?rows=50&seed=4&disparate_impact=0.9"))


# OpenML, from a cache in the layout of scikit-learn's own, so that its real reader runs and nothing is fetched.

ARFF = """@relation people
@attribute age numeric
@attribute town {Rome,Oslo,'?'}
@attribute label {good,bad}
@data
31,Rome,good
45,?,bad
27,Oslo,good
"""


@pytest.fixture
def openml_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    site = tmp_path / "openml" / "openml.org"

    def keep(path, content):
        file = site / f"{path}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content))

    def keep_json(path, content):
        keep(f"api/v1/json/data/{path}", json.dumps(content).encode())

    description = {
        "id": "77",
        "name": "people",
        "version": "2",
        "description": "People made by hand.",
        "format": "ARFF",
        "status": "active",
        "url": "https://www.openml.org/data/v1/download/1/people.arff",
        "md5_checksum": hashlib.md5(ARFF.encode(), usedforsecurity=False).hexdigest(),
    }
    features = [
        {
            "index": str(index),
            "name": name,
            "data_type": kind,
            "is_target": "true" if name == "label" else "false",
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": missing,
        }
        for index, (name, kind, missing) in enumerate(
            [("age", "numeric", "0"), ("town", "nominal", "1"), ("label", "nominal", "0")]
        )
    ]
    keep_json("list/data_name/people/limit/2/data_version/2", {"data": {"dataset": [{"did": 77}]}})
    keep_json("77", {"data_set_description": description})
    keep_json("features/77", {"data_features": {"feature": features}})
    keep_json("qualities/77", {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "3.0"}]}})
    keep("data/v1/download/1/people.arff", ARFF.encode())


@pytest.mark.usefixtures("openml_cache")
@pytest.mark.parametrize("path", ["openml:people?version=2", "openml:77"])
def test_a_dataset_of_openml_is_read_with_its_target(path):
    found = read(path)
    assert list(found.columns) == ["age", "town", "label"]
    assert found["age"].tolist() == [31, 45, 27]
    assert found["label"].tolist() == ["good", "bad", "good"]
    assert found["town"].isna().tolist() == [False, True, False]


@pytest.mark.usefixtures("openml_cache")
def test_a_dataset_of_openml_takes_replacements_and_missing_texts():
    found = read("openml:77", missing=("Oslo",), replace={"label": {"good": 1, "bad": 0}})
    assert found["label"].tolist() == [1, 0, 1]
    assert found["town"].isna().tolist() == [False, True, True]


@pytest.mark.usefixtures("openml_cache")
def test_a_version_that_is_no_number_is_an_error():
    with pytest.raises(UnreadableData, match=r"OpenML did not give it.*'two'"):
        read("openml:people?version=two")


# Sources that cannot be read


def write_nothing(folder):
    (folder / "t.csv").write_bytes(b"")
    return "t.csv"


def write_header_alone(folder):
    (folder / "t.csv").write_text("age,label\n")
    return "t.csv"


def write_latin_1(folder):
    (folder / "t.csv").write_bytes("town\nKöln\n".encode("latin-1"))
    return "t.csv"


def write_text_as_parquet(folder):
    (folder / "t.parquet").write_text("age,label\n1,2\n")
    return "t.parquet"


def write_text_as_gzip(folder):
    (folder / "t.csv.gz").write_text("age,label\n1,2\n")
    return "t.csv.gz"


def write_half_a_gzip(folder):
    whole = gzip.compress(np.random.default_rng(0).bytes(4000).hex().encode())
    (folder / "t.csv.gz").write_bytes(whole[:2000])
    return "t.csv.gz"


def write_broken_gzip(folder):
    header, no_such_block = gzip.compress(b"a,b\n")[:10], b"\x07"
    (folder / "t.csv.gz").write_bytes(header + no_such_block)
    return "t.csv.gz"


def write_broken_xz(folder):
    (folder / "t.csv.xz").write_bytes(lzma.compress(b"a,b\n" * 500)[1:])
    return "t.csv.xz"


def write_ragged_rows(folder):
    (folder / "t.csv").write_text("age,label\n1,2\n1,2,3\n")
    return "t.csv"


def write_wide_rows(folder):
    (folder / "t.csv").write_text("age,label\n1,2,3\n1,2,3\n")
    return "t.csv"


def write_a_folder(folder):
    (folder / "t").mkdir()
    return "t"


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda _: "nowhere.csv", "nowhere.csv: no such file"),
        (write_a_folder, "t: expected a file, got a folder"),
        (write_nothing, "t.csv: expected a table, got an empty file"),
        (write_header_alone, "t.csv: expected rows, got none"),
        (write_latin_1, r"t.csv: not utf-8 text .* at byte \d+\); name the file's encoding, .*encoding: latin-1"),
        (write_text_as_parquet, "t.parquet: not Parquet: .*magic bytes"),
        (write_text_as_gzip, "t.csv.gz: not CSV with ',' between the columns: Not a gzipped file"),
        (write_half_a_gzip, "t.csv.gz: not CSV .*ended before the end"),
        (write_broken_gzip, "t.csv.gz: not CSV .*while decompressing"),
        (write_broken_xz, "t.csv.xz: not CSV .*not supported by decoder"),
        (write_ragged_rows, "t.csv: not CSV with ',' between the columns: .*Expected 2 fields in line 3, saw 3"),
        (write_wide_rows, "t.csv: the rows hold more values than the 2 columns that have a name; name every column"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_cannot_be_read_says_what_it_is_instead(tmp_path, write, says):
    with pytest.raises(UnreadableData, match=says):
        read(tmp_path / write(tmp_path))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"columns": ("a",)}, "more values than the 1 columns that have a name"),
        ({"columns": ("a", "a", "b")}, "Duplicate names"),
        ({"skip_rows": 99}, "expected a table, got an empty file"),
    ],
)
def test_options_that_do_not_fit_the_file_are_an_error(tmp_path, options, says):
    (tmp_path / "t.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(UnreadableData, match=says):
        read(tmp_path / "t.csv", **options)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("sklearn:brest_cancer", "no dataset 'brest_cancer'; did you mean 'breast_cancer'.*datasets: breast_cancer"),
        ("generator:landing", "no generator 'landing'; did you mean 'lending'.*generators: lending"),
        ("generator:lending?sed=3", "no option 'sed'; did you mean 'seed'.*options: rows, seed, disparate_impact"),
        ("generator:lending?rows=many", "does not take these options: .*'many'"),
        ("generator:lending?disparate_impact=1.5", "expected 0 < disparate_impact <= 1, got 1.5"),
        ("generator:lending?rows=0", "expected rows >= 1"),
        ("gopher://old/people.csv", "no way to read such a URL: .*gopher"),
    ],
)
def test_a_source_that_is_not_there_says_what_there_is(path, says):
    with pytest.raises(UnreadableData, match=says) as told:
        read(path)
    assert told.value.where == path
    assert told.value.exit_code == 2


def test_a_file_that_has_gone_has_no_fingerprint(tmp_path):
    with pytest.raises(UnreadableData, match="no such file"):
        fingerprint(Source(path=str(tmp_path / "gone.csv")))
