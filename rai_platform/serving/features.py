"""How features stand in the inference log: as they are, or as a keyed hash that nobody can turn back by guessing.

An image stands there as its hash in either case: pictures would outgrow everything else, and show people.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rai_platform.serving.images import told_image
from rai_platform.spec.digests import canonical_json

if TYPE_CHECKING:
    from rai_platform.settings import Settings

HASH = "hmac_sha256"
KEY_BYTES = 32
Tell = Callable[[Mapping[str, object]], str]


def teller(settings: "Settings") -> Tell:
    """What the log says of a row's features: canonical JSON of them, or of ``{"hmac_sha256": …}`` over that JSON."""
    if settings.logged_features == "stored":
        return lambda row: canonical_json(_tellable(row)).decode()
    key = _key(settings.log_key)

    def hashed(row: Mapping[str, object]) -> str:
        told = hmac.new(key, canonical_json(_tellable(row)), hashlib.sha256).hexdigest()
        return canonical_json({HASH: told}).decode()

    return hashed


def _tellable(row: Mapping[str, object]) -> Mapping[str, object]:
    """The row as JSON can hold it."""
    if not any(isinstance(value, bytes) for value in row.values()):
        return row
    return {name: told_image(value) if isinstance(value, bytes) else value for name, value in row.items()}


def is_hashed(features: Mapping[str, object]) -> bool:
    """Whether the log holds a hash of the features alone."""
    return features.keys() == {HASH}


def _key(path: Path) -> bytes:
    """The key of the hashes, in a file that only its owner can read; made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.touch(mode=0o600)
    partial.write_bytes(secrets.token_bytes(KEY_BYTES))
    try:
        os.link(partial, path)  # whole, or not at all where there is one
    except FileExistsError:
        pass
    finally:
        partial.unlink()
    return path.read_bytes()
