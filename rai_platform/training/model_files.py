"""Model files without code: skops with the platform's own list of types, and a digest of what they mean.

A skops file is a zip of a JSON schema and NumPy arrays. Loading one builds objects of the types it names, so only
types of the list below are accepted, whatever the file itself asks for.
"""

import hashlib
import io
import json
import zipfile
import zlib
from typing import Any

from rai_platform.errors import TamperedArtifact, UnusableEstimator

# On top of what skops itself holds for harmless. None of these runs code of the file when it is built.
TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
OF_THE_SAVE = ("__id__", "_skops_version")  # of a node: what changes from save to save
OF_THE_MACHINE = ("n_threads",)  # of what was learned: HistGradientBoosting keeps how many cores it was given
NOT_A_MODEL_FILE = (
    zipfile.BadZipFile,
    zlib.error,
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    TypeError,
    ValueError,
)


def write_part(part: Any, *, estimator: str) -> bytes:
    """A fitted estimator as a skops file.

    Args:
        part: the fitted object.
        estimator: the import path that the spec names; its own class is trusted because the user named it.

    Raises:
        UnusableEstimator: it holds a type that the platform does not load.
    """
    import skops.io

    try:
        content: bytes = skops.io.dumps(part)
    except Exception as error:  # skops passes on whatever the object's own methods raise
        raise UnusableEstimator(
            f"{type(part).__name__} cannot be saved without pickle: {error}", where="estimator.type"
        ) from None
    unknown = [name for name in skops.io.get_untrusted_types(data=content) if name not in (*TRUSTED_TYPES, estimator)]
    if unknown:
        raise UnusableEstimator(
            f"{type(part).__name__} holds types that the platform does not load from a file: {', '.join(sorted(unknown))}; "
            "choose an estimator of scikit-learn, or wrap yours so that its fitted state is made of arrays and plain values",
            where="estimator.type",
        )
    return content


def read_part(content: bytes, *, estimator: str) -> Any:
    """The fitted estimator in a skops file.

    Raises:
        TamperedArtifact: the file asks for a type that the platform does not load, or is no model file.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.loads(content, trusted=[*TRUSTED_TYPES, estimator])
    except UntrustedTypesFoundException as error:
        raise TamperedArtifact(f"the model file asks for types that are not loaded: {error}") from None
    except NOT_A_MODEL_FILE as error:
        raise TamperedArtifact(f"not a model file: {error}") from None


def content_digest(content: bytes) -> str:
    """A digest of what a skops file means: equal for two trainings that learned the same.

    The files themselves differ from save to save, by memory addresses and times. Here every node of the schema is
    named by the digest of its type and content, and every array by the digest of its bytes.

    Raises:
        TamperedArtifact: it is no skops file, or gives one identity to two different nodes, of which skops would load
            only the first.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            schema = json.loads(archive.read("schema.json"))
            files = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        return _node_digest(schema, files, {})
    except NOT_A_MODEL_FILE as error:
        raise TamperedArtifact(f"not a model file: {error}") from None


def _node_digest(node: Any, files: dict[str, str], nodes: dict[int, str]) -> str:
    if isinstance(node, list):
        return _digest(["list", [_node_digest(item, files, nodes) for item in node]])
    if not isinstance(node, dict):
        return _digest(["value", node])
    is_node = "__loader__" in node  # else a mapping of the model's own names, which may be called anything
    told = [
        (key, files[value] if is_node and key == "file" else _node_digest(value, files, nodes))
        for key, value in node.items()
        if key not in (OF_THE_SAVE if is_node else OF_THE_MACHINE)
    ]
    named = _digest(["dict", told])
    if is_node and nodes.setdefault(node["__id__"], named) != named:
        raise TamperedArtifact("not a model file: two different nodes have one identity")
    return named


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()
