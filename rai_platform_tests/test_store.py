"""Bytes by the digest of their content, on a folder and on an object store."""

import hashlib
import resource
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.errors import EvidenceMissing, TamperedArtifact
from rai_platform.store import ContentStore, write_whole


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ContentStore]:
    if request.param == "folder":
        yield ContentStore(str(tmp_path / "store"))
        return
    url = f"memory://{uuid.uuid4().hex}/store"
    yield ContentStore(url)
    memory, root = fsspec.core.url_to_fs(url)
    if memory.exists(root):
        memory.rm(root, recursive=True)


def files_of(store: ContentStore) -> dict[str, bytes]:
    """Every file below the store's root, by its path from there."""
    filesystem, root = fsspec.core.url_to_fs(store.url)
    found = filesystem.find(root) if filesystem.exists(root) else []
    return {path.removeprefix(str(root)).lstrip("/"): filesystem.cat_file(path) for path in found}


def damage(store: ContentStore, digest: str, content: bytes) -> None:
    filesystem, root = fsspec.core.url_to_fs(store.url)
    filesystem.pipe_file(f"{root}/{digest[:2]}/{digest}", content)


@pytest.mark.parametrize("content", [b"", b"loans", bytes(range(256)) * 100])
def test_what_is_put_can_be_got_by_the_digest_of_its_content(store: ContentStore, content: bytes) -> None:
    digest = store.put(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert store.get(digest) == content
    assert store.holds(digest)


def test_equal_content_is_stored_once_and_nothing_else_is_left_behind(store: ContentStore) -> None:
    digests = {store.put(content) for content in (b"a", b"b", b"a")}
    assert set(files_of(store)) == {f"{digest[:2]}/{digest}" for digest in digests}


def test_another_store_at_the_same_place_reads_it(store: ContentStore) -> None:
    digest = store.put(b"loans")
    assert ContentStore(f"{store.url}/").get(digest) == b"loans"


def test_what_was_never_stored_is_missing(store: ContentStore) -> None:
    absent = hashlib.sha256(b"never").hexdigest()
    with pytest.raises(EvidenceMissing, match=absent[:12]):
        store.get(absent)
    assert not store.holds(absent)


def test_a_changed_file_is_found_when_it_is_read(store: ContentStore) -> None:
    digest = store.put(b"accuracy 0.71")
    damage(store, digest, b"accuracy 0.91")
    with pytest.raises(TamperedArtifact, match=f"stored as {digest[:12]}"):
        store.get(digest)
    assert not store.holds(digest)


def test_a_file_cut_short_is_found(store: ContentStore) -> None:
    digest = store.put(b"accuracy 0.71")
    damage(store, digest, b"accuracy")
    with pytest.raises(TamperedArtifact):
        store.get(digest)


def test_putting_the_content_again_replaces_a_damaged_copy(store: ContentStore) -> None:
    digest = store.put(b"accuracy 0.71")
    damage(store, digest, b"")
    assert store.put(b"accuracy 0.71") == digest
    assert store.get(digest) == b"accuracy 0.71"
    assert set(files_of(store)) == {f"{digest[:2]}/{digest}"}


def test_two_files_exchanged_are_both_found(store: ContentStore) -> None:
    one, other = store.put(b"one"), store.put(b"other")
    damage(store, one, b"other")
    damage(store, other, b"one")
    for digest in (one, other):
        with pytest.raises(TamperedArtifact):
            store.get(digest)


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_a_store_holds_exactly_what_was_put(contents: list[bytes]) -> None:
    store = ContentStore(f"memory://{uuid.uuid4().hex}")
    digests = [store.put(content) for content in contents]
    assert [store.get(digest) for digest in digests] == contents
    assert len(files_of(store)) == len(set(contents))


def test_a_relative_folder_is_the_one_where_the_store_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = ContentStore("store")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    digest = store.put(b"loans")
    assert (tmp_path / "store" / digest[:2] / digest).read_bytes() == b"loans"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    store = ContentStore(str(tmp_path))
    content = bytes(4_000_000)
    digest = store.put(content)
    path = tmp_path / digest[:2] / digest
    sizes: set[int] = set()
    writing = threading.Event()

    def read() -> None:
        while not writing.is_set():
            sizes.add(len(path.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        write_whole(fsspec.filesystem("file"), str(path), content)
    writing.set()
    reader.join()
    assert sizes == {len(content)}


def test_a_writer_that_is_killed_leaves_a_whole_file_or_none(tmp_path: Path) -> None:
    program = (
        "import sys, hashlib\n"
        "from rai_platform.store import ContentStore\n"
        "store = ContentStore(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "for number in range(1_000_000):\n"
        "    store.put(number.to_bytes(4) * 500_000)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    while not any(tmp_path.glob("??/*")):
        time.sleep(0.01)
    time.sleep(0.1)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    whole = [path for path in tmp_path.glob("??/*") if len(path.name) == 64]
    assert whole
    store = ContentStore(str(tmp_path))
    for path in whole:
        assert len(store.get(path.name)) == 2_000_000


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    store = ContentStore(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # as a full disk would
    try:
        with pytest.raises(OSError, match="too large"):
            store.put(bytes(2_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert store.put(bytes(2_000_000)), "there is room again"


def test_many_writers_of_the_same_content_do_not_disturb_each_other(tmp_path: Path) -> None:
    store = ContentStore(str(tmp_path))
    content = bytes(200_000)
    threads = [threading.Thread(target=store.put, args=(content,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files_of(store).keys() == {(digest := hashlib.sha256(content).hexdigest())[:2] + "/" + digest}
    assert store.get(digest) == content
