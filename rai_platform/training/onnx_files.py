"""ONNX models: a graph of known operators, run by onnxruntime."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from rai_platform.errors import TamperedArtifact, UnusableEstimator

NUMBERS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(int32)": "int32"}


class OnnxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier read from an ONNX file: one tensor of all columns, or an input for each column by its name.

    Args:
        content: the file.
    """

    reads_images = True

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._session = _session(content)
        self._inputs = self._session.get_inputs()
        # Of a converted classifier the second output is the chances; of a network the only one is its logits.
        self._outputs = [output.name for output in self._session.get_outputs()]

    def predict_proba(self, inputs: Any) -> npt.NDArray[np.float64]:
        """The chance of every class (rows, classes).

        Raises:
            UnusableEstimator: no output of the graph is chances or logits.
        """
        found = self._session.run([self._outputs[-1]], self._fed(inputs))[0]
        if isinstance(found, list):  # a mapping for every row, as converters of scikit-learn write with ZipMap
            found = np.array([[row[key] for key in sorted(row)] for row in found])
        scores = np.asarray(found, dtype="float64")
        if scores.ndim == 1 or (scores.ndim == 2 and scores.shape[1] == 1):
            positive = scores.reshape(-1)
            scores = np.column_stack([1 - positive, positive])
        if scores.ndim != 2:
            raise UnusableEstimator(
                f"expected chances (rows, classes) as the last output, got {scores.shape}; convert with `zipmap: False`",
                where="model.uri",
            )
        if (scores < 0).any() or not np.allclose(scores.sum(axis=1), 1, atol=1e-3):
            raised = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores = raised / raised.sum(axis=1, keepdims=True)
        return scores

    def predict(self, inputs: Any) -> npt.NDArray[np.int64]:
        """The number of the likeliest class (rows,)."""
        return np.asarray(self.predict_proba(inputs).argmax(axis=1))

    def _fed(self, inputs: Any) -> dict[str, Any]:
        if len(self._inputs) == 1:
            kind = self._inputs[0].type
            if kind == "tensor(string)":
                return {self._inputs[0].name: np.asarray(inputs, dtype=object).reshape(-1, 1)}
            array = inputs.to_numpy() if isinstance(inputs, pd.DataFrame) else np.asarray(inputs)
            return {self._inputs[0].name: np.ascontiguousarray(array, dtype=NUMBERS.get(kind, "float32"))}
        return {
            each.name: inputs[each.name].to_numpy().astype(NUMBERS.get(each.type, object)).reshape(-1, 1)
            for each in self._inputs
        }


def read_onnx(content: bytes) -> OnnxClassifier:
    """The classifier in an ONNX file.

    Raises:
        TamperedArtifact: it is no such file, or onnxruntime is not installed.
    """
    return OnnxClassifier(content)


def _session(content: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise TamperedArtifact("reading this model needs onnxruntime: install rai-platform[onnx]") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums in one order, so that a score is the same every time
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common parent
        raise TamperedArtifact(f"not a model file of ONNX: {str(error).splitlines()[0]}") from None
