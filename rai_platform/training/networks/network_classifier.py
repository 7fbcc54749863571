"""What the classifiers of images, texts and tables share: train a torch network, give probabilities, be saved as tensors."""

import importlib
import json
from abc import abstractmethod
from collections.abc import Collection
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor, nn

from rai_platform.errors import TamperedArtifact, UnusableEstimator, did_you_mean, message_of
from rai_platform.training.manifest import PLATFORM_NETWORKS
from rai_platform.training.networks.adversarial_examples import AdversarialTraining
from rai_platform.training.networks.optimization import Schedule, device, optimize

BATCH = 512  # rows asked at once
CONFIG = "rai_network"


class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A torch network behind scikit-learn's methods.

    Attributes:
        classes_: numbers of the classes (classes,).
        network_: the trained network, in evaluation mode; logits (batch, classes).
        config_: what has to be known besides the tensors to build the network again; plain values.
    """

    classes_: npt.NDArray[np.int64]
    network_: nn.Module
    config_: dict[str, Any]

    module: str
    module_params: dict[str, Any] | None
    epochs: int
    batch_size: int
    learning_rate: float
    random_state: int

    @abstractmethod
    def _start(self, inputs: Any, classes: int) -> dict[str, Any]:
        """The configuration before training: what the inputs decide about the network."""

    @abstractmethod
    def _tensor(self, inputs: Any) -> Tensor:
        """What the network reads (rows, ...)."""

    @abstractmethod
    def _parameters_of_module(self) -> dict[str, Any]:
        """What the network's class is called with, besides ``module_params``."""

    @property
    def _adversarial(self) -> AdversarialTraining | None:
        return None

    def fit(self, inputs: Any, y: npt.NDArray[np.int8], sample_weight: npt.NDArray[np.float64] | None = None) -> Self:
        """Trains on inputs (rows, ...) with the numbers of their classes (rows,).

        Raises:
            UnusableEstimator: the module cannot be built, or gives no logits of the classes.
        """
        if self.epochs < 0:
            raise UnusableEstimator(
                f"expected 0 or more passes over the data, got {self.epochs}", where="estimator.params.epochs"
            )
        self.classes_ = np.unique(np.asarray(y)).astype("int64")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.config_ = {**self._start(inputs, len(self.classes_)), "classes": len(self.classes_)}
            self.network_ = self._begun()
            tensor = self._tensor(inputs)
            self._must_give_logits(tensor)
            schedule = Schedule(
                epochs=self.epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                seed=self.random_state,
                adversarial=self._adversarial,
            )
            labels = np.searchsorted(self.classes_, np.asarray(y).astype("int64"))
            self.loss_ = optimize(self.network_, tensor, labels, schedule, weight=sample_weight)
        if not np.isfinite(self.loss_):
            raise UnusableEstimator(
                "training did not converge: the loss is no number; lower `learning_rate`", where="estimator.params"
            )
        return self

    def logits(self, inputs: Any) -> npt.NDArray[np.float64]:
        """Logits (rows, classes)."""
        at = device()
        network = self.network_.to(at).eval()
        with torch.inference_mode():
            parts = [network(batch.to(at)).cpu() for batch in torch.split(self._tensor(inputs), BATCH)]
        found: npt.NDArray[np.float64] = torch.cat(parts).double().numpy()
        return found

    def predict_proba(self, inputs: Any) -> npt.NDArray[np.float64]:
        """The chance of every class (rows, classes)."""
        logits = self.logits(inputs)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances: npt.NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
        return chances

    def predict(self, inputs: Any) -> npt.NDArray[np.int64]:
        """The likeliest class (rows,)."""
        return np.asarray(self.classes_[self.predict_proba(inputs).argmax(axis=1)])

    def to_safetensors(self) -> bytes:
        """Tensors, with the import path and configuration in the header; nothing in it is code."""
        from safetensors.torch import save

        told = {
            "classifier": f"{type(self).__module__}.{type(self).__name__}",
            "params": self.get_params(deep=False),
            "config": self.config_,
            "class_numbers": self.classes_.tolist(),
        }
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network_.state_dict().items()}
        return save(tensors, metadata={CONFIG: json.dumps(told, sort_keys=True)})

    @classmethod
    def from_safetensors(cls, told: dict[str, Any], content: bytes) -> Self:
        """The classifier that ``to_safetensors`` wrote.

        Raises:
            TamperedArtifact: the tensors do not fit the network.
        """
        from safetensors.torch import load

        classifier = cls(**told["params"])
        classifier.classes_ = np.array(told["class_numbers"], dtype="int64")
        classifier.config_ = told["config"]
        classifier.network_ = classifier._built().eval()
        try:
            classifier.network_.load_state_dict(load(content))
        except RuntimeError as error:
            raise TamperedArtifact(
                f"the tensors do not fit the network: {' '.join(str(error).split())[:300]}"
            ) from None
        return classifier

    def _built(self) -> nn.Module:
        factory = _imported(self.module)
        given = {**self._parameters_of_module(), **(self.module_params or {})}
        try:
            network = factory(**given)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UnusableEstimator(
                f"{self.module} does not take {', '.join(given)}: {error}", where="estimator.params.module"
            ) from None
        if not isinstance(network, nn.Module):
            raise UnusableEstimator(
                f"{self.module} gives a {type(network).__name__}, not a torch module", where="estimator.params.module"
            )
        return network

    def _begun(self) -> nn.Module:
        """The network before training, with the weights of a file where one is named."""
        network, path = self._built(), getattr(self, "weights", None)
        if path is None:
            if self.epochs == 0:
                raise UnusableEstimator(
                    "`epochs: 0` trains nothing: name the `weights` to take", where="estimator.params.epochs"
                )
            return network
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        where = f"estimator.params.weights, {path}"
        try:
            network.load_state_dict(load_file(path))
        except FileNotFoundError:
            raise UnusableEstimator("no such file", where=where) from None
        except SafetensorError as error:
            raise UnusableEstimator(
                f"not a file of tensors: {error}; write it with safetensors.torch.save_file, since reading a pickled one "
                "would run the code in it",
                where=where,
            ) from None
        except RuntimeError as error:
            raise UnusableEstimator(
                f"its tensors are not those of {self.module}: {message_of(error)[:300]}", where=where
            ) from None
        return network

    def _must_give_logits(self, tensor: Tensor) -> None:
        try:
            with torch.inference_mode():
                shape = tuple(self.network_.eval()(tensor[:2]).shape)
        except Exception as error:  # a module of anybody's, which may raise anything
            raise UnusableEstimator(
                f"{self.module} refuses inputs of the shape {tuple(tensor[:2].shape)}: {error}",
                where="estimator.params.module",
            ) from error
        expected = (min(2, len(tensor)), len(self.classes_))
        if shape != expected:
            raise UnusableEstimator(
                f"{self.module} gives {shape} for two rows, expected logits {expected}", where="estimator.params.module"
            )


def _imported(path: str) -> Any:
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError, TypeError) as error:
        raise UnusableEstimator(
            f"cannot import {module_name!r}: {error}; put its folder on PYTHONPATH, or correct the path",
            where="estimator.params.module",
        ) from None
    if not hasattr(module, name):
        raise UnusableEstimator(
            f"no {name!r} in {module_name}{did_you_mean(name, dir(module))}", where="estimator.params.module"
        )
    return getattr(module, name)


def read_safetensors(content: bytes, *, expected: str, modules: Collection[str]) -> NetworkClassifier:
    """The classifier in a file of tensors.

    Args:
        content: the file.
        expected: import path of the classifier that the manifest names; a file cannot choose another.
        modules: import paths of networks of the user's own that the manifest names; a file cannot choose others.

    Raises:
        TamperedArtifact: it is no such file, or of another classifier or network.
    """
    told = header_of(content)
    factory = _imported(expected)
    if told["classifier"] != f"{factory.__module__}.{factory.__name__}":
        raise TamperedArtifact(f"the model file is of {told['classifier']}, and the manifest says {expected}")
    module = told["params"].get("module", PLATFORM_NETWORKS)
    if not str(module).startswith(PLATFORM_NETWORKS) and module not in modules:
        raise TamperedArtifact(f"the model file asks for the network {module}, which its manifest does not name")
    classifier: NetworkClassifier = factory.from_safetensors(told, content)
    return classifier


def header_of(content: bytes) -> dict[str, Any]:
    """What the header of a file of tensors says of the classifier.

    Raises:
        TamperedArtifact: it is no such file.
    """
    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        told: dict[str, Any] = json.loads(header["__metadata__"][CONFIG])
        if not {"classifier", "params", "config", "class_numbers"} <= set(told):
            raise KeyError
    except (ValueError, KeyError, TypeError):
        raise TamperedArtifact("not a model file of tensors") from None
    return told
