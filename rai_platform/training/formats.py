"""How the learned parts of a model are written, and read again: every format holds numbers and plain values, and no code."""

import hashlib
from collections.abc import Collection
from typing import Any

from rai_platform.errors import TamperedArtifact
from rai_platform.training import model_files
from rai_platform.training.candidate import FileFormat


def write_part(part: Any, *, estimator: str) -> tuple[bytes, FileFormat]:
    """A fitted part as a file, and its format: tensors of networks, the own formats of XGBoost and LightGBM, skops for the rest.

    Args:
        part: the fitted object.
        estimator: the import path that the spec names; its own class is trusted because the user named it.

    Raises:
        UnusableEstimator: it cannot be written without pickle.
    """
    if hasattr(part, "to_safetensors"):
        return part.to_safetensors(), "safetensors"
    from rai_platform.training.boosted_files import write_boosted

    if (boosted := write_boosted(part)) is not None:
        return boosted
    return model_files.write_part(part, estimator=estimator), "skops"


def read_part(content: bytes, kind: FileFormat, *, estimator: str, modules: Collection[str] = ()) -> Any:
    """The fitted part in a file.

    Args:
        content: the file.
        kind: its format.
        estimator: the import path that the manifest names.
        modules: import paths of networks that the manifest names; a file cannot have others imported, which would run code.

    Raises:
        TamperedArtifact: it is not what it is said to be, or asks for what the platform does not load.
    """
    if kind == "skops":
        return model_files.read_part(content, estimator=estimator)
    if kind == "safetensors":
        from rai_platform.training.networks.network_classifier import read_safetensors

        return read_safetensors(content, expected=estimator, modules=modules)
    if kind in ("xgboost", "lightgbm"):
        from rai_platform.training.boosted_files import read_lightgbm, read_xgboost

        return read_xgboost(content) if kind == "xgboost" else read_lightgbm(content)
    if kind == "onnx":
        from rai_platform.training.onnx_files import read_onnx

        return read_onnx(content)
    raise TamperedArtifact(f"no model file is of the format {kind!r}")


def content_digest(content: bytes, kind: FileFormat) -> str:
    """A digest of what a file means, equal for two trainings that learned the same; raises as ``read_part`` does."""
    if kind == "skops":
        return model_files.content_digest(content)
    return hashlib.sha256(f"{kind}\0".encode() + content).hexdigest()
