"""ONNX models: a graph of known operators, run by onnxruntime."""

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from rai_platform.errors import TamperedArtifact, UnusableEstimator

NUMBERS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(int32)": "int32"}

CHANCES = ("Softmax", "Sigmoid", "Normalizer", "LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier")
PASSED_ON = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "ZipMap")


class OnnxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
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
        self._output = self._session.get_outputs()[-1].name
        self._gives_chances = _gives_chances(content, self._output)

    def predict_proba(self, inputs: Any) -> npt.NDArray[np.float64]:
        """The chance of every class (rows, classes).

        Raises:
            UnusableEstimator: no output of the graph is chances or logits.
        """
        found = self._session.run([self._output], self._fed(inputs))[0]
        if isinstance(found, list):  # a mapping for every row, as converters of scikit-learn write with ZipMap
            found = np.array([[row[key] for key in sorted(row)] for row in found])
        scores = np.asarray(found, dtype="float64")
        if scores.ndim == 1 or (scores.ndim == 2 and scores.shape[1] == 1):
            positive = scores.reshape(-1)
            scores = np.column_stack([1 - positive if self._gives_chances else np.zeros(len(positive)), positive])
        if scores.ndim != 2:
            raise UnusableEstimator(
                f"expected chances (rows, classes) as the last output, got {scores.shape}; convert with `zipmap: False`",
                where="model.uri",
            )
        if not self._gives_chances:
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


def _gives_chances(content: bytes, output: str) -> bool:
    """Whether an output is chances, by the operator that gives it: what it looks like depends on which rows are asked about."""
    onnx = _package("onnx")
    made_by = {name: node for node in onnx.load_from_string(content).graph.node for name in node.output}
    while (node := made_by.get(output)) is not None and node.op_type in PASSED_ON:
        output = node.input[0]
    return node is not None and node.op_type in CHANCES


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise TamperedArtifact(f"reading this model needs {name}: install rai-platform[onnx]") from None


def _session(content: bytes) -> Any:
    onnxruntime = _package("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums in one order, so that a score is the same every time
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common parent
        raise TamperedArtifact(f"not a model file of ONNX: {str(error).splitlines()[0]}") from None
