"""Images as values of a table: the same pixels whatever they came as, and nothing taken for an image that is none."""

import contextlib
import gzip
import io
import os
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from rai_platform.data.images import as_images, fingerprints, is_packed, pack, pack_all, unpack
from rai_platform.data.sample import Sample
from rai_platform.data.sources import fingerprint, read_table
from rai_platform.errors import BadInput, UnreadableData, UnsuitableData
from rai_platform.spec.data import Source
from rai_platform_tests.data.declared import prepare

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 1), dtype="uint8")
LABELS = np.array([0, 1, 2] * 4)


def encoded(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, kind)
    return buffer.getvalue()


def idx(array):
    return struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def column(values):
    return pd.Series(list(values), dtype=object)


def read(path, **how):
    return read_table(Source(path=str(path), **how))


@given(arrays("uint8", st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7), st.sampled_from([1, 3, 4]))))
@settings(max_examples=30, deadline=None)
def test_what_is_packed_is_unpacked(pixels):
    packed = column(pack_all(pixels))
    assert is_packed(packed)
    assert np.array_equal(unpack(packed, where="here"), pixels)
    assert packed.iloc[0] == pack(pixels[0])


@pytest.mark.parametrize(
    "told",
    [
        lambda one: encoded(one),
        lambda one: one,
        lambda one: one.squeeze(-1),
        lambda one: one.squeeze(-1).tolist(),
        lambda one: {"bytes": encoded(one), "path": "somewhere.png"},
        lambda one: one / 255,
        lambda one: (one / 255).astype("float32"),
        lambda one: one.astype("int64"),
        pack,
    ],
    ids=["png", "array", "flat array", "lists", "as datasets write it", "shares", "float32", "int64", "packed"],
)
def test_the_same_pixels_are_the_same_image_however_they_came(told):
    images = as_images(column([told(one) for one in PIXELS]), where="here")
    assert np.array_equal(unpack(images, where="here"), PIXELS)


def test_colour_is_kept_and_a_palette_is_resolved():
    colourful = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype="uint8")
    assert np.array_equal(unpack(as_images(column([encoded(colourful)]), where=""), where="")[0], colourful)
    palette = io.BytesIO()
    Image.fromarray(colourful).quantize(8).save(palette, "PNG")
    assert unpack(as_images(column([palette.getvalue()]), where=""), where="").shape == (1, 4, 4, 3)


def test_grey_of_sixteen_bits_keeps_its_shades():
    deep = np.array([[0, 257, 32896], [65535, 65534, 128]], dtype="uint16")
    for kind in ("PNG", "TIFF"):
        written = io.BytesIO()
        Image.fromarray(deep).save(written, kind)
        read = unpack(as_images(column([written.getvalue()]), where=""), where="")
        assert read[0, :, :, 0].tolist() == [[0, 1, 128], [255, 255, 0]]


def test_numbers_of_32_bits_are_read_where_they_say_what_is_white():
    shares = np.array([[0.0, 0.5], [1.0, 0.25]], dtype="float32")
    for told, expected in ((shares, [[0, 128], [255, 64]]), (shares * 200, [[0, 100], [200, 50]])):
        written = io.BytesIO()
        Image.fromarray(told).save(written, "TIFF")
        assert unpack(as_images(column([written.getvalue()]), where=""), where="")[0, :, :, 0].tolist() == expected
    for dark in (shares * 1000, (shares * 70000).astype("int32")):
        written = io.BytesIO()
        Image.fromarray(dark).save(written, "TIFF")
        with pytest.raises(UnsuitableData, match="from 0 to 255"):
            as_images(column([written.getvalue()]), where="")


@pytest.mark.parametrize("at", range(8, 60, 3))
def test_a_damaged_picture_is_told_in_a_sentence_or_read(at):
    content = bytearray(encoded(PIXELS[0]))
    content[at] ^= 0xFF
    with contextlib.suppress(UnsuitableData):
        as_images(column([bytes(content)]), where="data.image, row 3")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"no picture at all", "not an image that can be read"),
        (np.zeros((0, 3)), "sides of 1 to 4096"),
        (np.zeros((2, 5000), dtype="uint8"), r"sides of 1 to 4096, got \(2, 5000\)"),
        ("text", "expected an image"),
        (None, "1 rows have no image"),
        (np.zeros((2, 3, 5)), r"expected pixels as \(height, width\)"),
        (np.full((2, 2), 300), "from 0 to 255"),
        (np.full((2, 2), -0.5), "from 0 to 255"),
        (np.full((2, 2), np.nan), "not finite"),
        (encoded(PIXELS[0])[:40], "not an image that can be read"),
        ([[1, 2], [3]], "rows of one length"),
    ],
)
def test_what_is_no_image_is_told_in_a_sentence(value, told):
    with pytest.raises(UnsuitableData, match=told):
        as_images(column([value]), where="data.image, column 'image'")


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4), (3, 4, 70000), (3, 4, 4, 2), (3, 4, 4, 1, 1)])
def test_arrays_that_are_no_images_are_told_in_a_sentence(shape, tmp_path):
    np.savez(tmp_path / "arrays.npz", image=np.zeros(shape, dtype="uint8"))
    with pytest.raises(BadInput, match=r"expected pixels as|has 5 dimensions"):
        read_table(Source(path=str(tmp_path / "arrays.npz")))


def test_images_of_two_sizes_cannot_be_read_together():
    two = column([pack(PIXELS[0]), pack(PIXELS[0][:4])])
    with pytest.raises(UnsuitableData, match=r"one size .* got 4x5x1, 6x5x1"):
        unpack(two, where="here")


def test_fingerprints_are_of_the_pixels():
    told = fingerprints(column([pack(PIXELS[0]), pack(PIXELS[1]), pack(PIXELS[0])]))
    assert told[0] == told[2] != told[1]


@pytest.fixture
def as_files(tmp_path):
    np.savez(tmp_path / "arrays.npz", image=PIXELS, label=LABELS, writer=np.array(["a", "b"] * 6))
    (tmp_path / "images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(PIXELS.squeeze(-1))))
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx(LABELS.astype("uint8")))
    for place, (one, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        (tmp_path / "folder" / f"class {label}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / f"class {label}" / f"{place:02}.png").write_bytes(encoded(one))
    (tmp_path / "folder" / "class 0" / "notes.txt").write_text("not a picture")
    pd.DataFrame({"image": [encoded(one) for one in PIXELS], "label": LABELS}).to_parquet(tmp_path / "table.parquet")
    return tmp_path


def test_arrays_idx_folders_and_parquet_hold_the_same_images(as_files):
    tables = [
        read(as_files / "arrays.npz"),
        read(as_files / "images-idx3-ubyte.gz", format="idx", labels=str(as_files / "labels-idx1-ubyte")),
        read(as_files / "table.parquet"),
    ]
    for table in tables:
        assert np.array_equal(unpack(as_images(table["image"], where=""), where=""), PIXELS)
        assert table["label"].tolist() == LABELS.tolist()
    assert tables[0]["writer"].tolist() == ["a", "b"] * 6
    folder = read(as_files / "folder", format="folder")
    assert folder["label"].tolist() == sorted(f"class {label}" for label in LABELS)
    order = [int(name.split("/")[1][:2]) for name in folder["file"]]
    assert np.array_equal(unpack(folder["image"], where=""), PIXELS[order])


def npy(array):
    written = io.BytesIO()
    np.save(written, array)
    return written.getvalue()


@pytest.mark.parametrize(
    ("break_it", "source", "told"),
    [
        (lambda at: (at / "arrays.npz").write_bytes(b"PK\x03\x04cut"), {"path": "arrays.npz"}, "not a NumPy archive"),
        (
            lambda at: np.savez(at / "arrays.npz", image=PIXELS, label=LABELS[:3]),
            {"path": "arrays.npz"},
            "one length, got image 12, label 3",
        ),
        (
            lambda at: np.savez(at / "arrays.npz", image=np.array([{}], dtype=object), label=LABELS[:1]),
            {"path": "arrays.npz"},
            "not a NumPy archive of plain arrays",
        ),
        (
            lambda _: None,
            {"path": "images-idx3-ubyte.gz", "format": "idx"},
            "name the file of labels",
        ),
        (
            lambda at: (at / "labels-idx1-ubyte").write_bytes(idx(LABELS[:3].astype("uint8"))),
            {"path": "images-idx3-ubyte.gz", "format": "idx", "labels": "labels-idx1-ubyte"},
            "as many labels as images",
        ),
        (
            lambda at: (at / "labels-idx1-ubyte").write_bytes(idx(LABELS.astype("uint8"))[:-3]),
            {"path": "images-idx3-ubyte.gz", "format": "idx", "labels": "labels-idx1-ubyte"},
            "cut short",
        ),
        (
            lambda at: (at / "labels-idx1-ubyte").write_bytes(b"label,label"),
            {"path": "images-idx3-ubyte.gz", "format": "idx", "labels": "labels-idx1-ubyte"},
            "not an IDX file",
        ),
        (lambda at: (at / "arrays.npz").write_bytes(npy(PIXELS)), {"path": "arrays.npz"}, "not a NumPy archive"),
        (
            lambda at: np.savez(at / "arrays.npz", image=PIXELS, label=np.array(["é".encode("latin-1")] * len(PIXELS))),
            {"path": "arrays.npz"},
            "bytes that are no UTF-8 text",
        ),
        (lambda _: None, {"path": "nowhere", "format": "folder"}, "no such folder"),
        (
            lambda at: (at / "empty").mkdir(),
            {"path": "empty", "format": "folder"},
            "a folder of pictures for each label",
        ),
    ],
)
def test_files_that_are_not_what_they_claim_are_told_in_a_sentence(break_it, source, told, as_files):
    break_it(as_files)
    how = {name: str(as_files / value) if name in ("path", "labels") else value for name, value in source.items()}
    with pytest.raises(UnreadableData, match=told):
        read_table(Source(**how))


def test_a_folder_has_another_fingerprint_when_a_picture_is_added(as_files):
    source = Source(path=str(as_files / "folder"), format="folder")
    before = fingerprint(source)
    assert fingerprint(source) == before
    (as_files / "folder" / "class 1" / "99.png").write_bytes(encoded(PIXELS[0]))
    assert fingerprint(source) != before


def test_a_folder_has_another_fingerprint_when_a_picture_is_exchanged_for_one_of_as_many_bytes(as_files):
    source, picture = Source(path=str(as_files / "folder"), format="folder"), as_files / "folder" / "class 1" / "01.png"
    before, content, then = fingerprint(source), picture.read_bytes(), picture.stat().st_mtime_ns
    picture.write_bytes(content[::-1])
    os.utime(picture, ns=(then, then + 1_000_000_000))
    assert fingerprint(source) != before


def test_images_have_another_fingerprint_when_their_labels_alone_are_changed(as_files):
    images, labels = as_files / "images-idx3-ubyte.gz", as_files / "labels-idx1-ubyte"
    source = Source(path=str(images), format="idx", labels=str(labels))
    before = fingerprint(source)
    assert fingerprint(source) == before
    labels.write_bytes(idx(np.append(LABELS, 0).astype("uint8")))
    assert fingerprint(source) != before


def test_a_sample_of_images_survives_its_file_and_has_one_digest(as_files):
    prepared = prepare(as_files / "arrays.npz", image="image", classes="all", split={"test_size": 0.5})
    sample = prepared.training
    again = Sample.from_bytes(sample.to_bytes())
    assert again.digest == sample.digest
    assert (again.free, again.classes, again.positive) == (("image",), ("0", "1", "2"), None)
    other = prepare(as_files / "table.parquet", image="image", classes="all", split={"test_size": 0.5})
    assert other.training.digest == sample.digest, "whatever file the images came from"
    shifted = np.roll(PIXELS, 1, axis=0)
    np.savez(as_files / "arrays.npz", image=shifted, label=LABELS)
    assert (
        prepare(as_files / "arrays.npz", image="image", classes="all", split={"test_size": 0.5}).training.digest
        != sample.digest
    )


def test_digits_are_scikit_learns_own():
    from sklearn.datasets import load_digits

    table = read_table(Source(path="sklearn:digits"))
    pixels = unpack(table["image"], where="")
    assert np.allclose(pixels.squeeze(-1) / 255 * 16, load_digits().images, atol=0.05)
    assert table["label"].tolist() == load_digits().target.tolist()


def test_mnist_is_read_in_place(real_data):
    folder = real_data / "mnist"
    table = read(folder / "t10k-images-idx3-ubyte.gz", format="idx", labels=str(folder / "t10k-labels-idx1-ubyte.gz"))
    assert unpack(table["image"].head(10), where="").shape == (10, 28, 28, 1)
    assert len(table) == 10_000
    assert table["label"].head(5).tolist() == [7, 2, 1, 0, 4]
