"""Bytes by the digest of their content, on a folder or any fsspec URL."""

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

import fsspec

from rai_platform.errors import EvidenceMissing, TamperedArtifact


@dataclass(frozen=True, slots=True)
class ContentStore:
    """A store in which a name is the SHA-256 of what it names, so that a swapped file shows when it is read.

    Attributes:
        url: a folder, or any URL that fsspec knows (``s3://bucket/prefix``).
    """

    url: str
    _filesystem: Any = field(init=False, repr=False, compare=False)
    _root: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        filesystem, root = fsspec.core.url_to_fs(self.url)
        object.__setattr__(self, "_filesystem", filesystem)
        object.__setattr__(self, "_root", str(root).rstrip("/"))

    def put(self, content: bytes) -> str:
        """The digest under which ``content`` is now stored; a damaged copy under that digest is replaced."""
        digest = hashlib.sha256(content).hexdigest()
        if not self.holds(digest):
            write_whole(self._filesystem, self._path(digest), content)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes that were stored under ``digest``.

        Raises:
            EvidenceMissing: nothing is stored under it.
            TamperedArtifact: what is stored has another digest.
        """
        try:
            content: bytes = self._filesystem.cat_file(self._path(digest))
        except FileNotFoundError:
            raise EvidenceMissing(f"nothing is stored under {digest[:12]} in {self.url}", where="store") from None
        if (found := hashlib.sha256(content).hexdigest()) != digest:
            raise TamperedArtifact(
                f"the file stored as {digest[:12]} has the digest {found[:12]}: it was changed after it was written",
                where=self._path(digest),
            )
        return content

    def holds(self, digest: str) -> bool:
        """Whether the bytes of ``digest`` are there and unchanged."""
        try:
            self.get(digest)
        except (EvidenceMissing, TamperedArtifact):
            return False
        return True

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"


def write_whole(filesystem: Any, path: str, content: bytes) -> None:
    """Writes all of ``content`` or nothing: a reader never sees half a file, whenever the writer dies."""
    filesystem.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    if "file" not in _protocols(filesystem):  # an object store shows an object only when its upload is complete
        filesystem.pipe_file(path, content)
        return
    partial = f"{path}.{uuid.uuid4().hex}.partial"
    try:
        filesystem.pipe_file(partial, content)
        filesystem.mv(partial, path)
    except OSError:
        if filesystem.exists(partial):
            filesystem.rm_file(partial)
        raise


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
