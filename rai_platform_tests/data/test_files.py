"""Files and URLs as they come: other notations, other formats than the name says, and servers that do not give them."""

import gzip
import http.server
import threading
import time
import zipfile

import fsspec
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from rai_platform.data import files
from rai_platform.data.sources import fingerprint, read_table
from rai_platform.errors import UnreadableData
from rai_platform.spec.data import Source

PEOPLE = pd.DataFrame({"age": [31, 45, 27], "town": ["Rome", "Oslo", "Bern"], "label": [1, 0, 1]})


def read(path, missing=(), texts=(), **options):
    return read_table(Source(path=str(path), **options), missing=missing, texts=texts)


# Notations


def test_numbers_are_read_in_the_notation_that_the_spec_tells(tmp_path):
    (tmp_path / "german.csv").write_text("a;b\n1.234,5;x\n-7,25;y\n")
    found = read(tmp_path / "german.csv", separator=";", decimal=",", thousands=".")
    assert found["a"].tolist() == [1234.5, -7.25]
    (tmp_path / "american.csv").write_text("a;b\n1,234.5;x\n-7.25;y\n")
    assert read(tmp_path / "american.csv", separator=";", thousands=",")["a"].tolist() == [1234.5, -7.25]


def test_a_column_of_texts_is_read_as_it_is_written(tmp_path):
    (tmp_path / "codes.csv").write_text("code,known,n\n01,True,1\n,False,2\n?,False,3\n")
    found = read(tmp_path / "codes.csv", texts=("code", "known", "elsewhere"), missing=("?",))
    assert found["code"].tolist()[0] == "01"
    assert found["code"].isna().tolist() == [False, True, True]
    assert found["known"].tolist() == ["True", "False", "False"]
    assert found["n"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("separator", "shown"), [(";", "';'"), ("\t", r"'\\t'"), ("|", r"'\|'")])
def test_a_table_in_one_column_is_asked_for_its_separator(tmp_path, separator, shown):
    PEOPLE.to_csv(tmp_path / "people.csv", index=False, sep=separator)
    with pytest.raises(UnreadableData, match=f"if {shown} separates the columns, say .*separator: "):
        read(tmp_path / "people.csv")
    assert read(tmp_path / "people.csv", separator=separator).equals(PEOPLE)


def test_a_table_of_one_column_is_read(tmp_path):
    (tmp_path / "one.csv").write_text("label\n1\n0\n")
    assert read(tmp_path / "one.csv")["label"].tolist() == [1, 0]


# Formats


@pytest.mark.parametrize("name", ["PEOPLE.PARQUET", "people.Pq"])
def test_the_ending_of_a_parquet_file_may_be_in_capitals(tmp_path, name):
    PEOPLE.to_parquet(tmp_path / name)
    assert read(tmp_path / name).equals(PEOPLE)


def test_a_zipped_csv_is_read(tmp_path):
    PEOPLE.to_csv(tmp_path / "people.csv.zip", index=False)
    assert read(tmp_path / "people.csv.zip").equals(PEOPLE)


def write_parquet(path):
    PEOPLE.to_parquet(path)


def write_excel(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")


def write_gzip(path):
    path.write_bytes(gzip.compress(b"age,label\n31,1\n"))


def write_utf_16(path):
    path.write_bytes("age,label\n31,1\n".encode("utf-16-le"))


def write_a_zero(path):
    path.write_bytes(b"age,label\n3\x001,1\n45,0\n")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (write_parquet, "not CSV: this is Parquet: say `source: {path: …, format: parquet}`"),
        (write_excel, "not CSV: this is an Excel or zip file: save its table as CSV or Parquet"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100)), "not CSV: this is an Excel file"),
        (write_gzip, "not CSV: this is compressed: give it the ending .gz"),
        (
            write_utf_16,
            "not text: there are zero bytes in it; if it is UTF-16, say `source: {path: …, encoding: utf-16}`",
        ),
        (write_a_zero, "not text: there are zero bytes in it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_is_no_csv_is_told_what_it_is(tmp_path, write, says):
    write(tmp_path / "people.csv")
    with pytest.raises(UnreadableData) as told:
        read(tmp_path / "people.csv")
    assert says in told.value.message


def test_a_zero_byte_belongs_to_utf_16(tmp_path):
    write_utf_16(tmp_path / "people.csv")
    assert read(tmp_path / "people.csv", encoding="utf-16-le")["age"].tolist() == [31]


def test_an_index_with_a_name_is_a_column_of_a_parquet_file(tmp_path):
    PEOPLE.set_index("town").to_parquet(tmp_path / "one.parquet")
    assert read(tmp_path / "one.parquet")[["age", "town", "label"]].equals(PEOPLE)
    PEOPLE.set_index(["town", "age"]).to_parquet(tmp_path / "two.parquet")
    assert read(tmp_path / "two.parquet")[["age", "town", "label"]].equals(PEOPLE)
    PEOPLE[PEOPLE["label"] == 1].to_parquet(tmp_path / "numbers.parquet")
    assert list(read(tmp_path / "numbers.parquet")) == ["age", "town", "label"]


def test_two_columns_of_one_name_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["age", "age"]), tmp_path / "twice.parquet")
    with pytest.raises(UnreadableData, match="two columns are called 'age'; give each a name of its own"):
        read(tmp_path / "twice.parquet")


@pytest.mark.parametrize(
    ("values", "missing", "expected"),
    [
        ([1.5, -999.0, 2.5], ("-999",), [1.5, None, 2.5]),
        ([1, -9, -8], ("-9", "-8.0", "?"), [1.0, None, None]),
        (["1.5", "?", "2.5"], ("?",), [1.5, None, 2.5]),
        (["01", "?", "x"], ("?",), ["01", None, "x"]),
        (["01", "02", "03"], ("?",), ["01", "02", "03"]),
        (["?", "?", "?"], ("?",), [None, None, None]),
        ([True, False, True], ("-9",), [True, False, True]),
    ],
)
def test_what_stands_for_a_missing_value_is_missing_in_parquet_as_in_csv(tmp_path, values, missing, expected):
    pd.DataFrame({"x": values}).to_parquet(tmp_path / "x.parquet")
    found = read(tmp_path / "x.parquet", missing=missing)["x"]
    assert found.astype(object).where(found.notna(), None).tolist() == expected


@pytest.mark.parametrize(
    ("values", "replacements", "expected"),
    [
        ([1, 2], {"1": "good", "2": "bad"}, ["good", "bad"]),
        (["1", "2"], {1: "good", 2: "bad"}, ["good", "bad"]),
        ([1.0, np.nan], {"1": 5, "nan": 6}, [5.0, None]),
        ([True, False], {"1": "in"}, ["in", False]),
    ],
)
def test_values_are_replaced_however_they_are_written(tmp_path, values, replacements, expected):
    pd.DataFrame({"x": values}).to_parquet(tmp_path / "x.parquet")
    found = read(tmp_path / "x.parquet", replace={"x": replacements})["x"]
    assert found.astype(object).where(found.notna(), None).tolist() == expected


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("sklearn:breast_cancer?version=2", "scikit-learn's datasets take no options, got version"),
        ("generator:lending?rows=100000000000000", "the generator does not take these options: .*Unable to allocate"),
    ],
)
def test_a_data_set_says_what_it_cannot_be_asked(path, says):
    with pytest.raises(UnreadableData, match=says):
        read(path)


# Servers


class Answering(http.server.BaseHTTPRequestHandler):
    etag = "first"

    def do_GET(self):
        status = int(self.path.strip("/").partition(".")[0])
        if status == 999:
            time.sleep(3)
            return
        self.send_response(status)
        self.send_header("ETag", Answering.etag)
        self.end_headers()
        self.wfile.write(b"age,label\n31,1\n45,0\n")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_a_table_on_a_web_server_is_read(server):
    assert read(f"{server}/200.csv")["age"].tolist() == [31, 45]


def test_the_fingerprint_of_a_table_on_the_web_changes_with_what_the_server_says_of_it(server, monkeypatch):
    source = Source(path=f"{server}/200.csv")
    first = fingerprint(source)
    assert fingerprint(source) == first
    monkeypatch.setattr(Answering, "etag", "second")
    assert fingerprint(source) != first


@pytest.mark.parametrize(("status", "says"), [(403, "403, message='Forbidden'"), (500, "500, message"), (404, "404")])
def test_a_web_server_that_refuses_is_told_with_its_words(server, status, says):
    for look in (read, lambda path: fingerprint(Source(path=path))):
        with pytest.raises(UnreadableData, match=f"cannot be fetched: {says}"):
            look(f"{server}/{status}.csv")


def test_nobody_waits_for_a_web_server_that_does_not_answer(server, monkeypatch):
    monkeypatch.setattr(files, "SECONDS_TO_ANSWER", 0.3)
    fsspec.get_filesystem_class("http").clear_instance_cache()
    began = time.monotonic()
    with pytest.raises(UnreadableData, match="cannot be fetched"):
        read(f"{server}/999.csv")
    assert time.monotonic() - began < 2.5
    fsspec.get_filesystem_class("http").clear_instance_cache()


def test_a_server_that_is_not_there_is_told_with_the_reason():
    with pytest.raises(UnreadableData, match=r"cannot be fetched: .*Connect call failed"):
        read("http://127.0.0.1:9/people.csv")
    with pytest.raises(UnreadableData, match=r"no way to read such a URL: .*refused"):
        read("ftp://127.0.0.1:9/people.csv")


class Moody(MemoryFileSystem):
    """A store whose library raises errors of its own, as those of the clouds do."""

    protocol = "moody"

    def _open(self, *_, **__):
        raise Exception("no credentials\nwere found")

    def ukey(self, _):
        raise Exception("no credentials")


def test_whatever_a_foreign_file_system_raises_is_told_as_an_error_of_the_source():
    fsspec.register_implementation("moody", Moody)
    with pytest.raises(
        UnreadableData, match=r"moody://b/people\.csv: cannot be fetched: Exception: no credentials were found"
    ):
        read("moody://b/people.csv")
    with pytest.raises(UnreadableData, match="cannot be fetched: Exception: no credentials"):
        fingerprint(Source(path="moody://b/people.csv"))
