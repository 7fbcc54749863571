"""A torch network on encoded columns of a table."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rai_platform.training.networks.network_classifier import NetworkClassifier


class TableClassifier(NetworkClassifier):
    """Encoded rows (rows, columns): numbers standardized, categories one column each.

    Args:
        module: import path of the network, called with ``features``, ``classes`` and ``module_params``.
        module_params: what it is called with besides.
        epochs: passes over the data.
        batch_size: rows a step.
        learning_rate: the highest.
        weights: a file of tensors (safetensors) to begin with, by the names of the network's; with ``epochs: 0`` it is taken as it
            is.
        random_state: of the start and the order of rows.
    """

    def __init__(
        self,
        *,
        module: str = "rai_platform.training.networks.small_networks.SmallTableNetwork",
        module_params: dict[str, Any] | None = None,
        epochs: int = 20,
        batch_size: int = 256,
        learning_rate: float = 0.003,
        weights: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.module = module
        self.module_params = module_params
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weights = weights
        self.random_state = random_state

    def _start(self, inputs: Any, classes: int) -> dict[str, Any]:  # noqa: ARG002 - a transformer asks
        return {"features": int(np.shape(inputs)[1])}

    def _tensor(self, inputs: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(inputs, dtype="float32"))

    def _parameters_of_module(self) -> dict[str, Any]:
        return {"features": self.config_["features"], "classes": self.config_["classes"]}
